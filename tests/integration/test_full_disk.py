"""A server on a full disk says which disk it is, in one line. The disk is real: a file system in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENOUGH = """
mount -t tmpfs -o size=3m tmpfs "$1" && cd "$1" || exit 99
"$2" -m hashpact init home --origin example.org/x --unencrypted --listen 127.0.0.1:0 >/dev/null || exit 98
dd if=/dev/zero of=fill bs=1k status=none
exec "$2" -m hashpact serve home
"""
"""Fills a small disk, on which a home is, and serves that home."""
NO_DISK = 99


def test_stumble_10_a_full_disk_at_the_start_is_named(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    apart = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    try:
        done = subprocess.run(
            [*apart, "sh", "-c", ENOUGH, "sh", str(disk), sys.executable],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("there is no unshare command to make a small disk with")
    if done.returncode == NO_DISK or "unshare" in done.stderr:
        pytest.skip(f"no small disk can be made here: {done.stderr.strip()}")
    assert done.returncode == 4, done.stderr
    (line,) = [each for each in done.stderr.splitlines() if "No space left" not in each or "dd" not in each]
    assert line.startswith("hashpact: ")
    assert f"the disk of {disk}/home is full: make room" in line
