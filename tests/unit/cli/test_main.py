"""The command as a whole: its help, and what becomes of every error."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from commands import COMMANDS

from hashpact.cli import main
from hashpact.errors import ConfigError, NotPermittedError

PRINTING = {path for path in COMMANDS if path[-1] != "serve"}


def test_the_help_lists_every_command_of_the_issue(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    listed = capsys.readouterr().out
    for name in (
        "init",
        "serve",
        "member",
        "fingerprint",
        "submit",
        "check",
        "withdraw",
        "opinion",
        "log",
        "demo",
    ):
        assert f"\n  {name} " in listed


def test_the_help_loads_nothing_that_a_command_works_with() -> None:
    code = (
        "import sys; from hashpact.cli import main; main.run(['--help']);"
        "sys.exit(' '.join(name for name in sys.modules"
        " if name.startswith(('hashpact.domain', 'hashpact.member', 'cryptography', 'grpc', 'numpy'))))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stderr.split() == []


@pytest.mark.parametrize("name", main.COMMANDS)
def test_the_listed_line_is_the_commands_own(name: str) -> None:
    command = main.cli.get_command(click.Context(main.cli), name)
    assert command is not None
    assert command.help is not None
    own = " ".join(command.help.split("\n\n")[0].split())
    assert own.startswith(main.COMMANDS[name][1].rstrip(".")), own


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([*path, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Example" in out
    assert f"  hashpact {' '.join(path)}" in out
    assert all(
        len(line) <= 100 for line in out.splitlines() if "Example" not in line and "hashpact " not in line
    )


@pytest.mark.parametrize("path", sorted(PRINTING), ids=" ".join)
def test_every_command_that_prints_has_json(path: tuple[str, ...]) -> None:
    assert "--json" in [option for each in COMMANDS[path].params for option in each.opts]


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hashpact 0.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["check", "x.jpg"], "say --profile DIR"),
        (["check", "--profile", "p"], "Missing argument 'FILE|DIR...'"),
        (["check", "--profile", "p", "--limit", "0", "x.jpg"], "'--limit'"),
        (["opinion", "12", "--stance", "like", "--profile", "p"], "'endorse', 'dispute', 'seen'"),
        (
            ["opinion", "12", "--stance", "dispute", "--replace", "--profile", "p"],
            "--replace goes with --stance seen",
        ),
        (["withdraw", "-1", "--reason", "x", "--profile", "p"], "-1"),
        (["withdraw", "1_2", "--reason", "x", "--profile", "p"], "'1_2' is not an entry"),
        (["fingerprint", "--type", "pdq/2", "x.jpg"], "'pdq/1', 'phash/1', 'minhash/1'"),
        (["submit", "--label", "x", "--removed", "noon", "--profile", "p", "f"], "'noon' is not a time"),
        (["submit", "--label", "x", "--basis", "law", "--profile", "p", "f"], "--authority and --article"),
        (["submit", "--label", "x", "--article", "a-1", "--profile", "p", "f"], "--authority and --article"),
        (["member", "enrol", "home", "acme", "--roles", "check,rule", "--out", "x"], "'rule' is not a role"),
        (["log", "show", "home", "--raw", "--json"], "exclude each other"),
    ],
)
def test_a_wrong_use_exits_2_and_says_what_is_right(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HASHPACT_PROFILE", raising=False)
    assert main.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    if "--json" in arguments:
        error = json.loads(line)["error"]
        assert error["code"] == "INVALID_INPUT"
        line = f"hashpact: {error['message']}"
    assert line.startswith("hashpact: ")
    assert said in line


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (NotPermittedError("not\nyou\x1b[2J"), 3, "hashpact: not\\nyou\\x1b[2J\n"),
        (ConfigError("no home"), 2, "hashpact: no home\n"),
        (
            FileNotFoundError(2, "No such file or directory", "a\tb"),
            2,
            "hashpact: a\\tb: No such file or directory\n",
        ),
        (OSError(28, "No space left on device"), 74, "hashpact: No space left on device\n"),
        (OSError(), 74, "hashpact: OSError\n"),
        (KeyboardInterrupt(), 130, "\n"),
        (
            ValueError("what a file says"),
            70,
            f"hashpact: internal error: ValueError in {__file__}, line LINE; please report it\n",
        ),
    ],
)
def test_an_error_is_one_line_and_a_status(
    error: BaseException,
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(main.cli, "get_command", lambda *_: fail)
    assert main.run(["fail"]) == status
    captured = capsys.readouterr()
    assert (captured.out, re.sub(r"line \d+", "line LINE", captured.err)) == ("", said)


def hashpact(*arguments: str, stdout: int) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "hashpact", *arguments]
    return subprocess.run(  # our own command
        command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, check=False
    )


def test_a_reader_that_has_gone_is_no_error_to_tell() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = hashpact("fingerprint", "--type", "md5/1", __file__, stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (74, b"")


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_process_without_standard_streams_is_served(closed: int) -> None:
    command = [sys.executable, "-m", "hashpact", "fingerprint", "--type", "md5/1", __file__]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}{"<" if closed == 0 else ">"}&-', "sh", *command],  # noqa: S607 - any shell
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"md5/1" in done.stdout) is (closed != 1)
    asked = [sys.executable, "-m", "hashpact", "key", "new", "/nowhere/key"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *asked],  # noqa: S607 - as above
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1


def test_a_full_disk_is_told_in_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = hashpact("fingerprint", "--type", "md5/1", __file__, stdout=full.fileno())
    assert done.returncode == 74
    assert done.stderr == b"hashpact: No space left on device\n"


def test_a_file_name_that_is_not_text_can_be_shown() -> None:
    done = hashpact("fingerprint", "--type", "md5/1", os.fsdecode(b"/nowhere/\xff\n"), stdout=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr.startswith(b"hashpact: '/nowhere/")
    assert done.stderr.count(b"\n") == 1


AT_A_TERMINAL = """
import os, pty, sys
answers = sys.argv[1].split(",")
process, terminal = pty.fork()
if process == 0:
    os.execv(sys.executable, [sys.executable, "-m", "hashpact", *sys.argv[2:]])
shown = b""
while True:
    try:
        more = os.read(terminal, 1024)
    except OSError:
        break
    if not more:
        break
    shown += more
    if more.rstrip().endswith(b":") and answers:
        os.write(terminal, answers.pop(0).encode() + b"\\n")
sys.stdout.write(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""
"""Runs a command at a terminal of its own, and types these answers when it asks."""


def test_a_passphrase_is_asked_for_at_a_terminal_and_never_shown(tmp_path: Path) -> None:
    def at_a_terminal(typed: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", AT_A_TERMINAL, typed, *arguments]
        return subprocess.run(  # our own command
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
        )

    path = tmp_path / "admin-alice.key"
    made = at_a_terminal("correct horse battery,correct horse battery", "key", "new", str(path))
    assert made.returncode == 0, made.stdout
    assert "Passphrase for the new keys" in made.stdout
    assert b"ENCRYPTED" in path.read_bytes()
    protected = at_a_terminal(
        "wrong,correct horse battery,a newer passphrase,a newer passphrase", "key", "protect", str(path)
    )
    assert protected.returncode == 0, protected.stdout
    assert protected.stdout.count(f"Passphrase of {path}") == 2
    assert "horse" not in made.stdout + protected.stdout
