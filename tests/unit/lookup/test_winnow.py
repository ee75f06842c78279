"""WinnowIndex: exactly the answers of the oracle, whatever layers the texts lie in, and at a bounded cost."""

from __future__ import annotations

import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear import contained
from numpy.typing import NDArray

from hashpact.domain.fingerprints import WINNOW
from hashpact.errors import InvalidInputError
from hashpact.lookup import WinnowIndex

Hashes = NDArray[np.uint32]
MOST_SHARED = WINNOW.most_shared or 0
MOST = WINNOW.count[1]


def hashes(values: object) -> Hashes:
    """Those values in ascending order, each once."""
    return np.unique(np.asarray(values, np.uint32))


def drawn(rng: np.random.Generator, pool: Hashes, count: int) -> Hashes:
    """So many different hashes of the pool."""
    return hashes(rng.choice(pool, min(count, len(pool)), replace=False))


def pool_of(rng: np.random.Generator, count: int) -> Hashes:
    """Different hashes, the largest and the smallest among them."""
    return hashes([0, 2**32 - 1, *rng.integers(0, 2**32, count).tolist()])


def big_endian(values: Hashes) -> bytes:
    return struct.pack(f">{len(values)}I", *values.tolist())


def expected(texts: dict[int, Hashes], query: Hashes, threshold: float) -> list[tuple[int, float]]:
    """What the oracle finds, in order."""
    shares = contained(big_endian(query), {item: big_endian(text) for item, text in texts.items()})
    hits = [(item, share) for item, share in shares.items() if share >= threshold]
    return sorted(hits, key=lambda hit: (-hit[1], hit[0]))


def found(
    index: WinnowIndex, query: Hashes, threshold: float, limit: int | None = None
) -> list[tuple[int, float]]:
    """What the index finds, without being truncated."""
    ids, shares, truncated = index.search(query, threshold, limit)
    assert not truncated
    return list(zip(ids.tolist(), shares.tolist(), strict=True))


@given(
    seed=st.integers(0, 2**32 - 1),
    rounds=st.lists(st.integers(1, 150), min_size=1, max_size=5),
    pool_size=st.sampled_from([30, 300, 3000]),
    threshold=st.sampled_from([0.01, 0.3, 0.5, 0.75, 1.0]),
)
@settings(max_examples=30)
def test_hits_are_those_of_the_oracle(
    tmp_path_factory: pytest.TempPathFactory, seed: int, rounds: list[int], pool_size: int, threshold: float
) -> None:
    """Through additions, removals, merges and files: the same shares, in the same order, to the bit."""
    rng = np.random.default_rng(seed)
    pool = pool_of(rng, pool_size)
    templates = [drawn(rng, pool, int(rng.integers(1, MOST_SHARED + 1))) for _ in range(6)]
    index, number = WinnowIndex(), 0
    texts: dict[int, Hashes] = {}
    for round_, count in enumerate(rounds):
        new: dict[int, Hashes] = {}
        for _ in range(count):
            template = templates[int(rng.integers(len(templates)))]
            kept = template[rng.random(len(template)) < rng.choice([0.5, 0.9, 1.0])]
            text = hashes([*kept, *drawn(rng, pool, int(rng.integers(1, 40)))])[:MOST_SHARED]
            new[number] = text
            number += 7
        index.add(list(new.values()), list(new))
        texts |= new
        gone = [item for item in texts if rng.random() < 0.2]
        assert index.remove(gone) == len(gone)
        texts = {item: text for item, text in texts.items() if item not in gone}
        if round_ % 2:
            index.settle()
        if round_ == 2:
            path = tmp_path_factory.mktemp("saved") / "index"
            index.save(path)
            index = WinnowIndex.open(path)
            index.verify()
    assert len(index) == len(texts)
    queries = [*templates, hashes(np.concatenate(templates)), drawn(rng, pool, 20), *list(texts.values())[:5]]
    for query in queries:
        wanted = expected(texts, query, threshold)
        assert found(index, query, threshold) == wanted
        for limit in (1, 3, 100):
            assert found(index, query, threshold, limit) == wanted[:limit]


