"""The report: counts that add up, times to the second, and the same bytes from the same leaves."""

from __future__ import annotations

import datetime as dt
import json
import re
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, Identity
from figured import QUARTER, figures, values
from hypothesis import given, settings
from hypothesis import strategies as st
from noticing import LABELS, Noticed

from hashpact.domain.kinds import (
    KINDS,
    ActionDone,
    GiveOpinion,
    MemberSuspend,
    Review,
    Tally,
    Training,
    Void,
    Withdraw,
)
from hashpact.domain.kinds.conduct.spelling import AppealOutcome, Channel, Heads, Outcome
from hashpact.domain.state import Basis, Stance
from hashpact.errors import InvalidInputError, NotFoundError
from hashpact.report import serial
from hashpact.report.figures import nearest_rank, percent
from hashpact.report.page import to_html
from hashpact.report.report import make, named

PAGE = Path(__file__).resolve().parents[3] / "docs" / "methods" / "report.md"
DAY = 24 * 3600
BY_LAW: dict[str, Any] = {"basis": Basis.LAW, "authority": "council", "article": "decree-13-5"}
ZONES = ("Asia/Ho_Chi_Minh", "Europe/Berlin", "America/New_York", "UTC")


@pytest.fixture
def made() -> Noticed:
    return Noticed()


def later(made: Noticed, seconds: int) -> None:
    """Let time pass, and somebody speak, so that the log knows of it."""
    made.world.clock.now += seconds
    made.says("bravo", Training(("children",), "2027-01", Heads.FEW))


@pytest.mark.parametrize(
    ("after", "in_time", "late"),
    [(DAY - 1, 1, 0), (DAY, 1, 0), (DAY + 1, 0, 1)],
)
def test_a_day_is_counted_to_the_second(made: Noticed, after: int, in_time: int, late: int) -> None:
    index = made.notice("acme")
    made.world.clock.now += after
    made.decide(index)
    found = values(made, "acme/notices.valid", "acme/notices.answered", "acme/notices.within-24h")
    assert found == [1, 1, in_time]
    assert figures(made)["acme/rate.within-24h"].value == ("100.0" if in_time else "0.0")
    assert figures(made)["acme/notices.seconds.median"].value == after
    assert late + in_time == 1


def test_what_is_not_answered_is_open_and_then_overdue(made: Noticed) -> None:
    made.notice("acme")
    later(made, DAY)
    assert values(made, "acme/notices.open", "acme/notices.overdue") == [1, 0]
    later(made, 1)
    assert values(made, "acme/notices.open", "acme/notices.overdue") == [0, 1]


def test_what_happens_after_the_quarter_is_not_in_its_figures(made: Noticed) -> None:
    index = made.notice("acme")
    made.world.clock.now = QUARTER.stop + 5
    made.contact("acme")
    made.decide(index)
    assert values(made, "all/notices.valid", "all/notices.answered", "all/notices.overdue") == [1, 0, 1]
    following = figures(made, QUARTER.later(1))
    assert [following[f"all/notices.{name}"].value for name in ("valid", "answered")] == [0, 0]


@pytest.mark.parametrize(("before_the_end", "answered"), [(1, 1), (0, 0)])
def test_the_last_second_of_a_quarter_is_in_it(made: Noticed, before_the_end: int, answered: int) -> None:
    made.world.clock.now = QUARTER.stop - 600
    made.contact("acme")
    index = made.notice("acme")
    made.world.clock.now = QUARTER.stop - before_the_end
    made.decide(index)
    made.entry("bravo")
    assert values(made, "all/notices.answered", "all/entries.shared") == [answered, answered]
    made.world.clock.now = QUARTER.stop + 1
    made.entry("bravo")
    following = figures(made, QUARTER.later(1))
    assert following["all/entries.shared"].value == 2 - answered
    assert following["all/notices.valid"].value == 0


def test_a_report_says_0_where_there_is_nothing_to_count(made: Noticed) -> None:
    made.notice("acme")
    found = figures(made)
    assert found["acme/notices.overdue"].value == found["acme/notices.answered"].value == 0
    assert found["all/rate.feedback"].value == "-"
    for name in ("appeals.made", "entries.ended", "suspensions", "replies.overdue", "actions.agreed"):
        assert (found[f"all/{name}"].value, found[f"all/{name}"].leaves) == (0, ())
    assert "acme/appeals.made" not in found
    assert found["all/uploads.matched"].reported


