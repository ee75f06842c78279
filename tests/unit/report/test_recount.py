"""The recount agrees with the count on any log, and names each figure that the leaves do not have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from builders import NOW, Identity
from hypothesis import given, settings
from hypothesis import strategies as st
from noticing import LABELS, ROLES, Noticed

from hashpact.domain.kinds import ActionDone, GiveOpinion, Practice, Review, Tally, Training, Void, Withdraw
from hashpact.domain.kinds.conduct.spelling import AppealOutcome, Channel, Heads, Outcome
from hashpact.domain.state import Basis, Stance
from hashpact.report import recount
from hashpact.report.figures import by_id
from hashpact.report.gathering import Gathered
from hashpact.report.quarter import Quarter
from hashpact.report.report import QuarterReport, make

QUARTER = Quarter(2027, 1)
BY_LAW: dict[str, Any] = {"basis": Basis.LAW, "authority": "council", "article": "decree-13-5"}
MEMBERS = tuple(ROLES)


class Anything(Noticed):
    """A log into which anybody states anything; what breaks a rule is in it and counts for nothing."""

    def takes(self, leaf: bytes) -> int:
        """Fold a leaf, whether it keeps the rules or not."""
        self.leaves.append(leaf)
        self.log.apply(leaf)
        return self.log.size - 1

    def take_steps(self, steps: list[Step]) -> None:
        """Take these steps."""
        made: dict[str, list[int]] = defaultdict(list)
        for step, who, at, number in steps:
            made[step].append(TAKEN[step](self, who, number, partial(_one_of, made, at)))

    def waits(self, number: int) -> int:
        """Let time pass."""
        self.world.clock.now += (1, 3600, 6 * 3600, 86_400, 8 * 86_400)[number % 5]
        return self.log.size - 1

    def decides(self, index: int, who: str, number: int) -> int:
        """Decide on a notice, and inform the notifier or not."""
        informed: dict[str, Any] = {"notified": NOW, "notified_by": "mail"} if number % 2 else {}
        return self.decide(index, list(Outcome)[number % 5], who, **informed)

    def rules(self, index: int, who: str, number: int, entry: int) -> int:
        """Rule on an appeal, with a line that names an entry or without."""
        if number % 2:
            return self.rule(index, AppealOutcome.REJECTED, who)
        return self.rule(index, AppealOutcome.UPHELD, who, entry if number % 3 else None)

    def reviews(self, who: str, number: int) -> int:
        """Sign the review, with one action or two."""
        actions = (("publish", NOW), ("train", self.world.clock.now + number * 3600))
        return self.says(who, Review("2026Q4", bytes(32), actions[number % 2 :]))

    def tallies(self, who: str, number: int) -> int:
        """Report on a month."""
        counts = tuple((label, number + 2, 1, number) for label in LABELS)
        return self.says(who, Tally(_month(number), 100 + number, counts))


Pick = Callable[..., int]
"""Picks a leaf that one of these steps has made."""
ENTRIES = ("entry", "law-entry")
TAKEN: dict[str, Callable[[Anything, str, int, Pick], int]] = {
    "wait": lambda log, _who, n, _one: log.waits(n),
    "entry": lambda log, who, n, _one: log.entry(who, (LABELS[n % 3],)),
    "law-entry": lambda log, who, n, _one: log.entry(who, (LABELS[n % 3],), **BY_LAW),
    "notice": lambda log, _who, n, _one: log.notice(
        *("acme", "bravo")[: 1 + n % 2], labels=(LABELS[n % 3],), clock=("code", "urgent")[n % 2]
    ),
    "law-notice": lambda log, _who, _n, _one: log.notice(
        "acme", by="council", channel=Channel.AUTHORITY, **BY_LAW
    ),
    "arrived": lambda log, who, _n, one: log.arrived(one("notice", "law-notice"), who),
    "decide": lambda log, who, n, one: log.decides(one("notice", "law-notice"), who, n),
    "opinion": lambda log, who, n, one: log.says(who, GiveOpinion(one(*ENTRIES), list(Stance)[n % 3])),
    "withdraw": lambda log, who, _n, one: log.says(who, Withdraw(one(*ENTRIES), "mistake")),
    "void": lambda log, _who, _n, one: log.takes(log.world.by_admins(Void(one(*ENTRIES), "mistake"))),
    "appeal": lambda log, who, _n, one: log.appeal(entry=one(*ENTRIES), by=who),
    "counter": lambda log, who, _n, one: log.appeal(decision=one("decide"), by=who),
    "rule": lambda log, who, n, one: log.rules(one("appeal", "counter"), who, n, one(*ENTRIES)),
    "reply": lambda log, _who, _n, one: log.reply(one("ask", "decide", "appeal", "counter")),
    "done": lambda log, who, n, one: log.says(
        who, ActionDone(one("review"), ("train", "publish")[n % 2], None)
    ),
    "ask": lambda log, who, _n, _one: log.ask(by=who),
    "contact": lambda log, who, n, _one: log.contact(who, lasts=(0, 10**6, 10**7)[n % 3]),
    "confirm": lambda log, who, _n, _one: log.confirm(who),
    "training": lambda log, who, n, _one: log.says(who, Training(("children",), _month(n), Heads.FEW)),
    "tally": lambda log, who, n, _one: log.tallies(who, n),
    "practice": lambda log, who, _n, _one: log.says(who, Practice(("children",), bytes(32))),
    "review": lambda log, who, n, _one: log.reviews(who, n),
    "revoke": lambda log, who, n, _one: log.takes(
        log.world.revoke(Identity.of(who), max(0, log.log.size - n))
    ),
}
Step = tuple[str, str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(TAKEN)), st.sampled_from(MEMBERS), st.integers(0, 99), st.integers(0, 9)
    ),
    max_size=40,
)


def _month(number: int) -> str:
    return f"2027-0{number % 5 + 1}"


def _one_of(made: dict[str, list[int]], at: int, *kinds: str) -> int:
    """One of the leaves that these steps have made."""
    leaves = [leaf for kind in kinds for leaf in made[kind]]
    return leaves[at % len(leaves)] if leaves else 1


def made_of(log: Noticed, quarter: Quarter = QUARTER) -> tuple[QuarterReport, Gathered]:
    """The report of a quarter, which the recount has to agree with."""
    report, gathered = make(log.leaves, quarter)
    assert list(recount.disagreements(report, gathered)) == []
    return report, gathered


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from((QUARTER, QUARTER.later(-1))))
def test_whatever_is_stated_is_counted_the_same_twice(steps: list[Step], quarter: Quarter) -> None:
    log = Anything()
    log.take_steps(steps)
    report, _ = made_of(log, quarter)
    value = {name: figure.value for name, figure in by_id(report.figures).items()}
    for scope in ("all", *report.members):
        parts = [int(value.get(f"{scope}/notices.{part}", 0)) for part in ("answered", "open", "overdue")]
        assert value.get(f"{scope}/notices.valid", 0) == sum(parts)


@settings(max_examples=50, deadline=None)
@given(STEPS, STEPS)
def test_a_report_stays_as_it_was_when_the_log_goes_on_after_the_quarter(
    steps: list[Step], later: list[Step]
) -> None:
    log = Anything()
    log.take_steps(steps)
    log.world.clock.now = max(log.world.clock.now, QUARTER.stop - 1)
    log.says("watch", Training(("children",), "2027-06", Heads.FEW))
    before, _ = made_of(log)
    log.world.clock.now = max(log.world.clock.now, QUARTER.stop)
    # A key that is revoked undoes what was before. Tallies and trainings count for their month.
    log.take_steps([step for step in later if step[0] not in {"revoke", "tally", "training"}])
    after, _ = made_of(log)
    assert after.figures == before.figures
    assert after.actions == before.actions


def test_every_figure_that_is_changed_is_named() -> None:
    log = Noticed()
    first, second = log.notice("acme"), log.notice("acme", "bravo")
    log.arrived(first)
    log.decide(first, notified=NOW, notified_by="mail")
    log.decide(second, by="bravo")
    log.appeal(entry=log.entry(**BY_LAW))
    log.says("acme", Tally("2027-01", 100, (("hate", 3, 2, 1),)))
    report, gathered = made_of(log)
    assert {figure.unit for figure in report.figures} == {"count", "seconds", "percent"}
    for place, figure in enumerate(report.figures):
        value = figure.value + 1 if isinstance(figure.value, int) else "100.1"
        wrong = replace(figure, value=value)
        changed = (*report.figures[:place], wrong, *report.figures[place + 1 :])
        lines = list(recount.disagreements(replace(report, figures=changed), gathered))
        assert lines == [f"{figure.id}: {value}, but the leaves have {figure.value}"]


@pytest.mark.parametrize(("figure", "part"), [("acme/notices.open", "other"), ("all/entries.shared", "none")])
def test_a_figure_of_other_leaves_is_named(figure: str, part: str) -> None:
    log = Noticed()
    log.decide(log.notice("acme"))
    log.notice("acme")
    entry = log.entry()
    report, gathered = made_of(log)
    leaves = {"other": (entry,), "none": ()}[part]
    changed = tuple(replace(one, leaves=leaves) if one.id == figure else one for one in report.figures)
    (line,) = recount.disagreements(replace(report, figures=changed), gathered)
    assert line == f"{figure}: 1, but it is not these leaves that are behind it"


def test_what_is_left_out_is_named_and_so_is_a_wrong_trend() -> None:
    log = Noticed()
    log.notice("acme")
    report, gathered = made_of(log)
    without = tuple(one for one in report.figures if one.id != "all/notices.open")
    (line,) = recount.disagreements(replace(report, figures=without), gathered)
    assert line == "all/notices.open: left out, but the leaves have 1"
    *before, (quarter, values) = report.trend
    trend = (*before, (quarter, (7, *values[1:])))
    (line,) = recount.disagreements(replace(report, trend=trend), gathered)
    assert line == "all/notices.valid: 7 in 2027Q1, but the leaves have 1"
