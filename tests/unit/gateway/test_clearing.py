"""What a gateway reports of its source, whatever that does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from builders import fingerprint

from hashpact.domain.checks import Answer, Check, Filter, Lag, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.gateway.clearing import Health, MirroredChecking, ReflectedTree
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