def test_what_others_state_after_the_quarter_changes_nothing_in_it(made: Noticed) -> None:
    first, second = made.entry(), made.entry()
    for member in ("bravo", "panel-a"):
        made.says(member, GiveOpinion(first, Stance.ENDORSE))
    made.world.clock.now = QUARTER.stop - 1
    made.says("watch", Training(("children",), "2027-04", Heads.FEW))
    before = figures(made)
    assert before["all/entries.endorsed-by-two"].value == 1
    made.world.clock.now = QUARTER.stop
    made.says("bravo", GiveOpinion(first, Stance.DISPUTE))
    made.says("panel-a", GiveOpinion(second, Stance.DISPUTE))
    made.contact("acme")
    made.says("bravo", Review("2026Q4", bytes(32), (("train", NOW),)))
    assert figures(made) == before


def test_every_addressee_counts_for_itself_and_in_all(made: Noticed) -> None:
    index = made.notice("acme", "bravo", by="council", channel=Channel.AUTHORITY, **BY_LAW)
    made.arrived(index, "bravo")
    made.decide(index, Outcome.KEPT, by="bravo")
    names = ("notices.valid", "notices.answered", "notices.confirmed", "notices.basis.law")
    assert values(made, *(f"all/{name}" for name in names)) == [2, 1, 1, 2]
    assert values(made, *(f"bravo/{name}" for name in names)) == [1, 1, 1, 1]
    assert values(made, *(f"acme/{name}" for name in names)) == [1, 0, 0, 1]
    assert values(made, "council/replies.awaited", "council/replies.open") == [1, 1]


def test_removal_and_feedback_are_rates_of_what_was_answered(made: Noticed) -> None:
    outcomes = (Outcome.REMOVED, Outcome.RESTRICTED, Outcome.KEPT)
    for place, outcome in enumerate(outcomes):
        told: dict[str, Any] = {"notified": NOW, "notified_by": "mail"} if place else {}
        made.decide(made.notice("acme", labels=("hate",)), outcome, **told)
    made.notice("acme")
    found = figures(made)
    assert (found["acme/rate.acted"].value, found["acme/rate.feedback"].value) == ("66.7", "66.7")
    assert found["acme/rate.removed.hate"].value == "66.7"
    assert found["acme/notices.outcome.restricted"].value == 1


def test_entries_and_what_became_of_them(made: Noticed) -> None:
    kept, ended, law = made.entry(), made.entry(), made.entry(**BY_LAW)
    for member in ("bravo", "panel-a"):
        made.says(member, GiveOpinion(kept, Stance.ENDORSE))
    made.says("panel-b", GiveOpinion(kept, Stance.DISPUTE))
    made.says("acme", Withdraw(ended, "mistake"))
    names = ("shared", "ended", "disputed", "endorsed-by-two", "by-law")
    assert values(made, *(f"acme/entries.{name}" for name in names)) == [3, 1, 1, 1, 1]
    assert figures(made)["council/entries.asked-for"].leaves == (law,)
    made.takes(made.world.by_admins(Void(kept, "mistake")))
    assert figures(made)["acme/entries.ended"].leaves == (len(made.leaves) - 2, len(made.leaves) - 1)
    assert values(made, "all/incidents") == [1]


def test_a_withdrawal_by_a_thief_ends_nothing(made: Noticed) -> None:
    stolen = made.says("acme", Withdraw(made.entry(), "mistake"))
    assert values(made, "acme/entries.ended") == [1]
    made.takes(made.world.revoke(Identity.of("acme"), stolen))
    assert values(made, "acme/entries.shared", "acme/entries.ended") == [1, 0]


def test_what_a_thief_has_done_counts_for_nothing(made: Noticed) -> None:
    made.entry("bravo")
    index = made.notice("acme", "bravo")
    stolen = made.decide(index, Outcome.KEPT, by="bravo")
    made.entry("bravo")
    made.takes(made.world.revoke(Identity.of("bravo"), stolen))
    assert values(made, "bravo/entries.shared", "bravo/notices.answered", "bravo/incidents") == [1, 0, 1]


def test_appeals_and_who_decided_them(made: Noticed) -> None:
    first, second = made.entry(), made.entry()
    upheld, appealed = made.appeal(entry=first), made.appeal(entry=second)
    made.rule(upheld, AppealOutcome.UPHELD, entry=first)
    made.rule(appealed, AppealOutcome.REJECTED)
    for member in ("panel-a", "panel-b"):
        made.rule(appealed, AppealOutcome.UPHELD, by=member, entry=second)
    made.appeal(entry=made.entry(), by="bravo")
    names = ("made", "upheld", "by-panel", "open", "overdue")
    assert values(made, *(f"acme/appeals.{name}" for name in names)) == [3, 2, 1, 1, 0]


def test_tallies_are_reported_and_the_newest_of_a_month_counts(made: Noticed) -> None:
    made.says("acme", Tally("2027-01", 900, (("hate", 9, 5, 4),)))
    made.says("acme", Tally("2027-01", 1000, (("fraud", 1, 1, 0), ("hate", 10, 6, 4))))
    made.says("acme", Tally("2027-04", 7, ()))
    found = figures(made)
    assert [found[f"acme/uploads.{name}"].value for name in ("checked", "matched", "acted", "let-stand")] == [
        *(1000, 11, 7, 4),
    ]
    assert found["acme/uploads.matched"].reported


