"""Rules 20 to 29: what the log takes of the code of conduct, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, Identity, seeded
from folding import refuse, take
from noticing import LABELS, POLICY, Noticed, decision, notice

from hashpact.domain import statements
from hashpact.domain.kinds import (
    ActionDone,
    AnyBody,
    Appeal,
    AuthorityReply,
    Contact,
    ContactConfirm,
    Notice,
    Question,
    ReceiptConfirm,
    Review,
    Ruling,
    Tally,
    Withdraw,
)
from hashpact.domain.kinds.conduct.contacts import MAX_VALID
from hashpact.domain.kinds.conduct.notices import CLOCKS_APART, MAX_DECISIONS
from hashpact.domain.kinds.conduct.spelling import AppealOutcome, Judgement, Outcome, Point
from hashpact.domain.state import CLOCKS, Basis, Entry, Stance
from hashpact.errors import (
    ConflictError,
    HashpactError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    NotPermittedError,
    UnknownLabelError,
)

UPHELD, REJECTED = AppealOutcome.UPHELD, AppealOutcome.REJECTED
BY_LAW: dict[str, Any] = {"basis": Basis.LAW, "authority": "council", "article": "decree-13-5"}


@pytest.fixture
def made() -> Noticed:
    return Noticed()


def no(made: Noticed, member: str, body: AnyBody, error: type[HashpactError], message: str) -> HashpactError:
    """The rules refuse that statement."""
    return refuse(made.log, made.leaf(member, body), error, message)


def entry_of(made: Noticed, index: int) -> Entry:
    found = made.log.state.entry(index)
    assert found is not None
    return found


def test_rule_11_a_representative_withdraws_what_has_priority_and_nothing_else(made: Noticed) -> None:
    harmed, other = made.entry(labels=("hate", "minors")), made.entry(labels=("hate",))
    no(made, "voice", Withdraw(other, "asked"), NotPermittedError, "only 'acme'")
    no(made, "watch", Withdraw(harmed, "asked"), NotPermittedError, "only 'acme'")
    index = made.says("voice", Withdraw(harmed, "asked"))
    assert entry_of(made, harmed).withdrawn_index == index


def test_rule_20_a_contact_point_is_confirmed_while_it_is_valid(made: Noticed) -> None:
    no(made, "acme", ContactConfirm(Point.KEYS), ConflictError, "no contact point for keys")
    made.contact("acme", Point.KEYS, lasts=10)
    made.confirm("acme", Point.KEYS)
    made.world.clock.now += 10
    no(made, "acme", ContactConfirm(Point.KEYS), ConflictError, "no contact point for keys")


def test_rule_20_a_contact_point_is_not_valid_for_ever() -> None:
    body = Contact(Point.NOTICES, NOW, NOW + MAX_VALID + 1, ("vi",), ("always",), None, seeded("address"))
    with pytest.raises(MalformedError, match="at most 732 days"):
        body.write()


@pytest.mark.parametrize(
    ("by", "fields", "error", "message"),
    [
        ("acme", {}, NotPermittedError, "'acme' does not have the role notify"),
        ("watch", {"labels": ("spam",)}, UnknownLabelError, "unknown label 'spam'"),
        ("watch", {"clock": "soon"}, InvalidInputError, "no clock class 'soon'; known are appeal, authority"),
        (
            "watch",
            BY_LAW | {"authority": "bravo"},
            NotPermittedError,
            "'bravo' does not have the role authority",
        ),
        ("watch", BY_LAW | {"authority": "nobody"}, NotFoundError, "the authority 'nobody' is not enrolled"),
        ("watch", {"entry": 4}, NotFoundError, "there is no entry 4"),
        ("watch", {"addressees": ("nobody",)}, NotFoundError, "the addressee 'nobody' is not enrolled"),
        ("watch", {"addressees": ("acme", "council")}, ConflictError, "'council' has no contact point"),
    ],
)
def test_rule_21_what_a_notice_needs(
    made: Noticed, by: str, fields: dict[str, Any], error: type[HashpactError], message: str
) -> None:
    before = dict(made.log.state.filed)
    no(made, by, notice(**fields), error, message)
    assert made.log.state.filed == before


def test_rule_21_nobody_gives_notice_to_itself(made: Noticed) -> None:
    made.contact("watch")
    no(made, "watch", notice("acme", "watch"), NotPermittedError, "'watch' gives no notice to itself")


def test_rule_21_a_notice_is_about_an_entry_that_stands(made: Noticed) -> None:
    entry = made.entry()
    made.notice("acme", "bravo", entry=entry)
    made.says("acme", Withdraw(entry, "mistake"))
    no(made, "watch", notice(entry=entry), ConflictError, "is withdrawn")


def test_rule_21_a_contact_point_that_has_run_out_reaches_nobody(made: Noticed) -> None:
    made.world.clock.now += MAX_VALID - 1
    made.world.clock.now = NOW + 300 * 86400
    made.contact("acme", lasts=100)
    made.notice("acme")
    made.world.clock.now += 100
    no(made, "watch", notice("acme"), ConflictError, "'acme' has no contact point")


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"items": ()}, "entry or item"),
        ({"items": (), "basis": Basis.LAW}, "entry or item, authority, article"),
        ({"basis": Basis.LAW, "authority": "council"}, "article"),
    ],
)
def test_rule_21_an_incomplete_notice_names_all_that_it_lacks(fields: dict[str, Any], missing: str) -> None:
    with pytest.raises(MalformedError) as refused:
        notice(**fields).write()
    assert refused.value.details["missing"] == missing


def test_rule_21_each_line_that_is_missing_is_named_and_no_clock_starts(made: Noticed) -> None:
    whole = made.world.statement(notice(), Identity.of("watch")).text().decode()
    required = ("to", "label", "basis", "channel", "clock", "words")
    for dropped in (*((name,) for name in required), required[1:3], required):
        text = "".join(line for line in whole.splitlines(keepends=True) if line.split(" ")[0] not in dropped)
        with pytest.raises(MalformedError) as refused:
            statements.read(text.encode())
        assert refused.value.details["missing"] == ", ".join(dropped)
        made.log.apply(text.encode())
    assert [one for one in made.log.state.filed.values() if one.kind == Notice.kind] == []


def test_rule_21_what_a_notice_is_about_is_named_with_the_lines_that_are_missing(made: Noticed) -> None:
    body = notice(basis=Basis.LAW, authority="council", article="art-1")
    whole = made.world.statement(body, Identity.of("watch")).text().decode()
    dropped = {"clock", "item", "authority"}
    text = "".join(line for line in whole.splitlines(keepends=True) if line.split(" ")[0] not in dropped)
    with pytest.raises(MalformedError) as refused:
        statements.read(text.encode())
    assert refused.value.details["missing"] == "clock, entry or item, authority"


def test_rule_21_a_notice_is_about_one_thing() -> None:
    with pytest.raises(MalformedError, match="not about both"):
        notice(entry=3, items=(seeded("item"),)).write()
    with pytest.raises(MalformedError, match="only basis law"):
        notice(authority="council").write()


def test_rule_22_an_addressee_confirms_once(made: Noticed) -> None:
    index = made.notice("acme")
    no(made, "bravo", ReceiptConfirm(index), NotPermittedError, "is not for 'bravo', but for acme")
    no(made, "acme", ReceiptConfirm(3), NotFoundError, "there is no notice 3")
    made.arrived(index)
    no(made, "acme", ReceiptConfirm(index), ConflictError, "has confirmed notice")


def test_rule_23_a_decision_is_the_addressees_and_not_of_the_future(made: Noticed) -> None:
    index = made.notice("acme")
    no(made, "bravo", decision(index), NotPermittedError, "is not for 'bravo'")
    late = NOW + CLOCKS_APART + 1
    no(made, "acme", decision(index, acted=late), InvalidInputError, "acted is in the future")
    told: dict[str, Any] = {"notified": late, "notified_by": "portal"}
    no(made, "acme", decision(index, **told), InvalidInputError, "notified is in the future")
    made.decide(index, acted=late - 1)
    for _ in range(MAX_DECISIONS - 1):
        made.decide(index)
    no(made, "acme", decision(index), ConflictError, "has decided 16 times")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"clause": None}, "names the clause"),
        ({"law": Judgement.BREACH}, "names the article"),
        ({"law": Judgement.NO_BREACH, "article": "art-1"}, "names the article"),
        ({"acted": None}, "has the time acted"),
        ({"outcome": Outcome.KEPT}, "has the time acted"),
        ({"guidelines": Judgement.NO_BREACH, "clause": None}, "for a breach of the guidelines or of the law"),
        ({"notified": NOW}, "go together"),
        ({"notified_by": "portal"}, "go together"),
    ],
)
def test_rule_23_a_decision_does_not_contradict_itself(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        replace(decision(3), **fields).write()


def test_rule_24_an_appeal_is_about_what_stands_and_waits_for_its_ruling(made: Noticed) -> None:
    entry = made.entry()
    index = made.appeal(entry=entry)
    no(made, "watch", Appeal(entry, None, "again"), ConflictError, f"the appeal {index} of 'watch'")
    made.appeal(entry=entry, by="bravo")
    made.rule(index, REJECTED)
    made.appeal(entry=entry)
    made.says("acme", Withdraw(entry, "mistake"))
    no(made, "council", Appeal(entry, None, "late"), ConflictError, "is withdrawn")
    no(made, "watch", Appeal(None, entry, "no"), NotFoundError, "there is no decision")
    with pytest.raises(MalformedError, match="one of the two lines"):
        Appeal(None, None, "what").write()
    with pytest.raises(MalformedError, match="one of the two lines"):
        Appeal(1, 2, "both").write()


def test_rule_25_the_contributor_withdraws_by_its_ruling(made: Noticed) -> None:
    entry = made.entry("acme")
    index = made.appeal(entry=entry)
    no(made, "acme", Ruling(index, UPHELD, None, "why"), ConflictError, f"want the line entry {entry}")
    no(made, "acme", Ruling(index, UPHELD, entry + 1, "why"), ConflictError, f"want the line entry {entry}")
    ruled = made.rule(index, UPHELD, entry=entry)
    assert entry_of(made, entry).withdrawn_index == ruled
    assert entry_of(made, entry).withdrawn_reason == "appeal-upheld"
    no(made, "acme", Ruling(index, REJECTED, None, "other"), ConflictError, "has ruled on appeal")
    no(made, "panel-a", Ruling(index, UPHELD, entry, "why"), ConflictError, "nothing left to rule on")
    take(made.log, made.world.revoke(Identity.of("acme"), ruled))
    made.notice(entry=entry)  # the ruling does not stand, and the entry does


def test_rule_25_a_ruling_does_not_take_the_place_of_a_withdrawal(made: Noticed) -> None:
    """Whoever has the contributor's key cannot undo what a representative did, by ruling and revoking it."""
    entry = made.entry("acme", labels=("minors",))
    index = made.appeal(entry=entry)
    withdrawn = made.says("voice", Withdraw(entry, "asked"))
    ruled = made.rule(index, UPHELD, entry=entry)
    assert entry_of(made, entry).withdrawn_index == withdrawn
    take(made.log, made.world.revoke(Identity.of("acme"), ruled))
    no(made, "watch", notice(entry=entry), ConflictError, "is withdrawn")


