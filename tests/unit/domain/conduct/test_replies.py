"""Replies: from which authority one is awaited, until when, and when it is given."""

from __future__ import annotations

from typing import Any

import pytest
from builders import NOW, Identity
from folding import take
from noticing import Noticed

from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.conduct.replies import AwaitedReply, awaited
from hashpact.domain.kinds.conduct.spelling import Outcome
from hashpact.domain.state import CLOCKS, Basis

BY_LAW: dict[str, Any] = {"basis": Basis.LAW, "authority": "council", "article": "decree-13-5"}


@pytest.fixture
def made() -> Noticed:
    return Noticed()


def of(made: Noticed, index: int, after: int = 0) -> list[AwaitedReply]:
    return list(awaited(made.log.state, made.filing(index), NOW + after))


def test_a_question_is_answered_within_15_days(made: Noticed) -> None:
    index = made.ask()
    (found,) = of(made, index, CLOCKS["reply"] + 1)
    assert (found.authority, found.due, found.standing) == ("council", NOW + 15 * 86400, Standing.OVERDUE)
    made.reply(index)
    (found,) = of(made, index, 1)
    assert found.standing is Standing.ANSWERED
    assert found.reply is not None


@pytest.mark.parametrize(
    ("outcome", "count"),
    [(Outcome.REMOVED, 0), (Outcome.RESTRICTED, 0), (Outcome.KEPT, 1), (Outcome.INVALID, 1)],
)
def test_an_authority_answers_what_was_not_removed(made: Noticed, outcome: Outcome, count: int) -> None:
    decided = made.decide(made.notice(by="council", **BY_LAW), outcome)
    assert len(of(made, decided)) == count


def test_a_notice_without_an_authority_awaits_no_reply(made: Noticed) -> None:
    assert of(made, made.decide(made.notice(), Outcome.DISPUTED)) == []


def test_an_appeal_goes_to_the_authority_of_the_entry(made: Noticed) -> None:
    assert [one.authority for one in of(made, made.appeal(entry=made.entry(**BY_LAW)))] == ["council"]
    decided = made.decide(made.notice(by="council", **BY_LAW), Outcome.KEPT)
    assert [one.authority for one in of(made, made.appeal(decision=decided))] == ["council"]


def test_what_does_not_stand_awaits_nothing(made: Noticed) -> None:
    index = made.ask()
    take(made.log, made.world.revoke(Identity.of("acme"), index))
    assert of(made, index) == []


def test_nothing_is_awaited_about_a_notice_that_is_undone(made: Noticed) -> None:
    notice = made.notice(by="council", **BY_LAW)
    decided = made.decide(notice, Outcome.KEPT)
    take(made.log, made.world.revoke(Identity.of("council"), notice))
    assert of(made, decided) == []
