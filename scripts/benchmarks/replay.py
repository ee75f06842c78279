"""Replays: how fast the fold reads a log with notices, beside one of submissions alone.

    scripts/bench replay [--size 20000] [--rounds 3] [--json] [--check]

Both logs have as many statements. In one all are submissions. In the other a tenth are notices, each with
the confirmation of its receipt and a decision. They are replayed in turns, from signed bytes to the state,
with all signatures verified, one thread. With --check it exits with 1 unless the log with notices replays at
no less than 70 % of the rate of the other; the promise is about --size 1000000, a quarter of an hour.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks import machine
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.report import print_json, print_table
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.demo.quarter.cast import Seeded, SimulatedClock
from hashpact.domain.fingerprints import SHA256, Fingerprint
from hashpact.domain.kinds import Contact, Decision, Notice, Policy, ReceiptConfirm
from hashpact.domain.kinds.conduct.spelling import Channel, Judgement, Outcome, Point
from hashpact.domain.messages import Submission
from hashpact.domain.rules.replay import replay
from hashpact.domain.state import Basis, Leaf, Role
from hashpact.governance.administer import Administrators
from hashpact.keys.pkcs8 import named
from hashpact.member.author import Author, Reason

ORIGIN: Final = "bench.example/replay"
PLAIN, NOTICED = "submissions alone", "a tenth notices"
LEAST: Final = 0.7
START: Final = 1_800_000_000
YEAR: Final = 365 * 24 * 3600
NOTES: Final = ("statements/s: of processor time, of the median round. Signatures are verified, one thread.",)


@dataclass
class Scribe:
    """Signs the statements of a platform and a notifier, and keeps the leaves."""

    seeded: Seeded = field(default_factory=lambda: Seeded("replay"))
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(START))
    leaves: list[bytes] = field(default_factory=list)
    authors: dict[str, Author] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Found the log, with a contact point for notices."""
        key = self.seeded.key("admin")
        administrators = Administrators(
            ORIGIN, [(named("1", key), key)], self._taken, self.clock, self.seeded
        )
        administrators.found_by(
            1, (self.seeded.key("log").public_key().public_bytes_raw(),), Policy(1, ("hate",))
        )
        for member, role in (("acme-video", Role.CONTRIBUTE), ("rights-watch", Role.NOTIFY)):
            private: Ed25519PrivateKey = self.seeded.key(member)
            administrators.enrol(member, frozenset({role}), named("1", private), private)
            self.authors[member] = Author(
                ORIGIN, member, named("1", private), private, self.clock, self.seeded
            )
        start = self.clock()
        contact = Contact(Point.NOTICES, start, start + YEAR, ("vi",), ("always",), None, self.seeded(32))
        self.says("acme-video", contact)

    def says(self, member: str, body: Any) -> int:  # noqa: ANN401 - any kind
        """Sign one more statement; its index."""
        self.clock.now += 1
        self.leaves.append(self.authors[member].say(body).statement)
        return len(self.leaves) - 1

    def shares(self) -> None:
        """Sign one more submission."""
        self.clock.now += 1
        one = Fingerprint(SHA256, self.seeded(32))
        self.leaves.append(self.authors["acme-video"].submit([one], Reason(frozenset({"hate"}))).statement)

    def gives_notice(self) -> None:
        """Sign a notice, the confirmation of its receipt, and the decision on it."""
        index = self.says(
            "rights-watch",
            Notice(
                addressees=("acme-video",),
                entry=None,
                labels=("hate",),
                basis=Basis.GUIDELINE,
                authority=None,
                article=None,
                channel=Channel.FLAGGER,
                clock="code",
                items=(hashlib.sha256(self.seeded(8)).digest(),),
                words=self.seeded(32),
            ),
        )
        self.says("acme-video", ReceiptConfirm(index))
        judged = Judgement.NO_BREACH
        self.says(
            "acme-video",
            Decision(index, Outcome.KEPT, judged, None, Judgement.NOT_JUDGED, None, None, None, None),
        )

    def _taken(self, submissions: Any) -> list[Leaf]:  # noqa: ANN401 - as `Administrators` calls it
        self.leaves += [
            submission.statement for submission in submissions if isinstance(submission, Submission)
        ]
        return []


def written(size: int, *, noticed: bool) -> list[bytes]:
    """The leaves of a log of that size."""
    scribe = Scribe()
    while len(scribe.leaves) < size:
        if noticed and len(scribe.leaves) % 10 == 0:
            scribe.gives_notice()
        else:
            scribe.shares()
    return scribe.leaves[:size]


def rates(leaves: list[bytes], rounds: int) -> Iterator[float]:
    """Statements a second of processor time in each round. Raises SystemExit if the log has a fault."""
    for _ in range(rounds):
        start = time.thread_time()
        folded = replay(leaves)
        yield len(leaves) / (time.thread_time() - start)
        if folded.faults:
            sys.exit(f"leaf {folded.faults[0].index}: {folded.faults[0].error}")


def measure(size: int, rounds: int) -> dict[str, Any]:
    """Everything: both logs in turns."""
    logs = {}
    for side, noticed in ((PLAIN, False), (NOTICED, True)):
        say(f"signing {size:,} statements: {side}")
        logs[side] = written(size, noticed=noticed)
    found: dict[str, list[float]] = {side: [] for side in logs}
    for number in range(rounds):
        for side, leaves in logs.items():
            say(f"round {number + 1} of {rounds}: {side}")
            found[side] += rates(leaves, 1)
    rows = [
        {"log": side, "statements": size, "statements_per_s": statistics.median(some)}
        for side, some in found.items()
    ]
    part = statistics.median(found[NOTICED]) / statistics.median(found[PLAIN])
    promise = Promise(f"rate with a tenth notices / without, {size:,} statements", part, least=LEAST)
    return {"machine": machine.describe(), "rows": rows, "promises": [promise.row()]}


def main() -> int:
    """Measure, then print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench replay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--size", type=lambda text: int(float(text)), default=20_000, help="statements of a log"
    )
    parser.add_argument("--rounds", type=int, default=3, help="replays of each")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promise holds")
    options = parser.parse_args()
    report = measure(options.size, options.rounds)
    if options.json:
        print_json(report)
    else:
        print_table("Replays", report["rows"], NOTES)
        print_table("Promises", report["promises"])
    return int(options.check and report["promises"][0]["verdict"] != "pass")


if __name__ == "__main__":
    sys.exit(main())
