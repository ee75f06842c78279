"""How a gateway asks its source, and what it reports of that."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest
from builders import fingerprint

from hashpact import errors
from hashpact.domain.checks import MAX_LIMIT, Answer, Check, Filter, Lag, Match, Query
from hashpact.domain.fingerprints import PDQ, Measure
from hashpact.domain.matching.own import OwnTerms
from hashpact.errors import HashpactError
from hashpact.gateway.clearing import Health, MirroredChecking, ReflectedTree, RemoteChecking
from hashpact.gateway.keeping.banks import ViewFilter
from hashpact.member.awaiting import AsyncClient
from hashpact.mirror.local import Mirror

QUERY = [Query(fingerprint(PDQ, "one"))]


@dataclass
class Copy:
    """A copy of a log of a given age. Checks of a later position wait until it is ``level``."""

    position: int = 7
    lag: Lag | None = None
    asked: list[int] = field(default_factory=list)
    matches: tuple[Match, ...] = ()
    demanded: int = 0
    level: threading.Event = field(default_factory=threading.Event)

    def answer(self, check: Check) -> Answer:
        """Its matches, at the position that is asked for."""
        assert list(check.queries) == QUERY
        if check.min_position > self.position:
            assert self.level.wait(120)
        self.asked.append(check.min_position)
        self.demanded = check.filter.min_endorsed_by
        return Answer(self.matches, max(self.position, check.min_position))


async def test_the_age_of_a_copy() -> None:
    never = MirroredChecking(cast("Mirror", Copy()))
    assert (await never.health(60), never.reflected) == (Health.NOT_LOADED, None)
    for seconds, health in ((61, Health.STALE), (60, Health.ALIVE)):
        checks = MirroredChecking(cast("Mirror", Copy(lag=Lag(0, seconds))), clock=lambda: 1000)
        assert await checks.health(60) is health
        assert checks.reflected == ReflectedTree(7, 1000 - seconds)


async def test_a_check_waits_for_what_was_stated() -> None:
    copy = Copy()
    checks = MirroredChecking(cast("Mirror", copy))
    assert (await checks.check(QUERY, Filter())).position == 7
    checks.reached = 9
    copy.level.set()
    assert (await checks.check(QUERY, Filter())).position == 9
    assert copy.asked == [0, 9]


async def test_checks_that_wait_leave_the_other_threads_free() -> None:
    copy = Copy()
    checks = MirroredChecking(cast("Mirror", copy), reached=9)
    # More than the threads that all other work of an event loop shares.
    waiting = [asyncio.ensure_future(checks.check(QUERY, Filter())) for _ in range(40)]
    try:
        await asyncio.sleep(0)
        assert await asyncio.wait_for(asyncio.to_thread(copy.level.is_set), 10) is False
    finally:
        copy.level.set()
    checks.close()
    assert [one.position for one in await asyncio.gather(*waiting)] == [9] * 40


@dataclass
class Failing:
    """A clearinghouse that answers with an error, or with a checkpoint of seven leaves."""

    error: HashpactError | None = None

    async def checkpoint(self) -> SimpleNamespace:
        """A checkpoint."""
        if self.error is not None:
            raise self.error
        return SimpleNamespace(checkpoint=SimpleNamespace(size=7))


@pytest.mark.parametrize(
    ("kind", "health"),
    [
        (errors.UnauthenticatedError, Health.STALE),
        (errors.NotPermittedError, Health.STALE),
        (errors.ProofError, Health.STALE),
        (errors.ForkError, Health.STALE),
        (errors.UnavailableError, Health.STALE),
        (errors.InvalidInputError, Health.ALIVE),
        (errors.NotFoundError, Health.ALIVE),
        (errors.ConflictError, Health.ALIVE),
        (errors.OverloadedError, Health.ALIVE),
    ],
)
async def test_which_errors_are_answers(kind: type[HashpactError], health: Health) -> None:
    client, now = Failing(kind("x")), [0.0]
    checks = RemoteChecking(cast("AsyncClient", client), timer=lambda: now[0])
    assert await checks.health(60) is (Health.NOT_LOADED if health is Health.STALE else Health.ALIVE)
    client.error = None
    assert await checks.health(60) is Health.ALIVE
    client.error, now[0] = kind("x"), 6.0
    assert await checks.health(60) is health


def match(entry: int, member: str) -> Match:
    """A match that nobody has endorsed."""
    return Match(entry, "pdq/1", Measure.HAMMING, 3.0, ("ncii",), "guideline", (), member, 0, 0, 0)


async def test_the_own_terms_of_the_member_hold_for_a_copy() -> None:
    own = OwnTerms(always=frozenset({"friend"}), never=frozenset({"foe"}))
    copy = Copy(matches=(match(1, "foe"), match(2, "friend"), match(3, "other")))
    checks = MirroredChecking(cast("Mirror", copy), own)
    narrow = Filter(min_endorsed_by=2)
    answer = await checks.check(QUERY, narrow)
    assert [one.entry for one in answer.matches] == [2]
    assert (copy.demanded, answer.truncated) == (0, False)
    assert ViewFilter(min_endorsed_by=2).keeps(answer.matches[0])
    assert not ViewFilter(min_endorsed_by=2).keeps(match(3, "other"))
    none = MirroredChecking(cast("Mirror", copy), OwnTerms(enabled_ratio=0.0))
    assert (await none.check(QUERY, Filter())).matches == ()


async def test_what_is_held_back_of_a_cut_answer_leaves_it_cut() -> None:
    copy = Copy(matches=tuple(match(entry, "foe") for entry in range(MAX_LIMIT)))
    checks = MirroredChecking(cast("Mirror", copy), OwnTerms(never=frozenset({"foe"})))
    answer = await checks.check(QUERY, Filter())
    assert (answer.matches, answer.truncated) == ((), True)
