"""Contact points: live while they are valid, overdue when they were not confirmed for 90 days."""

from __future__ import annotations

from builders import NOW, Identity
from folding import take
from noticing import Noticed

from hashpact.domain.conduct.points import ContactPoint, points_of
from hashpact.domain.kinds.conduct.contacts import CONFIRM_EVERY
from hashpact.domain.kinds.conduct.spelling import Point


def of(made: Noticed, after: int = 0, member: str = "acme") -> list[ContactPoint]:
    return list(points_of(made.log.state, member, NOW + after))


def test_a_point_is_live_until_it_ends() -> None:
    made = Noticed()
    made.contact("acme", Point.KEYS, lasts=100)
    assert [(one.contact.point, one.live) for one in of(made, 99)] == [
        (Point.KEYS, True),
        (Point.NOTICES, True),
    ]
    assert [one.live for one in of(made, 100)] == [False, True]


def test_a_point_is_to_be_confirmed_every_90_days() -> None:
    made = Noticed()
    assert [one.overdue for one in of(made, CONFIRM_EVERY)] == [False]
    assert [one.overdue for one in of(made, CONFIRM_EVERY + 1)] == [True]
    made.world.clock.now += CONFIRM_EVERY
    made.confirm("acme")
    assert [(one.overdue, one.confirmed_at) for one in of(made, CONFIRM_EVERY + 1)] == [
        (False, NOW + CONFIRM_EVERY)
    ]


def test_a_new_point_takes_the_place_of_the_old_one_and_its_confirmation() -> None:
    made = Noticed()
    made.world.clock.now += 5
    made.confirm("acme")
    made.world.clock.now += 5
    index = made.contact("acme", lasts=50)
    (found,) = of(made, 10)
    assert (found.filing.index, found.confirmed_at, found.contact.valid_to) == (index, NOW + 10, NOW + 60)


def test_a_point_that_is_taken_back_is_not_listed() -> None:
    made = Noticed()
    made.contact("acme", lasts=0)
    assert of(made) == []


def test_a_point_that_a_thief_has_set_is_none() -> None:
    made = Noticed()
    stolen = made.contact("acme")
    take(made.log, made.world.revoke(Identity.of("acme"), stolen))
    assert of(made) == []
