"""The contenders of the lookup benchmark, each built from the same codes and asked the same queries.

Those of the extra `bench` that are not installed are passed over with a line that says so.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from benchmarks.machine import resident, say
from benchmarks.planting import BITS, RADIUS, WIDTH, Codes
from benchmarks.recall import Answer, answer

from hashpact.lookup import HammingIndex

OURS: Final = "hashpact"
SCAN: Final = "hashpact, linear scan"
FLAT: Final = "faiss flat"
THEIR_MULTIHASH: Final = "faiss multihash 16x16"
BEST_MULTIHASH: Final = "faiss multihash, best"
THREATEXCHANGE: Final = "threatexchange PDQ"
USEARCH: Final = "usearch"


@dataclass(frozen=True)
class Task:
    """What every contender is given."""

    codes: Codes
    queries: Codes
    limit: int | None


@dataclass(frozen=True)
class Asked:
    """A built index: ``call(i)`` searches for query i, ``unpack`` makes an Answer of what it returned."""

    call: Callable[[int], Any]
    unpack: Callable[[Any], Answer]
    index: Any
    note: str = ""


@dataclass(frozen=True)
class Contender:
    """An Asked with its name, how long it took to build and by how much that made the process grow."""

    name: str
    asked: Asked
    build_s: float
    grown: int


@dataclass(frozen=True)
class Peer:
    """How to build one, what must be installed, and up to how many codes it is built unless asked to."""

    name: str
    build: Callable[[Task], Asked]
    package: str = ""
    largest: int = 10**9


def need(module: str) -> Any:  # noqa: ANN401 - these packages have no types
    """A module of the extra `bench`, or None."""
    try:
        found = importlib.import_module(module)
    except ImportError:
        return None
    if module == "faiss":
        found.omp_set_num_threads(1)
    return found


def built(peer: Peer, task: Task) -> Contender:
    """The contender, timed and weighed."""
    before = resident()
    start = time.perf_counter()
    asked = peer.build(task)
    seconds = time.perf_counter() - start
    return Contender(peer.name, asked, seconds, resident() - before)


def lineup(task: Task, *, patient: bool) -> list[Contender]:
    """All that can take part at this size; ``patient`` lifts the limits of those slow to build."""
    contenders = []
    for peer in PEERS:
        if peer.package and need(peer.package) is None:
            say(f"without {peer.name}: {peer.package} is not installed")
        elif len(task.codes) > peer.largest and not patient:
            say(f"without {peer.name}: over {peer.largest:,} codes it takes too long to build (--patient)")
        else:
            say(f"building {peer.name}")
            contenders.append(built(peer, task))
    return contenders


def ours(task: Task) -> Asked:
    """The index that this is about, through its public Python API."""
    return _hashpact(HammingIndex.build(task.codes, np.arange(len(task.codes), dtype=np.uint64)), task)


def linear_scan(task: Task) -> Asked:
    """Our own plain scan: laid out for the widest radius, an index has no tables."""
    index = HammingIndex(WIDTH, BITS)
    index.add(task.codes, np.arange(len(task.codes), dtype=np.uint64))
    return _hashpact(index, task)


def _hashpact(index: HammingIndex, task: Task) -> Asked:
    index.settle()
    single = [query.tobytes() for query in task.queries]

    def unpack(hits: list[tuple[int, int]]) -> Answer:
        rows, distances = np.array(hits, dtype=np.int64).reshape(-1, 2).T
        return answer(rows, distances, RADIUS, task.limit)

    return Asked(lambda i: index.search(single[i], RADIUS, task.limit), unpack, index)


def flat(task: Task) -> Asked:
    """The faiss IndexBinaryFlat: compares with every code. Its range search has no limit."""
    index = need("faiss").IndexBinaryFlat(BITS)
    index.add(task.codes)
    return range_searched(index, task)


def threatexchange(task: Task) -> Asked:
    """The index that threatexchange's PdqSignal uses, asked in its own way: a hex string."""
    module = need("threatexchange.signal_type.pdq.pdq_index")
    names = [code.tobytes().hex() for code in task.codes]
    index = module.PDQIndex(list(zip(names, range(len(names)), strict=True)))
    del names
    single = [query.tobytes().hex() for query in task.queries]

    def unpack(matches: Any) -> Answer:  # noqa: ANN401 - its own type
        rows = [match.metadata for match in matches]
        distances = [match.similarity_info.distance for match in matches]
        return answer(rows, distances, RADIUS, task.limit)

    return Asked(lambda i: index.query(single[i]), unpack, index, "returns Python objects")


def usearch(task: Task) -> Asked:
    """usearch, binary Hamming: an approximate graph, asked for the nearest ``limit``, or 10.

    All cores build it, one searches: with one it takes minutes for a million codes.
    """
    module = need("usearch.index")
    index = module.Index(ndim=BITS, metric=module.MetricKind.Hamming, dtype=module.ScalarKind.B1)
    index.add(np.arange(len(task.codes), dtype=np.uint64), task.codes)
    nearest = task.limit or 10
    queries = task.queries

    def unpack(matches: Any) -> Answer:  # noqa: ANN401 - its own type
        return answer(matches.keys, matches.distances, RADIUS, task.limit)

    return Asked(
        lambda i: index.search(queries[i], nearest, threads=1),
        unpack,
        index,
        "approximate; built by all cores",
    )


def range_searched(index: Any, task: Task, note: str = "") -> Asked:  # noqa: ANN401 - any faiss index
    """A faiss index. It finds what is nearer than its radius, not what is as near."""
    queries = task.queries

    def unpack(found: Any) -> Answer:  # noqa: ANN401 - three arrays
        _, distances, rows = found
        return answer(rows, distances, RADIUS, task.limit)

    return Asked(lambda i: index.range_search(queries[i : i + 1], RADIUS + 1), unpack, index, note)


PEERS: Final = (
    Peer(OURS, ours),
    Peer(SCAN, linear_scan),
    Peer(FLAT, flat, "faiss"),
    Peer(THREATEXCHANGE, threatexchange, "threatexchange.signal_type.pdq.pdq_index", largest=1_000_000),
    Peer(USEARCH, usearch, "usearch.index", largest=200_000),
)
