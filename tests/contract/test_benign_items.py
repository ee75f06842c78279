"""What domain/ports.py promises of the negative collection of an Index, asked of each one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from builders import fingerprint, near
from hypothesis import given, settings
from hypothesis import strategies as st
from linear import LinearIndex
from memory import MemoryIndexes

from hashpact.domain.fingerprints import MD5, MINHASH, PARTS, PDQ, PHASH, SHA256, WINNOW, FingerprintType
from hashpact.domain.ports import Index
from hashpact.lookup import NativeIndex
from hashpact.lookup.directory import IndexDirectory

EVERY_TYPE = (PDQ, PHASH, PARTS, MINHASH, WINNOW, SHA256, MD5)


@pytest.fixture(params=[NativeIndex, LinearIndex])
def index(request: pytest.FixtureRequest) -> Index:
    """An empty index."""
    empty: Index = request.param()
    return empty


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_an_item_is_in_one_collection_and_found_by_it_alone(index: Index, kind: FingerprintType) -> None:
    one = fingerprint(kind, "one")
    assert list(index.search_benign(one, kind.default, 9)) == []
    index.add([(1, one)])
    index.add([(2, one)], benign=True)
    assert [hit.item for hit in index.search(one, kind.default, 9)] == [1]
    assert [hit.item for hit in index.search_benign(one, kind.default, 9)] == [2]
    assert len(index) == 2
    for taken in (1, 2):
        with pytest.raises(ValueError, match=f"id {taken} is in the index already"):
            index.add([(taken, one)], benign=taken == 1)
    index.remove([2])
    assert not index.holds([2])
    assert list(index.search_benign(one, kind.default, 9)) == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=30), st.integers(0, 31), st.integers(1, 9)
)
def test_the_native_one_finds_what_comparing_each_does(
    made: Sequence[tuple[bool, int]], within: int, limit: int
) -> None:
    base = fingerprint(PDQ, "base")
    native, linear = NativeIndex(), LinearIndex()
    for index in (native, linear):
        for item, (benign, apart) in enumerate(made):
            index.add([(item, near(base, apart))], benign=benign)
    for search in ("search", "search_benign"):
        found = [list(getattr(index, search)(base, within, limit)) for index in (native, linear)]
        assert found[0] == found[1]


def test_a_saved_index_has_both_collections(tmp_path: Path) -> None:
    directory = IndexDirectory(tmp_path / "segments", MemoryIndexes())
    assert directory.claim()
    index = NativeIndex()
    index.add([(1, fingerprint(PHASH, "one"))])
    index.add([(2, fingerprint(PHASH, "two"))], benign=True)
    directory.save(index.freeze(), 3, bytes(32))
    opened = NativeIndex.open(directory)
    assert opened is not None
    assert [hit.item for hit in opened[0].search_benign(fingerprint(PHASH, "two"), 0, 9)] == [2]
    assert list(opened[0].search(fingerprint(PHASH, "two"), 0, 9)) == []
    directory.close()