def test_a_review_of_the_quarter_before_shows_its_actions(made: Noticed) -> None:
    soon, done = ("publish-methods", NOW + 5), ("train", NOW + 5)
    index = made.says("acme", Review("2026Q4", bytes(32), (soon, done)))
    made.says("bravo", Review("2026Q4", bytes(32), (soon, done)))
    made.says("bravo", ActionDone(index, "train", index))
    names = ("agreed", "done", "open", "late")
    assert values(made, *(f"all/actions.{name}" for name in names)) == [2, 1, 1, 0]
    later(made, 6)
    assert values(made, *(f"all/actions.{name}" for name in names)) == [2, 1, 0, 1]
    report, _ = make(made.leaves, QUARTER)
    methods, trained = report.actions
    assert (methods.action, methods.standing, methods.done) == ("publish-methods", "late", None)
    assert (trained.standing, trained.late, trained.member, trained.by) == ("done", False, "bravo", index)
    listed = json.loads(serial.to_json(report))["actions"]
    assert [(one["action"], one["standing"]) for one in listed] == [
        *(("publish-methods", "late"), ("train", "done")),
    ]
    assert f"bravo, leaf {index}" in to_html(report, "en", "UTC").decode()


def test_contact_points_that_were_not_confirmed(made: Noticed) -> None:
    later(made, 70 * DAY)
    assert values(made, "all/contacts.overdue") == [0]
    made.world.clock.now = QUARTER.later(1).start + 40 * DAY
    made.says("bravo", Training(("children",), "2027-05", Heads.FEW))
    following = QUARTER.later(1)
    assert figures(made, following)["all/contacts.overdue"].value == 2
    made.world.clock.now = following.stop - 1
    made.confirm("acme")
    assert figures(made, following)["all/contacts.overdue"].value == 1
    made.world.clock.now = following.stop
    made.confirm("bravo")
    made.contact("bravo")
    assert figures(made, following)["all/contacts.overdue"].value == 1


def test_an_action_that_is_done_after_the_quarter_is_late_in_it(made: Noticed) -> None:
    agreed = Review("2026Q4", bytes(32), (("train", QUARTER.stop - 10),))
    made.says("acme", agreed)
    index = made.says("bravo", agreed)
    made.world.clock.now = QUARTER.stop - 1
    made.says("bravo", Training(("children",), "2027-01", Heads.FEW))
    made.world.clock.now = QUARTER.stop
    made.says("bravo", ActionDone(index, "train", None))
    assert values(made, "all/actions.late", "all/actions.done") == [1, 0]


def test_the_page_on_reports_lists_the_kinds_of_incidents() -> None:
    (listed,) = re.findall(r"incidents: .* \(kinds (.*)\) \|", PAGE.read_text("utf-8"))
    assert set(re.findall("`([a-z-]+)`", listed)) == {
        kind for kind, body in KINDS.items() if body.is_incident
    }


def test_rotations_and_suspensions(made: Noticed) -> None:
    old, new = Identity.of("acme"), Identity.of("acme", "2")
    made.takes(made.world.rotate(old, new))
    made.takes(made.world.suspend(new, made.world.admins[0]))
    made.takes(made.world.leaf(MemberSuspend("bravo", "asked-for"), made.world.admins[0]))
    names = ("acme/keys.rotated", "acme/incidents", "bravo/incidents", "bravo/suspensions", "all/incidents")
    assert values(made, *names) == [1, 1, 1, 1, 2]


MEMBERS = ("acme", "bravo")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("notice", "decide", "confirm", "wait", "entry", "revoke")), st.integers(0, 999)
    ),
    max_size=25,
)


def played(steps: list[tuple[str, int]]) -> Noticed:
    """A quarter of these steps; a step that cannot be taken is left out."""
    made, given_to = Noticed(), []
    revoked: set[str] = set()
    founded = made.log.size
    for step, number in steps:
        member = MEMBERS[number % 2]
        if step == "wait":
            made.world.clock.now += number * 400
        elif step == "notice":
            to = MEMBERS if number % 3 == 0 else (member,)
            clock = ("code", "urgent", "complaint")[number % 3]
            given_to.append((made.notice(*to, labels=(LABELS[number % 3],), clock=clock), to))
        elif step == "revoke":
            if member not in revoked:
                revoked.add(member)
                made.takes(made.world.revoke(Identity.of(member), max(founded, made.log.size - number % 4)))
        elif member not in revoked and step == "entry":
            made.entry(member, labels=(LABELS[number % 3],))
        elif member not in revoked and given_to:
            index, to = given_to[number % len(given_to)]
            if member in to and step == "decide":
                made.decide(index, list(Outcome)[number % 5], by=member)
            elif member in to and made.log.state.newest("receipt-confirm", str(index), member) is None:
                made.arrived(index, member)
    return made


