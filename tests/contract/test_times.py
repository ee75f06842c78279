"""What every ledger answers about time: the times of the last signers, and the keys that wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from builders import World
from leaves import leaf_after
from memory import MemoryLedger

from hashpact.domain.messages import Submission
from hashpact.domain.ports import Ledger
from hashpact.domain.rules.replay import replay
from hashpact.domain.state import Key, RecentTimes, SignerTime
from hashpact.storage.sqlite import SqliteLedger


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    made: Ledger = (
        MemoryLedger() if request.param == "memory" else SqliteLedger.create(tmp_path / "hashpact.db")
    )
    with closing(made):
        yield made


def test_an_empty_ledger_has_no_times(ledger: Ledger) -> None:
    with ledger.snapshot() as view:
        assert view.times() == RecentTimes()
        assert view.waiting(0) == ()
        assert list(view.records()) == []


def test_the_times_are_those_of_the_fold_after_each_leaf(world: World, ledger: Ledger) -> None:
    leaves = world.founding("acme", "bravo")
    for size, leaf in enumerate(leaves, 1):
        world.clock.now += 60
        world.appender(ledger).append(None, Submission(leaf))
        with ledger.snapshot() as view:
            assert view.times() == replay(leaves[:size]).state.times()


def test_the_times_of_a_transaction_that_fails_are_not_kept(world: World, ledger: Ledger) -> None:
    world.found(ledger)
    put = RecentTimes((SignerTime("acme", 1), SignerTime("admin", 2)))
    with ledger.snapshot() as view:
        before = view.times()
    seen = []
    with suppress(KeyError), ledger.begin() as transaction:
        transaction.append(leaf_after(ledger.head(), b"more"), [], [put])
        seen.append(transaction.times())
        raise KeyError
    assert seen == [put]
    with ledger.snapshot() as view:
        assert view.times() == before
    with ledger.begin() as transaction:
        transaction.append(leaf_after(ledger.head(), b"more"), [], [put])
    with ledger.snapshot() as view:
        assert view.times() == put
        assert list(view.records())[-1] == put


def test_the_keys_that_wait_come_by_id(world: World, ledger: Ledger) -> None:
    world.found(ledger, "acme", "bravo", "carol")
    with ledger.snapshot() as view:
        keys: list[Key] = [key for member in view.members("", 9) for key in view.keys(member.id)]
        begin = {key.valid_from for key in keys}
        assert len(begin) == 1
        assert list(view.waiting(min(begin) - 1)) == sorted(keys, key=lambda key: key.id)
        assert view.waiting(max(begin)) == ()
