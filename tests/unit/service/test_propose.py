"""Proposals: statements of administrators are appended once enough have signed, and wait until then."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import pytest
from builders import NOW, YEAR, Identity, World, check_log
from linear import LinearIndex
from memory import MemoryLedger, MemoryWaiting

from hashpact.domain import statements
from hashpact.domain.kinds import (
    AnyBody,
    KeyEnrol,
    MemberEnrol,
    MemberResume,
    MemberSuspend,
    Methods,
    Policy,
    Root,
)
from hashpact.domain.state import Role, Use
from hashpact.errors import (
    BadSignatureError,
    ClockSkewError,
    ConflictError,
    HashpactError,
    InvalidInputError,
    MalformedError,
    NotPermittedError,
    OverloadedError,
)
from hashpact.governance import drafts
from hashpact.governance.drafts import MAX_WAITING, Draft
from hashpact.lookup.catalog import EntryCatalog
from hashpact.service.append import MAX_AGE, Intake
from hashpact.service.follow import Follower
from hashpact.service.propose import MAX_OF_ONE, Proposals


@dataclass(slots=True)
class Desk:
    """A clearinghouse of two administrators, both of whom must sign, as they reach it from afar."""

    world: World = field(default_factory=World)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    waiting: MemoryWaiting = field(default_factory=MemoryWaiting)
    proposals: Proposals = field(init=False)

    def __post_init__(self) -> None:
        """Found the log."""
        self.world.found(self.ledger, "acme")
        follower = Follower(self.ledger, LinearIndex(), EntryCatalog(self.ledger))
        intake = Intake(
            self.world.appender(self.ledger), follower, self.world.guard(self.ledger), lambda _: None
        )
        self.proposals = Proposals(intake, self.ledger, self.waiting, self.world.clock)

    def draft(self, body: AnyBody, *by: Identity) -> Draft:
        """A statement of the first administrator, signed by these."""
        draft = Draft.of(self.world.statement(body, self.world.admins[0]))
        for one in by:
            draft = draft.signed(one.signer[0].name, one.public, one.private)
        return draft

    def propose(self, *proposal: Draft) -> list[int]:
        """Propose; the leaves' indexes."""
        return [one.receipt.index for one in self.proposals.propose(drafts.write(proposal))]

    def signed_again(self, draft: Draft, *by: Identity) -> Draft:
        """The same statement with the signatures of these alone."""
        again = Draft.of(draft.statement)
        for one in by:
            again = again.signed(one.signer[0].name, one.public, one.private)
        return again


@pytest.fixture
def desk() -> Desk:
    """A new one."""
    return Desk()


def policy(version: int = 2, label: str = "fraud") -> Policy:
    return Policy(version, (label,))


def test_a_statement_that_enough_have_signed_is_appended_at_once(desk: Desk) -> None:
    alice, bob = desk.world.admins
    size = desk.ledger.head().size
    assert desk.propose(desk.draft(policy(), alice, bob)) == [size]
    assert desk.propose(desk.draft(MemberSuspend("acme", "stolen"), alice)) == [size + 1]
    assert desk.proposals.all() == ()
    check_log(desk.ledger)


def test_one_that_too_few_have_signed_waits_for_the_others(desk: Desk) -> None:
    alice, bob = desk.world.admins
    size = desk.ledger.head().size
    first = desk.draft(policy(), alice)
    assert desk.propose(first) == []
    assert desk.ledger.head().size == size
    assert desk.proposals.all() == (drafts.write([first]),)
    assert desk.propose(first) == []
    second = desk.signed_again(first, bob)
    (appended,) = desk.proposals.propose(drafts.write([second]))
    assert appended.receipt.index == size
    assert {line.name for line in statements.parse(appended.statement).note.signatures} == {
        "admin/alice",
        "admin/bob",
    }
    desk.world.pinned.check_receipt(appended.statement, appended.receipt)
    assert desk.proposals.all() == ()
    # Whoever sends it once more gets the leaf that it has become.
    assert desk.propose(second) == desk.propose(first) == [size]
    assert desk.ledger.head().size == size + 1


def test_documents_go_with_the_statements_that_name_them(desk: Desk) -> None:
    alice, bob = desk.world.admins
    texts, methods = b"texts", b"methods"
    of = {one: hashlib.sha256(one).digest() for one in (texts, methods)}
    first = desk.draft(Policy(2, ("fraud",), texts_document=of[texts]), alice)
    second = desk.draft(Methods(of[methods]), alice)
    assert desk.proposals.propose(drafts.write([first, second]), [texts]) == ()
    again = drafts.write([desk.signed_again(first, bob), desk.signed_again(second, bob)])
    for documents in ([], [texts], [methods]):
        with pytest.raises(InvalidInputError, match="enclose the document"):
            desk.proposals.propose(again, documents)
    with pytest.raises(InvalidInputError, match="none of the statements names"):
        desk.proposals.propose(again, [texts, methods, b"more"])
    assert len(desk.proposals.propose(again, [methods, texts])) == 2
    assert [desk.ledger.document(digest) for digest in of.values()] == [texts, methods]
    check_log(desk.ledger)


