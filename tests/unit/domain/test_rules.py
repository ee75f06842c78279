"""The rules by their numbers in `hashpact.domain.rules`, each kept and broken."""

from __future__ import annotations

import copy

import pytest
from builders import BOTH, LABELS, NOW, ORIGIN, YEAR, Identity, World, seeded, sign, submit
from documented import EXAMPLES
from folding import genesis, refuse, take

from hashpact.domain import rules, statements
from hashpact.domain.kinds import (
    ADMIN,
    KINDS,
    AnyBody,
    Genesis,
    GiveOpinion,
    KeyEnrol,
    Policy,
    Signers,
    Withdraw,
)
from hashpact.domain.kinds.moment import SPAN
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Basis, Charter, Entry, Key, Member, Opinion, Role, Stance, Use
from hashpact.errors import (
    BadSignatureError,
    ConflictError,
    InvalidInputError,
    MalformedError,
    MissingSignatureError,
    NotFoundError,
    NotPermittedError,
    RequestReusedError,
    UnknownKeyError,
    UnknownLabelError,
)
from hashpact.report.figures import OVERALL

ACME, BRAVO = Identity.of("acme"), Identity.of("bravo")
ALICE, BOB = Identity.of(ADMIN, "alice"), Identity.of(ADMIN, "bob")
NEUTRAL = (1).to_bytes(32, "little")


@pytest.fixture
def log(world: World) -> Replay:
    """A log of two members, each with a key: leaves 0 to 5."""
    folded = replay(world.founding("acme", "bravo"))
    assert folded.faults == []
    return folded


def test_rule_01_leaf_0_is_a_genesis(world: World) -> None:
    log = replay([world.genesis()])
    assert log.state.history == [
        Charter(ORIGIN, (ALICE.key, BOB.key), 2, world.log_keys, policy_version=0, labels=())
    ]
    assert log.faults == []


def test_rule_01_nothing_stands_before_the_genesis(world: World) -> None:
    log = Replay()
    refuse(log, world.policy(), ConflictError, "no genesis")
    # Leaf 0 is spent: such a log never comes to life.
    refuse(log, world.genesis(), ConflictError, "only ever leaf 0")
    refuse(log, world.policy(), ConflictError, "no genesis")


def test_rule_01_there_is_one_genesis(world: World, log: Replay) -> None:
    refuse(log, world.genesis(), ConflictError, "only ever leaf 0")


def test_rule_01_a_genesis_is_made_by_admin(world: World) -> None:
    body = Genesis((ALICE.key, BOB.key), 2, world.log_keys)
    statement = world.statement(body, ALICE, member="acme")
    refuse(Replay(), sign(statement, ALICE, BOB), NotPermittedError, "made by administrators, not by 'acme'")


def test_rule_01_a_log_key_is_no_administrators_key(world: World) -> None:
    leaf = genesis(world, (ALICE.key, BOB.key), 2, (BOB.public,))
    refuse(Replay(), leaf, InvalidInputError, "also an administrator's key")


def test_rule_02_the_statement_of_another_log(log: Replay) -> None:
    other = World(origin="other.example/log")
    for leaf in (other.policy(2), other.leaf(submit(), ACME)):
        error = refuse(log, leaf, InvalidInputError, "is for the log 'other.example/log'")
        assert error.details == {"field": "log"}


def test_rule_03_a_request_id_is_used_once_by_its_member(world: World, log: Replay) -> None:
    request = seeded("request", 16)
    first = sign(world.statement(submit(), ACME, request=request), ACME)
    index = take(log, first)
    assert log.state.request("acme", request) == index
    refuse(log, first, RequestReusedError, "request id before")
    refuse(
        log, sign(world.statement(submit(), ACME, request=request), ACME), RequestReusedError, "request id"
    )
    take(log, sign(world.statement(submit(), BRAVO, request=request), BRAVO))


