"""What proofs of the state would cost an append: the same statements with a tree over the state, and without.

    scripts/bench state [--entries 1000000] [--groups 40] [--rounds 5] [--json]

docs/decisions/state-proofs.md has the design. Two homes are written to, at the home, in groups of 16 as a
server forms them, from the signed bytes to the receipts. One also keeps the tree, in the same transactions,
with so many entries in it beforehand, and signs its root beside each checkpoint. The two take turns.
A withdrawal changes the leaf of an entry at random among all.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from benchmarks import machine
from benchmarks.machine import say
from benchmarks.report import print_json, print_table
from benchmarks.statetree import NOTHING, StateTree, place_of, state_text
from benchmarks.submissions import MEMBER, ORIGIN, REASON, author_of, fingerprints
from benchmarks.timing import MICROSECONDS, no_collections

from hashpact.clock import unix_time
from hashpact.config import HomeConfig
from hashpact.domain.messages import Submission
from hashpact.domain.state import Leaf, Role
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import Home, open_home
from hashpact.member.author import Author
from hashpact.member.profile import Profile
from hashpact.service.append import Appender, opened
from hashpact.service.sign import LogKey, SigningGuard

GROUP: Final = 16
BATCH: Final = 256
TENTH: Final = 10
NOTES: Final = (
    "statements/s: by the clock on the wall. us: processor time of a statement.",
    "cost: the share of the throughput that the tree takes, by either, the median over rounds.",
)


class Stated:
    """A ledger that keeps the tree in the transactions of its appends."""

    def __init__(self, home: Home, entries: int) -> None:
        self._ledger = cast("Any", home.ledger)
        self._connection = self._ledger._writer  # noqa: SLF001 - what a ledger with a tree would write with
        self._base = entries
        self._chance = random.Random(entries)  # noqa: S311 - which entries are withdrawn
        before = self._pages()
        with self._ledger.begin():
            self.tree = StateTree(self._connection, entries)
            self.root = self.tree.root()
        self.bytes = (self._pages() - before) / entries

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is the ledger's
        return getattr(self._ledger, name)

    def _pages(self) -> int:
        """Bytes of the pages in the database."""
        return int(self._connection.pragma("page_count")) * int(self._connection.pragma("page_size"))

    @contextlib.contextmanager
    def begin(self) -> Iterator[Any]:
        """A transaction of the ledger, with what it changes in the tree."""
        with self._ledger.begin() as transaction:
            append = transaction.append

            def with_state(leaf: Leaf, private: Any, records: Any, enclosed: Any) -> None:  # noqa: ANN401 - passed on
                append(leaf, private, records, enclosed)
                here = NOTHING
                for index, value in filter(None, map(place_of, records)):
                    if index == leaf.index:
                        here = value
                    else:
                        self.tree.put(self._chance.randrange(self._base), value)
                self.tree.put(self.tree.size, here)

            transaction.append = with_state
            yield transaction
            self.tree.flush()
            self.root = self.tree.root()


@dataclass(slots=True)
class Side:
    """A home, what signs for its member, and the entries that it has not withdrawn."""

    name: str
    home: Home
    ledger: Any
    directory: Path
    standing: list[int] = field(default_factory=list)
    author: Author = field(init=False)
    key: LogKey = field(init=False)
    appender: Appender = field(init=False)
    guard: SigningGuard = field(init=False)

    def __post_init__(self) -> None:
        """Make what a server's intake is made of."""
        enrol_member(self.home, MEMBER, frozenset({Role.CONTRIBUTE}), self.directory / MEMBER, None)
        self.author = author_of(Profile.load(self.directory / MEMBER))
        self.key = self.home.open_log_key()
        self.appender, self.guard = Appender(self.ledger, unix_time), SigningGuard(self.home.ledger, self.key)
        self.guard.sign()

    def append(self, group: Sequence[Submission]) -> None:
        """A group, from bytes to receipts."""
        units = [opened(MEMBER, [one]) for one in group]
        leaves = [leaf for leaf, _ in self.appender.append_group(units).added]
        receipts = [self.guard.receipt(leaf) for leaf in leaves]
        if isinstance(self.ledger, Stated):
            signed = receipts[-1]
            text = state_text(self.key.origin, signed.tree_size, signed.root, self.ledger.root)
            self.key.signer.sign(text)
        assert len(receipts) == len(group)  # noqa: S101 - none was refused
        self.standing += [leaf.index for leaf, one in zip(leaves, group, strict=True) if one.private]