def test_rule_25_a_ruling_withdraws_what_a_thief_had_withdrawn_in_vain(made: Noticed) -> None:
    entry = made.entry("acme", labels=("minors",))
    index = made.appeal(entry=entry)
    stolen = made.says("voice", Withdraw(entry, "asked"))
    take(made.log, made.world.revoke(Identity.of("voice"), stolen))
    ruled = made.rule(index, UPHELD, entry=entry)
    assert entry_of(made, entry).withdrawn_index == ruled


def test_rule_25_a_later_policy_does_not_shorten_the_owners_time(made: Noticed) -> None:
    entry = made.entry("acme")
    index = made.appeal(entry=entry)
    take(made.log, made.world.by_admins(replace(POLICY, version=2, clocks=(("appeal", 60),))))
    made.world.clock.now += 61
    ballot = Ruling(index, UPHELD, entry, "looked-again")
    no(made, "panel-a", ballot, ConflictError, "has not ruled on appeal")
    made.world.clock.now += CLOCKS["appeal"]
    made.says("panel-a", ballot)


def test_rule_25_a_member_whose_decision_followed_an_entry_disputes_it(made: Noticed) -> None:
    entry = made.entry("acme")
    decided = made.decide(made.notice("bravo", entry=entry), by="bravo")
    index = made.appeal(decision=decided)
    no(made, "bravo", Ruling(index, UPHELD, entry + 1, "why"), ConflictError, "is about a decision")
    ruled = made.rule(index, UPHELD, by="bravo", entry=entry)
    (opinion,) = made.log.state.opinions(entry)
    assert (opinion.member, opinion.stance, opinion.index) == ("bravo", Stance.DISPUTE, ruled)


