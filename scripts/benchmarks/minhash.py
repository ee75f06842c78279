"""Texts: from text to signature, and searches among signatures, beside datasketch and rensa, one thread each.

    scripts/bench minhash [--size 1e6] [--peer-size 1e5] [--queries 1000] [--json] [--check]

Signatures: of folded texts of 350 characters. datasketch makes the same ones, value for value; rensa's are
of another family. Searches: hashpact holds --size texts, datasketch --peer-size. What finds less is faster,
so each side is there twice for each threshold: datasketch with a banding that wants our recall, as far as
128 values allow, beside ours; and with the one that it chooses itself, beside ours with no more bands than
find as much. Recall is that among planted copies at least as similar as the threshold. The last table
is the recall of signatures of exactly one similarity, beside the curve of docs/methods/minhash-1.md. With
--check it exits with 1 unless every promise about texts holds, which are about the sizes above.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from benchmarks.gate import Promise
from benchmarks.machine import describe, say
from benchmarks.report import print_json, print_table
from benchmarks.timing import Side, interleave, ratio
from benchmarks.writing import Writer
from numpy.typing import NDArray

from hashpact import _kernel
from hashpact.fingerprint.text import fold, shingles
from hashpact.lookup import MinHashIndex, minhash_signature, minhash_signatures

try:
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-untyped]  # it carries no types
except ImportError:
    sys.exit("scripts/bench minhash compares with datasketch, which is not installed")
try:
    import rensa
except ImportError:
    rensa = None

Signatures = NDArray[np.uint32]
Row = dict[str, Any]

LENGTH: Final = 350
PIECE: Final = 20_000
# For each threshold: bands and values a band that 128 values allow datasketch, with the recall that ours has;
# and the recall with which ours finds as many of the planted as the banding that datasketch chooses itself.
EQUAL_RECALL: Final = {0.5: ((42, 3), 0.67), 0.6: ((32, 4), 0.5)}
SIMILARITIES: Final = (0.5, 0.6, 0.7, 0.8)
PAIRS: Final = 20_000
TIMES: Final = 8.0  # as fast as datasketch
LESS_RECALL: Final = 0.01  # than the curve
SKETCHING: Final = "datasketch, shingles and update_batch"
OURS: Final = "hashpact"
OURS_OF_LESS: Final = "hashpact, recall of its banding"
OWN_BANDING: Final = "datasketch, its own banding"
OUR_RECALL: Final = "datasketch, our recall"
SEARCH_NOTES: Final = (
    "ratio: to the first row of the threshold; at equal recall: to the row of ours that finds as much.",
)
PERMUTATIONS: Final = MinHash(num_perm=128, seed=1, scheme="affine32").permutations


def datasketch(text: str) -> Signatures:
    """What a user of datasketch writes; the permutations are made once."""
    sketch = MinHash(num_perm=128, seed=1, scheme="affine32", permutations=PERMUTATIONS)
    sketch.update_batch([shingle.encode() for shingle in shingles(text)])
    values: Signatures = sketch.hashvalues
    return values


def by_rensa(text: str) -> object:
    """The same with rensa."""
    sketch = rensa.RMinHash(num_perm=128, seed=1)
    sketch.update(list(shingles(text)))
    return sketch.digest()


def signatures(count: int) -> list[Row]:
    """The rows about making signatures."""
    texts = [fold(text)[:LENGTH] for text in Writer(1).write(4 * count)]
    texts = [text for text in texts if len(text) == LENGTH][:count]
    if not (minhash_signatures(texts) == np.stack([datasketch(text) for text in texts])).all():
        msg = "the signatures differ from datasketch's"
        raise SystemExit(msg)
    sides = [
        Side("hashpact", lambda i: minhash_signature(texts[i])),
        Side(SKETCHING, lambda i: datasketch(texts[i])),
    ]
    if rensa is not None:
        sides.append(Side("rensa, shingles and update", lambda i: by_rensa(texts[i])))
    rows: list[Row] = []
    best = _kernel.level()
    timings = interleave(sides, len(texts))
    for side, timing in zip(sides, timings, strict=True):
        rows.append({"side": side.name, "p50_us": timing.p50, "ratio": ratio(timing.p50, timings[0].p50)})
    for level in reversed(_kernel.levels()[:-1]):
        _kernel.use_level(level)
        (timing,) = interleave(sides[:1], len(texts))
        rows.insert(
            1, {"side": f"hashpact, {level}", "p50_us": timing.p50, "ratio": timing.p50 / timings[0].p50}
        )
    _kernel.use_level(best)
    return rows


def planted(writer: Writer, texts: Sequence[str], count: int) -> tuple[list[int], Signatures]:
    """Rows of texts, and signatures of copies of theirs of which 2 to 30 % was changed."""
    rng = np.random.default_rng(7)
    rows = rng.integers(0, len(texts), count).tolist()
    copies = [
        writer.edit(texts[row], share) for row, share in zip(rows, rng.uniform(0.02, 0.3, count), strict=True)
    ]
    return rows, minhash_signatures(copies)


def sketched(values: Signatures) -> MinHash:
    """As datasketch has it."""
    return MinHash(num_perm=128, seed=1, scheme="affine32", hashvalues=values, permutations=PERMUTATIONS)


class Peer:
    """datasketch's index with one banding."""

    def __init__(self, threshold: float, banding: tuple[int, int] | None, held: Signatures) -> None:
        self._index = MinHashLSH(threshold=threshold, num_perm=128, params=banding)
        chosen = OWN_BANDING if banding is None else OUR_RECALL
        self.name = f"{chosen} ({self._index.b} x {self._index.r})"
        say(f"{self.name}, threshold {threshold}")
        with self._index.insertion_session() as session:
            for row, values in enumerate(held):
                session.insert(row, sketched(values), check_duplication=False)

    def side(self, queries: Signatures) -> Side:
        """For the clock; its query takes a MinHash."""
        asked = [sketched(query) for query in queries]
        return Side(self.name, lambda i: self._index.query(asked[i]))


