"""The chain of root statements: who pins a log's genesis follows its keys, and nobody else's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from builders import LABELS, Identity, World, check_log
from memory import MemoryLedger

from hashpact.domain.kinds import ADMIN, Genesis, Policy, Root
from hashpact.domain.messages import LeafDetail, Submission
from hashpact.domain.pinned import PinnedLog
from hashpact.errors import ProofError
from hashpact.log import proofs
from hashpact.member.trusting import bundle
from hashpact.member.trusting.roots import RootChain, check_included
from hashpact.service import prove
from hashpact.service.prove import Prover
from hashpact.service.sign import LogKey, SigningGuard

ALICE, BOB, CAROL, DAVE = (Identity.of(ADMIN, name) for name in ("alice", "bob", "carol", "dave"))
FIRST, SECOND, THIRD = (Identity.of(name).public for name in ("log", "second log", "third log"))


@dataclass
class Statements:
    """Statements of one log, and the digest of its leaf 0."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        """Found it."""
        self.first = self.world.genesis()
        self.genesis = hashlib.sha256(self.first).digest()

    def root(
        self, version: int, log_key: bytes, *by: Identity, admins: Sequence[Identity] = (ALICE, BOB)
    ) -> bytes:
        """A root statement, signed by these."""
        body = Root(version, tuple(admin.key for admin in admins), 2, (log_key,))
        return self.world.leaf(body, *(by or (ALICE, BOB)))

    def chain(self, *leaves: bytes, known: bytes = FIRST) -> PinnedLog:
        """What follows from leaf 0 and these, for who knew the log by that key."""
        chain = RootChain(PinnedLog(self.world.origin, (known,)), self.genesis)
        for number, leaf in enumerate((self.first, *leaves)):
            chain.add(LeafDetail(7 * number, leaf))
        parts = bundle.parse(chain.data())
        assert [(part.kind, part.data) for part in parts] == [
            ("root", leaf) for leaf in (self.first, *leaves)
        ]
        return chain.pinned()


@pytest.fixture
def said() -> Statements:
    """A log that was founded."""
    return Statements()


def test_the_keys_are_those_of_the_last_root(said: Statements) -> None:
    assert said.chain() == said.world.pinned
    second = said.root(2, SECOND)
    assert said.chain(second).keys == (SECOND,)
    others = said.root(3, THIRD, ALICE, BOB, CAROL, admins=(BOB, CAROL))
    assert said.chain(second, others).keys == (THIRD,)
    last = said.root(4, THIRD, BOB, CAROL, admins=(BOB, CAROL))
    for known in (FIRST, SECOND, THIRD):
        assert said.chain(second, others, last, known=known).keys == (THIRD,)


BROKEN: list[tuple[str, Callable[[Statements], list[bytes]], str]] = [
    ("signed by one", lambda said: [said.root(2, SECOND, ALICE)], "signed by 1 administrators, 2 must sign"),
    (
        "by the old ones only",
        lambda said: [said.root(2, SECOND, ALICE, BOB, admins=(CAROL, DAVE))],
        "signed by 0 administrators, 2 must sign",
    ),
    (
        "by the new ones only",
        lambda said: [said.root(2, SECOND, CAROL, DAVE, admins=(CAROL, DAVE))],
        "no administrator's",
    ),
    (
        "by those that went",
        lambda said: [
            said.root(2, SECOND, ALICE, BOB, CAROL, admins=(BOB, CAROL)),
            said.root(3, THIRD, ALICE, BOB, admins=(ALICE, BOB)),
        ],
        "no administrator's",
    ),
    ("a version left out", lambda said: [said.root(3, SECOND)], "version must be 2"),
    ("twice", lambda said: [said.root(2, SECOND)] * 2, "request id"),
    ("an old key again", lambda said: [said.root(2, SECOND), said.root(3, FIRST)], "leaf 14 is not the next"),
    ("a policy", lambda said: [said.world.by_admins(Policy(1, LABELS))], "leaf 7 is no root statement"),
    ("a genesis", lambda said: [said.world.genesis()], "only ever leaf 0"),
    ("changed", lambda said: [said.root(2, SECOND).replace(b"threshold 2", b"threshold 1")], "leaf 7"),
    ("rubbish", lambda _: [b"rubbish"], "leaf 7"),
]


@pytest.mark.parametrize(("leaves", "fault"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_does_not_follow_is_refused(
    said: Statements, leaves: Callable[[Statements], list[bytes]], fault: str
) -> None:
    with pytest.raises(ProofError, match=fault):
        said.chain(*leaves(said))


def test_another_genesis_is_another_log(said: Statements) -> None:
    thief = Identity.of(ADMIN, "thief")
    other = said.world.leaf(Genesis((thief.key,), 1, (SECOND,)), thief)
    chain = RootChain(said.world.pinned, said.genesis)
    for leaf in (LeafDetail(0, other), LeafDetail(1, said.first)):
        with pytest.raises(ProofError, match="another log"):
            chain.add(leaf)


def test_roots_that_are_held_back_do_not_bring_a_replaced_key_back(said: Statements) -> None:
    second = said.root(2, SECOND)
    with pytest.raises(ProofError, match="held back"):
        said.chain(known=SECOND)
    assert said.chain(second, known=SECOND).keys == (SECOND,)
    with pytest.raises(ProofError, match="held back"):
        RootChain(said.world.pinned, said.genesis).pinned()


def test_a_log_tells_its_roots_and_that_it_holds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    world, ledger = World(), MemoryLedger()
    said = Statements(world)
    appender = world.appender(ledger)
    roots = [said.root(version, Identity.of(f"log {version}").public) for version in (2, 3)]
    for leaf in (said.first, world.policy(), world.member("acme"), roots[0], world.policy(2), roots[1]):
        appender.append(None, Submission(leaf))
    prover = Prover(ledger)
    assert prover.roots(0) == ()
    key = Identity.of("log 3")
    note = SigningGuard(ledger, LogKey(world.origin, key.public, key.private)).sign().note
    signed = PinnedLog(world.origin, (key.public,)).read(note)
    everything = (LeafDetail(0, said.first), LeafDetail(3, roots[0]), LeafDetail(5, roots[1]))
    assert prover.roots(0) == everything
    assert prover.roots(1) == prover.roots(3) == everything[1:]
    assert prover.roots(6) == ()
    monkeypatch.setattr(prove, "MAX_ROOTS", 2)
    assert prover.roots(0) == everything[:2]
    for told in everything:
        proof = proofs.inclusion(told.index, signed.size, ledger.tree.node)
        check_included(told, signed, proof)
        with pytest.raises(ProofError):
            check_included(LeafDetail(told.index, b"another"), signed, proof)
    check_log(ledger)
