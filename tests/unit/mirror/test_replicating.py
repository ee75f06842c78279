"""Replicating: a copy that is kept level with a real server, over breaks, by many kinds of statements."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from builders import NOW, check_log
from clearinghouse import Clearinghouse
from copying import IMPATIENT, Copying, share
from histories import cosigned, governed, tell

from hashpact.domain.messages import Followed, FollowRequest
from hashpact.errors import CommitFailedError
from hashpact.mirror.replicating import ReconnectPolicy
from hashpact.service import following
from hashpact.service.prove import Prover
from hashpact.storage.sqlite import SqliteLedger
from hashpact.wire.server import followers
from hashpact.wire.server.followers import Followers


async def test_a_copy_has_what_the_source_has_and_follows_it(house: Clearinghouse, tmp_path: Path) -> None:
    first = share(house, 5)
    with Copying(house, tmp_path) as copy:
        await asyncio.to_thread(copy.reach, first)
        second = share(house, 300, items=2, at_once=True)
        await asyncio.to_thread(copy.reach, second)
        status = copy.replicator.status
        assert (status.position, status.announced, status.trouble) == (second, second, None)
        assert status.heard_at == copy.clock()
        assert status.fresh_at is None
        check_log(copy.ledger)
        kept = copy.ledger.checkpoints.latest()
        assert kept == house.ledger.checkpoints.latest()
        assert [leaf.index for leaf, _, _ in copy.leaves] == list(range(second))
        assert [leaf.data for leaf, _, _ in copy.leaves] == [
            leaf.data for leaf in house.ledger.leaves(0, second)
        ]
        assert list(copy.ledger.private(0, second)) == list(house.ledger.private(0, second))
    assert copy.alarms.empty()


async def test_a_copy_goes_on_when_a_stream_ends_anywhere(
    house: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "LASTS", 0.02)
    monkeypatch.setattr(following, "BATCH", 1)
    size = share(house, 20, at_once=True)
    with Copying(house, tmp_path) as copy:
        await asyncio.to_thread(copy.reach, size)
        await asyncio.to_thread(copy.reach, share(house, 20, at_once=True))
        check_log(copy.ledger)
    assert copy.alarms.empty()


async def test_newer_cosignatures_are_kept_and_older_ones_are_not(
    house: Clearinghouse, tmp_path: Path
) -> None:
    governed(house)
    await tell(house, Prover(house.ledger), cosigned(house))
    size = share(house, 1)
    with Copying(house, tmp_path) as copy:
        await asyncio.to_thread(copy.reach, size)
        house.world.clock.now += 60
        house.intake.guard.freshen()
        await asyncio.to_thread(copy.reach, share(house, 1))
        house.world.clock.now += 60
        house.intake.guard.freshen()
        newest = house.ledger.checkpoints.newest()
        assert newest is not None
    copy = Copying(house, tmp_path)
    replica = copy.replica
    latest = house.ledger.checkpoints.latest()
    assert latest is not None
    assert replica.announce(newest.note, refuse).vouched == NOW + 120
    assert copy.ledger.checkpoints.newest() == newest
    assert replica.announce(latest.note, refuse).vouched == NOW + 60
    assert copy.ledger.checkpoints.newest() == newest
    copy.ledger.close()


def refuse(*_: object) -> NoReturn:
    """No call is needed."""
    raise AssertionError


async def test_leaves_that_are_announced_and_not_sent_are_a_trouble_and_no_alarm(
    house: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = share(house, 3)
    stream = Followers.stream
    announced = asyncio.Event()
    loop = asyncio.get_running_loop()

    def short(self: Followers, caller: object, asked: FollowRequest, wanted: object) -> Iterator[Followed]:
        del caller, asked, wanted
        newest = self.following.newest()
        assert newest is not None
        yield Followed(0, newest.note)
        loop.call_soon_threadsafe(announced.set)

    monkeypatch.setattr(Followers, "stream", short)
    with Copying(house, tmp_path) as copy:
        await announced.wait()
        announced.clear()
        await announced.wait()  # it has tried again, so it has found the first wanting
        status = copy.replicator.status
        assert status.trouble == "away: the source announced leaves, and ended the stream without any"
        assert (status.position, status.announced) == (0, size)
        monkeypatch.setattr(Followers, "stream", stream)
        await asyncio.to_thread(copy.reach, size)
    assert copy.alarms.empty()
    assert copy.replicator.status.trouble is None


async def test_signs_of_life_may_come_anywhere(
    house: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = share(house, 3)
    stream = Followers.stream

    def lively(self: Followers, *asked: object) -> Iterator[Followed]:
        for message in stream(self, *asked):  # type: ignore[arg-type]  # as they are
            yield Followed(message.start)
            yield message

    monkeypatch.setattr(Followers, "stream", lively)
    monkeypatch.setattr(followers, "STILL", 0.05)
    with Copying(house, tmp_path) as copy:
        await asyncio.to_thread(copy.reach, size)
        await asyncio.to_thread(copy.reach, share(house, 1))
    assert copy.alarms.empty()


async def test_a_source_that_is_away_is_no_alarm(house: Clearinghouse, tmp_path: Path) -> None:
    size, port = share(house, 3), house.server.port
    with Copying(house, tmp_path) as copy:
        await asyncio.to_thread(copy.reach, size)
        await asyncio.to_thread(house.server.stop, 0)
        await house.start(port)
        await asyncio.to_thread(copy.reach, share(house, 1))
    assert copy.alarms.empty()


async def test_a_commit_that_fails_ends_the_thread(
    house: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share(house, 3)

    def failing(_: SqliteLedger) -> NoReturn:
        msg = "the disk is gone"
        raise CommitFailedError(msg)

    monkeypatch.setattr(SqliteLedger, "begin", failing)
    with pytest.raises(CommitFailedError), Copying(house, tmp_path) as copy:
        await asyncio.to_thread(copy.thread.join)


def test_the_wait_doubles_up_to_its_ceiling_and_is_drawn() -> None:
    policy = ReconnectPolicy(first=1, ceiling=5, draw=lambda: 0.5)
    assert [policy.delay(tries) for tries in (0, 1, 2, 3, 99)] == [0.75, 1.5, 3.0, 3.75, 3.75]
    assert replace(IMPATIENT, draw=lambda: 1.0).delay(0) == IMPATIENT.first / 2