def test_rule_03_a_refused_statement_leaves_its_request_id_free(world: World, log: Replay) -> None:
    request = seeded("request", 16)
    refuse(
        log,
        sign(world.statement(submit(), ACME, request=request), BRAVO),
        MissingSignatureError,
        "not signed",
    )
    take(log, sign(world.statement(submit(), ACME, request=request), ACME))


OF_ADMIN = [
    body for body in EXAMPLES.values() if not body.signers & Signers.MEMBERS and body.kind != "genesis"
]
OF_MEMBERS = [body for body in EXAMPLES.values() if not body.signers & Signers.ADMINISTRATORS]
OF_BOTH = [body for body in EXAMPLES.values() if body.signers & Signers.ITSELF]


@pytest.mark.parametrize("body", OF_ADMIN, ids=lambda body: body.kind)
def test_rule_04_members_do_not_administer(world: World, log: Replay, body: AnyBody) -> None:
    refuse(log, world.leaf(body, ACME, ALICE, BOB), NotPermittedError, "made by administrators")


@pytest.mark.parametrize("body", OF_BOTH, ids=lambda body: body.kind)
def test_rule_04_a_member_makes_these_of_itself_alone(world: World, log: Replay, body: AnyBody) -> None:
    refuse(log, world.leaf(body, ACME), NotPermittedError, f"'acme' makes no {body.kind} statement about '")


def test_rule_04_every_kind_is_somebodys() -> None:
    assert len(OF_ADMIN) + len(OF_MEMBERS) + len(OF_BOTH) == len(KINDS) - 1


@pytest.mark.parametrize("body", OF_MEMBERS, ids=lambda body: body.kind)
def test_rule_04_administrators_do_not_contribute(world: World, log: Replay, body: AnyBody) -> None:
    take(log, world.leaf(submit(), ACME))
    refuse(log, world.by_admins(body), NotPermittedError, "administrators do not make")


def test_rule_05_the_threshold_must_sign(world: World, log: Replay) -> None:
    body = Policy(2, LABELS)
    refuse(log, world.leaf(body, ALICE), MissingSignatureError, "signed by 1 administrators, 2 must sign")
    stranger = Identity.of(ADMIN, "mallory")
    refuse(log, world.leaf(body, ALICE, stranger), MissingSignatureError, "signed by 1")
    take(log, world.leaf(body, ALICE, BOB))
    take(log, world.leaf(Policy(3, LABELS), BOB, stranger, ALICE))


def test_rule_05_a_false_signature_of_an_administrator_is_no_signature(world: World, log: Replay) -> None:
    statement = world.statement(Policy(2, LABELS), ALICE)
    forged = sign(world.statement(Policy(2, ("other",)), ALICE), BOB).rpartition(b"\n\n")[2]
    refuse(log, sign(statement, ALICE) + forged, BadSignatureError, "does not verify")


def test_rule_05_the_key_that_is_named_has_signed(world: World, log: Replay) -> None:
    body = Policy(2, LABELS)
    refuse(log, sign(world.statement(body, ALICE), BOB), MissingSignatureError, "has not signed it")
    refuse(log, sign(world.statement(body, ACME, member=ADMIN), ALICE, BOB), UnknownKeyError, "no admin")
    three = World(admins=(ALICE, BOB, Identity.of(ADMIN, "carol")))
    governed = replay([three.genesis()])
    named = three.statement(Policy(1, LABELS), ALICE)
    refuse(governed, sign(named, *three.admins[1:]), MissingSignatureError, "has not signed it")


def test_rule_05_a_genesis_is_signed_by_the_administrators_it_names(world: World) -> None:
    body = Genesis((ALICE.key, BOB.key), 2, world.log_keys)
    mallory = Identity.of(ADMIN, "mallory")
    refuse(Replay(), world.leaf(body, ALICE), MissingSignatureError, "signed by 1 administrators")
    refuse(Replay(), world.leaf(body, ALICE, mallory), MissingSignatureError, "signed by 1 administrators")
    refuse(Replay(), world.leaf(body, mallory, ALICE, BOB), UnknownKeyError, "no administrator's")
    refuse(
        Replay(), sign(world.statement(body, ALICE), mallory, BOB), MissingSignatureError, "has not signed"
    )


