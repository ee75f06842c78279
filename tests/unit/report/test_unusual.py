"""The report under unusual histories: keys that are revoked, policies that change, impossible times."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import Identity
from figured import QUARTER, figures, values
from noticing import POLICY, Noticed

from hashpact.domain.kinds import Review, Withdraw
from hashpact.domain.kinds.conduct.spelling import AppealOutcome
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


def test_a_time_that_no_calendar_has_spoils_no_page(made: Noticed) -> None:
    made.says("acme", Review("2026Q4", bytes(32), (("train", 2**63 - 1),)))
    report, _ = make(made.leaves, QUARTER)
    assert str(2**63 - 1) in to_html(report, "en", "Asia/Ho_Chi_Minh").decode()
