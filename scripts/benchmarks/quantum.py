"""What an ML-DSA-44 signature beside the Ed25519 one costs a log, in one run.

    scripts/bench quantum [--leaves 600] [--rounds 10] [--json]

Two homes, of which one was founded with --post-quantum, take turns with submissions of one item: from the
signed bytes to the receipts, one and 16 to a checkpoint. Printed are leaves a second, the processor's time of
a leaf, the bytes of checkpoints that are kept for each leaf, those of a receipt's file, and what a
reader needs to verify a checkpoint. The last table has the signatures alone, in this process.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.machine import say
from benchmarks.report import print_json, print_table
from benchmarks.submissions import MEMBER, ORIGIN, REASON, author_of, fingerprints
from benchmarks.timing import no_collections
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from hashpact.clock import unix_time
from hashpact.config import HomeConfig
from hashpact.domain import keys
from hashpact.domain.pinned import PinnedLog, to_file
from hashpact.domain.state import Receipt, Role
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import Home, open_home
from hashpact.member.profile import Profile
from hashpact.service.append import Appender
from hashpact.service.sign import SigningGuard

KINDS: Final = {"Ed25519": False, "Ed25519 and ML-DSA-44": True}
GROUPS: Final = (1, 16)
REPEATS: Final = 500


@dataclass
class Side:
    """One of the homes, and what its turns took: seconds on the wall and of the processor, for each leaf."""

    home: Home
    profile: Profile
    walls: list[float] = field(default_factory=list)
    works: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._author = author_of(self.profile)
        self._appender = Appender(self.home.ledger, unix_time)
        self._guard = SigningGuard(self.home.ledger, self.home.open_log_key())
        self._guard.sign()
        self._last: Receipt | None = None

    def turn(self, groups: int, group: int) -> None:
        """Append so many groups, with the receipts of each from one checkpoint."""
        made = [[self._author.submit(fingerprints(1), REASON) for _ in range(group)] for _ in range(groups)]
        wall, work = time.perf_counter(), time.process_time()
        for submissions in made:
            for leaf in self._appender.append_all(MEMBER, submissions):
                self._last = self._guard.receipt(leaf)
        self.walls.append((time.perf_counter() - wall) / (groups * group))
        self.works.append((time.process_time() - work) / (groups * group))

    def row(self, kind: str, group: int, since: int) -> dict[str, Any]:
        """A line of the table, for the leaves since that size."""
        ledger, receipt = self.home.ledger, self._last
        assert receipt is not None  # noqa: S101 - there was a turn
        kept = sum(len(one.note) for one in ledger.checkpoints.since(since + 1))
        log = PinnedLog.governed(self.home.charter(), 0)
        row = {
            "to_a_checkpoint": group,
            "log": kind,
            "leaves_per_s": 1 / statistics.median(self.walls),
            "cpu_us": statistics.median(self.works) * 1e6,
            "checkpoint_bytes_a_leaf": round(kept / (ledger.head().size - since)),
            "receipt_bytes": len(to_file(receipt)),
            "verify_us": once(lambda: log.read(receipt.checkpoint)),
        }
        self.walls.clear()
        self.works.clear()
        return row


def once(work: Callable[[], object]) -> float:
    """Microseconds of processor time of one call, the median of many."""
    taken = []
    for _ in range(REPEATS):
        start = time.thread_time_ns()
        work()
        taken.append(time.thread_time_ns() - start)
    return statistics.median(taken) / 1000


@contextlib.contextmanager
def founded(directory: Path, *, post_quantum: bool) -> Iterator[Side]:
    """A home with a member."""
    path = directory / f"home-{post_quantum}"
    create_home(path, HomeConfig(ORIGIN), admins=2, threshold=2, passphrase=None, post_quantum=post_quantum)
    with open_home(path) as home:
        member = directory / f"{MEMBER}-{post_quantum}"
        enrol_member(home, MEMBER, frozenset({Role.CONTRIBUTE}), member, None)
        yield Side(home, Profile.load(member))


def rows_of(leaves: int, rounds: int) -> Iterator[dict[str, Any]]:
    """A line for each number of leaves to a checkpoint, and each log."""
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name, contextlib.ExitStack() as stack:
        sides = {
            kind: stack.enter_context(founded(Path(name), post_quantum=both)) for kind, both in KINDS.items()
        }
        for group in GROUPS:
            say(f"{leaves} leaves to each log, {group} to a checkpoint")
            since = {kind: side.home.ledger.head().size for kind, side in sides.items()}
            with no_collections():
                for number in range(rounds):
                    for kind in sorted(sides, reverse=bool(number % 2)):
                        sides[kind].turn(max(1, leaves // rounds // group), group)
            for kind, side in sides.items():
                yield side.row(kind, group, since[kind])


def signatures() -> Iterator[dict[str, Any]]:
    """A line for each algorithm: a signature of as many bytes as a checkpoint has, alone."""
    text = bytes(120)
    for kind, key in (("Ed25519", Ed25519PrivateKey.generate()), ("ML-DSA-44", MLDSA44PrivateKey.generate())):
        public, signature = key.public_key().public_bytes_raw(), key.sign(text)
        yield {
            "algorithm": kind,
            "sign_us": once(lambda key=key: key.sign(text)),  # type: ignore[misc]  # a lambda's default has no type
            "verify_us": once(lambda p=public, s=signature: keys.verify(p, s, text)),  # type: ignore[misc]  # as above
            "signature_bytes": len(signature),
            "public_key_bytes": len(public),
        }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench quantum",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--leaves", type=int, default=600, help="to each log, for each number to a checkpoint"
    )
    parser.add_argument("--rounds", type=int, default=10, help="turns of each log")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    options = parser.parse_args()
    described = machine.describe()
    report: dict[str, Any] = {
        "machine": described,
        "rows": list(rows_of(options.leaves, options.rounds)),
        "signatures": list(signatures()),
    }
    if options.json:
        print_json(report)
    else:
        print_table("Submissions of one item at a home", report["rows"])
        print_table("Signatures alone", report["signatures"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