def test_rule_25_the_panel_rules_in_its_turn_and_a_quorum_strikes(made: Noticed) -> None:
    entry = made.entry("acme")
    index = made.appeal(entry=entry)
    ballot = Ruling(index, UPHELD, entry, "looked-again")
    no(made, "panel-a", ballot, ConflictError, "has not ruled on appeal")
    no(made, "bravo", ballot, NotPermittedError, "and then for the policy's panel")
    made.rule(index, REJECTED)
    made.says("panel-a", ballot)
    assert entry_of(made, entry).voided_index is None
    no(made, "panel-a", ballot, ConflictError, "has ruled on appeal")
    struck = made.says("panel-b", ballot)
    assert entry_of(made, entry).voided_index == struck


def test_rule_25_who_appealed_does_not_judge(made: Noticed) -> None:
    entry = made.entry("acme")
    index = made.appeal(entry=entry, by="panel-a")
    made.rule(index, REJECTED)
    no(made, "panel-a", Ruling(index, UPHELD, entry, "mine"), NotPermittedError, "does not rule on it")


def test_rule_25_an_appeal_that_is_rejected_ends_nothing() -> None:
    with pytest.raises(MalformedError, match="only an appeal that is upheld"):
        Ruling(3, REJECTED, 4, "why").write()


