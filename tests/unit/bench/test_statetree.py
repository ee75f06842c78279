"""The tree over the state that `scripts/bench state` keeps: its root is RFC 6962's, whatever was changed."""

from __future__ import annotations

import random

import apsw
import pytest
from benchmarks.statetree import HASH, NOTHING, StateTree, place_of
from builders import NOW, Identity
from trees import Oracle

from hashpact.domain.state import Basis, Entry, Member


def filled(size: int) -> list[bytes]:
    """The leaves that a new tree of that size has."""
    chance = random.Random(14)
    return [chance.randbytes(HASH) for _ in range(size)]


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 256, 300, 4097])
def test_the_root_is_that_of_a_tree_made_at_once(size: int) -> None:
    state, leaves = StateTree(apsw.Connection(":memory:"), size), filled(size)
    chance = random.Random(size)
    for _ in range(5):
        assert state.root() == Oracle(leaves).root(0, len(leaves))
        for _ in range(20):
            place = chance.randrange(len(leaves) + 1)
            value = chance.randbytes(HASH)
            leaves[place : place + 1] = [value]
            state.put(place, value)
        state.flush()
    assert state.size == len(leaves)


def test_what_a_leaf_says_of_a_record() -> None:
    acme = Identity.of("acme").id
    entry = Entry(6, "acme", ("ncii",), Basis.GUIDELINE, None, None, (), NOW, NOW, 1, acme)
    gone = Entry(6, "acme", ("ncii",), Basis.GUIDELINE, None, None, (), NOW, NOW, 1, acme, 9, "mistake", acme)
    first, second = place_of(entry), place_of(gone)
    assert first is not None
    assert second is not None
    assert first[0] == second[0] == 6
    assert len({first[1], second[1], NOTHING}) == 3
    assert place_of(Member("acme", frozenset(), 3)) is None
