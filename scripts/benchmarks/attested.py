"""What an attested answer costs a server beside the same check without, in one run.

    scripts/bench attested [--size 1e4] [--rounds 60] [--calls 150] [--json] [--check]

One server answers a member's checks over mutual TLS, of codes that match nothing or one entry. In each round
it is asked the same checks plainly and with ``attest``, in turns. The cost is the server's processor time, by
the system's accounting, and what an attestation adds is the difference within a round. Most of it is one
Ed25519 signature, which the table has by itself, measured beside the calls. With --check it exits with 1 if
the median of what is added is more than 60 us.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.check_under_history import near
from benchmarks.driving import Target, Turn, channel_to, drive, spent
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.processes import running
from benchmarks.report import print_json, print_table
from benchmarks.stocking import command_of, stock
from benchmarks.submissions import random_codes
from benchmarks.timing import no_collections, percentile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.domain.attestation import NONCE_SIZE
from hashpact.domain.checks import Check, Query
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.wire.client import calls
from hashpact.wire.v1 import check_pb2

PLAIN: Final = "plain"
ATTESTED: Final = "attested"
MOST: Final = 60.0
"""Microseconds that an attestation may add."""
REQUESTS: Final = 500
FLIGHTS: Final = (16, 1)
SIGNATURES: Final = 500


def requests_of(codes: Sequence[Fingerprint], *, attest: bool) -> list[bytes]:
    """A check of each code, as bytes."""
    found = []
    for code in codes:
        request = check_pb2.CheckRequest.FromString(calls.check(Check((Query(code),))).request)
        if attest:
            request.attest, request.nonce = True, secrets.token_bytes(NONCE_SIZE)
        found.append(request.SerializeToString())
    return found


def compared(
    target: Target, codes: Sequence[Fingerprint], at_once: int, count: int, each: int
) -> list[dict[str, Turn]]:
    """So many rounds of as many calls of each kind; who is first changes from round to round."""
    kinds = {PLAIN: requests_of(codes, attest=False), ATTESTED: requests_of(codes, attest=True)}
    played = []

    def driven(requests: Sequence[bytes], flight: int) -> list[float]:
        return drive(target.method, requests, flight)

    with no_collections():
        for number in range(count):
            order = list(kinds) if number % 2 else list(reversed(kinds))
            asked = {kind: list(itertools.islice(itertools.cycle(kinds[kind]), each)) for kind in order}
            played.append({kind: spent(target.server, driven, asked[kind], at_once) for kind in order})
    return played


def signature() -> float:
    """Microseconds of processor time of one signature of as many bytes, in this process."""
    key, text = Ed25519PrivateKey.generate(), bytes(350)
    start = time.thread_time()
    for _ in range(SIGNATURES):
        key.sign(text)
    return (time.thread_time() - start) / SIGNATURES * 1e6


def rows_of(size: int, count: int, each: int) -> Iterator[dict[str, Any]]:
    """A line for each case: what a plain and an attested answer cost, and the difference."""
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        say(f"a home with {size:,} pdq items")
        stocked = stock(directory, size)
        server = stack.enter_context(running(command_of(stocked.home), directory / "server.log"))
        channel = stack.enter_context(channel_to(stocked.profile.endpoint, server.address))
        strange = random_codes(PDQ)
        cases = {
            "miss": [next(strange) for _ in range(REQUESTS)],
            "match": [near(code) for code in stocked.known[:REQUESTS]],
        }
        target = Target(
            "ours", server, channel.unary_unary(calls.check(Check((Query(stocked.known[0]),))).method)
        )
        for case, flight in itertools.product(cases, FLIGHTS):
            say(f"{case}, {flight} in flight")
            played = compared(target, cases[case], flight, count, each)
            added = [turns[ATTESTED].us - turns[PLAIN].us for turns in played]
            waited = {
                kind: [one for turns in played for one in turns[kind].waited] for kind in (PLAIN, ATTESTED)
            }
            yield {
                "entries": size,
                "case": case,
                "in_flight": flight,
                "plain_us": statistics.median(turns[PLAIN].us for turns in played),
                "attested_us": statistics.median(turns[ATTESTED].us for turns in played),
                "added_us": statistics.median(added),
                "signature_us": signature(),
                "added_least_us": min(added),
                "added_most_us": max(added),
                **{f"{kind}_p50_ms": percentile(waited[kind], 50) * 1000 for kind in waited},
            }


def promises(rows: Sequence[Mapping[str, Any]]) -> list[Promise]:
    """That an attestation adds no more than it may."""
    return [
        Promise(f"{row['case']}, {row['in_flight']} in flight: added us", row["added_us"], most=MOST)
        for row in rows
    ]


def main() -> int:
    """Measure, print, and compare with the promise."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench attested",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", type=float, default=1e4, help="pdq items of the log")
    parser.add_argument("--rounds", type=int, default=60, help="rounds of a line")
    parser.add_argument("--calls", type=int, default=150, help="calls of each kind in a round")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promise holds")
    options = parser.parse_args()
    rows = list(rows_of(int(options.size), options.rounds, options.calls))
    held = promises(rows)
    report: dict[str, Any] = {
        "machine": machine.describe(),
        "rows": rows,
        "promises": [one.row() for one in held],
    }
    if options.json:
        print_json(report)
    else:
        print_table("What an attested answer costs the server", rows)
        print_table("Promises", report["promises"])
    return 1 if options.check and not all(one.kept for one in held) else 0


if __name__ == "__main__":
    sys.exit(main())
