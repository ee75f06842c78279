"""Findable: an index is compared with the log as it is when the index has caught up."""

from __future__ import annotations

import pytest
from builders import World, fingerprint
from linear import LinearIndex
from memory import MemoryLedger

from hashpact.audit import findable
from hashpact.audit.findable import unlike_the_log
from hashpact.domain.fingerprints import MINHASH, PDQ
from hashpact.domain.state import Head
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import Reason
from hashpact.service.follow import Follower, item_ids

FIRST = 4
"""The index of the first entry."""


class Moving(MemoryLedger):
    """A ledger to which another process appends at its second and at its fourth look at the head."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.looks: int | None = None

    def head(self) -> Head:
        """The head, to which something may have been added."""
        if self.looks is not None:
            self.looks += 1
            if self.looks in {2, 4}:
                looks, self.looks = self.looks, None
                share(self._world, self, f"moving {looks}")
                self.looks = looks
        return super().head()


def share(world: World, ledger: MemoryLedger, *names: str) -> None:
    """Append entries of two items, the second of which all of them share."""
    for name in names:
        items = [fingerprint(PDQ, name), fingerprint(MINHASH, "same")]
        submission = world.author("acme").submit(items, Reason(frozenset({"ncii"})))
        world.appender(ledger).append("acme", submission)


@pytest.fixture
def ledger(world: World) -> Moving:
    """A log with three entries."""
    ledger = Moving(world)
    world.found(ledger, "acme")
    share(world, ledger, "a", "b", "c")
    return ledger


def test_an_index_that_follows_a_growing_log_is_like_it(ledger: Moving) -> None:
    ledger.looks = 0
    index = LinearIndex()
    assert list(unlike_the_log(ledger, index, 0)) == []
    assert len(index) == 2 * 5


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_what_is_missing_and_what_is_too_much(
    ledger: Moving, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(findable, "_AT_ONCE", at_once)
    index = LinearIndex()
    position = Follower(ledger, index, EntryCatalog(ledger)).catch_up()
    index.remove([item_ids(FIRST)[1], *item_ids(FIRST + 2)])
    index.add([(1, fingerprint(PDQ, "nobody's"))])
    differences = list(unlike_the_log(ledger, index, position))
    assert [number for number, _ in differences] == [FIRST, FIRST + 2, None]
    assert differences[-1][1].startswith("the saved index finds 4 items, and 3 of them belong")