def test_rule_06_the_key_that_is_named_has_signed(world: World, log: Replay) -> None:
    refuse(log, sign(world.statement(submit(), ACME), BRAVO), MissingSignatureError, "has not signed it")
    refuse(log, sign(world.statement(submit(), ACME), ALICE, BOB), MissingSignatureError, "has not signed it")
    take(log, sign(world.statement(submit(), ACME), BRAVO, ACME))


@pytest.mark.parametrize("who", [Identity.of("carol"), Identity.of("acme", "2")], ids=["member", "key"])
def test_rule_06_strangers_say_nothing(world: World, log: Replay, who: Identity) -> None:
    refuse(log, world.leaf(submit(), who), UnknownKeyError, "not enrolled")


def test_rule_06_a_member_without_a_key_says_nothing(world: World, log: Replay) -> None:
    take(log, world.member("carol"))
    statement = world.statement(submit(), ACME, member="carol")
    refuse(log, sign(statement, ACME), NotPermittedError, "a key of another member")


@pytest.mark.parametrize("version", [1, 3])
def test_rule_07_a_policy_follows_the_one_before(world: World, log: Replay, version: int) -> None:
    refuse(log, world.policy(version), ConflictError, "must be 2")
    take(log, world.policy(2, ("new",)))
    charter = log.state.charter()
    assert charter is not None
    assert (charter.policy_version, charter.labels) == (2, ("new",))
    assert (charter.admins, charter.threshold, charter.origin) == ((ALICE.key, BOB.key), 2, ORIGIN)


def test_rule_08_a_member_is_enrolled_once(world: World, log: Replay) -> None:
    assert log.state.member("acme") == Member("acme", BOTH, 2)
    refuse(log, world.member("acme", frozenset({Role.CHECK})), ConflictError, "enrolled already")


@pytest.mark.parametrize("name", [ADMIN, OVERALL])
def test_rule_08_an_id_that_stands_for_several_is_no_members(world: World, log: Replay, name: str) -> None:
    refuse(log, world.member(name), InvalidInputError, f"{name!r} is reserved for ")


def test_rule_09_a_key_signs_its_own_enrolment(world: World, log: Replay) -> None:
    second = Identity.of("acme", "2")
    body = KeyEnrol("acme", "2", second.public, Use.SIGN, NOW + YEAR)
    refuse(log, world.by_admins(body), MissingSignatureError, "its own enrolment")
    refuse(log, world.by_admins(body, ACME), MissingSignatureError, "its own enrolment")
    refuse(log, world.leaf(body, ALICE, second), MissingSignatureError, "signed by 1")
    index = take(log, world.by_admins(body, second))
    assert log.state.key(second.id) == Key(
        second.id, "acme", "2", second.public, NOW + YEAR, index, valid_from=NOW - SPAN
    )


def test_rule_09_a_key_is_for_an_enrolled_member(world: World, log: Replay) -> None:
    error = refuse(log, world.key(Identity.of("carol")), NotFoundError, "no member 'carol'")
    assert error.details == {"resource": "members/carol"}


def test_rule_10_a_submission_becomes_an_entry(world: World, log: Replay) -> None:
    body = submit(seeded("a"), seeded("b"), labels=("hate", "ncii"), jurisdictions=("DE", "VN"))
    index = take(log, world.leaf(body, ACME))
    assert log.state.entry(index) == Entry(
        index, "acme", ("hate", "ncii"), Basis.GUIDELINE, None, None, ("DE", "VN"), NOW - 60, NOW, 2, ACME.id
    )