def test_a_member_is_admitted_in_one_proposal_or_not_at_all(desk: Desk) -> None:
    alice, bob = desk.world.admins
    size, new = desk.ledger.head().size, Identity.of("bolt")
    enrol = desk.draft(MemberEnrol("bolt", frozenset({Role.CHECK})), alice)
    body = KeyEnrol("bolt", new.name, new.public, Use.SIGN, NOW + YEAR)
    key = desk.draft(body, alice, new)
    assert desk.propose(enrol, key) == []
    # Bob signs both, but the key itself has not signed in what waits under other texts.
    assert desk.propose(desk.signed_again(enrol, bob), desk.signed_again(key, bob)) == [size, size + 1]


def test_a_new_key_that_has_not_signed_is_waited_for(desk: Desk) -> None:
    alice, bob = desk.world.admins
    new = Identity.of("bolt")
    enrol = desk.draft(MemberEnrol("bolt", frozenset({Role.CHECK})), alice, bob)
    key = desk.draft(KeyEnrol("bolt", new.name, new.public, Use.SIGN, NOW + YEAR), alice, bob)
    assert desk.propose(enrol, key) == []
    assert len(desk.propose(enrol, desk.signed_again(key, bob, new))) == 2


def test_59_what_no_signature_can_make_good_is_refused_and_does_not_wait(desk: Desk) -> None:
    alice, bob = desk.world.admins
    mallory = Identity.of("admin", "alice2")
    forged = desk.draft(policy(), alice)
    forged = Draft(forged.text, forged.statement, (replace(forged.lines[0], value=bytes(64)),))
    member = Draft.of(desk.world.statement(MemberSuspend("acme", "x"), Identity.of("acme")))
    bad: list[tuple[bytes, type[HashpactError], str]] = [
        (b"junk", MalformedError, "not a file of statements"),
        (drafts.write([desk.draft(policy(), alice)] * 257), InvalidInputError, "257 statements"),
        (drafts.write([desk.draft(policy())]), BadSignatureError, "no administrator"),
        (drafts.write([desk.draft(policy(), mallory)]), BadSignatureError, "alice2"),
        (drafts.write([desk.draft(policy(), alice, mallory)]), BadSignatureError, "alice2"),
        (drafts.write([forged]), BadSignatureError, "does not verify"),
        (drafts.write([member]), NotPermittedError, "of the administrators only"),
        (drafts.write([desk.draft(policy(7), alice)]), ConflictError, "version"),
        (drafts.write([desk.draft(MemberResume("acme", "x"), alice)]), ConflictError, "not suspended"),
    ]
    for data, error, said in bad:
        with pytest.raises(error, match=said):
            desk.proposals.propose(data)
    elsewhere = Draft.of(desk.world.statement(policy(), alice, log="other.example/log"))
    with pytest.raises(InvalidInputError, match=r"other\.example"):
        desk.propose(elsewhere.signed("admin/alice", alice.public, alice.private))
    assert desk.proposals.all() == ()
    assert desk.propose(desk.draft(policy(), alice, bob)) != []


def test_what_is_too_old_to_be_appended_waits_no_longer(desk: Desk) -> None:
    alice, bob = desk.world.admins
    draft = desk.draft(policy(), alice)
    desk.propose(draft)
    desk.world.clock.now += MAX_AGE
    assert len(desk.proposals.all()) == 1
    desk.world.clock.now += 1
    assert desk.proposals.all() == ()
    assert desk.waiting.all() == {}
    with pytest.raises(ClockSkewError):
        desk.propose(desk.signed_again(draft, bob))


def test_what_an_administrator_of_before_has_signed_waits_no_longer(desk: Desk) -> None:
    alice, bob = desk.world.admins
    carol = Identity.of("admin", "carol")
    desk.propose(desk.draft(policy(), bob))
    assert len(desk.proposals.all()) == 1
    root = Root(2, (alice.key, carol.key), 2, desk.world.log_keys)
    assert desk.propose(desk.draft(root, alice, bob)) == []
    (waits,) = [one for one in map(drafts.parse, desk.proposals.all()) if one[0].statement.body == root]
    assert len(desk.propose(desk.signed_again(waits[0], carol))) == 1
    assert desk.proposals.all() == ()


def test_a_file_that_something_else_wrote_is_removed(desk: Desk) -> None:
    desk.waiting.put("0" * 64, b"junk")
    assert desk.proposals.all() == ()
    assert desk.waiting.all() == {}


def test_59_one_administrator_cannot_take_all_places(desk: Desk) -> None:
    alice, bob = desk.world.admins
    for number in range(MAX_OF_ONE):
        assert desk.propose(desk.draft(policy(2, f"label-{number}"), alice)) == []
    with pytest.raises(OverloadedError, match=f"at most {MAX_WAITING} in all"):
        desk.propose(desk.draft(policy(2, "one-more"), alice))
    assert desk.propose(desk.draft(policy(2, "of-bob"), bob)) == []
    assert len(desk.proposals.all()) == MAX_OF_ONE + 1
