"""How a notice stands for each addressee, to the second, for each clock class."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from builders import NOW, Identity
from folding import take
from noticing import LABELS, Noticed

from hashpact.cli.conduct.shown import times
from hashpact.domain.conduct.cases import NoticeCase, case_of, cases_of
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.kinds import Policy
from hashpact.domain.kinds.conduct.spelling import Outcome
from hashpact.domain.state import CLOCKS

DAY = 24 * 3600


@pytest.fixture
def made() -> Noticed:
    return Noticed()


def case(made: Noticed, index: int, after: int, member: str = "acme") -> NoticeCase:
    """The case so many seconds after the clock's beginning."""
    return case_of(made.log.state, made.filing(index), member, NOW + after)


def test_a_clock_runs_from_the_moment_of_the_leaf_for_24_hours(made: Noticed) -> None:
    index = made.notice()
    assert case(made, index, 0).due == NOW + DAY
    assert case(made, index, 0).standing is Standing.OPEN
    assert case(made, index, DAY * 3 // 4).standing is Standing.OPEN
    assert case(made, index, DAY * 3 // 4 + 1).standing is Standing.DUE_SOON
    assert case(made, index, DAY).standing is Standing.DUE_SOON
    assert case(made, index, DAY + 1).standing is Standing.OVERDUE


@pytest.mark.parametrize(
    ("after", "standing"),
    [
        (DAY - 1, Standing.ANSWERED),
        (DAY, Standing.ANSWERED),
        (DAY + 1, Standing.ANSWERED_LATE),
    ],
)
def test_23_59_59_is_in_time_and_24_00_01_is_late(made: Noticed, after: int, standing: Standing) -> None:
    index = made.notice()
    made.world.clock.now += after
    made.decide(index)
    assert case(made, index, after).standing is standing
    assert case(made, index, after - 1).standing.waits


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("America/New_York", "2027-03-14T07:00:00+00:00"),  # an hour forward
        ("Europe/Berlin", "2027-10-31T01:00:00+00:00"),  # an hour back
        ("Australia/Lord_Howe", "2027-04-03T15:00:00+00:00"),  # half an hour back
        ("Asia/Ho_Chi_Minh", "2027-03-31T17:00:00+00:00"),  # none: a quarter ends by local time
    ],
)
def test_a_day_has_24_hours_where_clocks_are_changed_in_it(
    made: Noticed, monkeypatch: pytest.MonkeyPatch, zone: str, change: str
) -> None:
    """Neither the zone of the machine nor that of who reads moves a clock."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    start = int(dt.datetime.fromisoformat(change).timestamp()) - DAY // 2
    made.world.clock.now = start
    index = made.notice()
    assert case(made, index, start + DAY - NOW).standing is Standing.DUE_SOON
    assert case(made, index, start + DAY + 1 - NOW).standing is Standing.OVERDUE
    shown = times("due", case(made, index, 0).due, zone)
    assert {dt.datetime.fromisoformat(str(value)).timestamp() for value in shown.values()} == {start + DAY}
    made.world.clock.now = start + DAY
    made.decide(index)
    assert case(made, index, start + DAY - NOW).standing is Standing.ANSWERED
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", sorted(CLOCKS))
def test_each_clock_class_has_its_seconds(made: Noticed, name: str) -> None:
    index = made.notice(clock=name)
    assert case(made, index, CLOCKS[name]).standing is Standing.DUE_SOON
    assert case(made, index, CLOCKS[name] + 1).standing is Standing.OVERDUE


def test_a_label_with_priority_shortens_the_clock_and_comes_first(made: Noticed) -> None:
    slow, quick = made.notice(clock="complaint"), made.notice(clock="complaint", labels=("hate", "minors"))
    assert [case(made, index, 0).due for index in (slow, quick)] == [NOW + 2 * DAY, NOW + DAY // 4]
    assert [case(made, index, 0).priority for index in (slow, quick)] == [False, True]
    # A shorter class is not made longer by the label.
    urgent = made.notice(clock="urgent", labels=("minors",))
    later = made.notice(clock="code")
    waiting = [case(made, index, 0) for index in (later, slow, urgent, quick)]
    assert [one.filing.index for one in sorted(waiting, key=lambda one: one.order)] == [
        *(quick, urgent),
        *(later, slow),
    ]


def test_the_policy_at_the_leaf_counts_and_not_a_later_one(made: Noticed) -> None:
    before = made.notice(clock="urgent")
    take(made.log, made.world.by_admins(Policy(2, LABELS, clocks=(("urgent", 60), ("weekend", 9 * DAY)))))
    after, long = made.notice(clock="urgent"), made.notice(clock="weekend")
    dues = [case(made, index, 0).due - NOW for index in (before, after, long)]
    assert dues == [DAY // 4, 60, 9 * DAY]


def test_each_addressee_has_its_own_case(made: Noticed) -> None:
    index = made.notice("acme", "bravo")
    made.arrived(index, "bravo")
    made.decide(index, Outcome.KEPT, by="bravo")
    state, filing = made.log.state, made.filing(index)
    acme, bravo = cases_of(state, filing, NOW + 5)
    assert (acme.member, acme.standing, acme.confirmed_at, acme.decision) == (
        "acme",
        Standing.OPEN,
        None,
        None,
    )
    assert (bravo.member, bravo.standing, bravo.confirmed_at) == ("bravo", Standing.ANSWERED, NOW)
    assert bravo.decision is not None
    assert bravo.decision.outcome is Outcome.KEPT


def test_the_first_decision_stops_the_clock_and_the_last_is_in_force(made: Noticed) -> None:
    index = made.notice()
    made.decide(index, Outcome.KEPT)
    made.world.clock.now += 2 * DAY
    made.decide(index, Outcome.REMOVED)
    found = case(made, index, 2 * DAY)
    assert found.standing is Standing.ANSWERED
    assert found.decision is not None
    assert found.decision.outcome is Outcome.REMOVED


def test_68_a_thief_neither_answers_a_notice_nor_gives_one(made: Noticed) -> None:
    index = made.notice()
    stolen = made.decide(index, Outcome.KEPT)
    take(made.log, made.world.revoke(Identity.of("acme"), stolen))
    assert case(made, index, DAY + 1).standing is Standing.OVERDUE
    take(made.log, made.world.revoke(Identity.of("watch"), index))
    assert list(cases_of(made.log.state, made.filing(index), NOW)) == []


@pytest.mark.parametrize("skew", [-600, 600])
def test_a_members_own_clock_moves_only_its_own_statements(made: Noticed, skew: int) -> None:
    """A decision counts at its own moment, which the server bounds to 600 s off its own."""
    index = made.notice()
    made.world.clock.now += DAY + skew
    made.decide(index)
    late = skew > 0
    wanted = Standing.ANSWERED_LATE if late else Standing.ANSWERED
    assert case(made, index, DAY + 600).standing is wanted
    assert case(made, index, 0).due == NOW + DAY
