"""A clearinghouse or a mirror on a small disk that fills up, and what it says meanwhile.

    python -m filling clearinghouse|mirror DIRECTORY

Makes a small file system in memory below DIRECTORY, which needs a mount namespace of its own, and prints the
reports as one JSON object. Exits with `NO_DISK` and the reason if no file system can be made.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from builders import check_log, fingerprint
from mirrored import RunningMirror
from running import BOTH, RunningServer, found
from waits import wait_until

from hashpact.domain.fingerprints import PDQ
from hashpact.errors import HashpactError
from hashpact.home.opening import open_home
from hashpact.member.clients import Client

NO_DISK: Final = 99
CODE: Final = fingerprint(PDQ, "shared before")
LATER: Final = fingerprint(PDQ, "shared on a full disk")
LAST: Final = fingerprint(PDQ, "shared before a crash")


def fill(disk: Path) -> None:
    """Take all the room that is left."""
    with (disk / "fill").open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def refusal(work: Callable[[], object]) -> str:
    """The error of the work, with its class; empty if it has none."""
    try:
        work()
    except HashpactError as error:
        return f"{type(error).__name__}: {error.message}"
    return ""


def served(home: Path) -> dict[str, object]:
    """What a server of the home answers, and how it ends."""
    with RunningServer(home) as server, Client(server.profile("acme"), timeout=3) as client:
        return {
            "found": [bool(client.check([code]).matches) for code in (CODE, LAST)],
            "refused": refusal(lambda: client.submit([LATER], labels={"fraud"}, again=True, timeout=1)),
            "ended": server.stop(),
            "reserve": (home / "reserve").exists(),
        }


def small_disk(directory: Path) -> Path:
    """A directory on a disk of its own."""
    disk = directory / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(disk)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr)
        sys.exit(NO_DISK)
    return disk


def mirrored(directory: Path) -> dict[str, object]:
    """Share beside a mirror whose disk is full, start the mirror again, and make room."""
    disk, home = small_disk(directory), found(directory, {"acme": BOTH})
    reports: dict[str, object] = {}

    def answers(mirror: RunningMirror, failures: int) -> list[bool]:
        with mirror.client() as asked:
            wait_until(lambda: len(mirror.events("cannot copy")) == failures)
            wait_until(lambda: (lag := asked.check([CODE]).lag) is not None and lag.statements == 1)
            return [bool(asked.check([code]).matches) for code in (CODE, LATER)]

    with RunningServer(home, "--workers", "1") as server, Client(server.profile("acme")) as client:
        client.submit([CODE], labels={"fraud"})
        with RunningMirror(server.address, disk / "mirror", directory / "acme") as mirror:
            fill(disk)
            client.submit([LATER], labels={"fraud"})
            reports["full"] = answers(mirror, 1)
            reports["stopped"] = mirror.stop()
        fill(disk)
        with RunningMirror(server.address, disk / "mirror", directory / "acme") as mirror:
            reports["started"] = answers(mirror, 2)
            (disk / "fill").unlink()
            reports["ended"] = mirror.wait()
        with (
            RunningMirror(server.address, disk / "mirror", directory / "acme") as mirror,
            mirror.client() as asked,
        ):
            wait_until(lambda: bool(asked.check([LATER]).matches))
    return reports


def clearinghouse(directory: Path) -> dict[str, object]:
    """Share, fill the disk, and go on."""
    disk = small_disk(directory)
    found(disk, {"acme": BOTH})
    # The profile and the server's log are on another disk.
    shutil.move(disk / "acme", directory / "acme")
    home = directory / "home"
    home.symlink_to(disk / "home")
    reports: dict[str, object] = {}
    with RunningServer(home) as server, Client(server.profile("acme"), timeout=3) as client:
        client.submit([CODE], labels={"fraud"})
        held = (home / "reserve").stat()
        reports["made"] = {"mode": held.st_mode & 0o777, "size": held.st_size, "room": held.st_blocks * 512}
        fill(disk)
        reports["lost"] = refusal(lambda: client.submit([LATER], labels={"fraud"}, timeout=1))
        reports["ended"] = server.wait()
        reports["reserve"] = (home / "reserve").exists()
    with open_home(home) as opened:
        latest = opened.ledger.checkpoints.latest()
        assert latest is not None
        reports["published"] = (home / "log" / "checkpoint").read_bytes() == latest.note
    reports["freed"] = served(home)
    fill(disk)
    reports["full"] = served(home)
    (disk / "fill").unlink()
    reports["again"] = served(home)
    with RunningServer(home) as server, Client(server.profile("acme"), timeout=3) as client:
        client.submit([LAST], labels={"fraud"})
        server.kill()
    assert (home / "hashpact.db-wal").stat().st_size, "what was shared last is in the write-ahead log only"
    (home / "hashpact.db-shm").unlink()
    fill(disk)
    reports["after a crash"] = served(home)
    (disk / "fill").unlink()
    with open_home(home) as opened:
        check_log(opened.ledger)
    reports["events"] = [json.loads(line)["event"] for line in server.log.splitlines() if line[0] == "{"]
    return reports


if __name__ == "__main__":
    run = {"clearinghouse": clearinghouse, "mirror": mirrored}[sys.argv[1]]
    sys.stdout.write(json.dumps(run(Path(sys.argv[2]))))
