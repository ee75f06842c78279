"""Commands as people type them, and members that join with keys of their own, for tests."""

from __future__ import annotations

import io
import json
import shutil
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from running import BOTH, ORIGIN, RunningServer, found

from hashpact.cli import exits
from hashpact.cli.main import run
from hashpact.domain.fingerprints import Fingerprint
from hashpact.member.clients import Client


def governed(directory: Path) -> Path:
    """A home whose two administrators, of whom both must sign, have taken their keys away."""
    home = found(directory, {"lotus-forum": BOTH})
    for name in ("1", "2"):
        machine = directory / f"machine-{name}"
        machine.mkdir()
        (home / "pki" / f"admin-{name}.key").rename(machine / f"admin-{name}.key")
    return home


def here(*arguments: str | Path, status: int = 0) -> list[dict[str, Any]]:
    """What a command prints in JSON; it must exit with that status."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        came = run([*map(str, arguments), "--json"])
    assert came == status, err.getvalue()
    return [json.loads(line) for line in out.getvalue().splitlines()]


def refused(*arguments: str | Path) -> str:
    """The one line with which a command refuses."""
    err = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(err):
        came = run([str(argument) for argument in arguments])
    assert came in {exits.MISUSED, exits.REFUSED, exits.UNAVAILABLE, exits.CORRUPT}
    (line,) = err.getvalue().splitlines()
    return line.removeprefix("hashpact: ")


def told(*arguments: str | Path) -> str:
    """What a command prints for people."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        assert run([str(argument) for argument in arguments]) == 0, err.getvalue()
    return out.getvalue()


def check_on(client: Client, fingerprints: Sequence[Fingerprint]) -> None:
    """Check until it is refused: a server follows within a second what another process appends."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        client.check(fingerprints)


def admin(home: Path, name: str) -> Path:
    """The key of an administrator, on its own machine."""
    return home.parent / f"machine-{name}" / f"admin-{name}.key"


def join(home: Path, server: RunningServer, member: str, *, recovery: bool = False) -> Path:
    """Enrol a member with keys of its own making; its profile."""
    place = home.parent
    profile, note, welcome = place / member, place / f"{member}.note", place / f"{member}.welcome"
    extra: tuple[str | Path, ...] = ("--recovery", place / "recovery.key") if recovery else ()
    new = ("--origin", ORIGIN, "--member", member, "--address", server.address, "--unencrypted")
    (made,) = here("profile", "new", profile, *new, *extra)
    assert "waits for an administrator" in refused("check", __file__, "--profile", profile)
    here("member", "admit", home, profile / "join", "--roles", "check,contribute", "--out", note)
    here("statement", "sign", note, "--profile", profile, "--yes")
    if recovery:
        here("statement", "sign", note, "--key", place / "recovery.key", "--yes")
    copy = shutil.copy(note, place / "copy.note")
    here("statement", "sign", note, "--key", admin(home, "1"), "--yes")
    here("statement", "sign", copy, "--key", admin(home, "2"), "--yes")
    assert "administrators, 2 must sign" in refused("statement", "submit", note, "--home", home)
    leaves = here("statement", "submit", note, copy, "--home", home)
    assert [leaf["kind"] for leaf in leaves] == ["member-enrol", *["key-enrol"] * (1 + recovery)]
    (issued,) = here("cert", "issue", home, profile / "join", "--out", welcome)
    assert issued["join_sha256"] == made["sha256"]
    (installed,) = here("profile", "install", profile, welcome)
    assert installed["genesis_sha256"] == here("root", "show", home)[0]["genesis_sha256"]
    return profile


def keys(home: Path, member: str) -> dict[str, str]:
    """The state of each key of a member, by name."""
    return {line["name"]: line["state"] for line in here("key", "list", "--home", home, "--member", member)}
