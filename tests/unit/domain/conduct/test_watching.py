"""Watching: each change of a notice is told once, by whatever it came about."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from unittest.mock import patch

from builders import NOW
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import MemoryLedger
from noticing import Noticed

from hashpact.domain.conduct.watching import NOTHING, Addressed, DueWatch, MemberWatch, WatchPlace
from hashpact.domain.kinds.conduct.spelling import Outcome
from hashpact.domain.state import Filing

DAY = 24 * 3600
Told = tuple[int, str | None, str]


def told(made: Noticed, watch: DueWatch, ledger: MemoryLedger, after: int) -> list[tuple[int, str, str]]:
    """What has changed so many seconds later."""
    ledger._version = type(ledger._version)(ledger._version.head, made.log.state)
    with ledger.snapshot() as view:
        found = watch.changes(view, NOW + after)
    return [(case.filing.index, case.member, case.standing.value) for case in found]


def test_each_change_is_told_once() -> None:
    made, watch, ledger = Noticed(), DueWatch(), MemoryLedger()
    first = made.notice("acme", "bravo")
    assert told(made, watch, ledger, 0) == [(first, "acme", "open"), (first, "bravo", "open")]
    assert told(made, watch, ledger, 1) == []
    second = made.notice("acme", clock="urgent")
    assert told(made, watch, ledger, DAY // 4 - 60) == [(second, "acme", "due-soon")]
    made.decide(first, Outcome.KEPT, by="bravo")
    assert told(made, watch, ledger, DAY // 4 + 1) == [
        (first, "bravo", "answered"),
        (second, "acme", "overdue"),
    ]
    assert told(made, watch, ledger, DAY // 4 + 2) == []
    made.world.clock.now += DAY
    made.decide(second)
    assert told(made, watch, ledger, DAY + 1) == [
        (first, "acme", "overdue"),
        (second, "acme", "answered-late"),
    ]


def test_what_was_answered_before_is_passed_over() -> None:
    made, watch, ledger = Noticed(), DueWatch(), MemoryLedger()
    made.decide(made.notice("acme"))
    open_ = made.notice("acme")
    assert told(made, watch, ledger, 0) == [(open_, "acme", "open")]


def seen_by(made: Noticed, watch: MemberWatch, ledger: MemoryLedger, now: int) -> list[Told]:
    """What the watch of a member sees, and that it has seen it."""
    ledger._version = type(ledger._version)(ledger._version.head, made.log.state)
    size, found, more = len(made.leaves), [], True
    while more:
        with ledger.snapshot() as view:
            changes, more = watch.look(view, size, now)
        found += changes
    watch.seen = WatchPlace(size, now)
    return [
        (one.case.filing.index, None if one.before is None else one.before.value, one.case.standing.value)
        for one in found
    ]


def test_a_member_sees_its_own_notices_and_each_change_once() -> None:
    made, watch, ledger = Noticed(), MemberWatch("acme", NOTHING), MemoryLedger()
    made.notice("bravo")
    first = made.notice("acme", "bravo")
    assert seen_by(made, watch, ledger, NOW) == [(first, None, "open")]
    assert not watch.is_due(len(made.leaves), NOW + DAY // 2)
    made.decide(first, Outcome.KEPT, by="bravo")
    assert seen_by(made, watch, ledger, NOW + 1) == []
    assert watch.is_due(len(made.leaves), NOW + DAY - 1)
    assert seen_by(made, watch, ledger, NOW + DAY - 1) == [(first, "open", "due-soon")]
    assert seen_by(made, watch, ledger, NOW + DAY + 1) == [(first, "due-soon", "overdue")]
    made.world.clock.now = NOW + DAY + 2
    made.decide(first)
    assert seen_by(made, watch, ledger, NOW + DAY + 2) == [(first, "overdue", "answered-late")]
    made.decide(first, Outcome.KEPT)
    assert seen_by(made, watch, ledger, NOW + DAY + 3) == []


def test_notices_to_others_are_read_once_for_all_who_watch() -> None:
    made, ledger, known = Noticed(), MemoryLedger(), Addressed()
    others = [made.notice("bravo") for _ in range(250)]
    own = [made.notice("acme") for _ in range(120)]
    for watch in (MemberWatch("acme", NOTHING, known), MemberWatch("acme", NOTHING, known)):
        assert [index for index, *_ in seen_by(made, watch, ledger, NOW)] == own
    read: list[int] = []

    ledger._version = type(ledger._version)(ledger._version.head, made.log.state)
    with ledger.snapshot() as view:
        honest = view.filed

        def filed(kinds: Sequence[str], after: int, limit: int) -> tuple[Filing, ...]:
            found = honest(kinds, after, limit)
            read.extend(one.index for one in found)
            return found

        with patch.object(type(view), "filed", lambda _, *asked: filed(*asked)):
            watch = MemberWatch("bravo", NOTHING, known)
            found, more = [], True
            while more:
                changes, more = watch.look(view, len(made.leaves), NOW)
                found += changes
    assert [one.case.filing.index for one in found] == others
    assert read == []


def test_a_notice_that_came_while_a_watch_began_is_seen_once() -> None:
    """Another watch has read further than the view of this one reaches."""
    made, ledger, known = Noticed(), MemoryLedger(), Addressed()
    first, size = made.notice("acme"), len(made.leaves)
    second = made.notice("acme")
    ledger._version = type(ledger._version)(ledger._version.head, made.log.state)
    with ledger.snapshot() as view:
        assert not known.read(view)
        watch = MemberWatch("acme", NOTHING, known)
        found, more = [], True
        while more:
            changes, more = watch.look(view, size, NOW)
            found += changes
    assert [one.case.filing.index for one in found] == [first, second]


def test_a_decision_by_a_clock_that_is_ahead_is_seen_when_its_moment_has_come() -> None:
    made, watch, ledger = Noticed(), MemberWatch("acme", NOTHING), MemoryLedger()
    index = made.notice("acme")
    assert seen_by(made, watch, ledger, NOW) == [(index, None, "open")]
    made.world.clock.now += 300
    made.decide(index)
    assert seen_by(made, watch, ledger, NOW + 10) == []
    assert watch.is_due(len(made.leaves), NOW + 300)
    assert seen_by(made, watch, ledger, NOW + 300) == [(index, "open", "answered")]


@given(
    steps=st.lists(st.sampled_from(["notice", "decide", "other", "hours", "day"]), max_size=12),
    breaks=st.sets(st.integers(0, 11)),
)
@settings(max_examples=50, deadline=None)
def test_one_who_breaks_off_sees_what_one_sees_who_does_not(steps: list[str], breaks: set[int]) -> None:
    made, ledger = Noticed(), MemoryLedger()
    steady, fitful = MemberWatch("acme", NOTHING), MemberWatch("acme", NOTHING)
    given_: list[int] = []
    for number, step in enumerate(steps):
        if step == "notice":
            given_.append(made.notice("acme"))
        elif step == "other":
            made.notice("bravo")
        elif step == "decide" and given_:
            made.decide(given_[number % len(given_)])
        else:
            made.world.clock.now += DAY if step == "day" else 19 * 3600
        if number in breaks:
            fitful = dataclasses.replace(fitful, seen=fitful.seen)
        now = made.world.clock.now
        assert seen_by(made, fitful, ledger, now) == seen_by(made, steady, ledger, now)