def test_rule_10_contributing_is_a_role(world: World, log: Replay) -> None:
    carol = Identity.of("carol")
    take(log, world.member("carol", frozenset({Role.CHECK})))
    take(log, world.key(carol))
    refuse(log, world.leaf(submit(), carol), NotPermittedError, "role contribute")


def test_rule_10_labels_are_in_the_policy(world: World, log: Replay) -> None:
    body = submit(labels=("hate", "unknown"))
    error = refuse(log, world.leaf(body, ACME), UnknownLabelError, "unknown label 'unknown'")
    assert error.details == {"field": "label", "known": "fraud, hate, ncii"}
    take(log, world.policy(2, ("hate", "unknown")))
    take(log, world.leaf(body, ACME))
    refuse(log, world.leaf(submit(labels=("ncii",)), ACME), UnknownLabelError, "'ncii'")


def test_rule_10_an_authority_is_enrolled(world: World, log: Replay) -> None:
    body = submit(basis=Basis.LAW, authority="carol", article="art-16")
    error = refuse(log, world.leaf(body, ACME), NotFoundError, "'carol' is not enrolled")
    assert error.details == {"resource": "members/carol"}
    take(log, world.member("carol"))
    index = take(log, world.leaf(body, ACME))
    entry = log.state.entry(index)
    assert entry is not None
    assert (entry.basis, entry.authority, entry.article) == (Basis.LAW, "carol", "art-16")


def test_rule_11_the_contributor_withdraws_once(world: World, log: Replay) -> None:
    index = take(log, world.leaf(submit(), ACME))
    refuse(log, world.leaf(Withdraw(index, "mistake"), BRAVO), NotPermittedError, "only 'acme'")
    at = take(log, world.leaf(Withdraw(index, "mistake"), ACME))
    entry = log.state.entry(index)
    assert entry is not None
    assert (entry.withdrawn_index, entry.withdrawn_reason) == (at, "mistake")
    refuse(log, world.leaf(Withdraw(index, "again"), ACME), ConflictError, f"entry {index} is withdrawn")


@pytest.mark.parametrize("index", [0, 5, 6, 7, 2**63 - 1])
def test_rule_11_what_is_no_entry_is_not_withdrawn(world: World, log: Replay, index: int) -> None:
    for body in (Withdraw(index, "mistake"), GiveOpinion(index, Stance.SEEN)):
        error = refuse(log, world.leaf(body, ACME), NotFoundError, f"no entry {index}")
        assert error.details == {"resource": f"entries/{index}"}


def test_rule_12_an_opinion_is_on_another_members_entry(world: World, log: Replay) -> None:
    index = take(log, world.leaf(submit(), ACME))
    refuse(log, world.leaf(GiveOpinion(index, Stance.ENDORSE), ACME), NotPermittedError, "its own entry")
    at = take(log, world.leaf(GiveOpinion(index, Stance.ENDORSE), BRAVO))
    assert log.state.opinions(index) == (Opinion(index, "bravo", Stance.ENDORSE, at, BRAVO.id),)
    again = take(log, world.leaf(GiveOpinion(index, Stance.DISPUTE), BRAVO))
    assert log.state.opinions(index) == (Opinion(index, "bravo", Stance.DISPUTE, again, BRAVO.id),)


def test_rule_12_a_member_without_any_role_still_has_opinions_in_order_of_ids(
    world: World, log: Replay
) -> None:
    index = take(log, world.leaf(submit(), BRAVO))
    for name in ("zulu", "carol"):
        take(log, world.member(name, frozenset({Role.CHECK})))
        take(log, world.key(Identity.of(name)))
        take(log, world.leaf(GiveOpinion(index, Stance.DISPUTE), Identity.of(name)))
    assert [opinion.member for opinion in log.state.opinions(index)] == ["carol", "zulu"]


