"""What a person reads before the question whether to sign, at a terminal of their own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from builders import World
from forking import UNMEASURED
from governing import admin, governed, told

from hashpact.cli import exits
from hashpact.cli.main import run
from hashpact.domain.kinds import Void
from hashpact.governance import drafts
from hashpact.governance.administer import Drafter


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose administrators have taken their keys away."""
    return governed(tmp_path_factory.mktemp("asking"))


@pytest.fixture
def note(world: World, tmp_path: Path) -> Path:
    """A file of six statements."""
    drafter = Drafter(world.origin, world.admins[0].id, world.clock, world.entropy)
    file = tmp_path / "voids.note"
    file.write_bytes(drafts.write([drafter.draft(Void(entry, "mistake")) for entry in range(1, 7)]))
    return file


def asked(answer: str, *arguments: str | Path) -> tuple[int, str, str]:
    """Exit status and output of ``statement sign`` with that answer, typed at a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hashpact", "statement", "sign", *map(str, arguments)]
    try:
        os.write(ours, f"{answer}\n".encode())
        done = subprocess.run(
            command,
            stdin=theirs,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **UNMEASURED},
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_55_the_person_who_is_asked_has_read_it_wherever_stdout_goes(
    home: Path, note: Path, form: tuple[str, ...]
) -> None:
    drafted = note.read_bytes()
    status, out, err = asked("n", note, "--key", admin(home, "1"), *form)
    assert status != 0
    assert note.read_bytes() == drafted
    first, *_ = err.splitlines()
    assert first == "6 statements: 6 void."
    assert err.index("entry 1") < err.index("entry 6") < err.index("Sign these 6 statements?")
    assert out.count('"kind": "void"') == (6 if form else 0)
    status, out, err = asked("y", note, "--key", admin(home, "1"), *form)
    assert status == 0, err
    assert '"signed": 6' in out if form else "signed 6 of 6 statements" in out
    assert note.read_bytes() != drafted


def test_55_many_statements_begin_with_a_summary(home: Path, note: Path) -> None:
    for command in (("show",), ("sign", "--yes", "--key", str(admin(home, "1")))):
        first, *_ = told("statement", *command, note).splitlines()
        assert first == "6 statements: 6 void."


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_55_without_a_terminal_nothing_is_signed(
    home: Path, note: Path, capfd: pytest.CaptureFixture[str], form: tuple[str, ...]
) -> None:
    drafted = note.read_bytes()
    assert run(["statement", "sign", str(note), "--key", str(admin(home, "1")), *form]) == exits.MISUSED
    out, err = capfd.readouterr()
    (line,) = err.splitlines()
    assert "there is no terminal to ask at" in line
    assert out == ""
    assert note.read_bytes() == drafted


@pytest.mark.parametrize("hostile", ["\x1b[2K\x1b[1A", "\x9b2J", "\u202e", "\r", "\u2028"])
@pytest.mark.parametrize("place", ["mistake", "admin/zoe"])
def test_55_no_escape_sequence_reaches_the_terminal(
    home: Path, note: Path, capfd: pytest.CaptureFixture[str], hostile: str, place: str
) -> None:
    told("statement", "sign", note, "--key", admin(home, "1"), "--as", "admin/zoe", "--yes")
    capfd.readouterr()
    signed = note.read_bytes()
    assert place.encode() in signed
    note.write_bytes(signed.replace(place.encode(), f"{place}{hostile}".encode()))
    status = run(["statement", "sign", str(note), "--key", str(admin(home, "1")), "--yes"])
    shown = "".join(capfd.readouterr())
    assert all(line.isprintable() for line in shown.split("\n"))
    assert status != 0
