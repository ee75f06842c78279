"""Watching: each change of a notice is told once, by whatever it came about."""

from __future__ import annotations

from builders import NOW
from memory import MemoryLedger
from noticing import Noticed

from hashpact.domain.conduct.watching import DueWatch
from hashpact.domain.kinds.conduct.spelling import Outcome

DAY = 24 * 3600


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
