"""What a million benign fingerprints cost a check: of one pdq/1, beside a million entries.

    scripts/bench benign [--items N] [--checks N] [--json] [--check]

The checks are those of `hashpact.Mirror`, in this process and without a network: the cheapest that there are,
so that what is added to them counts most. Each check is timed *without* a look at what is
benign, with a *few* benign fingerprints, and with as *many* as there are entries, in turn: a check that
matches nothing, one that matches an entry, and one whose match something benign is as near as, in both
collections. The figure is the median CPU time of one check. *many / few* is what their number costs; few
beside without is what the look costs, and the mark that the last one gets. With --check it exits with 1
unless each check takes less than 20 % longer with many than without.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Final, Self

import numpy as np
from benchmarks.gate import Promise
from benchmarks.machine import describe, say
from benchmarks.report import print_json, print_table
from numpy.typing import NDArray

from hashpact.domain.checks import Hits
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.kinds import MAX_ITEMS
from hashpact.domain.state import Basis, Entry, Key, Use
from hashpact.lookup import NativeIndex
from hashpact.lookup.catalog import EntryCatalog
from hashpact.lookup.native import NOTHING
from hashpact.member.checking.blocking import BlockingChecks
from hashpact.member.checking.checks import Checks
from hashpact.member.checking.options import OnUnavailable
from hashpact.member.checking.reached import Reached
from hashpact.member.checking.steps import Local
from hashpact.mirror.local import DirectChecks, NoAttestation
from hashpact.service.check import Checker
from hashpact.service.follow import Follower
from hashpact.wire.client.calls import Call

MOST: Final = 1.2
"""How many times as long a check may take."""
KEY: Final = bytes(32)
SIZE: Final = PDQ.size
ROUNDS: Final = 15
NEAR: Final = 8
"""Bits between a query and the entry that it matches."""


class Held:
    """A ledger of entries with one item each: the even ones are removed content, the odd ones benign."""

    def __init__(self, size: int) -> None:
        self.size = size

    def snapshot(self) -> Held:
        """The one view that there is."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing."""

    def head(self) -> Held:
        """Its size."""
        return self

    def charter(self) -> None:
        """No policy."""

    def opinions(self, _entry: int) -> Sequence[Any]:
        """None."""
        return ()

    def key(self, _key: bytes) -> Key:
        """The one key that has signed everything."""
        return Key(KEY, "acme", "1", KEY, 2**40, 0, Use.SIGN)

    def entry(self, index: int) -> Entry:
        """An entry."""
        basis, label = (Basis.BENIGN, "meme") if index % 2 else (Basis.GUIDELINE, "fraud")
        return Entry(index, "acme", (label,), basis, None, None, (), 1, 1, 1, KEY)