def test_layers_and_order_do_not_change_an_answer() -> None:
    rng = np.random.default_rng(1)
    pool = pool_of(rng, 400)
    texts = {item: drawn(rng, pool, 60) for item in range(900)}
    texts |= {item: texts[item - 900] for item in range(900, 1200)}
    at_once = WinnowIndex.build(list(texts.values()), list(texts))
    at_once.settle()
    one_by_one = WinnowIndex()
    for item in rng.permutation(list(texts)).tolist():
        one_by_one.add([texts[item]], [item])
    assert len(one_by_one.stats()["segments"]) > 0
    assert one_by_one.stats()["delta"] > 0
    for query in list(texts.values())[:20]:
        assert found(one_by_one, query, 0.3) == found(at_once, query, 0.3) == expected(texts, query, 0.3)


def test_a_copy_weighs_as_one_text_wherever_it_lies() -> None:
    """The same text of many members makes none of its hashes common."""
    rng = np.random.default_rng(2)
    pool = rng.permutation(pool_of(rng, 100))
    text, other = hashes(pool[:60]), pool[60:]
    index = WinnowIndex()
    for item in range(700):
        index.add([text], [item])
    half = hashes([*text[:20], *other[:10]])
    index.add([half], [700])
    # The 20 hashes are in two texts and weigh a quarter of the ten.
    assert found(index, text, 0.3)[-1] == (700, 5 / 15)
    index.remove(range(1, 700))
    index.settle()
    assert found(index, text, 0.3) == [(0, 1.0), (700, 5 / 15)]
    index.remove([0])
    assert found(index, text, 0.3) == [(700, 20 / 30)]


def test_boilerplate_counts_for_little() -> None:
    rng = np.random.default_rng(3)
    pool = pool_of(rng, 60_000)
    shared, pool = pool[::400][:80], np.setdiff1d(pool, pool[::400])
    own = [drawn(rng, pool, 24) for _ in range(200)]
    index = WinnowIndex.build([hashes([*each, *shared]) for each in own[:100]], range(100))
    # Three quarters of an entry are in the upload, but each hash of them weighs a 64th of one of its own.
    others = [hashes([*each, *shared]) for each in own[100:]]
    assert [found(index, each, 0.5) for each in others] == [[]] * 100
    # The message itself is found under other boilerplate.
    elsewhere = [hashes([*each, *drawn(rng, pool, 80)]) for each in own[:100]]
    assert [[item for item, _ in found(index, each, 0.5)] for each in elsewhere] == [[i] for i in range(100)]


def test_a_common_text_is_still_found() -> None:
    """All of its hashes are common, so they weigh the same, and a campaign does not hide itself."""
    rng = np.random.default_rng(4)
    pool = pool_of(rng, 30_000)
    message = pool[:90]
    variants = [hashes([*message[rng.random(90) < 0.98], *drawn(rng, pool[90:], 4)]) for _ in range(500)]
    index = WinnowIndex.build(variants, range(500))
    assert len(found(index, hashes([*message, *drawn(rng, pool[90:], 600)]), 0.5)) > 490


def test_a_long_text_is_a_sample_of_its_least_hashes() -> None:
    rng = np.random.default_rng(5)
    pool = pool_of(rng, 40_000)
    rng.shuffle(pool)
    long = hashes(pool[:30_000])
    query = long[:MOST]
    texts = {
        1: drawn(rng, long, 128),
        2: hashes([*drawn(rng, long, 40), *pool[30_000:30_040]]),
        3: drawn(rng, long, 9),  # too few of them are in the sample
        4: hashes(pool[30_000:30_100]),
    }
    index = WinnowIndex.build(list(texts.values()), list(texts))
    assert found(index, query, 0.3) == expected(texts, query, 0.3)
    assert [item for item, _ in expected(texts, query, 0.3)] == [1, 2]
    assert found(index, query, 0.3)[0] == (1, 1.0)
    assert (texts[1] > query[-1]).any()


def test_few_hashes_in_common_are_no_hit() -> None:
    base = np.arange(100, dtype=np.uint32) * 1000
    index = WinnowIndex.build([base[:7], base[:8], base[50:58]], [1, 2, 3])
    assert found(index, base[:20], 0.01) == [(2, 1.0)]
    assert found(index, base[54:], 0.01) == [(3, 0.5)]
    assert found(index, base[55:], 0.01) == []


