"""How fast a log is audited: from a server process over mutual TLS, and at its home.

    scripts/bench audit [--entries 20000] [--json]

The log has that many submissions of one item, of one member. *server* is `hashpact audit` as another member;
*home* is `hashpact log verify` of the same log while it is served.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.machine import say
from benchmarks.report import print_json, print_table
from benchmarks.submissions import MEMBER, REASON, author_of, fingerprints

from hashpact.audit import run
from hashpact.audit.findings import Report
from hashpact.audit.run import AuditSettings
from hashpact.clock import unix_time
from hashpact.demo.stage import clearinghouse
from hashpact.home.opening import open_home
from hashpact.keys.passphrase import Passphrases
from hashpact.member.clients import Client
from hashpact.service.append import Appender

READER: Final = "lotus-forum"
AT_ONCE: Final = 500
NOTES: Final = ("leaves/s: by the clock on the wall. Server and auditor share the machine.",)


def fill(home: Path, client: Client, entries: int) -> None:
    """Append so many submissions, the last one through the server, which signs them all."""
    author = author_of(client.profile)
    with open_home(home) as opened:
        appender = Appender(opened.ledger, unix_time)
        for first in range(0, entries - 1, AT_ONCE):
            shared = fingerprints(min(AT_ONCE, entries - 1 - first))
            appender.append_all(MEMBER, [author.submit([one], REASON) for one in shared])
    client.submit(fingerprints(1), labels=REASON.labels)


def row(side: str, audit: Callable[[], Report]) -> dict[str, Any]:
    """A line of the table. Raises SystemExit if the audit finds a fault."""
    say(f"audit: {side}")
    start = time.perf_counter()
    report = audit()
    seconds = time.perf_counter() - start
    if report.findings:
        sys.exit(f"{len(report.findings)} faults: {report.findings[0].message}")
    return {"side": side, "leaves": report.size, "seconds": seconds, "leaves_per_s": report.size / seconds}


def measure(entries: int) -> dict[str, Any]:
    """Everything."""
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name:
        directory, known = Path(name), AuditSettings(Path(name) / "evidence")
        with clearinghouse(directory) as clients:
            say(f"{entries:,} submissions")
            fill(directory / "home", clients[MEMBER], entries)
            address, profile = clients[READER].profile.endpoint.address, directory / READER

            def from_the_server() -> Report:
                return run.audit_server(profile, address, Passphrases(), known, lambda *_: None)

            def at_the_home() -> Report:
                return run.verify_home(directory / "home", known, lambda *_: None)

            rows = [row("server", from_the_server), row("home", at_the_home)]
    return {"machine": machine.describe(), "rows": rows}


def main() -> int:
    """Measure, then print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--entries", type=int, default=20_000, help="submissions in the log")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args()
    report = measure(options.entries)
    if options.json:
        print_json(report)
    else:
        print_table("Audits of one log", report["rows"], NOTES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
