"""How fast a log is audited and monitored, and in how much memory.

    scripts/bench audit [--entries 20000] [--size 1e5] [--json] [--check]

A short log has that many submissions of one item, of one member. *server* is `hashpact audit` over mutual TLS
as another member; *home* is `hashpact log verify` of the same log while it is served.

A long log is a directory of tiles, where one statement in 100 withdraws an entry. *audit* is `hashpact audit`
of three fifths of it and of the whole. *first look* and *next look* are those of `hashpact monitor --once`,
the next one over 1,000 new leaves. What 1e7 leaves take is extrapolated: the time of a leaf from the whole
log, the memory from what grew between the two audits. With --check it exits with 1 unless that is within 600
s and 1 GB, and the next look within 2 s. The time that counts is the processor's, of which three processes
take as much as two cores give: on a machine that does other work too, the clock on the wall says nothing. The
promise is about --size 1e6; writing such a log takes minutes. An audit keeps up to half a million request ids
in memory before it puts them into a file, some 100 MB: a shorter log grows by them, so its memory says
nothing of 1e7.
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
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.report import print_json, print_table
from benchmarks.submissions import MEMBER, REASON, author_of, fingerprints
from benchmarks.tiled import TiledLog
from benchmarks.watched import measured
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.audit import run
from hashpact.audit.findings import Report
from hashpact.audit.run import AuditSettings
from hashpact.clock import unix_time
from hashpact.demo.stage import clearinghouse
from hashpact.domain import keys
from hashpact.home.opening import open_home
from hashpact.keys.passphrase import Passphrases
from hashpact.keys.verifying import BatchVerifier, KeySignature
from hashpact.member.clients import Client
from hashpact.service.append import Appender

READER: Final = "lotus-forum"
AT_ONCE: Final = 500
NOTES: Final = ("leaves/s: by the clock on the wall. Server and auditor share the machine.",)
LONG: Final = (
    "seconds: by the clock on the wall; cpu: of all processes of the command, for each leaf that it reads.",
    "memory: the command's largest, and for each of its workers as much as the largest of them.",
)
NEW: Final = 1_000
GOAL: Final = 10_000_000
CORES: Final = 2
SIGNATURES: Final = 2048


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


def long_rows(size: int) -> list[dict[str, Any]]:
    """The lines about a log of that size."""
    rows = []

    def row(what: str, leaves: int, *arguments: str) -> None:
        say(f"{what}: {leaves:,} leaves")
        found = measured(*arguments)
        each = {"leaves_per_s": leaves / found["seconds"], "cpu_us_per_leaf": found["cpu_s"] / leaves * 1e6}
        rows.append({"what": what, "leaves": leaves, **found, **each})

    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name:
        log, state, evidence = (str(Path(name) / part) for part in ("log", "state", "evidence"))
        tiled = TiledLog(Path(log))
        for part in (size * 3 // 5, size):
            say(f"signing {part:,} statements")
            tiled.grow(part)
            row("audit", part, "audit", log, "--evidence", evidence, "--json")
        watch = ("monitor", log, "--state", state, "--member", "acme-video", "--once", "--json")
        row("first look", size, *watch)
        tiled.grow(size + NEW)
        row("next look", NEW, *watch)
    return rows


def signatures() -> list[dict[str, Any]]:
    """What a signature of one key takes, one by one and in a batch."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    messages = [number.to_bytes(512) for number in range(SIGNATURES)]
    some = [KeySignature(public, key.sign(message), message) for message in messages]
    batch = BatchVerifier()
    batch.verify(some)  # makes the key's table

    def one_by_one() -> None:
        for one in some:
            keys.verify(*one)

    rows = []
    for how, verify in (("one by one", one_by_one), ("in a batch", lambda: batch.verify(some))):
        start = time.process_time()
        verify()
        rows.append({"signatures": how, "cpu_us": (time.process_time() - start) / SIGNATURES * 1e6})
    return rows


def promises(rows: list[dict[str, Any]]) -> list[Promise]:
    """What the long log says about 1e7 leaves."""
    small, large, _, following = rows
    slope = (large["memory_MB"] - small["memory_MB"]) / (large["leaves"] - small["leaves"])
    each = large["cpu_s"] / large["leaves"]
    memory = large["memory_MB"] + max(slope, 0) * (GOAL - large["leaves"])
    return [
        Promise("s for 1e7 leaves, extrapolated, processor / 2 cores", GOAL * each / CORES, most=600),
        Promise("MB for 1e7 leaves, extrapolated", memory, most=1000),
        Promise(f"s of processor, {NEW:,} new of {large['leaves']:,}", following["cpu_s"], most=2),
    ]


def main() -> int:
    """Measure, then print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--entries", type=int, default=20_000, help="submissions of the short log, 0 for none"
    )
    parser.add_argument(
        "--size", type=lambda text: int(float(text)), default=100_000, help="statements of the long log"
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args()
    report: dict[str, Any] = {"machine": machine.describe(), "rows": []}
    if options.entries:
        report = measure(options.entries)
    rows = long_rows(options.size)
    held = promises(rows)
    report |= {"long": rows, "signatures": signatures(), "promises": [one.row() for one in held]}
    if options.json:
        print_json(report)
    else:
        print_table("Audits of one log", report["rows"], NOTES)
        print_table("A long log of tiles", rows, LONG)
        print_table("Signatures of one key", report["signatures"])
        print_table("Promises", report["promises"])
    return int(options.check and not all(one.kept for one in held))


if __name__ == "__main__":
    sys.exit(main())