class Ours:
    """An index of ours with some recall at the threshold."""

    def __init__(self, name: str, recall: float, held: Signatures) -> None:
        say(f"{name}: building")
        self.name = name
        start = time.perf_counter()
        self._index = MinHashIndex(recall)
        self._index.add(held, np.arange(len(held)))
        self.build_s = time.perf_counter() - start
        self.bytes_each = self._index.stats()["bytes"] / len(held)

    def side(self, queries: Signatures, threshold: float) -> Side:
        """For the clock."""
        return Side(self.name, lambda i: self._index.search(queries[i], threshold))

    @staticmethod
    def rows(hits: list[tuple[int, float]]) -> set[int]:
        """Which rows an answer has."""
        return {row for row, _ in hits}


def searches(size: int, peer_size: int, count: int) -> list[Row]:
    """The rows about searching, for two thresholds."""
    say(f"writing {size:,} texts")
    writer = Writer(2)
    texts = writer.write(PIECE)
    held = np.empty((size, 128), dtype=np.uint32)
    for first in range(0, size, PIECE):
        piece = minhash_signatures(writer.write(PIECE) if first else texts)
        held[first : first + PIECE] = piece[: size - first]
    originals, queries = planted(writer, texts[: min(size, peer_size)], count)
    similar = np.array([(held[row] == query).mean() for row, query in zip(originals, queries, strict=True)])
    index = Ours(OURS, 0.99, held)
    rows: list[Row] = []
    for threshold, (banding, less) in EQUAL_RECALL.items():
        pairs = [
            (index, Peer(threshold, banding, held[:peer_size])),
            (Ours(OURS_OF_LESS, less, held), Peer(threshold, None, held[:peer_size])),
        ]
        found: list[set[int]] = [set() for _ in range(2 * len(pairs))]
        sides: list[Side] = []
        for ours, peer in pairs:
            for side, unpack in ((ours.side(queries, threshold), ours.rows), (peer.side(queries), set)):
                sides.append(Side(side.name, side.call, keeper(found[len(sides)], originals, unpack)))
        timings = interleave(sides, count)
        wanted = set(np.flatnonzero(similar >= threshold).tolist())
        for place, (side, timing, kept) in enumerate(zip(sides, timings, found, strict=True)):
            asked = wanted & set(timing.calls)
            mine = pairs[place // 2][0] if place % 2 == 0 else None
            rows.append(
                {
                    "threshold": threshold,
                    "side": side.name,
                    "holds": peer_size if mine is None else len(held),
                    "p50_us": timing.p50,
                    "p99_us": timing.p99,
                    "recall": len(asked & kept) / len(asked),
                    "ratio": ratio(timing.p50, timings[0].p50),
                    "ratio_at_equal_recall": ratio(timing.p50, timings[place // 2 * 2].p50),
                    "bytes_each": None if mine is None else mine.bytes_each,
                    "build_s": None if mine is None else mine.build_s,
                }
            )
    return rows


def keeper(
    found: set[int], originals: Sequence[int], rows: Callable[[Any], set[int]]
) -> Callable[[int, Any], None]:
    """What notes that call i has found the original of its query."""

    def keep(i: int, answer: Any) -> None:  # noqa: ANN401 - each side has its own
        if originals[i] in rows(answer):
            found.add(i)

    return keep


def curve() -> list[Row]:
    """Recall at exactly one similarity, searching for 0.5 or more and for that similarity or more."""
    rng = np.random.default_rng(3)
    held = rng.integers(0, 2**32, (PAIRS, 128), dtype=np.uint32)
    index = MinHashIndex.build(held, np.arange(PAIRS))
    rows = []
    for similarity in SIMILARITIES:
        queries = held.copy()
        different = 128 - math.ceil(128 * similarity)
        for query in queries:
            query[rng.choice(128, different, replace=False)] += 1
        row: Row = {"similarity": similarity}
        for name, threshold in (("for_0.5", 0.5), ("for_it", similarity)):
            offsets, ids, _ = index.search_batch(queries, threshold)
            asked = np.repeat(np.arange(PAIRS), np.diff(offsets))
            row[f"theory_{name}"] = index.recall(similarity, threshold)
            row[f"measured_{name}"] = float((ids == asked).sum()) / PAIRS
        rows.append(row)
    return rows


def promises(report: dict[str, Any]) -> list[Promise]:
    """Those about texts: beside datasketch, and beside the curve."""
    kept = [
        Promise("datasketch / ours, a signature", row["ratio"], least=TIMES)
        for row in report["signatures"]
        if row["side"] == SKETCHING
    ]
    for ours, peer in pairwise(report["searches"]):
        if not peer["side"].startswith((OWN_BANDING, OUR_RECALL)):
            continue
        what = f"{peer['side']} / ours, {peer['threshold']} or more"
        kept.append(Promise(what, peer["ratio_at_equal_recall"], least=TIMES))
        what = f"recall of ours beside {peer['side']}"
        least = peer["recall"] - (LESS_RECALL if peer["side"].startswith(OUR_RECALL) else 0)
        kept.append(Promise(what, ours["recall"], least=least))
    for row in report["recall"]:
        for name in ("for_0.5", "for_it"):
            least = row[f"theory_{name}"] - LESS_RECALL
            what = f"recall of {row['similarity']}, {name.replace('_', ' ')}"
            kept.append(Promise(what, row[f"measured_{name}"], least=least))
    return kept


def main() -> int:
    """Measure, then print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench minhash",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", type=float, default=1e6, help="texts that hashpact holds")
    parser.add_argument("--peer-size", type=float, default=1e5, help="texts that the others hold")
    parser.add_argument("--queries", type=int, default=1000, help="how many each contender is asked")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    options = parser.parse_args()
    report: dict[str, Any] = {
        "machine": describe() | {"instruction_set": _kernel.level()},
        "signatures": signatures(options.queries),
        "searches": searches(int(options.size), int(options.peer_size), options.queries),
        "recall": curve(),
    }
    report["promises"] = [promise.row() for promise in promises(report)]
    if options.json:
        print_json(report)
    else:
        show(report, check=options.check)
    if not options.check:
        return 0
    failed = [row for row in report["promises"] if row["verdict"] != "pass"]
    print(f"{len(failed)} of {len(report['promises'])} promises do not hold", file=sys.stderr)
    return 1 if failed else 0


def show(report: dict[str, Any], *, check: bool) -> None:
    """The tables, and the promises if they are to be checked."""
    print("; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in report["machine"].items()), "\n")
    print_table(f"From {LENGTH} folded characters to a signature", report["signatures"])
    print_table("Searches among signatures of Vietnamese-looking texts", report["searches"], SEARCH_NOTES)
    print_table("Recall of signatures of one similarity", report["recall"])
    if check:
        print_table("Promises", report["promises"])


if __name__ == "__main__":
    sys.exit(main())
