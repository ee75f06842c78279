"""Replay: the fold that every reader of the log shares, against random streams and against the writer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import (
    BOTH,
    Identity,
    World,
    check_log,
    fingerprint,
    private_part,
    submit,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import MemoryLedger
from streams import STEPS, Step, Stream

from hashpact.domain import rules, statements
from hashpact.domain.fingerprints import SHA256, commitment
from hashpact.domain.kinds import ADMIN, MemberEnrol
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Head, Leaf, State
from hashpact.log import tree


@settings(max_examples=40)
@given(STEPS, st.lists(st.binary(max_size=60), max_size=3))
def test_no_stream_stops_the_fold_and_faults_are_kept(steps: list[Step], junk: list[bytes]) -> None:
    """Whatever an operator puts into a log: a follower goes on, and can name every leaf that is wrong."""
    stream, folded = Stream(), Replay()
    leaves = [submission.statement for submission in stream.founding()] + junk
    taken: list[tuple[int, bytes]] = []
    for index in range(len(leaves) + len(steps)):
        if index == len(leaves):
            leaves.append(stream.next(steps.pop(), folded.state).statement)
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
        said = (statement.member, statement.request)
        state.take(index, said, rules.decide(state, index, signed))
    return state


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
    nodes = tree.completed(head.size, head.edge, digest)
    statement = statements.parse(data).statement
    return Leaf(head.size, data, digest, nodes, statement.member, statement.request, statement.time)


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


def test_check_log_notices_a_wrong_node_and_a_missing_private_part(world: World) -> None:
    for node, private in ((bytes(32), True), (b"", False)):
        ledger = MemoryLedger()
        world.found(ledger, "acme")
        item = private_part(fingerprint(SHA256, "a"))
        leaf = _leaf(ledger.head(), world.leaf(submit(commitment(item)), Identity.of("acme")))
        if node:
            leaf = replace(leaf, nodes=(node,))
        records = rules.decide(check_log(ledger).state, leaf.index, statements.parse(leaf.data))
        with ledger.begin() as transaction:
            transaction.append(leaf, [item] if private else (), records)
        with pytest.raises(AssertionError):
            check_log(ledger)
