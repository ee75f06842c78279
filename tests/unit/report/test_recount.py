"""The recount agrees with the count on any log, and names each figure that the leaves do not have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
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
OTHERS = ("entry", "law-entry", "notice", "law-notice", "review")
ABOUT = ("arrived", "decide", "opinion", "withdraw", "void", "appeal", "counter", "rule", "reply", "done")
ALONE = ("wait", "ask", "contact", "confirm", "training", "tally", "practice", "revoke")
STEPS = st.lists(
    st.tuples(
        st.sampled_from((*OTHERS, *ABOUT, *ALONE)),
        st.sampled_from(MEMBERS),
        st.integers(0, 99),
        st.integers(0, 9),
    ),
    max_size=40,
)
Step = tuple[str, str, int, int]


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
            made[step].append(self._step(step, who, number, lambda *kinds, at=at: _one_of(made, kinds, at)))

    def _step(self, step: str, who: str, number: int, one: Callable[..., int]) -> int:
        labels = (LABELS[number % 3],)
        entry = one("entry", "law-entry")
        match step:
            case "wait":
                self.world.clock.now += (1, 3600, 6 * 3600, 86_400, 8 * 86_400)[number % 5]
            case "entry" | "law-entry":
                return self.entry(who, labels, **(BY_LAW if step == "law-entry" else {}))
            case "notice":
                to = ("acme", "bravo") if number % 2 else ("acme",)
                return self.notice(*to, labels=labels, clock=("code", "urgent")[number % 2])
            case "law-notice":
                return self.notice("acme", by="council", channel=Channel.AUTHORITY, **BY_LAW)
            case "arrived":
                return self.arrived(one("notice", "law-notice"), who)
            case "decide":
                fields = {"notified": NOW, "notified_by": "mail"} if number % 2 else {}
                return self.decide(one("notice", "law-notice"), list(Outcome)[number % 5], who, **fields)
            case "opinion":
                return self.says(who, GiveOpinion(entry, list(Stance)[number % 3]))
            case "withdraw":
                return self.says(who, Withdraw(entry, "mistake"))
            case "void":
                return self.takes(self.world.by_admins(Void(entry, "mistake")))
            case "appeal":
                return self.appeal(entry=entry, by=who)
            case "counter":
                return self.appeal(decision=one("decide"), by=who)
            case "rule":
                outcome = list(AppealOutcome)[number % 2]
                upheld = outcome is AppealOutcome.UPHELD and number % 3 > 0
                return self.rule(one("appeal", "counter"), outcome, who, entry if upheld else None)
            case "reply":
                return self.reply(one("ask", "decide", "appeal", "counter"))
            case "done":
                return self.says(who, ActionDone(one("review"), ("train", "publish")[number % 2], None))
            case "ask":
                return self.ask(by=who)
            case "contact":
                return self.contact(who, lasts=(0, 10**6, 10**7)[number % 3])
            case "confirm":
                return self.confirm(who)
            case "training":
                return self.says(who, Training(("children",), f"2027-0{number % 5 + 1}", Heads.FEW))
            case "tally":
                counts = tuple((label, number + 2, 1, number) for label in LABELS)
                return self.says(who, Tally(f"2027-0{number % 5 + 1}", 100 + number, counts))
            case "practice":
                return self.says(who, Practice(("children",), bytes(32)))
            case "review":
                actions = (("publish", NOW), ("train", self.world.clock.now + number * 3600))
                return self.says(who, Review("2026Q4", bytes(32), actions[number % 2 :]))
            case "revoke":
                self.takes(self.world.revoke(Identity.of(who), max(0, self.log.size - number)))
        return self.log.size - 1


def _one_of(made: dict[str, list[int]], kinds: tuple[str, ...], at: int) -> int:
    """One of the leaves that these steps have made."""
    leaves = [leaf for kind in kinds for leaf in made[kind]]
    return leaves[at % len(leaves)] if leaves else 1


def made_of(log: Noticed, quarter: Quarter = QUARTER) -> tuple[QuarterReport, Gathered]:
    """The report of a quarter, which the recount has to agree with."""
    report, gathered = make(log.leaves, quarter)
    assert list(recount.disagreements(report, gathered)) == []
    return report, gathered


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from((QUARTER, QUARTER.later(-1))))
def test_whatever_is_stated_is_counted_the_same_twice(steps: list[Step], quarter: Quarter) -> None:
    log = Anything()
    log.take_steps(steps)
    report, _ = made_of(log, quarter)
    value = {name: figure.value for name, figure in by_id(report.figures).items()}
    for scope in ("all", *report.members):
        parts = [int(value.get(f"{scope}/notices.{part}", 0)) for part in ("answered", "open", "overdue")]
        assert value.get(f"{scope}/notices.valid", 0) == sum(parts)


@settings(max_examples=60, deadline=None)
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
