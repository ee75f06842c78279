"""Merges in the background: nobody waits for them, and nobody sees them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from segments import random_codes

from hashpact.lookup import HammingIndex

LARGE = 300_000
MORE = 50_000
"""More than an eighth of LARGE, by which a merge of both is due."""
SEVERAL = (300_000, 320_000, 322_100, 322_150)
"""Where the segments of an index end that are left as they are."""
GONE = np.arange(0, LARGE + MORE, 7)
NEW = random_codes(100, 8, 1)
# Both are made beforehand: what a test does during a merge has to be quicker than the merge.


@pytest.fixture
def merging() -> HammingIndex:
    """An index whose background merges LARGE and MORE codes, the first of which are all different."""
    return during_a_merge(lambda _: None)


def during_a_merge(act: Callable[[HammingIndex], None]) -> HammingIndex:
    """Such an index, which still merges after ``act``. On a busy machine that may take several tries."""
    codes = numbered(LARGE + MORE)
    for _ in range(20):
        index = HammingIndex.build(codes[:LARGE], np.arange(LARGE))
        index.add(codes[LARGE:], np.arange(LARGE, LARGE + MORE))
        act(index)
        if is_merging(index):
            return index
        index.settle()
    pytest.fail("every merge ended first")


def is_merging(index: HammingIndex) -> bool:
    return len(index.stats()["segments"]) > 1


def is_compacting(index: HammingIndex) -> bool:
    return index.compacting


def numbered(count: int) -> NDArray[np.uint8]:
    return np.arange(count, dtype="<u8").view(np.uint8).reshape(-1, 8)


def code(number: int) -> bytes:
    return number.to_bytes(8, "little")


def test_no_writer_waits_for_a_large_merge() -> None:
    def write(index: HammingIndex) -> None:
        for item in range(len(NEW)):
            index.add(NEW[item : item + 1], [10**9 + item])
            assert index.remove([item]) == 1
            assert index.search(code(item + 1000), 0) == [(item + 1000, 0)]

    merging = during_a_merge(write)
    merging.settle()
    ((rows, _),) = merging.stats()["segments"]
    assert LARGE + MORE - 100 <= rows <= LARGE + MORE
    assert len(merging) == LARGE + MORE


def test_what_is_withdrawn_during_a_merge_stays_withdrawn() -> None:
    def withdraw(index: HammingIndex) -> None:
        assert index.remove(GONE) == len(GONE)
        index.add(np.full((1, 8), 255, dtype=np.uint8), [14])

    merging = during_a_merge(withdraw)
    merging.settle()
    assert len(merging) == LARGE + MORE - len(GONE) + 1
    assert merging.stats()["tombstones"] == len(GONE)
    assert merging.known(GONE[GONE != 14]) is None
    for item in (0, 7, 14, 70_000):
        assert merging.search(code(item), 0) == []
    assert merging.search(code(2**64 - 1), 0) == [(14, 0)]
    assert merging.search(code(15), 0) == [(15, 0)]
    # A second merge drops them.
    merging.add(random_codes(MORE, 8, 3), np.arange(10**7, 10**7 + MORE))
    merging.settle()
    assert merging.stats()["tombstones"] == 0


def test_a_merge_does_not_outlive_its_index(merging: HammingIndex) -> None:
    threads = threading.active_count()
    del merging
    assert threading.active_count() == threads


def test_mostly_withdrawn_layers_are_rebuilt_in_the_background() -> None:
    index = HammingIndex.build(random_codes(LARGE, 8, 1), np.arange(LARGE))
    index.remove(np.arange(0, 160_000))
    index.settle()
    assert [rows for rows, _ in index.stats()["segments"]] == [LARGE - 160_000]
    assert index.stats()["tombstones"] == 0


@pytest.fixture
def several() -> HammingIndex:
    """An index of three segments and a delta, of which no merge is due: each is much larger than the next."""
    index = HammingIndex(8)
    for start, stop in pairwise((0, *SEVERAL)):
        index.add(numbered(stop)[start:], np.arange(start, stop))
    index.settle()
    assert [rows for rows, _ in index.stats()["segments"]] == [300_000, 20_000, 2_100]
    assert index.stats()["delta"] == 50
    return index


def test_a_compaction_makes_one_segment_without_what_is_withdrawn(several: HammingIndex) -> None:
    several.remove(GONE[:40_000])
    before = [several.search(query.tobytes(), 12) for query in NEW[:50]]
    several.compact()
    assert is_compacting(several)
    assert [several.search(query.tobytes(), 12) for query in NEW[:50]] == before
    several.settle()
    assert not is_compacting(several)
    assert [rows for rows, _ in several.stats()["segments"]] == [SEVERAL[-1] - 40_000]
    assert (several.stats()["tombstones"], several.stats()["delta"]) == (0, 0)
    assert [several.search(query.tobytes(), 12) for query in NEW[:50]] == before


def test_nobody_waits_for_a_compaction_and_what_happens_meanwhile_stays(several: HammingIndex) -> None:
    several.compact()
    for item in range(len(NEW)):
        several.add(NEW[item : item + 1], [10**9 + item])
        assert several.remove([item]) == 1
        assert several.search(code(item), 0) == []
        assert several.search(code(item + 1000), 0) == [(item + 1000, 0)]
    assert is_compacting(several)
    several.settle()
    assert len(several) == SEVERAL[-1]
    assert several.known(range(len(NEW))) is None
    assert several.search(NEW[7].tobytes(), 0) == [(10**9 + 7, 0)]
    assert len(several.stats()["segments"]) == 1


def test_a_compaction_takes_in_what_a_merge_under_way_makes(merging: HammingIndex) -> None:
    merging.compact()
    merging.compact()
    assert is_merging(merging)
    merging.settle()
    assert merging.stats()["segments"][0][0] == LARGE + MORE
    assert not is_merging(merging)


def test_a_compact_index_has_nothing_to_do() -> None:
    index = HammingIndex(8)
    index.compact()
    assert not is_compacting(index)
    index.add(NEW, np.arange(len(NEW)))
    index.compact()  # of the delta it makes a segment at once
    assert not is_compacting(index)
    assert index.stats()["segments"] == [(100, index.stats()["segments"][0][1])]
    index.remove(range(100))
    index.compact()
    index.settle()
    assert (index.stats()["segments"], len(index)) == ([], 0)


def test_a_compaction_does_not_outlive_its_index(several: HammingIndex) -> None:
    threads = threading.active_count()
    several.compact()
    del several
    assert threading.active_count() == threads


def test_saving_during_a_merge_keeps_one_moment(merging: HammingIndex, tmp_path: Path) -> None:
    path = tmp_path / "a.segment"
    frozen = merging.freeze()
    merging.remove(range(1000))
    frozen.save(str(path))
    assert len(HammingIndex.open(path)) == LARGE + MORE
    assert len(merging) == LARGE + MORE - 1000


def test_saving_and_verifying_leave_the_gil_to_others(tmp_path: Path) -> None:
    """No thread is made to give up the GIL here: another one runs only while it is let go."""
    path = tmp_path / "a.segment"
    index = HammingIndex.build(random_codes(LARGE, 32, 1), np.arange(LARGE))
    turns, done = [0], threading.Event()

    def take_turns() -> None:
        while not done.is_set():
            turns[0] += 1
            time.sleep(0.0001)

    other = threading.Thread(target=take_turns)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)

    def lets_others_run(work: Callable[[], object]) -> bool:
        """Whether the other thread got a turn meanwhile, in any of some tries: the machine may be busy."""
        for _ in range(50):
            before = turns[0]
            work()
            if turns[0] > before:
                return True
        return False

    try:
        other.start()
        saving = lets_others_run(lambda: index.save(path))
        opened = HammingIndex.open(path)
        verifying = lets_others_run(opened.verify)
    finally:
        sys.setswitchinterval(interval)
        done.set()
        other.join()
    assert (saving, verifying) == (True, True)


@pytest.mark.parametrize(("batch", "total"), [(1, 1500), (50, 24_000)])
def test_every_search_sees_every_code_whose_add_returned(batch: int, total: int) -> None:
    """20 000 codes a second for more than a second, with merges of all sizes under way.

    Fewer where each add waits for its turn at the GIL, of which the searching threads let go seldom.
    """
    removed_every = 5
    codes = random_codes(total, 32, 7)
    codes[:, 8:12] = np.arange(total, dtype="<u4").view(np.uint8).reshape(-1, 4)  # all different
    index = HammingIndex(32)
    added, removed, done = [0], [0], threading.Event()

    def add() -> None:
        start = time.perf_counter()
        for first in range(0, total, batch):
            index.add(codes[first : first + batch], np.arange(first, min(first + batch, total)))
            added[0] = first + batch
            time.sleep(max(0.0, start + added[0] / 20_000 - time.perf_counter()))

    def remove() -> None:
        while removed[0] < total:
            stop = added[0]
            ids = range(removed[0], stop, removed_every)
            assert index.remove(ids) == len(ids)
            removed[0] += removed_every * len(ids)
            time.sleep(0.002)

    def search(seed: int) -> int:
        rng = np.random.default_rng(seed)
        searches = 0
        while not done.is_set() or searches <= 100:  # a busy machine may leave few turns meanwhile
            there, gone = added[0], removed[0]
            if there < batch + 1 or gone < removed_every + 1:
                continue
            row = int(rng.integers(there))
            hits = index.search(codes[row].tobytes(), 0)
            if row % removed_every:
                assert hits == [(row, 0)]
            row = int(rng.integers(gone)) // removed_every * removed_every
            assert index.search(codes[row].tobytes(), 0) == []
            searches += 1
        return searches

    with ThreadPoolExecutor(4) as pool:
        searching = [pool.submit(search, seed) for seed in range(2)]
        writing = [pool.submit(add), pool.submit(remove)]
        try:
            for work in writing:
                work.result()
        finally:
            done.set()
        assert min(work.result() for work in searching) > 100
    index.settle()
    assert len(index) == total - total // removed_every