@settings(max_examples=40)
@given(STEPS)
def test_the_counts_of_any_quarter_add_up(steps: list[tuple[str, int]]) -> None:
    found = figures(played(steps))
    value = {name: figure.value for name, figure in found.items()}

    def number(scope: str, name: str) -> int:
        return int(value.get(f"{scope}/notices.{name}", 0))

    for scope in ("all", *MEMBERS):
        assert number(scope, "valid") == sum(number(scope, part) for part in ("answered", "open", "overdue"))
        assert number(scope, "answered") == sum(number(scope, f"outcome.{one.value}") for one in Outcome)
        assert number(scope, "within-clock") <= number(scope, "answered")
        assert number(scope, "acted") <= number(scope, "answered")
    for name in ("valid", "answered", "open", "overdue", "within-24h", "acted", "feedback", "confirmed"):
        assert number("all", name) == sum(number(member, name) for member in MEMBERS)


@settings(max_examples=10)
@given(STEPS)
def test_two_that_have_the_same_leaves_make_the_same_bytes(steps: list[tuple[str, int]]) -> None:
    made = played(steps)
    one, other = (make(list(made.leaves), QUARTER)[0] for _ in range(2))
    assert serial.to_json(one) == serial.to_json(other)
    assert serial.to_csv(one) == serial.to_csv(other)
    pages = {to_html(each, "vi", "Asia/Ho_Chi_Minh") for each in (one, other)}
    assert len(pages) == 1


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_changes_how_times_are_shown_and_nothing_else(made: Noticed, zone: str) -> None:
    made.decide(made.notice("acme"))
    made.says("acme", Review("2026Q4", bytes(32), (("train", NOW + 200 * DAY),)))
    report, _ = make(made.leaves, QUARTER)
    shown = dt.datetime.fromtimestamp(report.as_of, zoneinfo.ZoneInfo(zone))
    until = dt.datetime.fromtimestamp(NOW + 200 * DAY, zoneinfo.ZoneInfo(zone))
    page = to_html(report, "en", zone).decode()
    assert f"{shown:%Y-%m-%d %H:%M:%S} ({zone})" in page
    page = page.replace(f"{shown:%Y-%m-%d %H:%M:%S} ({zone})", "2027-01-15 08:00:00 (UTC)")
    page = page.replace(f"{until:%Y-%m-%d %H:%M:%S}", "2027-08-03 08:00:00")
    assert page == to_html(report, "en", "UTC").decode()


def test_a_longer_log_leaves_the_report_of_a_size_as_it_was(made: Noticed) -> None:
    made.decide(made.notice("acme"))
    before = serial.to_json(make(made.leaves, QUARTER)[0])
    size = len(made.leaves)
    made.entry("bravo")
    assert serial.to_json(make(made.leaves[:size], QUARTER)[0]) == before
    assert serial.to_json(make(made.leaves, QUARTER)[0]) != before


def test_a_leaf_that_breaks_a_rule_counts_for_nothing_but_is_in_the_tree(made: Noticed) -> None:
    made.notice("acme")
    before, _ = make(made.leaves, QUARTER)
    after, _ = make([*made.leaves, b"no statement\n"], QUARTER)
    assert (after.size, after.figures) == (before.size + 1, before.figures)
    assert after.root != before.root


def test_a_figure_is_found_by_its_name(made: Noticed) -> None:
    made.notice("acme")
    report, _ = make(made.leaves, QUARTER)
    assert named(report, "acme/notices.valid").leaves == (len(made.leaves) - 1,)
    with pytest.raises(NotFoundError, match="names are like all/"):
        named(report, "acme/notices.wrong")


def test_there_is_nothing_to_report_of_a_quarter_to_come(made: Noticed) -> None:
    with pytest.raises(InvalidInputError, match="earlier than 2027Q2"):
        make(made.leaves, QUARTER.later(1))
    with pytest.raises(InvalidInputError, match="no statement"):
        make([], QUARTER)


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_a_percentile_is_one_of_the_numbers(numbers: list[int]) -> None:
    median, high = nearest_rank(numbers, 50), nearest_rank(numbers, 95)
    assert {median, high} <= set(numbers)
    assert sum(number <= median for number in numbers) * 2 >= len(numbers)
    assert sum(number <= high for number in numbers) * 100 >= 95 * len(numbers)


def test_percentages_are_rounded_half_up() -> None:
    assert [percent(1, 3), percent(2, 3), percent(1, 2000), percent(1, 1), percent(0, 0)] == [
        *("33.3", "66.7", "0.1", "100.0", "-"),
    ]
