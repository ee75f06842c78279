"""What batches cost a server, a code, beside the kernel's own search for the same codes in the same index."""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
import numpy as np
from benchmarks.check_under_history import near
from benchmarks.driving import Target, Turn, turn
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.processes import Server
from benchmarks.report import print_table
from benchmarks.stocking import Stock
from benchmarks.submissions import random_codes
from benchmarks.timing import MICROSECONDS, no_collections, percentile, ratio

from hashpact._kernel import HammingStore
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.matching.batches import DEFAULT_EACH, Batch, Packed
from hashpact.home.opening import open_home
from hashpact.lookup import HammingIndex
from hashpact.lookup.directory import IndexFiles
from hashpact.wire.client import calls

CODES: Final = 1000
"""Of a batch."""
MATCHING: Final = 10
"""Of those of a batch that matches."""
BATCHES: Final = 12
"""Different batches of a case, which take turns."""
STRANGE: Final = "no match"
SOME: Final = f"{MATCHING} match"
CASES: Final = {STRANGE: 0, SOME: MATCHING}
FLIGHTS: Final = (1, 4)
SHARE: Final = 0.95
"""Of the kernel's own rate, from so many entries on: among fewer, an empty call alone takes the rest."""
MILLION: Final = 1_000_000
RATES: Final = ((10 * MILLION, 15_000), (0, 35_000))
"""Checks a second and core, from so many entries on."""
TIMEOUT: Final = 60.0
NOTES: Final = (
    f"us: user and system time for a code, of calls with {CODES:,}; median of the rounds.",
    "checks/s/core: 1e6 / us. share: median of kernel us / us in the same round.",
    "kernel: one thread searches the saved index for a whole batch at once, in the same round.",
)


@dataclass(frozen=True, slots=True)
class Case:
    """Batches of one kind: their codes, packed, and the requests for these."""

    name: str
    method: str
    packed: tuple[bytes, ...]
    requests: tuple[bytes, ...]


def saved_index(stocked: Stock) -> HammingIndex:
    """The index of pdq codes that the home's server has saved. Raises SystemExit if there is none."""
    with open_home(stocked.home) as home:
        files = IndexFiles(home.paths.segments, home.ledger.indexes)
        manifest = files.manifest()
        if manifest is None:
            sys.exit("the server has saved no index")
        return HammingIndex.over(HammingStore.open(*files.locate(manifest.parts[PDQ.name])))


def cases(stocked: Stock, channel: grpc.Channel) -> Iterator[Case]:
    """Batches none of whose codes match, and batches of which some do, spread over each.

    Raises SystemExit if the server answers otherwise.
    """
    strange, shared = random_codes(PDQ), itertools.cycle(stocked.known)
    for name, matching in CASES.items():
        packed = []
        for _ in range(BATCHES):
            codes = list(itertools.islice(strange, CODES))
            for place in places(matching):
                codes[place] = near(next(shared))
            packed.append(b"".join(code.value for code in codes))
        asked = [calls.check_batch(Batch((Packed(PDQ, values),))) for values in packed]
        method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(asked[0].method)
        for call in asked:
            answer = call.read(method(call.request, timeout=TIMEOUT))
            if {match.query for match in answer.matches} != set(places(matching)):
                sys.exit(f"{name}: a batch has {len(answer.matches)} matches, or those of other codes")
        yield Case(name, asked[0].method, tuple(packed), tuple(call.request for call in asked))


def places(matching: int) -> range:
    """Which codes of a batch match, of so many that do."""
    return range(0, CODES if matching else 0, CODES // max(1, matching))


def rows_of(
    stocked: Stock, server: Server, channel: grpc.Channel, count: int, each: int
) -> Iterator[dict[str, Any]]:
    """The rows of a size, of so many rounds: in each, server and kernel have a turn of ``each`` batches."""
    index = saved_index(stocked)
    for case in cases(stocked, channel):
        target = Target(case.name, server, channel.unary_unary(case.method))
        for flight in FLIGHTS:
            say(f"batches, {case.name}, {flight} in flight")
            played, alone = list[Turn](), list[float]()
            with no_collections():
                for number in range(count):
                    asked = [(number * each + place) % BATCHES for place in range(each)]
                    # Who is first changes from round to round.
                    for kernel in (number % 2 == 0, number % 2 != 0):
                        if kernel:
                            alone.append(searched(index, [case.packed[place] for place in asked]))
                        else:
                            played.append(turn(target, [case.requests[place] for place in asked], flight))
            yield {"batch": case.name, "in_flight": flight, **figures(played, alone)}


def searched(index: HammingIndex, batches: Sequence[bytes]) -> float:
    """Microseconds of processor time that the kernel takes for a code. A search before is not counted."""
    arrays = [np.frombuffer(values, dtype=np.uint8).reshape(-1, PDQ.size) for values in batches]
    index.search_batch(arrays[-1], int(PDQ.default), limit=DEFAULT_EACH)
    start = time.thread_time()
    for codes in arrays:
        index.search_batch(codes, int(PDQ.default), limit=DEFAULT_EACH)
    return (time.thread_time() - start) / (len(arrays) * CODES) * MICROSECONDS


def figures(played: Sequence[Turn], alone: Sequence[float]) -> dict[str, Any]:
    """Of the server's turns and, by round, the kernel's: medians for a code, and the ratio within a round."""
    ours = [one.us / CODES for one in played]
    shares = [ratio(kernel, our) for our, kernel in zip(ours, alone, strict=True)]
    waited = list(itertools.chain.from_iterable(one.waited for one in played))
    us, kernel_us = statistics.median(ours), statistics.median(alone)
    return {
        "us": us,
        "kernel_us": kernel_us,
        "checks/s/core": ratio(MICROSECONDS, us),
        "kernel_checks/s": ratio(MICROSECONDS, kernel_us),
        "share": statistics.median(shares),
        "share_of_rounds": shares,
        "p50_ms": percentile(waited, 50) * 1000,
    }


def promises(rows: Sequence[Mapping[str, Any]]) -> Iterator[Promise]:
    """Those about each row: its share of the kernel's rate, and its own rate."""
    for row in rows:
        what = f"{row['entries']:,}: batches, {row['batch']}, {row['in_flight']} in flight"
        if row["entries"] >= MILLION:
            yield Promise(f"{what} / the kernel", row["share"], least=SHARE)
        rate = next(rate for entries, rate in RATES if row["entries"] >= entries)
        yield Promise(f"{what}, checks/s/core", row["checks/s/core"], least=rate)


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the table."""
    print_table(
        "Batches",
        [{column: cell for column, cell in row.items() if column != "share_of_rounds"} for row in rows],
        NOTES,
    )
