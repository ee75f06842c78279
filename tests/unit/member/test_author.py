"""Author and Administrators: what is signed where a key is, is what the log takes."""

from __future__ import annotations

import pytest
from builders import ALL_TYPES, BOTH, LABELS, NOW, Identity, World, check_log, fingerprint
from memory import MemoryLedger

from hashpact.domain import statements
from hashpact.domain.fingerprints import PDQ, SHA256, Fingerprint, commitment, parse_private
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import ADMIN, GiveOpinion, Submit, Withdraw
from hashpact.domain.state import Basis, Key, Member, Role, Stance
from hashpact.errors import BadSignatureError, ConflictError, InvalidInputError, MalformedError
from hashpact.governance.labels import DEFAULT_LABELS
from hashpact.member.author import Reason

NCII = Reason(frozenset({"ncii"}))


def test_a_submission_says_what_it_was_given(world: World) -> None:
    shared = [
        Fingerprint(PDQ, fingerprint(PDQ, "a").value, 87),
        *(fingerprint(kind, "b") for kind in ALL_TYPES),
    ]
    reason = Reason(frozenset({"ncii", "hate"}), Basis.LAW, "ministry", "art-16", frozenset({"VN", "DE"}))
    submission = world.author("acme").submit(shared, reason, removed=NOW - 5)
    signed = statements.parse(submission.statement)
    parts = [parse_private(part) for part in submission.private]
    assert [part.fingerprint for part in parts] == shared
    assert len({part.nonce for part in parts}) == len(shared)
    assert signed.statement.body == Submit(
        ("hate", "ncii"),
        Basis.LAW,
        "ministry",
        "art-16",
        ("DE", "VN"),
        NOW - 5,
        tuple(commitment(part) for part in submission.private),
    )
    who = Identity.of("acme")
    assert (signed.statement.member, signed.statement.key, signed.statement.time) == ("acme", who.id, NOW)
    assert statements.verify(signed, "acme/1", who.public)


def test_every_statement_has_a_request_id_of_its_own(world: World) -> None:
    author = world.author("acme")
    made = [author.submit([fingerprint(PDQ, "a")], NCII) for _ in range(3)] + [author.withdraw(1, "mistake")]
    requests = {statements.parse(one.statement).statement.request for one in made}
    assert len(requests) == 4
    # The same fingerprint twice is two commitments: an outsider can not tell that they are the same.
    assert len({one.private[0] for one in made[:3]}) == 3


def test_withdrawals_and_opinions(world: World) -> None:
    withdrawal, opinion, dispute, taken_back = (
        world.author("acme").withdraw(7, "mistake"),
        world.author("acme").opinion(7, Stance.SEEN),
        world.author("acme").opinion(7, Stance.DISPUTE, "news-report"),
        world.author("acme").opinion(7, Stance.SEEN, replace=True),
    )
    assert statements.parse(withdrawal.statement).statement.body == Withdraw(7, "mistake")
    assert statements.parse(opinion.statement).statement.body == GiveOpinion(7, Stance.SEEN)
    reasoned = GiveOpinion(7, Stance.DISPUTE, "news-report")
    assert statements.parse(dispute.statement).statement.body == reasoned
    assert statements.parse(taken_back.statement).statement.body == GiveOpinion(7, Stance.SEEN, replace=True)
    assert (withdrawal.private, opinion.private) == ((), ())


def test_the_removal_is_now_unless_it_is_said(world: World) -> None:
    body = statements.parse(
        world.author("acme").submit([fingerprint(PDQ, "a")], NCII).statement
    ).statement.body
    assert isinstance(body, Submit)
    assert body.removed == NOW