def test_rule_26_the_authority_that_is_named_replies_once(made: Noticed) -> None:
    no(made, "acme", Question("bravo", None, "why", seeded("q")), NotPermittedError, "role authority")
    no(made, "acme", Question("council", 3, "why", seeded("q")), NotFoundError, "there is no notice 3")
    asked = made.ask()
    no(
        made,
        "bravo",
        AuthorityReply(asked, "me"),
        NotPermittedError,
        "'bravo' does not have the role authority",
    )
    made.reply(asked)
    no(made, "council", AuthorityReply(asked, "again"), ConflictError, "has replied")
    removed = made.decide(made.notice(by="council", **BY_LAW))
    for index in (removed, 3):
        no(made, "council", AuthorityReply(index, "thanks"), NotPermittedError, "no reply to leaf")


def test_rule_27_a_tally_has_known_labels_and_round_numbers(made: Noticed) -> None:
    no(made, "acme", Tally("2027-01", 5, (("spam", 0, 0, 0),)), UnknownLabelError, "unknown label 'spam'")
    take(made.log, made.world.by_admins(replace(POLICY, version=2, tally_step=10)))
    for body in (Tally("2027-01", 5, ()), Tally("2027-01", 10, (("hate", 20, 5, 0),))):
        no(made, "acme", body, InvalidInputError, "multiples of 10")
    made.says("acme", Tally("2027-01", 10, (("hate", 20, 10, 10),)))
    with pytest.raises(MalformedError, match="more than 1 matches"):
        Tally("2027-01", 10, (("hate", 1, 1, 1),)).write()
    with pytest.raises(MalformedError, match="a label twice"):
        Tally("2027-01", 10, (("hate", 1, 1, 0), ("hate", 2, 1, 0))).write()


def test_rule_28_and_29_a_review_is_signed_once_and_its_actions_are_done(made: Noticed) -> None:
    body = Review("2026Q4", seeded("minutes"), (("publish-methods", NOW),))
    index = made.says("acme", body)
    no(made, "acme", body, ConflictError, "has signed this review")
    made.says("acme", replace(body, minutes=seeded("other")))
    made.says("bravo", body)
    no(made, "bravo", ActionDone(index, "sleep", None), InvalidInputError, "has no action 'sleep'")
    no(
        made,
        "bravo",
        ActionDone(index, "publish-methods", 10_000),
        InvalidInputError,
        "is not in the log yet",
    )
    made.says("bravo", ActionDone(index, "publish-methods", index))
    with pytest.raises(MalformedError, match="named twice"):
        Review("2026Q4", seeded("minutes"), (("a", 1), ("a", 2))).write()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"clocks": (("code", 1), ("code", 2))}, "clock names a class or label twice"),
        ({"priorities": (("spam", "urgent"),)}, "want a label of this policy"),
        ({"priorities": (("hate", "slow"),)}, "one of its clock classes"),
        ({"panel": ("acme", "bravo")}, "quorum"),
        ({"panel": ("acme", "bravo"), "quorum": 3}, "quorum"),
        ({"quorum": 2}, "quorum"),
    ],
)
def test_rule_07_the_terms_of_a_policy_hold_together(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        replace(POLICY, **({"panel": (), "quorum": None} | fields)).write()
    assert POLICY.labels == LABELS


def test_what_a_policy_changes_of_the_terms_is_described(made: Noticed) -> None:
    charter = made.log.state.charter()
    assert charter is not None
    after = replace(POLICY, version=2, clocks=(("urgent", 60),), panel=(), quorum=None, tally_step=5)
    lines = after.changes(charter)
    assert "Until now: 2 of panel-a, panel-b decide on appeals." in lines
    assert "A clock of the class urgent runs for 60 s." in after.describe()
    assert "Tallies are rounded to multiples of 5." in after.describe()
