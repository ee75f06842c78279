"""The report under unusual histories: keys that are revoked, policies that change, impossible times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import NOW, Identity, seeded, submit
from figured import QUARTER, figures, values
from hypothesis import given, settings
from hypothesis import strategies as st
from noticing import LABELS, POLICY, Noticed, decision, notice

from hashpact.domain import standing
from hashpact.domain.kinds import (
    ActionDone,
    AnyBody,
    Appeal,
    AuthorityReply,
    GiveOpinion,
    MemberResume,
    MemberSuspend,
    Question,
    Review,
    Ruling,
    Tally,
    Void,
    Withdraw,
)
from hashpact.domain.kinds.conduct.spelling import AppealOutcome, Outcome
from hashpact.domain.state import Basis, Stance
from hashpact.report.gathering import gather
from hashpact.report.page import to_html
from hashpact.report.report import make


@pytest.fixture
def made() -> Noticed:
    return Noticed()


def test_what_the_panel_has_struck_is_counted_whatever_becomes_of_its_keys(made: Noticed) -> None:
    entry = made.entry()
    index = made.appeal(entry=entry)
    made.rule(index, AppealOutcome.REJECTED)
    made.rule(index, AppealOutcome.UPHELD, by="panel-a", entry=entry)
    last = made.rule(index, AppealOutcome.UPHELD, by="panel-b", entry=entry)
    names = ("acme/appeals.upheld", "acme/appeals.by-panel", "acme/entries.ended", "acme/appeals.open")
    assert values(made, *names) == [1, 1, 1, 0]
    made.takes(made.world.revoke(Identity.of("panel-b"), last))
    assert values(made, *names) == [1, 1, 1, 0]


def test_an_appeal_is_upheld_in_the_report_only_if_its_entry_is_ended(made: Noticed) -> None:
    entry = made.entry()
    index = made.appeal(entry=entry)
    made.rule(index, AppealOutcome.REJECTED)
    made.rule(index, AppealOutcome.UPHELD, by="panel-a", entry=entry)
    made.takes(made.world.by_admins(replace(POLICY, version=2, panel=("bravo", "panel-b"))))
    made.rule(index, AppealOutcome.UPHELD, by="panel-b", entry=entry)
    names = ("acme/appeals.upheld", "acme/entries.ended", "acme/appeals.open")
    assert values(made, *names) == [0, 0, 1]
    made.rule(index, AppealOutcome.UPHELD, by="bravo", entry=entry)
    assert values(made, *names) == [1, 1, 0]


def test_a_ruling_on_what_was_withdrawn_before_ends_nothing_again(made: Noticed) -> None:
    entry = made.entry(labels=("minors",))
    index = made.appeal(entry=entry)
    withdrawn = made.says("voice", Withdraw(entry, "asked"))
    made.rule(index, AppealOutcome.UPHELD, entry=entry)
    assert figures(made)["acme/entries.ended"].leaves == (withdrawn,)


def test_a_decision_that_seems_earlier_than_its_notice_took_no_time(made: Noticed) -> None:
    """The notifier's clock is nine minutes ahead, the addressee's nine behind: a server takes both."""
    made.world.clock.now = NOW + 540
    index = made.notice()
    made.world.clock.now = NOW - 540
    made.decide(index)
    made.world.clock.now = NOW + 1000
    made.entry("bravo")
    names = ("notices.answered", "notices.within-24h", "notices.seconds.median", "notices.seconds.95th")
    assert values(made, *(f"acme/{name}" for name in names)) == [1, 1, 0, 0]


def test_what_one_member_alone_has_signed_is_no_agreed_action(made: Noticed) -> None:
    actions = (("publish-methods", NOW - 1), ("train", NOW - 1))
    alone = made.says("acme", Review("2026Q4", bytes(32), actions))
    made.says("bravo", Review("2026Q4", bytes(32), actions[:1]))
    made.says("acme", ActionDone(alone, "train", None))
    names = ("reviews.signed", "actions.agreed", "actions.done", "actions.late", "actions.open")
    made.world.clock.now = NOW + 1
    made.says("acme", Tally("2027-01", 1, ()))
    assert values(made, *(f"all/{name}" for name in names)) == [2, 1, 0, 1, 0]


def test_two_hours_of_one_name_are_told_apart(made: Noticed) -> None:
    """In New York the hour from 1 to 2 came twice on 2026-11-01."""
    again = int(dt.datetime(2026, 11, 1, 6, 30, tzinfo=dt.UTC).timestamp())
    for member in ("acme", "bravo"):
        made.says(member, Review("2026Q4", bytes(32), (("publish", again - 3600), ("train", again))))
    page = to_html(make(made.leaves, QUARTER)[0], "en", "America/New_York").decode()
    assert "2026-11-01 01:30:00 -0400" in page
    assert "2026-11-01 01:30:00 -0500" in page


def test_a_time_that_no_calendar_has_spoils_no_page(made: Noticed) -> None:
    for member in ("acme", "bravo"):
        made.says(member, Review("2026Q4", bytes(32), (("train", 2**63 - 1),)))
    report, _ = make(made.leaves, QUARTER)
    assert str(2**63 - 1) in to_html(report, "en", "Asia/Ho_Chi_Minh").decode()


PEOPLE = ("acme", "bravo", "council", "watch", "panel-a", "panel-b", "voice")
KINDS = (
    *("entry", "notice", "decide", "appeal", "rule", "withdraw", "void", "opinion", "question", "reply"),
    *("revoke", "suspend", "resume", "policy", "wait", "review", "done"),
)
PANELS = (("panel-a", "panel-b"), ("bravo", "panel-a", "panel-b"), ("acme", "bravo"))


def attempt(made: Noticed, step: str, number: int) -> None:
    """One statement, whether the rules take it or not: a leaf that breaks one counts for nothing."""
    state, world = made.log.state, made.world
    who = PEOPLE[number % len(PEOPLE)]

    def one_of(kind: str) -> int:
        found_ = [index for index, filing in state.filed.items() if filing.kind == kind]
        return found_[number // 7 % len(found_)] if found_ else 0

    def an_entry() -> int:
        return list(state.entries)[number // 7 % len(state.entries)] if state.entries else 0

    by_law = {"basis": Basis.LAW, "authority": "council", "article": "art-1"} if number % 2 else {}
    about = {"entry": an_entry()} if number % 3 else {}
    outcome = list(AppealOutcome)[number % 2]
    ends = an_entry() if outcome is AppealOutcome.UPHELD else None
    key = Identity.of(who)
    if step == "wait":
        world.clock.now += number * 3000
        return
    if step == "policy":
        panel = PANELS[number % 3]
        version = world_version(made) + 1
        leaf = world.by_admins(
            replace(POLICY, version=version, panel=panel, quorum=2 + number % (len(panel) - 1))
            if len(panel) > 2
            else replace(POLICY, version=version, panel=panel)
        )
    elif step == "revoke":
        leaf = world.revoke(key, max(20, made.log.size - number % 9))
    elif step == "suspend":
        leaf = world.by_admins(MemberSuspend(who, "asked"))
    elif step == "resume":
        leaf = world.by_admins(MemberResume(who, "asked"))
    elif step == "void":
        leaf = world.by_admins(Void(an_entry(), "mistake"))
    else:
        bodies: dict[str, Callable[[], AnyBody]] = {
            "entry": lambda: submit(labels=(LABELS[number % 3],), **by_law),
            "notice": lambda: notice(*(PEOPLE[:2] if number % 5 else ("acme",)), **by_law, **about),
            "decide": lambda: decision(one_of("notice"), list(Outcome)[number % 5]),
            "appeal": lambda: (
                Appeal(an_entry(), None, "x") if number % 2 else Appeal(None, one_of("decision"), "x")
            ),
            "rule": lambda: Ruling(one_of("appeal"), outcome, ends, "x"),
            "withdraw": lambda: Withdraw(an_entry(), "x"),
            "opinion": lambda: GiveOpinion(an_entry(), list(Stance)[number % 3]),
            "question": lambda: Question("council", None, "x", seeded("q")),
            "reply": lambda: AuthorityReply(one_of(("question", "decision", "appeal")[number % 3]), "x"),
            "review": lambda: Review("2026Q4", seeded(str(number)), (("train", NOW + number * 500),)),
            "done": lambda: ActionDone(one_of("review"), "train", None),
        }
        leaf = made.leaf(who, bodies[step]())
    made.leaves.append(leaf)
    made.log.apply(leaf)


def world_version(made: Noticed) -> int:
    """The version of the policy in force."""
    charter = made.log.state.charter()
    assert charter is not None
    return charter.policy_version


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 999)), min_size=10, max_size=60))
def test_the_counts_add_up_whatever_is_stated_revoked_and_suspended(steps: list[tuple[str, int]]) -> None:
    made = Noticed()
    for step, number in steps:
        attempt(made, step, number)
    made.world.clock.now = min(made.world.clock.now, QUARTER.stop - 1)
    found = figures(made)  # each is borne out by the leaves

    def number_of(name: str) -> int:
        return int(found[f"all/{name}"].value)

    for whole, *parts in (
        ("notices.valid", "notices.answered", "notices.open", "notices.overdue"),
        ("appeals.made", "appeals.upheld", "appeals.rejected", "appeals.open", "appeals.overdue"),
        ("replies.awaited", "replies.answered", "replies.answered-late", "replies.open", "replies.overdue"),
        ("actions.agreed", "actions.done", "actions.open", "actions.late"),
    ):
        assert number_of(whole) == sum(map(number_of, parts))
    state = made.log.state
    ended = [one for one in state.entries.values() if one.voided_index or standing.withdrawn(state, one)]
    if all(one.moment < QUARTER.stop for one in gather(made.leaves).stated):
        assert number_of("entries.ended") == len(ended)