@pytest.mark.parametrize(
    ("reason", "field"),
    [
        (Reason(frozenset()), "label"),
        (Reason(frozenset(f"l{number}" for number in range(9))), "label"),
        (Reason(frozenset({"free text"})), "label"),
        (Reason(frozenset({"ncii"}), Basis.LAW), "basis"),
        (Reason(frozenset({"ncii"}), Basis.LAW, "ministry"), "basis"),
        (Reason(frozenset({"ncii"}), authority="ministry", article="art-16"), "basis"),
        (Reason(frozenset({"ncii"}), Basis.LAW, "The Ministry", "art-16"), "authority"),
        (Reason(frozenset({"ncii"}), jurisdictions=frozenset({"vn"})), "jurisdiction"),
    ],
)
def test_a_reason_that_has_no_spelling_is_not_signed(world: World, reason: Reason, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        world.author("acme").submit([fingerprint(PDQ, "a")], reason)
    assert caught.value.details["field"] == field


def test_a_submission_has_1_to_256_fingerprints(world: World) -> None:
    author = world.author("acme")
    with pytest.raises(InvalidInputError, match="at least one"):
        author.submit([], NCII)
    many = [fingerprint(SHA256, str(number)) for number in range(257)]
    assert len(author.submit(many[:256], NCII).private) == 256
    with pytest.raises(MalformedError, match="not 257"):
        author.submit(many, NCII)
    with pytest.raises(MalformedError, match="removed"):
        author.submit(many[:1], NCII, removed=-1)
    with pytest.raises(MalformedError, match="reason"):
        author.withdraw(1, "it was a mistake")


def test_a_log_is_founded_with_genesis_and_policy(world: World) -> None:
    ledger = MemoryLedger()
    receipts = world.administrators(ledger).found(2, world.log_keys, reversed(LABELS))
    assert [receipt.index for receipt in receipts] == [0, 1]
    charter = check_log(ledger).state.charter()
    assert charter is not None
    assert (charter.origin, charter.threshold, charter.log_keys) == (world.origin, 2, world.log_keys)
    assert charter.admins == tuple(admin.key for admin in world.admins)
    assert (charter.policy_version, charter.labels) == (1, LABELS)


def test_the_default_labels_are_a_policy(world: World) -> None:
    ledger = MemoryLedger()
    world.administrators(ledger).found(1, world.log_keys)
    charter = check_log(ledger).state.charter()
    assert charter is not None
    assert charter.labels == DEFAULT_LABELS


@pytest.mark.parametrize(
    ("threshold", "labels"), [(3, LABELS), (0, LABELS), (2, ()), (2, ("a", "a")), (2, ("Free text",))]
)
def test_a_log_is_founded_whole_or_not_at_all(world: World, threshold: int, labels: tuple[str, ...]) -> None:
    ledger = MemoryLedger()
    with pytest.raises(InvalidInputError):
        world.administrators(ledger).found(threshold, world.log_keys, labels)
    assert ledger.head().size == 0


def test_a_log_is_founded_once(world: World) -> None:
    ledger = MemoryLedger()
    world.found(ledger)
    with pytest.raises(ConflictError, match="only ever leaf 0"):
        world.administrators(ledger).found(2, world.log_keys, LABELS)
    check_log(ledger)


def test_a_member_is_enrolled_with_its_key(world: World) -> None:
    ledger, who = MemoryLedger(), Identity.of("acme")
    world.found(ledger)
    receipts = world.administrators(ledger).enrol("acme", frozenset({Role.CHECK}), who.key, who.private)
    assert [receipt.index for receipt in receipts] == [2, 3]
    state = check_log(ledger).state
    assert state.members == {"acme": Member("acme", frozenset({Role.CHECK}), 2)}
    assert state.registry == {
        who.id: Key(who.id, "acme", "1", who.public, NOW + 365 * 86400, 3, valid_from=NOW - 1200)
    }


def test_a_member_is_enrolled_with_its_key_or_not_at_all(world: World) -> None:
    ledger, who, other = MemoryLedger(), Identity.of("acme"), Identity.of("bravo")
    world.found(ledger, "bravo")
    administrators = world.administrators(ledger)
    for key, owner, error in (
        (other.key, other.private, ConflictError),
        (who.key, other.private, BadSignatureError),
        (NamedKey("1", (1).to_bytes(32, "little")), who.private, InvalidInputError),
        (NamedKey("Not A Name", who.public), who.private, MalformedError),
    ):
        with pytest.raises(error):
            administrators.enrol("acme", BOTH, key, owner)
    assert ledger.head().size == 4
    assert check_log(ledger).state.member("acme") is None
    with pytest.raises(InvalidInputError, match="reserved"):
        administrators.enrol(ADMIN, BOTH, who.key, who.private)
    administrators.enrol("acme", BOTH, who.key, who.private)
    assert check_log(ledger).state.member("acme") is not None