def balanced(count: int, seed: int) -> NDArray[np.uint8]:
    """Codes half of whose bits are set, as those of pictures: one half is the other's complement."""
    half = np.random.default_rng(seed).integers(0, 256, (count, SIZE // 2), np.uint8)
    return np.concatenate([half, ~half], axis=1)


def flipped(code: NDArray[np.uint8], bits: int) -> bytes:
    """A code with so many bits changed."""
    out = code.copy()
    for bit in range(bits):
        half, place = bit % 2, bit // 2
        out[half * SIZE // 2 + place] ^= 1
    return out.tobytes()


class InProcess(BlockingChecks):
    """Checks as a mirror makes them, over an index and a catalog in memory."""

    def __init__(self, checker: Checker) -> None:
        self.checker = checker
        self._asks = DirectChecks(checker)
        self._checks = Checks(
            KEY,
            nullcontext,
            OnUnavailable.CLOSED,
            Reached(),
            NoAttestation(),
            asks=self._asks,
            mirror=True,
        )

    def _seconds(self, timeout: float | None) -> float:
        return timeout or 0.0

    def _perform(self, step: Call[Any] | Local[Any], seconds: float) -> object:  # noqa: ARG002  # nothing waits
        assert isinstance(step, Local)  # noqa: S101  # nothing here is asked of a server
        return step.do()


def checks_of(entries: NDArray[np.uint8], benign: NDArray[np.uint8]) -> InProcess:
    """Checks over these codes."""
    index = NativeIndex()
    for codes, odd in ((entries, 0), (benign, 1)):
        for start in range(0, len(codes), 100_000):
            some = enumerate(codes[start : start + 100_000], start)
            index.add(
                (((2 * n + odd) * MAX_ITEMS, Fingerprint(PDQ, code.tobytes())) for n, code in some),
                benign=bool(odd),
            )
    for _ in index.compaction():
        time.sleep(0.05)  # the background merges
    size = 2 * max(len(entries), len(benign))
    ledger: Any = Held(size)
    return InProcess(Checker(ledger, index, Follower(ledger, index, EntryCatalog(ledger), size)))


class Blind(NativeIndex):
    """The same index, which finds nothing benign."""

    def search_benign(self, *_: object) -> Hits:
        """Nothing."""
        return NOTHING


def blind(over: InProcess) -> InProcess:
    """Checks over the same items that look at nothing benign."""
    index, checker = Blind(), over.checker
    assert isinstance(checker.index, NativeIndex)  # noqa: S101 - `checks_of` has made it
    index.become(checker.index)
    return InProcess(Checker(checker.ledger, index, checker.follower))


def timed(over: InProcess, codes: Sequence[Fingerprint], matches: int) -> float:
    """Microseconds of CPU that one check takes."""
    found = 0
    begin = time.thread_time_ns()
    for code in codes:
        found += len(over.check([code]).matches)
    took = time.thread_time_ns() - begin
    assert found == matches * len(codes), (found, matches)  # noqa: S101 - it has measured something else
    return took / len(codes) / 1000


def measure(items: int, count: int) -> list[dict[str, Any]]:
    """A row for each sort of check."""
    say(f"{items} entries, and as many benign fingerprints")
    entries, benign = balanced(items, 1), balanced(items, 2)
    chosen = np.random.default_rng(3).choice(items, count, replace=False)
    # Beside some entries there is something benign, at the distance of the query.
    close = benign.copy()
    close[chosen] = [np.frombuffer(flipped(code, 2 * NEAR), np.uint8) for code in entries[chosen]]
    asked = [Fingerprint(PDQ, flipped(entries[n], NEAR)) for n in chosen]
    nothing = [Fingerprint(PDQ, code.tobytes()) for code in balanced(count, 4)]
    rows = []
    for name, codes, matches, held in (
        ("no match", nothing, 0, benign),
        ("a match", asked, 1, benign),
        ("a match, and something benign as near", asked, 1, close),
    ):
        many = checks_of(entries, held)
        sides = {"without": blind(many), "few": checks_of(entries, held[chosen]), "many": many}
        for side in sides.values():
            timed(side, codes, matches)  # what is read once is read
        # There and back: what comes after another side over the same index finds it in the caches.
        there = list(sides.items())
        took = [
            {key: timed(side, codes, matches) for key, side in (there, there[::-1])[number % 2]}
            for number in range(ROUNDS)
        ]
        rows.append(
            {"check": name}
            | {f"{key}, us": statistics.median(each[key] for each in took) for key in sides}
            | {
                f"many / {key}": statistics.median(each["many"] / each[key] for each in took)
                for key in ("without", "few")
            }
        )
    return rows


def promises(rows: Sequence[dict[str, Any]]) -> list[Promise]:
    """How many times as long a check takes with many benign fingerprints."""
    return [Promise(f"{row['check']}: many / without", row["many / without"], most=MOST) for row in rows]


def main() -> int:
    """Measure, then print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench benign",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--items", type=int, default=1_000_000, help="entries, and benign fingerprints")
    parser.add_argument("--checks", type=int, default=2000, help="checks of each sort in a round")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    options = parser.parse_args()
    rows = measure(options.items, options.checks)
    kept = promises(rows)
    report: dict[str, Any] = {"machine": describe(), "rows": rows, "promises": [one.row() for one in kept]}
    if options.json:
        print_json(report)
    else:
        print("; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in describe().items()), "\n")
        print_table("One check of one pdq/1, CPU", rows)
        print_table("Promises", report["promises"])
    return 1 if options.check and not all(one.kept for one in kept) else 0


if __name__ == "__main__":
    sys.exit(main())
