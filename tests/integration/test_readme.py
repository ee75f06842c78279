"""What README.md shows is run as it is printed, from founding a clearinghouse to its backup."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from commands import Done, apart
from forking import UNMEASURED
from running import ready_line

from hashpact.demo import pictures, texts

README = Path(__file__).resolve().parents[2] / "README.md"
PORT = ":8443"
"""The port in README.md, which is replaced, because another test may have it.

Otherwise the lines are typed as printed, where HASHPACT_WORKERS is 1, so that one process serves.
"""
BELOW_EPHEMERAL = range(20_000, 32_000)
"""Ports that the system gives to nobody who asks for any."""
TOO_SLOW = 120.0


def blocks(language: str) -> list[str]:
    """The examples of README.md in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    while True:
        port = BELOW_EPHEMERAL[secrets.randbelow(len(BELOW_EPHEMERAL))]
        with contextlib.closing(socket.socket()) as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Terminal:
    """Runs lines as a shell in one directory does: keeps what they export, and the one that ends with `&`.

    The server is the command that is installed; the others are forked, in the same environment.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        tools = Path(sys.executable).parent
        self._environ = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        self._environ |= {**UNMEASURED, "PATH": f"{tools}:{os.environ['PATH']}", "HASHPACT_WORKERS": "1"}

    def type(self, line: str) -> str:
        """What a line prints. It must end with exit status 0; a server must begin to serve."""
        shown = line.replace(PORT, f":{self._port}")
        exported = re.fullmatch(r"export (\w+)=(\S+)", shown)
        if exported is not None:
            self._environ[exported[1]] = exported[2]
            return ""
        if shown.endswith(" &"):
            return self._keep(shown.removesuffix(" &"))
        words = shlex.split(shown, comments=True)
        if words[:1] == ["hashpact"]:
            with contextlib.chdir(self.directory):
                done = apart(*words[1:], **self._environ)
            return self._printed(words, done)
        return self.run("/bin/bash", "-c", shown)

    def run(self, *command: str) -> str:
        """What a command prints. It must end with exit status 0, or 1 if a check found nothing."""
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TOO_SLOW,
            check=False,
        )
        return self._printed(command, Done(done.returncode, done.stdout, done.stderr))

    def _printed(self, command: Sequence[str], done: Done) -> str:
        nothing_found = done.status == 1 and ": no match" in done.out
        assert done.status == 0 or nothing_found, (command, done.err)
        return done.out

    def _keep(self, command: str) -> str:
        assert self.server is None
        log = self.directory / "serve.log"
        with log.open("wb") as stderr:
            self.server = subprocess.Popen(
                ["/bin/bash", "-c", f"exec {command}"],
                cwd=self.directory,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        return ready_line(self.server, log)

    def close(self) -> None:
        """Stop the server; it must end well."""
        if self.server is not None:
            self.server.terminate()
            assert self.server.wait(TOO_SLOW) == 0
            assert self.server.stdout is not None
            self.server.stdout.close()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in a directory with the content that README.md names."""
    drawing = pictures.draw("hills", 31)
    pictures.write_original(drawing, tmp_path / "removed.jpg")
    (_, copy), *_ = pictures.write_copies(drawing, tmp_path / "copy")
    copy.rename(tmp_path / "upload.jpg")
    (tmp_path / "another.txt").write_text(next(iter(texts.UNRELATED.values())), "utf-8")
    with contextlib.closing(Terminal(tmp_path)) as terminal:
        yield terminal


def test_the_commands_and_the_program_of_the_readme_run_as_printed(terminal: Terminal) -> None:
    printed = {line: terminal.type(line) for block in blocks("sh") for line in block.splitlines()}
    commands = [line.split()[1] for line in printed if line.startswith("hashpact ")]
    assert {"init", "serve", "submit", "check", "opinion", "withdraw", "audit", "backup"} <= set(commands)

    def answer(start: str) -> str:
        (text,) = (text for line, text in printed.items() if line.startswith(f"hashpact {start}"))
        return text

    assert "genesis " in answer("init")
    assert "serving example.org/hashpact" in answer("serve")
    assert "entry 6 " in answer("submit")
    assert re.search(r"^upload.jpg: [1-9]\d* entr", answer("check upload.jpg another.txt"), re.MULTILINE)
    assert "another.txt: no match" in answer("check upload.jpg another.txt")
    assert "entry 6: dispute, leaf 7" in answer("opinion")
    assert answer("check upload.jpg --without-disputed").startswith("upload.jpg: no match")
    assert (terminal.directory / "hashpact.tar").stat().st_size > 0

    (program,) = blocks("python")
    assert terminal.run(sys.executable, "-c", program) == "", "the entry is withdrawn by now"
