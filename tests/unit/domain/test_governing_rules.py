"""Rules 4, 5, 8, 13 and 17 of `hashpact.domain.rules`: who governs, and what nobody does alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import BOTH, LABELS, NOW, YEAR, Identity, World, submit
from folding import refuse, take

from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import (
    ADMIN,
    KINDS,
    AnyBody,
    ClockMend,
    GiveOpinion,
    KeyEnrol,
    KeyResume,
    KeyRevoke,
    MemberEnrol,
    MemberResume,
    MemberRoles,
    MemberSuspend,
    Policy,
    Root,
    Signers,
    Void,
    Withdraw,
)
from hashpact.domain.kinds.lines import RATED
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Basis, Role, Stance, Use
from hashpact.errors import (
    ConflictError,
    InvalidInputError,
    MalformedError,
    MissingSignatureError,
    NotFoundError,
    NotPermittedError,
)

ACME, BRAVO, PUPPET = Identity.of("acme"), Identity.of("bravo"), Identity.of("puppet")
SECOND = Identity.of("acme", "2")
ALICE, BOB, CAROL, DAVE = (Identity.of(ADMIN, name) for name in ("alice", "bob", "carol", "dave"))
LOG_KEY, NEW_LOG_KEY = Identity.of("log"), Identity.of("log", "2")
ENTRY = 6


@pytest.fixture
def log(world: World) -> Replay:
    """A log of two members, each with a key (leaves 0 to 5), and an entry of the first (leaf 6)."""
    folded = replay([*world.founding("acme", "bravo"), world.leaf(submit(), ACME)])
    assert folded.faults == []
    return folded


def root(version: int, *admins: Identity, threshold: int = 2, log_key: Identity = LOG_KEY) -> Root:
    """A root of these administrators."""
    return Root(version, tuple(admin.key for admin in admins), threshold, (log_key.public,))


ALONE: list[AnyBody] = [
    Policy(2, ("other",)),
    root(2, ALICE, CAROL),
    root(2, ALICE, BOB, log_key=NEW_LOG_KEY),
    MemberEnrol("puppet", BOTH),
    MemberResume("bravo", "friend"),
    MemberRoles("bravo", frozenset({Role.CHECK}), "friend"),
    KeyEnrol("acme", "2", SECOND.public, Use.SIGN, NOW + YEAR),
    KeyResume("bravo", BRAVO.id, "friend"),
    KeyRevoke("acme", ACME.id, 3, "rival"),
    Void(ENTRY, "ordered"),
    ClockMend("wrong-clock"),
]


def test_every_kind_that_needs_the_threshold_is_here() -> None:
    needing = {kind for kind, body in KINDS.items() if Signers.THRESHOLD in body.signers}
    assert {body.kind for body in ALONE} == needing - {"genesis"}


@pytest.mark.parametrize("body", ALONE, ids=lambda body: body.kind)
@pytest.mark.parametrize("way", ["once", "twice", "under two names", "with a stranger", "with a member"])
def test_one_administrator_alone_does_none_of_this(
    world: World, log: Replay, body: AnyBody, way: str
) -> None:
    """With the threshold 2: every kind that needs it, with every signature that one of them can come by."""
    take(log, world.leaf(MemberSuspend("bravo", "flood"), BOB))
    take(log, world.suspend(BRAVO, BOB))
    owner = [SECOND] if isinstance(body, KeyEnrol) else []
    others = {
        "once": [],
        "twice": [ALICE],
        "under two names": [Identity(ADMIN, "bob", ALICE.private)],
        "with a stranger": [CAROL],
        "with a member": [ACME],
    }
    leaf = world.leaf(body, ALICE, *others[way], *owner)
    refuse(log, leaf, MissingSignatureError, "signed by 1 administrators, 2 must sign")
    take(log, world.leaf(body, ALICE, BOB, *owner, *([CAROL] if isinstance(body, Root) else [])))


@pytest.mark.parametrize("body", [root(2, ALICE, CAROL), root(2, CAROL, DAVE)], ids=["half", "all"])
def test_an_administrator_cannot_replace_the_others(world: World, log: Replay, body: Root) -> None:
    refuse(log, world.leaf(body, ALICE, CAROL, DAVE), MissingSignatureError, "signed by 1 administrators")


@pytest.mark.parametrize("body", ALONE, ids=lambda body: body.kind)
def test_rule_04_a_member_does_none_of_this(world: World, log: Replay, body: AnyBody) -> None:
    message = "makes no key-revoke" if isinstance(body, KeyRevoke) else "made by administrators"
    refuse(log, world.leaf(body, BRAVO, ALICE, BOB), NotPermittedError, message)


def test_rule_08_a_member_is_suspended_and_resumed(world: World, log: Replay) -> None:
    for by in (ALICE, ACME):
        at = take(log, world.leaf(MemberSuspend("acme", "stolen"), by))
        member = log.state.member("acme")
        assert member is not None
        assert member.suspended_index == at
        refuse(log, world.leaf(MemberSuspend("acme", "again"), BOB), ConflictError, "suspended already")
        refuse(log, world.leaf(submit(), ACME), NotPermittedError, "its member is suspended")
        take(log, world.by_admins(MemberResume("acme", "found")))
        take(log, world.leaf(submit(), ACME))
    refuse(log, world.by_admins(MemberResume("acme", "found")), ConflictError, "is not suspended")
    body = MemberSuspend("bravo", "rival")
    refuse(log, world.leaf(body, ACME), NotPermittedError, "makes no member-suspend statement about 'bravo'")
    for nobody in (MemberSuspend("nobody", "x"), MemberResume("nobody", "x")):
        refuse(log, world.by_admins(nobody), NotFoundError, "no member 'nobody'")


def test_rule_08_a_suspension_leaves_what_was_said(world: World, log: Replay) -> None:
    take(log, world.leaf(MemberSuspend("acme", "stolen"), ALICE))
    take(log, world.leaf(GiveOpinion(ENTRY, Stance.ENDORSE), BRAVO))


def test_rule_13_a_root_replaces_administrators_and_log_keys(world: World, log: Replay) -> None:
    before = log.state.charter()
    assert before is not None
    body = root(2, BOB, CAROL, DAVE, log_key=NEW_LOG_KEY)
    take(log, world.leaf(body, BOB, ALICE, CAROL))
    after = replace(before, admins=body.admins, log_keys=body.log_keys, root_version=2, since=log.size - 1)
    assert log.state.charter() == after
    refuse(log, world.leaf(Policy(2, LABELS), BOB, ALICE), MissingSignatureError, "signed by 1")
    take(log, world.leaf(Policy(2, LABELS), CAROL, DAVE))
    take(log, world.leaf(root(3, BOB, CAROL, DAVE, threshold=3, log_key=NEW_LOG_KEY), BOB, CAROL, DAVE))


@pytest.mark.parametrize(("threshold", "taken"), [(1, False), (2, True), (3, True), (4, False)])
def test_rule_13_a_threshold_is_two_or_more(
    world: World, log: Replay, threshold: int, *, taken: bool
) -> None:
    leaf = world.leaf(root(2, ALICE, BOB, CAROL, threshold=threshold), ALICE, BOB, CAROL)
    if taken:
        take(log, leaf)
    else:
        refuse(log, leaf, InvalidInputError, "from 2 to 3")


def test_rule_13_a_log_founded_by_one_stays_so_marked(world: World) -> None:
    alone = replay([world.genesis(threshold=1), world.leaf(Policy(1, LABELS), ALICE)])
    take(alone, world.leaf(root(2, ALICE, BOB), ALICE, BOB))
    take(alone, world.leaf(root(3, ALICE, BOB, threshold=1), ALICE, BOB))
    charter = alone.state.charter()
    assert charter is not None
    assert charter.single_admin
    shared = replay([world.genesis()]).state.charter()
    assert shared is not None
    assert not shared.single_admin


def test_rule_13_every_key_is_new_or_had_the_office_before(world: World, log: Replay) -> None:
    def named(who: Identity) -> Identity:
        return Identity(ADMIN, "new", who.private)

    for seen in (ACME, LOG_KEY):
        as_admin = named(seen)
        leaf = world.leaf(root(2, ALICE, BOB, as_admin, log_key=NEW_LOG_KEY), ALICE, BOB)
        refuse(log, leaf, ConflictError, "is in the log already")
    for seen in (ACME, BOB):
        leaf = world.leaf(root(2, ALICE, CAROL, log_key=seen), ALICE, BOB, CAROL)
        refuse(log, leaf, ConflictError, "is in the log already")
    take(log, world.leaf(root(2, ALICE, CAROL), ALICE, BOB, CAROL))
    refuse(log, world.leaf(root(3, ALICE, BOB), ALICE, CAROL, BOB), ConflictError, "is in the log")
    refuse(log, world.leaf(MemberEnrol("carol", BOTH), ALICE, BOB), MissingSignatureError, "signed by 1")


def test_rule_13_no_key_or_name_stands_twice(world: World, log: Replay) -> None:
    twin = Identity(ADMIN, "twin", ALICE.private)
    refuse(log, world.leaf(root(2, ALICE, twin), ALICE, BOB), InvalidInputError, "listed twice")
    refuse(log, world.leaf(root(2, ALICE, BOB, log_key=BOB), ALICE, BOB), InvalidInputError, "also an admin")
    weak = Root(2, (ALICE.key, BOB.key, NamedKey("weak", bytes(32))), 2, (LOG_KEY.public,))
    refuse(log, world.leaf(weak, ALICE, BOB), InvalidInputError, "the public key is")


def test_rule_09_keys_of_former_roots_are_not_enrolled(world: World, log: Replay) -> None:
    take(log, world.leaf(root(2, ALICE, CAROL, log_key=NEW_LOG_KEY), ALICE, BOB, CAROL))
    for private in (BOB.private, LOG_KEY.private, CAROL.private, NEW_LOG_KEY.private):
        again = Identity("acme", "2", private)
        leaf = world.leaf(KeyEnrol("acme", "2", again.public, Use.SIGN, NOW + YEAR), ALICE, CAROL, again)
        refuse(log, leaf, ConflictError, "is in the log already")


def test_rule_17_an_entry_is_voided_once(world: World, log: Replay) -> None:
    at = take(log, world.by_admins(Void(ENTRY, "court")))
    entry = log.state.entry(ENTRY)
    assert entry is not None
    assert (entry.voided_index, entry.voided_reason) == (at, "court")
    refuse(log, world.by_admins(Void(ENTRY, "again")), ConflictError, "is voided")
    refuse(log, world.leaf(Withdraw(ENTRY, "mistake"), ACME), ConflictError, "is voided")
    refuse(log, world.leaf(GiveOpinion(ENTRY, Stance.SEEN), BRAVO), ConflictError, "is voided")
    refuse(log, world.by_admins(Void(5, "x")), NotFoundError, "no entry 5")


def test_rule_17_what_is_withdrawn_can_be_voided_too(world: World, log: Replay) -> None:
    take(log, world.leaf(Withdraw(ENTRY, "mistake"), ACME))
    take(log, world.by_admins(Void(ENTRY, "court")))


def test_50_roles_change_by_the_threshold_and_the_last_statement_counts(world: World, log: Replay) -> None:
    check = frozenset({Role.CHECK})
    refuse(log, world.leaf(MemberRoles("acme", check, "x"), ACME), NotPermittedError, "by administrators")
    refuse(log, world.leaf(MemberRoles("acme", check, "x"), ALICE), MissingSignatureError, "administrators")
    take(log, world.by_admins(MemberRoles("acme", check, "left")))
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "does not have the role contribute")
    refuse(log, world.by_admins(MemberRoles("acme", check, "left")), ConflictError, "has these roles already")
    refuse(log, world.by_admins(MemberRoles("nobody", check, "x")), NotFoundError, "no member 'nobody'")
    take(log, world.by_admins(MemberRoles("acme", BOTH, "back")))
    take(log, world.leaf(submit(), ACME))


def test_57_an_authority_that_is_named_has_that_role(world: World, log: Replay) -> None:
    body = submit(basis=Basis.LAW, authority="bravo", article="art-1")
    take(log, world.leaf(body, ACME))
    take(log, world.by_admins(MemberRoles("bravo", BOTH - {Role.AUTHORITY}, "x")))
    body = submit(basis=Basis.LAW, authority="bravo", article="art-1")
    refuse(log, world.leaf(body, ACME), NotPermittedError, "'bravo' does not have the role authority")


def test_a_policy_bounds_what_is_read_and_says_what_changes(log: Replay, world: World) -> None:
    before = log.state.charter()
    assert before is not None
    policy = Policy(2, LABELS, private_quota=1000, quotas=(("acme", 9),))
    take(log, world.by_admins(policy))
    charter = log.state.charter()
    assert charter is not None
    assert (charter.private_quota, charter.quotas) == (1000, (("acme", 9),))
    assert (before.private_quota, before.quotas) == (None, ())
    assert "A member reads at most 1000 private parts of others in a day." in policy.describe()
    assert "Until now a member reads any number of private parts in a day." in policy.changes(before)
    lifted = Policy(3, LABELS)
    said = "Until now a member reads at most 1000 private parts in a day, acme at most 9 private parts."
    assert said in lifted.changes(charter)
    assert policy.changes(charter) == policy.changes(charter)[:1]


def test_37_a_policy_says_what_members_do_in_a_minute(log: Replay, world: World) -> None:
    before = log.state.charter()
    assert before is not None
    policy = Policy(
        2,
        LABELS,
        rates=(("check", 600), ("submit", 60)),
        rates_of=(("acme", ("submit", 9)), ("bolt", ("check", 1))),
    )
    take(log, world.by_admins(policy))
    charter = log.state.charter()
    assert charter is not None
    assert (charter.rates, charter.rates_of) == (policy.rates, policy.rates_of)
    assert policy.describe()[-4:] == [
        "A member makes at most 600 queries in checks in a minute.",
        "A member makes at most 60 submit statements in a minute.",
        "The member acme makes at most 9 submit statements in a minute.",
        "The member bolt makes at most 1 queries in checks in a minute.",
    ]
    assert policy.changes(before) == policy.changes(before)[:1]
    assert "Until now: A member makes at most 60 submit statements in a minute." in Policy(3, LABELS).changes(
        charter
    )


def test_37_every_kind_that_members_make_can_have_a_rate() -> None:
    made = {kind for kind, body in KINDS.items() if body.signers & Signers.MEMBERS}
    assert set(RATED) == made | {"check"}
    assert "check" not in KINDS


@pytest.mark.parametrize(
    ("field", "policy"),
    [
        ("rate", Policy(2, LABELS, rates=(("root", 1),))),
        ("rate", Policy(2, LABELS, rates=(("submit", 1), ("submit", 2)))),
        ("rate-of", Policy(2, LABELS, rates_of=(("acme", ("submit", 1)), ("acme", ("submit", 2))))),
        ("allow", Policy(2, LABELS, allowed=(("pdq/1", LABELS[0]),))),
        ("allow", Policy(2, LABELS, allowed=(("nothing/1", LABELS[0]),))),
        ("private-quota-of", Policy(2, LABELS, quotas=(("acme", 1), ("acme", 2)))),
    ],
)
def test_a_policy_that_contradicts_itself_is_malformed(field: str, policy: Policy) -> None:
    with pytest.raises(MalformedError) as caught:
        policy.write()
    assert caught.value.details["field"] == field