def submitted(side: Side, _number: int) -> Submission:
    """An entry of one item."""
    return side.author.submit(fingerprints(1), REASON)


def batch(side: Side, _number: int) -> Submission:
    """An entry of as many items as it may have."""
    return side.author.submit(fingerprints(BATCH), REASON)


def withdrawn(side: Side, _number: int) -> Submission:
    """The end of the oldest entry."""
    return side.author.withdraw(side.standing.pop(0), "mistake")


def mixed(side: Side, number: int) -> Submission:
    """Nine entries, then the end of one."""
    return submitted(side, number) if number % TENTH else withdrawn(side, number)


CASES: Final[dict[str, tuple[Callable[[Side, int], Submission], int]]] = {
    "entries of one item": (submitted, GROUP),
    "a tenth withdrawals": (mixed, GROUP),
    "withdrawals": (withdrawn, GROUP),
    f"entries of {BATCH} items": (batch, 1),
}


@contextlib.contextmanager
def sides(directory: Path, entries: int) -> Iterator[list[Side]]:
    """The two homes."""
    with contextlib.ExitStack() as stack:
        made = []
        for name in ("without", "with"):
            below = directory / name
            below.mkdir()
            create_home(below / "home", HomeConfig(ORIGIN), admins=2, threshold=2, passphrase=None)
            home = stack.enter_context(open_home(below / "home"))
            made.append(Side(name, home, Stated(home, entries) if name == "with" else home.ledger, below))
        yield made


def turn(side: Side, groups: Sequence[Sequence[Submission]]) -> tuple[float, float]:
    """Seconds of groups, on the wall and of the processor."""
    with no_collections():
        wall, busy = time.perf_counter(), time.process_time()
        for group in groups:
            side.append(group)
        return time.perf_counter() - wall, time.process_time() - busy


def measure(entries: int, count: int, rounds: int) -> dict[str, Any]:
    """Everything."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name:
        say(f"a tree of {entries:,} entries")
        with sides(Path(name), entries) as made:
            disk = made[-1].ledger.bytes
            for case, (make, size) in CASES.items():
                say(case)
                played = []
                for number in range(rounds):
                    order = made if number % 2 else made[::-1]
                    groups = {
                        side.name: [
                            [make(side, n) for n in range(g * size, (g + 1) * size)] for g in range(count)
                        ]
                        for side in order
                    }
                    played.append({side.name: turn(side, groups[side.name]) for side in order})
                rows += rows_of(case, played, count * size)
    return {"machine": machine.describe(), "entries": entries, "disk": disk, "rows": rows}


def rows_of(
    case: str, played: Sequence[dict[str, tuple[float, float]]], statements: int
) -> Iterator[dict[str, Any]]:
    """The lines of a case: a median of the rounds for each side."""
    for side in ("without", "with"):
        wall, busy = (statistics.median(turn[side][which] for turn in played) for which in (0, 1))
        costs = [
            statistics.median(1 - turn["without"][which] / turn["with"][which] for turn in played)
            for which in (0, 1)
        ]
        yield {
            "case": case,
            "side": side,
            "statements/s": statements / wall,
            "us": busy / statements * MICROSECONDS,
            **({"cost by wall": costs[0], "cost by processor": costs[1]} if side == "with" else {}),
        }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench state",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--entries", type=int, default=1_000_000, help="entries in the tree beforehand, at least 1"
    )
    parser.add_argument("--groups", type=int, default=40, help="groups of a turn")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each home")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args()
    report = measure(options.entries, options.groups, options.rounds)
    if options.json:
        print_json(report)
    else:
        title = f"Appends beside a tree of {options.entries:,} entries, {report['disk']:.0f} bytes each"
        print_table(title, report["rows"], NOTES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
