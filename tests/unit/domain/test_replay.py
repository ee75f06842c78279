"""Replay: the fold that every reader of the log shares, against random streams and against the writer."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import pytest
from builders import (
    BOTH,
    LABELS,
    Identity,
    World,
    check_log,
    fingerprint,
    private_part,
    seeded,
    sign,
    submit,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from hashpact.domain import rules, statements
from hashpact.domain.errors import HashpactError
from hashpact.domain.fingerprints import SHA256, commitment
from hashpact.domain.kinds import ADMIN, AnyBody, GiveOpinion, KeyEnrol, MemberEnrol, Policy, Withdraw
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Basis, Head, Leaf, Role, Stance, State, Use
from hashpact.log import tree
from hashpact.service.append import Submission
from hashpact.storage.memory import MemoryLedger

MEMBERS = ("acme", "bravo", "carol")
KINDS = 7
WAYS = 6
STEPS = st.lists(
    st.tuples(st.integers(0, KINDS - 1), st.integers(0, 2 * WAYS - 1), st.integers(0, 2**16)), max_size=30
)


@dataclass(slots=True)
class Stream:
    """Statements that follow from drawn numbers: about half of them keep the rules."""

    world: World = field(default_factory=World)
    past: list[Submission] = field(default_factory=list)

    def next(self, kind: int, way: int, number: int, state: State) -> Submission:
        """One statement more, for a log that adds up to that state."""
        who = Identity.of(MEMBERS[number % 3], str(1 + number // 3 % 2))
        other = Identity.of(MEMBERS[(number + 1) % 3])
        body, private = self._body(kind, number, state)
        administers = isinstance(body, Policy | MemberEnrol | KeyEnrol)
        by = self.world.admins[0] if administers else who
        statement = self.world.statement(body, by)
        signers = [*self.world.admins, who] if administers else [by]
        data = sign(statement, *signers)
        match way:
            case 0:  # unsigned by the second administrator, or signed by somebody else
                data = sign(statement, self.world.admins[0] if administers else other)
            case 1:  # another log's
                data = sign(self.world.statement(body, by, log="other.example/log"), *signers)
            case 2 if self.past:  # said before, to the byte
                return self.past[number % len(self.past)]
            case 3:  # the request id of another statement
                data = sign(self.world.statement(body, by, request=seeded("again", 16)), *signers)
            case 4:  # one bit of the signature
                data = data[:-10] + bytes([data[-10] ^ 1]) + data[-9:]
            case 5:  # in another's name
                data = sign(self.world.statement(body, by, member=other.owner), *signers)
            case _:
                pass
        self.past.append(Submission(data, private))
        return self.past[-1]

    def _body(self, kind: int, number: int, state: State) -> tuple[AnyBody, list[bytes]]:
        member, name = MEMBERS[number % 3], str(1 + number // 3 % 2)
        entries = [*state.entries, 4]
        entry = entries[number // 16 % len(entries)]
        match kind:
            case 0:
                return Policy(1 + number // 64 % 4, LABELS[: 1 + number % 3]), []
            case 1:
                return MemberEnrol(member, BOTH if number % 5 else frozenset({Role.CHECK})), []
            case 2:
                who = Identity.of(member, name)
                return KeyEnrol(member, name, who.public, Use.SIGN, self.world.clock() + 1000), []
            case 3 | 4:
                parts = [private_part(fingerprint(SHA256, f"{number} {i}")) for i in range(1 + number % 3)]
                basis = Basis.LAW if number % 4 == 0 else Basis.GUIDELINE
                law = ("acme", "art-16") if basis is Basis.LAW else (None, None)
                labels = (LABELS[number // 5 % 3],)
                items = [commitment(part) for part in parts]
                return submit(*items, labels=labels, basis=basis, authority=law[0], article=law[1]), parts
            case 5:
                return Withdraw(entry, "mistake"), []
            case _:
                return GiveOpinion(entry, list(Stance)[number % 3]), []


@settings(max_examples=60)
@given(STEPS)
def test_writer_and_replay_reach_the_same_state(steps: list[tuple[int, int, int]]) -> None:
    stream, ledger, folded = Stream(), MemoryLedger(), Replay()
    appender = stream.world.appender(ledger)
    for leaf in stream.world.founding("acme", "bravo"):
        appender.append(None, Submission(leaf))
        folded.apply(leaf)
    for kind, way, number in steps:
        submission = stream.next(kind, way, number, folded.state)
        before, size = copy.deepcopy(folded.state), folded.size
        try:
            receipt = appender.append(None, submission)
        except HashpactError as error:
            folded.apply(submission.statement)
            refused, again = error, folded.faults.pop().error
            assert type(again) is type(refused)
            assert folded.state == before
            folded.size = size
            assert ledger.head().size == size
            continue
        if receipt.index < size:  # an exact replay
            assert next(ledger.leaves(receipt.index, receipt.index + 1)).data == submission.statement
            continue
        assert receipt.index == size
        folded.apply(submission.statement)
        assert folded.faults == []
    assert check_log(ledger).state == folded.state


@settings(max_examples=40)
@given(STEPS, st.lists(st.binary(max_size=60), max_size=3))
def test_no_stream_stops_the_fold_and_faults_are_kept(
    steps: list[tuple[int, int, int]], junk: list[bytes]
) -> None:
    """Whatever an operator puts into a log: a follower goes on, and can name every leaf that is wrong."""
    stream, folded = Stream(), Replay()
    leaves = stream.world.founding("acme", "bravo") + junk
    taken: list[tuple[int, bytes]] = []
    for index in range(len(leaves) + len(steps)):
        if index == len(leaves):
            leaves.append(stream.next(*steps.pop(), folded.state).statement)
        faults = len(folded.faults)
        folded.apply(leaves[index])
        if len(folded.faults) == faults:
            taken.append((index, leaves[index]))
    assert folded.size == len(leaves)
    assert [(fault.index, fault.data) for fault in folded.faults] == [
        (index, leaf) for index, leaf in enumerate(leaves) if (index, leaf) not in taken
    ]
    assert folded.state == by_hand(taken)
    assert replay(leaves).state == folded.state


def by_hand(taken: list[tuple[int, bytes]]) -> State:
    """The state that the leaves without fault add up to, each at its own index."""
    state = State()
    for index, leaf in taken:
        signed = statements.parse(leaf)
        statement = signed.statement
        said = (statement.member, statement.request, statement.time)
        state.take(index, said, rules.decide(state, index, signed))
    return state


def test_streams_have_statements_of_both_sorts() -> None:
    """The two tests above would pass on streams that are all wrong; these are not."""
    stream, folded = Stream(), Replay()
    for leaf in stream.world.founding("acme", "bravo"):
        folded.apply(leaf)
    kinds = set()
    for turn in range(300):
        kind, way, number = turn % KINDS, turn * 5 % (2 * WAYS), turn * 7919 % 65536
        faults = len(folded.faults)
        leaf = stream.next(kind, way, number, folded.state).statement
        folded.apply(leaf)
        if len(folded.faults) == faults:
            kinds.add(statements.parse(leaf).statement.body.kind)
    assert kinds == {"policy", "member-enrol", "key-enrol", "submit", "withdraw", "opinion"}
    assert 30 < len(folded.faults) < 270


def test_a_fault_in_the_middle_has_no_effect_on_what_follows(world: World) -> None:
    founding = world.founding("acme")
    puppet = world.leaf(MemberEnrol("puppet", BOTH), world.admins[0])
    ordinary = world.leaf(submit(), Identity.of("acme"))
    folded = replay([*founding, puppet, ordinary])
    assert [fault.index for fault in folded.faults] == [4]
    assert folded.faults[0].data == puppet
    assert folded.state.member("puppet") is None
    assert folded.state.entry(5) is not None


def test_an_empty_log_adds_up_to_nothing() -> None:
    folded = replay([])
    assert (folded.state, folded.faults, folded.size) == (State(), [], 0)


def _leaf(head: Head, data: bytes) -> Leaf:
    digest = tree.leaf_hash(data)
    edge = tree.extend(head.size, head.edge, digest)
    statement = statements.parse(data).statement
    return Leaf(
        head.size, data, digest, tree.root(edge), edge, statement.member, statement.request, statement.time
    )


def test_check_log_notices_what_an_operator_slips_in(world: World) -> None:
    """The invariant helper itself: a forged leaf, correctly hashed, does not get past it."""
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    check_log(ledger)
    forged = world.leaf(MemberEnrol("puppet", BOTH), Identity.of(ADMIN, "mallory"))
    with ledger.begin() as transaction:
        transaction.append(_leaf(ledger.head(), forged), (), ())
    with pytest.raises(AssertionError):
        check_log(ledger)


def test_check_log_notices_a_wrong_edge_and_a_missing_private_part(world: World) -> None:
    for edge, private in ((bytes(32), True), (b"", False)):
        ledger = MemoryLedger()
        world.found(ledger, "acme")
        item = private_part(fingerprint(SHA256, "a"))
        leaf = _leaf(ledger.head(), world.leaf(submit(commitment(item)), Identity.of("acme")))
        if edge:
            leaf = Leaf(
                leaf.index, leaf.data, leaf.hash, leaf.root, (edge,), leaf.member, leaf.request, leaf.time
            )
        records = rules.decide(check_log(ledger).state, leaf.index, statements.parse(leaf.data))
        with ledger.begin() as transaction:
            transaction.append(leaf, [item] if private else (), records)
        with pytest.raises(AssertionError):
            check_log(ledger)
