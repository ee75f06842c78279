"""What a gateway reports of its source, whatever that does."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest
from builders import fingerprint

from hashpact import errors
from hashpact.domain.checks import Answer, Check, Filter, Lag, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.errors import HashpactError
from hashpact.gateway.clearing import Health, MirroredChecking, ReflectedTree, RemoteChecking
from hashpact.member.awaiting import AsyncClient
from hashpact.mirror.local import Mirror

QUERY = [Query(fingerprint(PDQ, "one"))]


@dataclass
class Copy:
    """A copy of a log that is as old as it is told to be."""

    position: int = 7
    lag: Lag | None = None
    asked: list[int] = field(default_factory=list)

    def answer(self, check: Check) -> Answer:
        """Nothing, at the position that is asked for."""
        assert list(check.queries) == QUERY
        self.asked.append(check.min_position)
        return Answer((), max(self.position, check.min_position))


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
    assert (await checks.check(QUERY, Filter())).position == 9
    assert copy.asked == [0, 9]


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
