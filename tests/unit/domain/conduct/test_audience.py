"""Audience: the words of a statement are read by those whom it concerns, and by no other member."""

from __future__ import annotations

from typing import Any

import pytest
from noticing import ROLES, Noticed

from hashpact.domain.conduct.audience import may_read
from hashpact.domain.kinds.conduct.spelling import AppealOutcome, Outcome
from hashpact.domain.state import Basis, Member, Role

BY_LAW: dict[str, Any] = {"basis": Basis.LAW, "authority": "council", "article": "decree-13-5"}


@pytest.fixture
def made() -> Noticed:
    return Noticed()


def readers(made: Noticed, index: int) -> set[str]:
    """The members that read it, by the roles that they have."""
    members = made.log.state.members.values()
    return {one.id for one in members if may_read(made.log.state, made.filing(index), one)}


def test_every_member_reads_where_a_contact_point_is(made: Noticed) -> None:
    assert readers(made, made.contact("bravo")) == set(ROLES)


def test_67_a_notice_is_for_its_addressees_its_author_and_its_authority(made: Noticed) -> None:
    assert readers(made, made.notice("acme")) == {"acme", "watch"}
    assert readers(made, made.notice("acme", "bravo", **BY_LAW)) == {"acme", "bravo", "watch", "council"}


def test_who_audits_reads_all(made: Noticed) -> None:
    auditor = Member("auditor", frozenset({Role.AUDIT}), 0)
    assert may_read(made.log.state, made.filing(made.notice()), auditor)


def test_an_appeal_and_its_rulings_are_for_those_who_rule(made: Noticed) -> None:
    index = made.appeal(entry=made.entry("acme"))
    concerned = {"watch", "acme", "panel-a", "panel-b"}
    assert readers(made, index) == concerned
    assert readers(made, made.rule(index, AppealOutcome.REJECTED)) == concerned


def test_a_question_and_its_reply_are_between_two(made: Noticed) -> None:
    index = made.ask(by="bravo")
    assert readers(made, index) == {"bravo", "council"}
    assert readers(made, made.reply(index)) == {"bravo", "council"}


def test_a_reply_to_an_appeal_about_a_decision_reaches_all_whom_it_concerns(made: Noticed) -> None:
    decided = made.decide(made.notice(by="council", **BY_LAW), Outcome.KEPT)
    index = made.reply(made.appeal(decision=decided, by="bravo"))
    assert readers(made, index) == {"bravo", "council", "acme", "panel-a", "panel-b"}