def test_rule_12_an_opinion_may_have_a_reason(world: World, log: Replay) -> None:
    index = take(log, world.leaf(submit(), ACME))
    at = take(log, world.leaf(GiveOpinion(index, Stance.DISPUTE, "news-report"), BRAVO))
    assert log.state.opinions(index) == (
        Opinion(index, "bravo", Stance.DISPUTE, at, BRAVO.id, "news-report"),
    )
    again = take(log, world.leaf(GiveOpinion(index, Stance.ENDORSE), BRAVO))
    assert log.state.opinions(index) == (Opinion(index, "bravo", Stance.ENDORSE, again, BRAVO.id),)


@pytest.mark.parametrize("stance", [Stance.ENDORSE, Stance.DISPUTE])
def test_rule_12_seen_takes_an_opinion_back_only_if_it_says_so(
    world: World, log: Replay, stance: Stance
) -> None:
    index = take(log, world.leaf(submit(), ACME))
    take(log, world.leaf(GiveOpinion(index, Stance.SEEN), BRAVO))
    take(log, world.leaf(GiveOpinion(index, Stance.SEEN, "again"), BRAVO))
    take(log, world.leaf(GiveOpinion(index, stance), BRAVO))
    before = log.state.opinions(index)
    for reason in (None, "again"):
        seen = world.leaf(GiveOpinion(index, Stance.SEEN, reason), BRAVO)
        message = f"'bravo' has the opinion {stance.value} on entry {index}; seen replaces it only"
        refuse(log, seen, ConflictError, message)
    assert log.state.opinions(index) == before
    at = take(log, world.leaf(GiveOpinion(index, Stance.SEEN, replace=True), BRAVO))
    assert log.state.opinions(index) == (Opinion(index, "bravo", Stance.SEEN, at, BRAVO.id),)
    take(log, world.leaf(GiveOpinion(index, Stance.SEEN), BRAVO))
    take(log, world.leaf(GiveOpinion(index, Stance.SEEN, replace=True), BRAVO))


def test_rule_12_the_opinion_of_one_member_is_nothing_to_another(world: World, log: Replay) -> None:
    index = take(log, world.leaf(submit(), ACME))
    take(log, world.member("carol"))
    take(log, world.key(Identity.of("carol")))
    take(log, world.leaf(GiveOpinion(index, Stance.DISPUTE), BRAVO))
    take(log, world.leaf(GiveOpinion(index, Stance.SEEN), Identity.of("carol")))


def test_rule_12_seen_replaces_a_dispute_that_does_not_stand(world: World, log: Replay) -> None:
    index = take(log, world.leaf(submit(), ACME))
    second = Identity.of("bravo", "2")
    take(log, world.key(second))
    at = take(log, world.leaf(GiveOpinion(index, Stance.DISPUTE), BRAVO))
    refuse(log, world.leaf(GiveOpinion(index, Stance.SEEN), second), ConflictError, "opinion dispute")
    take(log, world.revoke(BRAVO, at, second))
    take(log, world.leaf(GiveOpinion(index, Stance.SEEN), second))


def test_rule_12_nobody_has_an_opinion_on_what_is_withdrawn(world: World, log: Replay) -> None:
    index = take(log, world.leaf(submit(), ACME))
    take(log, world.leaf(Withdraw(index, "mistake"), ACME))
    refuse(log, world.leaf(GiveOpinion(index, Stance.SEEN), BRAVO), ConflictError, "withdrawn")


def test_deciding_changes_nothing(world: World, log: Replay) -> None:
    before = copy.deepcopy(log.state)
    signed = statements.parse(world.leaf(submit(), ACME))
    assert rules.decide(log.state, log.size, signed) == rules.decide(log.state, log.size, signed)
    assert log.state == before


@pytest.mark.parametrize("leaf", [b"", b"\xff", b"hashpact/statement/v1\n\n", b"x" * 40_000])
def test_bytes_that_are_no_statement_are_a_fault(log: Replay, leaf: bytes) -> None:
    refuse(log, leaf, MalformedError, "")
