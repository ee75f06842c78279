"""Withdrawals: from a representative's withdrawal of an entry to no match on any worker.

    scripts/bench withdrawals [--workers 2] [--count 200] [--json] [--check]

A platform shares entries under the label minors, one after the other. Once each of several connections finds
one, a member with the role represent withdraws it, and the connections ask until none finds it. They are more
than the workers, so that each worker answers some. With --check it exits with 1 unless the 99th percentile is
under a second.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.processes import running
from benchmarks.report import print_json, print_table
from benchmarks.timing import percentile

from hashpact.config import HomeConfig
from hashpact.domain.fingerprints import SHA256, Fingerprint
from hashpact.domain.state import Role
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home
from hashpact.member.clients import Client

ORIGIN: Final = "bench.example/withdrawals"
ROLES: Final = {
    "acme-video": frozenset({Role.CHECK, Role.CONTRIBUTE}),
    "safe-child-line": frozenset({Role.REPRESENT}),
}
READERS: Final = 8
"""Connections that ask; the kernel spreads them over the workers."""
BOUND: Final = 1.0
PAUSE: Final = 0.002


def measure(workers: int, count: int) -> dict[str, Any]:
    """Everything."""
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name:
        directory = Path(name)
        home = directory / "home"
        create_home(home, HomeConfig(ORIGIN, "127.0.0.1:0"), admins=2, threshold=2, passphrase=None)
        command = [sys.executable, "-m", "hashpact", "serve", str(home), "--workers", str(workers)]
        with running(command, directory / "server.log"):
            with open_home(home) as opened:
                for member, roles in ROLES.items():
                    enrol_member(opened, member, roles, directory / member, None)
            say(f"{count} withdrawals, {workers} workers")
            seconds = _withdrawals(directory, count)
    row = {
        "workers": workers,
        "withdrawals": count,
        "p50_ms": 1000 * percentile(seconds, 50),
        "p99_ms": 1000 * percentile(seconds, 99),
    }
    promise = Promise("p99 from a withdrawal to no match, s", percentile(seconds, 99), most=BOUND)
    return {"machine": machine.describe(), "rows": [row], "promises": [promise.row()]}


def _withdrawals(directory: Path, count: int) -> list[float]:
    """How long each withdrawal took to be seen by all readers, in seconds."""
    acme, voice = directory / "acme-video", directory / "safe-child-line"
    took = []
    with contextlib.ExitStack() as stack:
        platform, representative = (stack.enter_context(Client(profile)) for profile in (acme, voice))
        readers = [stack.enter_context(Client(acme, channels=1)) for _ in range(READERS)]
        for _ in range(count):
            shared = Fingerprint(SHA256, secrets.token_bytes(32))
            entry = platform.submit([shared], labels=["minors"]).index
            _until(readers, shared, found=True)
            start = time.perf_counter()
            representative.withdraw(entry, "asked")
            _until(readers, shared, found=False)
            took.append(time.perf_counter() - start)
    return took


def _until(readers: Sequence[Client], shared: Fingerprint, *, found: bool) -> None:
    """Ask through each connection until it finds the fingerprint, or finds it no more."""
    for reader in readers:
        while bool(reader.check([shared]).matches) is not found:
            time.sleep(PAUSE)


def main() -> int:
    """Measure, then print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench withdrawals",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that answer")
    parser.add_argument("--count", type=int, default=200, help="withdrawals")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promise holds")
    options = parser.parse_args()
    report = measure(options.workers, options.count)
    if options.json:
        print_json(report)
    else:
        print_table("From a representative's withdrawal to no match on any worker", report["rows"])
        print_table("Promises", report["promises"])
    return int(options.check and report["promises"][0]["verdict"] != "pass")


if __name__ == "__main__":
    sys.exit(main())