def test_60_a_crowd_with_the_same_hashes_costs_a_bounded_time() -> None:
    """Each of the crowd differs, and has 120 hashes of the query: 7 million postings."""
    rng = np.random.default_rng(6)
    common = pool_of(rng, 200)[:120]
    index = WinnowIndex()
    for first in range(0, 60_000, 20_000):
        own = rng.integers(0, 2**32, (20_000, 8), dtype=np.uint32)
        rows = np.sort(np.concatenate([np.tile(common, (20_000, 1)), own], axis=1), axis=1)
        keep = [row for row in rows if (row[1:] > row[:-1]).all()]
        index.add(keep, range(first, first + len(keep)))
    index.settle()
    ids, _, truncated = index.search(common, 0.5, 20)
    start = time.process_time()
    for _ in range(5):
        index.search(common, 0.5, 20)
    each = (time.process_time() - start) / 5
    assert truncated
    assert len(ids) <= 20
    assert each < 0.2
    # What is rare is found in the crowd's presence.
    rare = np.arange(5, 4000, 50, dtype=np.uint32)
    index.add([rare], [10**9])
    ids, _, truncated = index.search(hashes([*common, *rare]), 0.5, 20)
    assert truncated
    assert 10**9 in ids.tolist()


def test_60_withdrawn_copies_cost_a_bounded_time() -> None:
    text = np.arange(1, 129, dtype=np.uint32) * 7
    index = WinnowIndex()
    index.add([text] * 50_000, range(50_000))
    others = [np.arange(1000 + 20 * n, 1010 + 20 * n, dtype=np.uint32) for n in range(25_000)]
    index.add(others, range(10**6, 10**6 + len(others)))
    index.settle()
    index.remove(range(35_000))
    assert index.stats()["tombstones"] == 35_000
    start = time.process_time()
    assert found(index, text, 0.5, 20) == [(item, 1.0) for item in range(35_000, 35_020)]
    assert time.process_time() - start < 0.03


def test_searches_go_on_while_others_write() -> None:
    rng = np.random.default_rng(7)
    pool = pool_of(rng, 5000)
    steady = {item: drawn(rng, pool, 50) for item in range(40)}
    index = WinnowIndex.build(list(steady.values()), list(steady))
    done = threading.Event()
    failures: list[BaseException] = []

    def search() -> None:
        try:
            while not done.is_set():
                for item, text in steady.items():
                    assert (item, 1.0) in found(index, text, 1.0)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for first in range(100, 4100, 100):
        new = [drawn(rng, pool, 30) for _ in range(100)]
        index.add(new, range(first, first + 100))
        assert all((first + i, 1.0) in found(index, text, 1.0) for i, text in enumerate(new[:5]))
        index.remove(range(first, first + 90))
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    "wrong",
    [
        np.array([], np.uint32),
        np.array([1, 1], np.uint32),
        np.array([2, 1], np.uint32),
        np.array([1, 2], np.int64),
        np.array([[1, 2]], np.uint32),
        [1, 2],
        np.arange(MOST + 1, dtype=np.uint32),
    ],
    ids=["none", "twice", "unsorted", "signed", "a matrix", "a list", "too many"],
)
def test_60_what_is_no_set_of_hashes_is_refused(wrong: Hashes) -> None:
    index = WinnowIndex()
    with pytest.raises(InvalidInputError) as error:
        index.add([wrong], [1])
    assert error.value.details["field"] == "hashes"
    with pytest.raises(InvalidInputError):
        index.search(wrong, 0.5)
    assert len(index) == 0


def test_60_more_than_an_entry_holds_is_refused_only_of_an_entry() -> None:
    index = WinnowIndex()
    long = np.arange(MOST_SHARED + 1, dtype=np.uint32)
    with pytest.raises(InvalidInputError, match="1 to 128 hashes"):
        index.add([long], [1])
    index.add([long[:MOST_SHARED]], [1])
    assert found(index, long, 0.5) == [(1, 1.0)]


@pytest.mark.parametrize("share", [0, -1, 1.01, float("nan")])
def test_a_share_out_of_bounds_is_refused(share: float) -> None:
    with pytest.raises(InvalidInputError) as error:
        WinnowIndex().search(np.arange(8, dtype=np.uint32), share)
    assert error.value.details["field"] == "min_share"


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    index = WinnowIndex()
    index.save(tmp_path / "empty")
    for each in (index, WinnowIndex.open(tmp_path / "empty")):
        assert found(each, np.arange(8, dtype=np.uint32), 0.5) == []
