"""What one party could do to another by the letter of the rules, and cannot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import NOW, Identity, seeded
from folding import refuse
from noticing import POLICY, Noticed, decision, notice

from hashpact.domain.conduct.agreed import agreed
from hashpact.domain.conduct.appealed import Stage, appeal_case
from hashpact.domain.conduct.cases import case_of
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.kinds import ActionDone, MemberResume, MemberSuspend, Question, Review, Ruling, Tally
from hashpact.domain.kinds.conduct.notices import MAX_DECISIONS
from hashpact.domain.kinds.conduct.spelling import AppealOutcome, Outcome
from hashpact.errors import ConflictError, MalformedError

UPHELD, REJECTED = AppealOutcome.UPHELD, AppealOutcome.REJECTED
FOUR = replace(POLICY, version=2, panel=("bravo", "council", "panel-a", "panel-b"))


@pytest.fixture
def made() -> Noticed:
    return Noticed()


def test_rule_23_a_thief_does_not_use_up_the_decisions_of_a_member(made: Noticed) -> None:
    index = made.notice()
    stolen, new = Identity.of("acme"), Identity.of("acme", "2")
    first = made.decide(index, Outcome.KEPT)
    for _ in range(MAX_DECISIONS - 1):
        made.decide(index, Outcome.KEPT)
    made.takes(made.world.key(new))
    made.takes(made.world.revoke(stolen, first))
    assert case_of(made.log.state, made.filing(index), "acme", NOW).standing is Standing.OPEN
    for _ in range(MAX_DECISIONS):
        made.takes(made.world.leaf(decision(index), new))
    assert case_of(made.log.state, made.filing(index), "acme", NOW).standing is Standing.ANSWERED
    refuse(made.log, made.world.leaf(decision(index), new), ConflictError, "has decided 16 times")


def test_rule_21_no_clock_starts_for_a_member_that_is_suspended(made: Noticed) -> None:
    made.takes(made.world.by_admins(MemberSuspend("bravo", "asked")))
    for to in (("bravo",), ("acme", "bravo")):
        refuse(
            made.log, made.leaf("watch", notice(*to)), ConflictError, "'bravo' is suspended, and could not"
        )
    made.takes(made.world.by_admins(MemberResume("bravo", "asked")))
    made.notice("bravo")


def test_rule_26_no_clock_starts_for_an_authority_that_is_suspended(made: Noticed) -> None:
    made.takes(made.world.by_admins(MemberSuspend("council", "asked")))
    asked = Question("council", None, "which-article", seeded("question"))
    refuse(made.log, made.leaf("acme", asked), ConflictError, "'council' is suspended, and could not")
    made.takes(made.world.by_admins(MemberResume("council", "asked")))
    made.ask()


@pytest.mark.parametrize(("first", "then"), [(REJECTED, UPHELD), (UPHELD, REJECTED)])
def test_rule_25_the_first_quorum_decides(made: Noticed, first: AppealOutcome, then: AppealOutcome) -> None:
    made.takes(made.world.by_admins(FOUR))
    entry = made.entry("acme")
    index = made.appeal(entry=entry)

    def ballot(outcome: AppealOutcome) -> Ruling:
        return Ruling(index, outcome, entry if outcome is UPHELD else None, "looked-again")

    made.rule(index, REJECTED)
    made.says("bravo", ballot(then))
    made.says("council", ballot(first))
    last = made.says("panel-a", ballot(first))
    stage = Stage.UPHELD if first is UPHELD else Stage.REJECTED
    assert appeal_case(made.log.state, made.filing(index), NOW).stage is stage
    refuse(made.log, made.leaf("panel-b", ballot(then)), ConflictError, f"has decided on appeal {index}")
    made.takes(made.world.revoke(Identity.of("panel-a"), last))
    if first is REJECTED:  # what was struck stays so
        made.says("panel-b", ballot(then))
        assert appeal_case(made.log.state, made.filing(index), NOW).stage is Stage.UPHELD


def test_no_member_agrees_alone_on_what_others_are_to_do(made: Noticed) -> None:
    train, publish = ("train", NOW + 5), ("publish-methods", NOW + 9)
    alone = made.says("acme", Review("2026Q4", seeded("mine"), (publish, ("train", NOW - 5))))
    made.says("acme", Review("2026Q4", seeded("mine again"), (publish, train)))
    made.says("acme", ActionDone(alone, "publish-methods", None))
    assert agreed(made.log.state, "2026Q4", NOW) == ()
    both = made.says("bravo", Review("2026Q4", seeded("minutes"), (train,)))
    (action,) = agreed(made.log.state, "2026Q4", NOW)
    assert (action.action, action.until, action.agreed, action.standing) == ("train", NOW + 5, both, "open")
    done = made.says("council", ActionDone(alone, "train", None))
    (action,) = agreed(made.log.state, "2026Q4", NOW)
    assert (action.done, action.member, action.late) == (done, "council", False)


def test_a_label_of_64_letters_is_tallied_and_an_action_of_64_agreed(made: Noticed) -> None:
    """Also where something follows in the line: the bound is the slug's, not the line's."""
    longest = "a" * 64
    made.takes(made.world.by_admins(replace(POLICY, version=2, labels=(longest, "minors"))))
    made.says("acme", Tally("2027-01", 9_000_000, ((longest, 8_000_000, 7_000_000, 1_000_000),)))
    for member in ("acme", "bravo"):
        made.says(member, Review("2026Q4", seeded("minutes"), ((longest, NOW + 5),)))
    (action,) = agreed(made.log.state, "2026Q4", NOW)
    assert action.action == longest
    for body in (
        Tally("2027-01", 9, ((longest + "a", 3, 2, 1),)),
        Review("2026Q4", bytes(32), ((longest + "a", 1),)),
    ):
        with pytest.raises(MalformedError, match="want"):
            body.write()
