"""Appeals: the owner rules, then the panel, and each stage is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import NOW, Identity
from folding import take
from noticing import POLICY, Noticed

from hashpact.domain.conduct.appealed import AppealCase, Stage, appeal_case
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.kinds.conduct.spelling import AppealOutcome
from hashpact.domain.state import CLOCKS

UPHELD, REJECTED = AppealOutcome.UPHELD, AppealOutcome.REJECTED


@pytest.fixture
def made() -> Noticed:
    return Noticed()


def case(made: Noticed, index: int, after: int = 0) -> AppealCase:
    return appeal_case(made.log.state, made.filing(index), NOW + after)


def test_the_contributor_rules_first(made: Noticed) -> None:
    entry = made.entry("acme")
    index = made.appeal(entry=entry)
    found = case(made, index)
    assert (found.owner, found.stage, found.standing) == ("acme", Stage.OWNER, Standing.OPEN)
    made.rule(index, UPHELD, entry=entry)
    found = case(made, index)
    assert (found.stage, found.standing, len(found.rulings)) == (Stage.UPHELD, Standing.ANSWERED, 1)


def test_what_the_owner_rejects_goes_to_the_panel(made: Noticed) -> None:
    entry = made.entry("acme")
    index = made.appeal(entry=entry)
    made.rule(index, REJECTED)
    assert case(made, index).stage is Stage.PANEL
    made.rule(index, UPHELD, by="panel-a", entry=entry)
    assert case(made, index).stage is Stage.PANEL
    made.rule(index, UPHELD, by="panel-b", entry=entry)
    assert case(made, index).stage is Stage.UPHELD
    struck = made.log.state.entry(entry)
    assert struck is not None
    assert struck.voided_reason == "appeal-upheld"


def test_a_quorum_is_of_those_who_were_of_the_panel_when_the_last_voted(made: Noticed) -> None:
    entry = made.entry("acme")
    index = made.appeal(entry=entry)
    made.rule(index, REJECTED)
    made.rule(index, UPHELD, by="panel-a", entry=entry)
    made.takes(made.world.by_admins(replace(POLICY, version=2, panel=("bravo", "panel-b"))))
    made.rule(index, UPHELD, by="panel-b", entry=entry)
    assert case(made, index).stage is Stage.PANEL
    made.rule(index, UPHELD, by="bravo", entry=entry)
    assert case(made, index).stage is Stage.UPHELD
    made.takes(
        made.world.by_admins(replace(POLICY, version=3, panel=("bravo", "panel-a", "panel-b"), quorum=3))
    )
    assert case(made, index).stage is Stage.UPHELD  # a later policy does not open it again


def test_what_the_panel_has_struck_stays_upheld_though_a_key_of_it_is_revoked(made: Noticed) -> None:
    entry = made.entry("acme")
    index = made.appeal(entry=entry)
    ruled = made.rule(index, REJECTED)
    for member in ("panel-a", "panel-b"):
        ruled = made.rule(index, UPHELD, by=member, entry=entry)
    take(made.log, made.world.revoke(Identity.of("panel-b"), ruled))
    assert case(made, index).stage is Stage.UPHELD


def test_the_panel_may_reject_too(made: Noticed) -> None:
    index = made.appeal(entry=made.entry("acme"))
    for member in ("acme", "panel-a", "panel-b"):
        made.rule(index, REJECTED, by=member)
    assert case(made, index).stage is Stage.REJECTED


def test_an_owner_that_is_silent_does_not_stop_the_panel(made: Noticed) -> None:
    index = made.appeal(entry=made.entry("acme"))
    week = CLOCKS["appeal"]
    assert case(made, index, week).stage is Stage.OWNER
    assert (case(made, index, week + 1).stage, case(made, index, week + 1).standing) == (
        Stage.PANEL,
        Standing.OVERDUE,
    )


def test_the_ruling_of_a_stolen_key_does_not_count(made: Noticed) -> None:
    index = made.appeal(entry=made.entry("acme"))
    ruled = made.rule(index, REJECTED)
    take(made.log, made.world.revoke(Identity.of("acme"), ruled))
    assert case(made, index).stage is Stage.OWNER


def test_an_appeal_about_a_decision_that_is_undone_has_no_owner(made: Noticed) -> None:
    decided = made.decide(made.notice())
    index = made.appeal(decision=decided)
    assert case(made, index).owner == "acme"
    take(made.log, made.world.revoke(Identity.of("acme"), decided))
    assert case(made, index).owner is None
