"""On a full disk a server and a mirror answer checks, and end in order. The disk is one in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from filling import NO_DISK
from forking import UNMEASURED

TESTS = Path(__file__).resolve().parents[1]
ENOUGH = """
mount -t tmpfs -o size=3m tmpfs "$1" && cd "$1" || exit 99
"$2" -m hashpact init home --origin example.org/x --unencrypted --listen 127.0.0.1:0 >/dev/null || exit 98
dd if=/dev/zero of=fill bs=1k status=none
exec "$2" -m hashpact log show home
"""
"""Fills a small disk, on which a home is, and reads that home."""
FULL = "the disk of {home} is full: nothing is appended; free space and restart"


def apart(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that mounts something nobody else sees; skips where that is not possible."""
    command = ("unshare", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--mount", *command)
    paths = os.pathsep.join([str(TESTS / "support"), *filter(None, sys.path)])
    try:
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": paths, **UNMEASURED},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("there is no unshare command to make a small disk with")
    if done.returncode == NO_DISK or "unshare" in done.stderr:
        pytest.skip(f"no small disk can be made here: {done.stderr.strip()}")
    return done


def test_stumble_10_a_full_disk_is_named(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = apart("sh", "-c", ENOUGH, "sh", str(disk), sys.executable)
    assert done.returncode == 4, done.stderr
    (line,) = [each for each in done.stderr.splitlines() if "No space left" not in each or "dd" not in each]
    assert line.startswith("hashpact: ")
    assert f"the disk of {disk}/home is full: make room" in line


def test_58_a_full_disk_stops_appends_and_no_checks(tmp_path: Path) -> None:
    done = apart(sys.executable, "-m", "filling", "clearinghouse", str(tmp_path))
    assert done.returncode == 0, done.stderr
    reports = json.loads(done.stdout)
    size = 4 << 20
    assert reports["made"] == {"mode": 0o600, "size": size, "room": size}
    # A commit that fails ends the process, unanswered; what was signed before is published.
    assert reports["lost"].startswith("UnavailableError: ")
    assert (reports["ended"], reports["reserve"], reports["published"]) == (4, False, True)
    # The next one is read-only, whether it has the room of the reserve or none at all.
    refused = f"UnavailableError: {FULL.format(home=tmp_path / 'home')}"
    full = {"found": [True, False], "refused": refused, "ended": 0, "reserve": False}
    assert reports["freed"] == reports["full"] == full
    # With room it appends, and has its reserve again.
    assert reports["again"] == {"found": [True, False], "refused": "", "ended": 0, "reserve": True}
    # After a crash it finds what only the write-ahead log has.
    assert reports["after a crash"] == {**full, "found": [True, True], "reserve": True}
    assert Counter(reports["events"])["the disk is full"] == 3


def test_58_a_mirror_on_a_full_disk_answers_until_there_is_room(tmp_path: Path) -> None:
    done = apart(sys.executable, "-m", "filling", "mirror", str(tmp_path))
    assert done.returncode == 0, done.stderr
    reports = json.loads(done.stdout)
    assert reports == {"full": [True, False], "stopped": 0, "started": [True, False], "ended": 4}
