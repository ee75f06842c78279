"""What domain/ports.py promises of an Index, asked of each one."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from builders import winnowed
from linear import LinearIndex

from hashpact.domain.checks import Hit
from hashpact.domain.fingerprints import (
    MD5,
    MINHASH,
    PARTS,
    PDQ,
    PHASH,
    SHA1,
    SHA256,
    SHA512,
    WINNOW,
    Fingerprint,
    FingerprintType,
)
from hashpact.domain.ports import Index
from hashpact.errors import InvalidInputError
from hashpact.lookup import NativeIndex

EVERY_TYPE = (PDQ, PHASH, PARTS, MINHASH, WINNOW, SHA256, MD5, SHA1, SHA512)


@pytest.fixture(params=[NativeIndex, LinearIndex])
def index(request: pytest.FixtureRequest) -> Index:
    """An empty index."""
    empty: Index = request.param()
    return empty


def fingerprint(kind: FingerprintType, seed: int) -> Fingerprint:
    """A usable fingerprint: half of its bits are set, or it has 40 keypoints, or 60 hashes."""
    if kind is WINNOW:
        return winnowed(np.random.default_rng(seed).integers(0, 2**32, 60).tolist())
    rng = np.random.default_rng((seed, kind.size))
    if kind is PARTS:
        return Fingerprint(PARTS, rng.integers(0, 256, 40 * 38, dtype=np.uint8).tobytes())
    bits = np.zeros(kind.size * 8, dtype=np.uint8)
    bits[rng.permutation(len(bits))[: len(bits) // 2]] = 1
    return Fingerprint(kind, np.packbits(bits).tobytes())


def moved(original: Fingerprint, distance: int) -> Fingerprint:
    """A usable code that many bits away: as many set as cleared, give or take one."""
    bits = np.unpackbits(np.frombuffer(original.value, dtype=np.uint8))
    ones, zeros = np.flatnonzero(bits == 1), np.flatnonzero(bits == 0)
    bits[ones[: distance // 2]] = 0
    bits[zeros[: distance - distance // 2]] = 1
    return Fingerprint(original.type, np.packbits(bits).tobytes())


def alike(original: Fingerprint, equal: int) -> Fingerprint:
    """A signature that agrees in exactly that many values."""
    values = np.frombuffer(original.value, dtype=">u4").copy()
    values[equal:] ^= 0x5A5A5A5A
    return Fingerprint(MINHASH, values.tobytes())


def find(index: Index, query: Fingerprint, threshold: float | None = None, limit: int = 1000) -> list[Hit]:
    return list(index.search(query, query.type.default if threshold is None else threshold, limit))


@pytest.mark.parametrize("kind", EVERY_TYPE, ids=lambda kind: kind.name)
def test_an_item_is_found_once_added_and_not_once_removed(index: Index, kind: FingerprintType) -> None:
    best = 40 if kind is PARTS else 1.0 if kind.measure.larger_is_nearer else 0
    index.add([(7, fingerprint(kind, 1)), (8, fingerprint(kind, 2))])
    assert find(index, fingerprint(kind, 1)) == [Hit(7, best)]
    assert len(index) == 2
    index.remove([7])
    assert find(index, fingerprint(kind, 1)) == []
    assert find(index, fingerprint(kind, 2)) == [Hit(8, best)]
    assert len(index) == 1
    index.add([(7, fingerprint(kind, 3))])
    assert find(index, fingerprint(kind, 3)) == [Hit(7, best)]


@pytest.mark.parametrize("kind", EVERY_TYPE, ids=lambda kind: kind.name)
def test_equal_scores_come_in_the_order_of_ids_up_to_the_limit(index: Index, kind: FingerprintType) -> None:
    ids = [9, 2**64 - 1, 0, 5, 2**63, 3]
    for item in ids:
        index.add([(item, fingerprint(kind, 1))])
    index.add([(1, fingerprint(kind, 2))])
    assert [hit.item for hit in find(index, fingerprint(kind, 1))] == sorted(ids)
    assert [hit.item for hit in find(index, fingerprint(kind, 1), limit=3)] == [0, 3, 5]
    assert [hit.item for hit in find(index, fingerprint(kind, 1), limit=1)] == [0]


@pytest.mark.parametrize("kind", [PDQ, PHASH], ids=lambda kind: kind.name)
def test_hamming_finds_the_nearest_first_within_an_inclusive_threshold(
    index: Index, kind: FingerprintType
) -> None:
    query = fingerprint(kind, 1)
    ceiling = int(kind.ceiling)
    index.add((100 - distance, moved(query, distance)) for distance in range(ceiling + 3))
    expected = [Hit(100 - distance, distance) for distance in range(ceiling + 1)]
    assert find(index, query, ceiling) == expected
    assert find(index, query, 4) == expected[:5]
    assert find(index, query, ceiling, limit=3) == expected[:3]
    assert find(index, query, 0) == expected[:1]


def test_similarity_finds_the_most_alike_first_within_an_inclusive_threshold(index: Index) -> None:
    query = fingerprint(MINHASH, 1)
    index.add((equal, alike(query, equal)) for equal in (63, 64, 76, 77, 100, 128))
    assert find(index, query, 0.5) == [Hit(equal, equal / 128) for equal in (128, 100, 77, 76, 64)]
    assert find(index, query, 77 / 128) == [Hit(equal, equal / 128) for equal in (128, 100, 77)]
    assert find(index, query, 0.6, limit=2) == [Hit(128, 1.0), Hit(100, 100 / 128)]


def test_containment_finds_the_largest_share_first_within_an_inclusive_threshold(index: Index) -> None:
    """Each hash is in one text, so a share is a number of hashes."""
    texts = {inside: [1000 * inside + i for i in range(100)] for inside in (29, 30, 49, 50, 99, 100)}
    index.add((inside, winnowed(hashes)) for inside, hashes in texts.items())
    query = winnowed(hash_ for inside, hashes in texts.items() for hash_ in hashes[:inside])
    assert find(index, query, 0.3) == [Hit(inside, inside / 100) for inside in (100, 99, 50, 49, 30)]
    assert find(index, query, 0.5) == [Hit(inside, inside / 100) for inside in (100, 99, 50)]
    assert find(index, query, 0.3, limit=2) == [Hit(100, 1.0), Hit(99, 0.99)]


def test_a_hash_of_many_texts_weighs_little_in_each(index: Index) -> None:
    shared = range(80)
    index.add((item, winnowed([*shared, *range(1000 * item, 1000 * item + 20)])) for item in range(1, 11))
    query = winnowed([*shared, *range(1000, 1010)])
    # 80 hashes at a 64th of the weight, and 10 of 20 at the whole of it.
    assert find(index, query, 0.3) == [Hit(1, (80 / 64 + 10) / (80 / 64 + 20))]
    index.remove(range(2, 10))
    # Of two texts, they weigh a quarter.
    assert find(index, query, 0.3) == [Hit(1, (20 + 10) / 40), Hit(10, 20 / 40)]


def test_what_is_common_weighs_little_only_beside_what_is_rare(index: Index) -> None:
    """In the variants of one message nine tenths and more are common: that is the message."""
    message = range(120)
    index.add((item, winnowed([*message, *range(1000 * item, 1000 * item + 8)])) for item in range(1, 31))
    query = winnowed([*message, *range(100_000, 100_400)])
    assert find(index, query) == [Hit(item, 120 / 128) for item in range(1, 31)]


def test_an_upload_may_have_more_hashes_than_an_entry(index: Index) -> None:
    long = winnowed(range(5, 40_000, 5))
    assert len(long.value) > 4 * 128
    index.add([(1, long.shared())])
    assert find(index, long) == [Hit(1, 1.0)]


def test_types_do_not_mix(index: Index) -> None:
    for number, kind in enumerate(EVERY_TYPE):
        index.add([(number, fingerprint(kind, 1))])
    for number, kind in enumerate(EVERY_TYPE):
        assert [hit.item for hit in find(index, fingerprint(kind, 1))] == [number]
    # A sha256 and a pdq fingerprint may well have the same bytes.
    assert fingerprint(SHA256, 1).value == fingerprint(PDQ, 1).value


def test_a_known_id_adds_nothing_whatever_its_type(index: Index) -> None:
    index.add([(1, fingerprint(PDQ, 1)), (2, fingerprint(MD5, 1))])
    for known in (1, 2):
        with pytest.raises(ValueError, match=f"id {known} is in the index already"):
            index.add([(3, fingerprint(PHASH, 1)), (known, fingerprint(MINHASH, 1))])
    with pytest.raises(ValueError, match="id"):
        index.add([(4, fingerprint(PHASH, 1)), (4, fingerprint(MINHASH, 1))])
    assert len(index) == 2
    assert find(index, fingerprint(PHASH, 1)) == []


def test_ids_out_of_range_add_nothing(index: Index) -> None:
    for wrong in (-1, 2**64):
        with pytest.raises(InvalidInputError):
            index.add([(1, fingerprint(PDQ, 1)), (wrong, fingerprint(PHASH, 1))])
    assert len(index) == 0


def test_removing_an_unknown_id_is_passed_over(index: Index) -> None:
    index.add([(1, fingerprint(PDQ, 1))])
    index.remove([2, 3])
    index.remove(iter([1, 1, 2]))
    index.remove([])
    assert len(index) == 0


def test_nothing_to_add_is_added(index: Index) -> None:
    index.add([])
    assert find(index, fingerprint(PDQ, 1)) == []


@pytest.mark.parametrize(
    ("kind", "threshold", "limit"),
    [
        (PDQ, 32, 1),
        (PDQ, -1, 1),
        (PHASH, 11, 1),
        (MINHASH, 0.39, 1),
        (MINHASH, 1.1, 1),
        (WINNOW, 0.29, 1),
        (WINNOW, 1.1, 1),
        (PDQ, 31, 0),
        (MD5, 0, -1),
    ],
)
def test_a_search_out_of_bounds_is_refused(
    index: Index, kind: FingerprintType, threshold: float, limit: int
) -> None:
    with pytest.raises(InvalidInputError):
        index.search(fingerprint(kind, 1), threshold, limit)


def test_equality_ignores_the_threshold(index: Index) -> None:
    index.add([(1, fingerprint(MD5, 1))])
    assert list(index.search(fingerprint(MD5, 1), 99, 5)) == [Hit(1, 0)]


def test_both_give_the_same_answers() -> None:
    native, linear = NativeIndex(), LinearIndex()
    items = []
    for number in range(3000):
        kind = EVERY_TYPE[number % 6]
        original = fingerprint(kind, number % 40)
        near = {PDQ: lambda f, n=number: moved(f, n % 40), PHASH: lambda f, n=number: moved(f, n % 12)}
        items.append((number, near.get(kind, lambda f: f)(original)))
    for index in (native, linear):
        index.add(items)
        index.remove(range(0, 3000, 3))
    for _, query in items[::41]:
        for limit in (1, 20, 1000):
            assert find(native, query, query.type.ceiling, limit) == find(
                linear, query, query.type.ceiling, limit
            )


def test_searches_run_while_others_add_and_remove(index: Index) -> None:
    """What stays is found by every search; what was removed before a search is not; nothing raises."""
    steady = [(item, fingerprint(PDQ, item)) for item in range(50)]
    index.add(steady)
    passing = [
        [(item, fingerprint(PHASH, item)) for item in range(start, start + 60)]
        for start in range(100, 700, 60)
    ]
    done = threading.Event()

    def search() -> int:
        rounds = 0
        while rounds == 0 or not done.is_set():
            for item, query in steady:
                assert find(index, query) == [Hit(item, 0)]
            rounds += 1
        return rounds

    def change() -> None:
        try:
            for batch in passing:
                index.add(batch)
                assert all(Hit(item, 0) in find(index, query) for item, query in batch)
                index.remove(item for item, _ in batch)
                assert not any(find(index, query, 0) for _, query in batch)
        finally:
            done.set()

    with ThreadPoolExecutor(4) as pool:
        searches = [pool.submit(search) for _ in range(3)]
        pool.submit(change).result()
        assert all(rounds.result() for rounds in searches)
    assert len(index) == 50


@pytest.mark.parametrize("kind", [PDQ, PHASH, MINHASH, SHA256, MD5, SHA1, SHA512], ids=lambda kind: kind.name)
def test_packed_values_find_what_each_finds_alone(index: Index, kind: FingerprintType) -> None:
    shared = [fingerprint(kind, seed) for seed in range(30)]
    index.add(enumerate([*shared, *shared[:10]]))  # ten of them twice
    asked = [*shared[5:], *(fingerprint(kind, seed) for seed in range(100, 140)), shared[0], shared[0]]
    values = b"".join(query.value for query in asked)
    for limit in (1, 5):
        found = index.search_packed(kind, values, kind.default, limit)
        each = {number: index.search(query, kind.default, limit) for number, query in enumerate(asked)}
        assert {number: list(hits) for number, hits in found.items()} == {
            number: list(hits) for number, hits in each.items() if hits
        }
        assert list(found) == sorted(found)
        assert len(found) >= 27


def test_a_search_leaves_the_gil_to_others() -> None:
    """No thread is made to give up the GIL here: another one runs only while a search has let it go."""
    crowd = fingerprint(PDQ, 1)
    index = NativeIndex()
    index.add((item, crowd) for item in range(100_000))
    turns, done = [0], threading.Event()

    def take_turns() -> None:
        while not done.is_set():
            turns[0] += 1
            time.sleep(0.0001)

    other = threading.Thread(target=take_turns)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        other.start()
        wanted = turns[0] + 30
        deadline = time.monotonic() + 120
        while turns[0] < wanted and time.monotonic() < deadline:
            assert find(index, crowd, limit=1) == [Hit(0, 0)]
        taken = turns[0]
    finally:
        sys.setswitchinterval(interval)
        done.set()
        other.join()
    assert taken >= wanted
