"""Standing: what a revocation undoes and what it brings back, derived from the records alone."""

from __future__ import annotations

import dataclasses

import pytest
from builders import Identity, World, submit
from folding import refuse, take

from hashpact.domain import standing
from hashpact.domain.kinds import GiveOpinion, KeyResume, Withdraw
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Entry, Stance, Use
from hashpact.errors import ConflictError, CorruptError, NotPermittedError

ACME, BRAVO = Identity.of("acme"), Identity.of("bravo")
SECOND, THIRD, FOURTH = (Identity.of("acme", name) for name in ("2", "3", "4"))
SPARE = Identity.of("acme", "spare")


@pytest.fixture
def log(world: World) -> Replay:
    """A log of two members (leaves 0 to 5), the first with a recovery key (leaf 6)."""
    folded = replay([*world.founding("acme", "bravo"), world.key(SPARE, use=Use.RECOVERY)])
    assert folded.faults == []
    return folded


def entry_at(log: Replay, index: int) -> Entry:
    """The entry there."""
    entry = log.state.entry(index)
    assert entry is not None
    return entry


def stands(log: Replay, *indexes: int) -> list[bool]:
    """Whether the entries stand."""
    return [standing.entry_stands(log.state, entry_at(log, index)) for index in indexes]


def test_a_cutoff_divides_what_stands_from_what_does_not(world: World, log: Replay) -> None:
    first, second, third = (take(log, world.leaf(submit(), ACME)) for _ in range(3))
    take(log, world.revoke(ACME, second))
    assert stands(log, first, second, third) == [True, False, False]
    take(log, world.revoke(ACME, third))  # the administrators know better now
    assert stands(log, first, second, third) == [True, True, False]
    for body in (GiveOpinion(third, Stance.SEEN), Withdraw(third, "x")):
        refuse(log, world.leaf(body, BRAVO), ConflictError, "does not stand")


def test_what_a_thief_withdrew_and_said_is_undone(world: World, log: Replay) -> None:
    mine = take(log, world.leaf(submit(), ACME))
    theirs = take(log, world.leaf(submit(), BRAVO))
    start = log.size
    take(log, world.leaf(Withdraw(mine, "thief"), ACME))
    take(log, world.leaf(GiveOpinion(theirs, Stance.DISPUTE), ACME))
    assert stands(log, mine) == [False]
    refuse(log, world.leaf(Withdraw(mine, "again"), ACME), ConflictError, "is withdrawn")
    take(log, world.revoke(ACME, start))
    assert stands(log, mine, theirs) == [True, True]
    assert list(standing.opinions(log.state, theirs)) == []
    # What stands again can be withdrawn again, by a key that the thief never had.
    take(log, world.rotate(ACME, SECOND, SPARE))
    take(log, world.leaf(Withdraw(mine, "really"), SECOND))
    assert stands(log, mine) == [False]


def test_what_a_thief_replaced_and_revoked_is_undone(world: World, log: Replay) -> None:
    take(log, world.key(SECOND))
    kept = take(log, world.leaf(submit(), SECOND))
    start = log.size
    take(log, world.revoke(SECOND, kept, ACME))
    take(log, world.revoke(SPARE, 6, ACME))
    take(log, world.rotate(ACME, THIRD))
    planted = take(log, world.leaf(submit(), THIRD))
    take(log, world.rotate(THIRD, FOURTH))
    deeper = take(log, world.leaf(submit(), FOURTH))
    assert stands(log, kept, planted, deeper) == [False, True, True]
    refuse(log, world.leaf(submit(), SECOND), NotPermittedError, "it is revoked")
    take(log, world.revoke(ACME, start))
    assert stands(log, kept, planted, deeper) == [True, False, False]
    take(log, world.leaf(submit(), SECOND))
    for thief in (THIRD, FOURTH):
        refuse(log, world.leaf(submit(), thief), NotPermittedError, "came by a rotation that is")
    # The key itself was never replaced, as it turns out, and the recovery key is in force.
    take(log, world.rotate(ACME, Identity.of("acme", "5"), SPARE))


def test_a_stolen_recovery_keys_replacement_is_undone(world: World, log: Replay) -> None:
    take(log, world.rotate(ACME, THIRD, SPARE))
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "it has been replaced")
    take(log, world.revoke(SPARE, 6))
    take(log, world.leaf(submit(), ACME))
    refuse(log, world.leaf(submit(), THIRD), NotPermittedError, "came by a rotation that is")


def test_undoing_is_undone_in_turn(world: World, log: Replay) -> None:
    for key in (SECOND, THIRD):
        take(log, world.key(key))
    entry = take(log, world.leaf(submit(), ACME))
    first = take(log, world.revoke(ACME, 3, SECOND))
    assert stands(log, entry) == [False]
    second = take(log, world.revoke(SECOND, first, THIRD))
    assert stands(log, entry) == [True]
    take(log, world.revoke(THIRD, second))
    assert stands(log, entry) == [False]
    take(log, world.revoke(THIRD, second + 1))
    assert stands(log, entry) == [True]


def test_a_key_that_gives_itself_up_is_gone(world: World, log: Replay) -> None:
    before, after = take(log, world.leaf(submit(), ACME)), take(log, world.leaf(submit(), ACME))
    take(log, world.revoke(ACME, after, ACME))
    assert stands(log, before, after) == [True, False]
    take(log, world.revoke(ACME, log.size))
    assert stands(log, before, after) == [True, True]


def test_a_suspension_holds_until_it_is_lifted(world: World, log: Replay) -> None:
    take(log, world.key(SECOND))
    start = log.size
    take(log, world.suspend(SECOND, ACME))
    take(log, world.revoke(ACME, start))
    refuse(log, world.leaf(submit(), SECOND), NotPermittedError, "it is suspended")
    take(log, world.by_admins(KeyResume("acme", SECOND.id, "found")))
    take(log, world.leaf(submit(), SECOND))


def test_what_no_key_has_signed_does_not_stand(log: Replay) -> None:
    assert not standing.stands(log.state, bytes(32), 5)


def test_42_a_revocation_reaches_the_end_of_a_long_chain(world: World, log: Replay) -> None:
    """Ten thousand ancestors do not exhaust the stack."""
    state, old = log.state, ACME.id
    for number in range(10_000):
        new = number.to_bytes(32)
        record = dataclasses.replace(
            state.registry[ACME.id], id=new, enrolled_by=old, enrolled_index=100 + number
        )
        state.put(record)
        old = new
    assert standing.stands(state, old, 20_000)
    take(log, world.revoke(ACME, 3))
    assert not standing.stands(state, old, 20_000)


def test_records_that_go_round_in_a_circle_are_noticed(world: World, log: Replay) -> None:
    """No log adds up to them: somebody has changed the rows."""
    take(log, world.key(SECOND))
    for key, by in ((ACME, SECOND), (SECOND, ACME)):
        record = log.state.registry[key.id]
        log.state.put(dataclasses.replace(record, revoked_index=9, revoked_by=by.id, cutoff=7))
    with pytest.raises(CorruptError, match="round in a circle"):
        standing.settled(log.state.keys("acme"))
