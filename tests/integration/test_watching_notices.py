"""Watching notices through a real server: what waits, each change, a break, and a server that stops."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest
from builders import NOW, Identity, fingerprint
from clearinghouse import Caller, Clearinghouse, Connect

from hashpact.domain.conduct.answers import NoticeChange
from hashpact.domain.conduct.watching import NOTHING, WatchPlace
from hashpact.domain.fingerprints import SHA256
from hashpact.domain.kinds import KeySuspend, Policy
from hashpact.domain.state import Role
from hashpact.errors import HashpactError
from hashpact.member import papers
from hashpact.member.awaiting import AsyncClient
from hashpact.member.clients import Client

DAY = 24 * 3600
Told = tuple[int, str | None, str]
Join = Callable[[str], Caller]


@pytest.fixture
def join(house: Clearinghouse, connect: Connect) -> Join:
    """Clients of a platform, of a notifier, and of another platform, at the server's clock."""
    administrators = house.world.administrators(house.ledger)
    administrators.enrol(
        "watch", frozenset({Role.NOTIFY}), Identity.of("watch").key, Identity.of("watch").private
    )
    administrators.say(Policy(2, ("hate", "ncii"), priorities=(("ncii", "vulnerable"),)))
    house.intake.follower.catch_up()
    return lambda member: connect(house.profile(member), clock=house.world.clock)


async def reach(*platforms: Caller) -> None:
    """Name contact points."""
    for one in platforms:
        await one(
            "state",
            papers.contact("notices", "desk", valid_from=NOW, valid_to=NOW + 99 * DAY, languages=["vi"]),
        )


async def give(watch: Caller, to: str = "acme", label: str = "hate") -> int:
    """Give notice; its index."""
    paper = papers.notice(
        [to],
        labels=[label],
        explanation="why",
        reference="case 7",
        channel="flagger",
        clock="code",
        fingerprints=[fingerprint(SHA256, "sought")],
    )
    return int((await watch("state", paper)).index)


async def changes(caller: Caller, seen: WatchPlace = NOTHING) -> AsyncGenerator[NoticeChange, None]:
    """What either client watches, without end."""
    if isinstance(caller.client, AsyncClient):
        async with contextlib.aclosing(caller.client.watch_notices(seen)) as found:
            async for change in found:
                yield change
        return
    assert isinstance(caller.client, Client)
    with contextlib.closing(caller.client.watch_notices(seen)) as blocking:
        while True:
            yield await asyncio.to_thread(next, blocking)


async def told(found: AsyncIterator[NoticeChange], count: int) -> tuple[list[Told], WatchPlace]:
    """The next so many changes, and what was seen with the last."""
    got: list[Told] = []
    seen = NOTHING
    async for change in found:
        if change.detail is not None:
            case = change.detail.case
            before = None if change.before is None else change.before.value
            got.append((case.filing.index, before, case.standing.value))
            seen = change.seen
        if len(got) == count:
            break
    return got, seen


async def test_what_waits_comes_first_and_then_each_change(house: Clearinghouse, join: Join) -> None:
    acme, watch = join("acme"), join("watch")
    await reach(acme, join("bolt"))
    plain, urgent = await give(watch), await give(watch, label="ncii")
    await give(watch, to="bolt")
    async with contextlib.aclosing(changes(join("acme"))) as found:
        assert (await told(found, 2))[0] == [(urgent, None, "open"), (plain, None, "open")]
        third = await give(watch)
        assert (await told(found, 1))[0] == [(third, None, "open")]
        await acme("state", papers.decision(plain, "kept"))
        assert (await told(found, 1))[0] == [(plain, "open", "answered")]
        house.world.clock.now += 6 * 3600
        assert (await told(found, 1))[0] == [(urgent, "open", "due-soon")]
        house.world.clock.now += 1
        assert (await told(found, 1))[0] == [(urgent, "due-soon", "overdue")]


async def test_one_goes_on_after_a_break_and_sees_what_came_in_it(house: Clearinghouse, join: Join) -> None:
    acme, watch = join("acme"), join("watch")
    await reach(acme)
    first, second = await give(watch), await give(watch)
    async with contextlib.aclosing(changes(join("acme"))) as found:
        _, seen = await told(found, 2)
    await acme("state", papers.decision(first, "kept"))
    third = await give(watch)
    house.world.clock.now += DAY
    async with contextlib.aclosing(changes(join("acme"), seen)) as found:
        got, seen = await told(found, 3)
    assert sorted(got) == [
        (first, "open", "answered"),
        (second, "open", "due-soon"),
        (third, None, "due-soon"),
    ]
    rest = await acme("watch_notices", seen, follow=False)
    assert [one.detail for one in rest] == [None]


async def test_a_stream_lives_on_past_a_server_that_stops(house: Clearinghouse, join: Join) -> None:
    acme, watch = join("acme"), join("watch")
    await reach(acme)
    first = await give(watch)
    async with contextlib.aclosing(changes(join("acme"))) as found:
        assert (await told(found, 1))[0] == [(first, None, "open")]
        port, before = house.server.port, time.monotonic()
        await asyncio.to_thread(house.server.stop, 30)
        assert time.monotonic() - before < 10  # it does not wait for those who watch
        await house.start(port)
        second = await give(join("watch"))
        assert (await told(found, 1))[0] == [(second, None, "open")]


async def test_a_member_whose_key_is_suspended_watches_no_more(house: Clearinghouse, join: Join) -> None:
    acme, watch = join("acme"), join("watch")
    await reach(acme)
    await give(watch)
    async with contextlib.aclosing(changes(acme)) as found:
        await told(found, 1)
        house.world.administrators(house.ledger).say(KeySuspend("acme", Identity.of("acme").id, "stolen"))
        house.intake.follower.catch_up()
        with pytest.raises(HashpactError):
            await told(found, 1)
