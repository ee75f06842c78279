"""Number 28 of the hostile inputs: what a mirror is sent that it must not believe.

Each is sent by a real server over TLS. The mirror keeps its last good state, says what is wrong, keeps
evidence where there is some, and goes on once the source is honest again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from builders import BOTH, Identity, check_log
from clearinghouse import Clearinghouse
from copying import IMPATIENT, Copying, share, verdict
from histories import NORTH, another, cosigned, governed, history, submissions, tell
from leaves import leaf_after
from waits import until

from hashpact.domain.kinds import MemberRoles
from hashpact.domain.messages import Followed
from hashpact.log.cosignature import Witness
from hashpact.log.policy import WitnessPolicy
from hashpact.member.trusting.contradiction import Meaning
from hashpact.mirror.alarms import Alarm
from hashpact.service import following as service_following
from hashpact.service.prove import Prover
from hashpact.wire import following
from hashpact.wire.server.followers import Followers

Alter = Callable[[Followed], Followed]
HONEST = following.followed_to_wire
DAY = 24 * 3600
BATCH = 32
"""The most leaves of a message where it is altered; otherwise, a test of one signs for long."""


def flipped(data: bytes, place: int = -9) -> bytes:
    """The bytes with one bit changed."""
    altered = bytearray(data)
    altered[place] ^= 1
    return bytes(altered)


def first(followed: Followed, **fields: Any) -> Followed:  # noqa: ANN401  # fields of a leaf
    """The message with its first leaf altered."""
    if not followed.leaves:
        return followed
    return replace(followed, leaves=(replace(followed.leaves[0], **fields), *followed.leaves[1:]))


def of_checkpoint(place: int) -> Alter:
    """What flips a bit of each checkpoint."""
    return lambda sent: (
        sent if sent.checkpoint is None else replace(sent, checkpoint=flipped(sent.checkpoint, place))
    )


def of_private(sent: Followed) -> Followed:
    """A bit of the first private part is flipped."""
    if not sent.leaves or not sent.leaves[0].private:
        return sent
    part, *others = sent.leaves[0].private
    return first(sent, private=(flipped(part), *others))


def of_statement(sent: Followed) -> Followed:
    """A bit of the first statement is flipped."""
    return first(sent, statement=flipped(sent.leaves[0].statement)) if sent.leaves else sent


def longer(sent: Followed) -> Followed:
    """A leaf comes twice, and another one does not."""
    return replace(sent, leaves=(*sent.leaves[:1], *sent.leaves[:-1]))


ALTERED: dict[str, tuple[Alter, str]] = {
    "a bit of a checkpoint's origin": (of_checkpoint(0), "checkpoint"),
    "a bit of a checkpoint's size": (of_checkpoint(17), "checkpoint"),
    "a bit of a checkpoint's signature": (of_checkpoint(-9), "checkpoint"),
    "a bit of a statement": (of_statement, "proof"),
    "a bit of a private part": (of_private, "private"),
    "no private parts": (lambda sent: first(sent, private=()), "private"),
    "a bit of a proof": (lambda sent: replace(sent, proof=tuple(map(flipped, sent.proof))), "proof"),
    "no proof": (lambda sent: replace(sent, proof=()), "proof"),
    "leaves without their checkpoint": (lambda sent: replace(sent, checkpoint=None), "order"),
    "leaves that come twice": (longer, "proof"),
    "leaves from elsewhere": (lambda sent: replace(sent, start=sent.start + 1), "order"),
    "a leaf of 1 MiB": (lambda sent: first(sent, statement=bytes(1 << 20)), "malformed"),
    "a message of 32 MiB": (lambda sent: first(sent, statement=bytes(1 << 25)), "malformed"),
    "more leaves than a batch has": (
        lambda sent: replace(sent, leaves=sent.leaves * (BATCH + 1)),
        "malformed",
    ),
    "an empty leaf": (lambda sent: first(sent, statement=b""), "malformed"),
}


@dataclass
class Source:
    """What a server sends, in place of what it should."""

    alter: Alter


def honestly(sent: Followed) -> Followed:
    """The message as it is."""
    return sent


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    """A server that is honest until a test has it lie."""
    source = Source(honestly)
    monkeypatch.setattr(following, "followed_to_wire", lambda sent: HONEST(source.alter(sent)))
    return source


async def good(copy: Copying, house: Clearinghouse) -> int:
    """Wait until the copy is what the source is; its size."""
    size = share(house, 3)
    await asyncio.to_thread(copy.reach, size)
    return size


async def alarmed(copy: Copying, kind: str) -> Alarm:
    """Wait for an alarm, which the status tells as well; it is counted."""
    alarm = await asyncio.to_thread(copy.alarm, kind)
    assert copy.replicator.alarms[kind] >= 1
    # Meanwhile the source may have been away, to come back with another history.
    told = f"{kind}: "
    await until(lambda: (copy.replicator.status.trouble or "").startswith(told))
    return alarm


@pytest.mark.parametrize("how", ALTERED)
async def test_28_a_mirror_takes_no_altered_message(
    house: Clearinghouse, tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    alter, kind = ALTERED[how]
    for module in (service_following, following):
        monkeypatch.setattr(module, "MAX_FOLLOWED", BATCH)
    with Copying(house, tmp_path) as copy:
        size = await good(copy, house)
        source.alter = alter
        larger = share(house, BATCH + 8, at_once=True)  # more than a batch has, so that a proof has hashes
        assert (await alarmed(copy, kind)).evidence is None
        at = copy.replicator.status.position
        assert at in range(size, larger)
        check_log(copy.ledger)
        source.alter = honestly
        await asyncio.to_thread(copy.reach, larger)
        check_log(copy.ledger)
    assert copy.replicator.status.trouble is None


async def test_28_a_mirror_keeps_its_state_and_the_evidence_of_a_fork(
    house: Clearinghouse, tmp_path: Path
) -> None:
    with Copying(house, tmp_path) as copy:
        size = await good(copy, house)
        honest = Prover(house.ledger)
        other = history(house.world, [*submissions(house.ledger)[:-1], another(house.world, "lie")])
        await tell(house, Prover(other))
        alarm = await alarmed(copy, "fork")
        assert f"two trees of {size} leaves" in alarm.message
        assert verdict(alarm, house) is Meaning.FORK
        longer = history(
            house.world, [*submissions(other), *(another(house.world, str(n)) for n in range(9))]
        )
        await tell(house, Prover(longer))
        alarm = await alarmed(copy, "fork")
        while "do not" not in alarm.message and "does not" not in alarm.message:
            alarm = await alarmed(copy, "fork")
        assert verdict(alarm, house) is Meaning.FORK
        assert copy.replicator.status.position == size
        check_log(copy.ledger)
        await tell(house, honest)
        await asyncio.to_thread(copy.reach, share(house, 1))
        check_log(copy.ledger)


async def test_28_a_mirror_is_not_rolled_back(house: Clearinghouse, tmp_path: Path) -> None:
    with Copying(house, tmp_path) as copy:
        await good(copy, house)
        before = submissions(house.ledger)
        size = await good(copy, house)
        honest = Prover(house.ledger)
        await tell(house, Prover(history(house.world, before)))
        alarm = await alarmed(copy, "rollback")
        assert f"had {size} leaves, and shows {len(before)} now" in alarm.message
        assert verdict(alarm, house) is Meaning.UNPROVED
        # An older tree that is another one convicts the log.
        await tell(house, Prover(history(house.world, [*before[:-1], another(house.world, "lie")])))
        alarm = await alarmed(copy, "fork")
        assert verdict(alarm, house) is Meaning.FORK
        assert copy.replicator.status.position == size
        check_log(copy.ledger)
        await tell(house, honest)
        await asyncio.to_thread(copy.reach, share(house, 1))


async def test_28_a_silent_connection_is_given_up(
    house: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Copying(house, tmp_path, reconnect=replace(IMPATIENT, silence=0.5)) as copy:

        def silent(self: Followers, *_: object) -> Iterator[Followed]:
            self.stopping.wait()
            yield from ()

        monkeypatch.setattr(Followers, "stream", silent)
        await alarmed(copy, "silence")
        monkeypatch.undo()
        await asyncio.to_thread(copy.reach, share(house, 1))
        check_log(copy.ledger)


async def test_28_a_mirror_demands_its_quorum_of_witnesses(house: Clearinghouse, tmp_path: Path) -> None:
    wanted = WitnessPolicy.threshold([Witness(NORTH.owner, NORTH.public)], 1)
    share(house, 1)
    with Copying(house, tmp_path, demands=wanted) as copy:
        await alarmed(copy, "quorum")
        assert copy.replicator.status.position == 0
        await tell(house, Prover(house.ledger), cosigned(house, who=(NORTH,)))
        await asyncio.to_thread(copy.reach, share(house, 1))
        assert copy.replicator.status.fresh_at == house.world.clock()


async def test_28_a_checkpoint_that_grows_old_is_an_alarm_until_it_is_cosigned_again(
    house: Clearinghouse, tmp_path: Path
) -> None:
    governed(house)
    await tell(house, Prover(house.ledger), cosigned(house))
    with Copying(house, tmp_path, max_age=DAY) as copy:
        size = await good(copy, house)
        fresh = copy.replicator.status.fresh_at
        house.world.clock.now += 2 * DAY
        copy.clock.now += 2 * DAY
        port = house.server.port
        await asyncio.to_thread(house.server.stop, 0)
        await house.start(port)
        alarm = await alarmed(copy, "stale")
        assert "ago, and 86400 s are allowed" in alarm.message
        assert (copy.replicator.status.position, copy.replicator.status.fresh_at) == (size, fresh)
        await asyncio.to_thread(house.intake.guard.freshen)
        await asyncio.to_thread(copy.reach, share(house, 1))
        assert copy.replicator.status.fresh_at == house.world.clock()


async def test_28_a_checkpoint_that_was_cosigned_ahead_of_time_is_not_fresh_for_longer(
    house: Clearinghouse, tmp_path: Path
) -> None:
    governed(house)
    await tell(house, Prover(house.ledger), cosigned(house))
    share(house, 1)
    with Copying(house, tmp_path, max_age=DAY) as copy:
        copy.clock.now -= DAY + 1
        alarm = await alarmed(copy, "stale")
        assert "86401 s ahead of this machine's clock" in alarm.message


async def test_28_a_leaf_that_breaks_a_rule_is_kept_without_effect_and_an_alarm(
    house: Clearinghouse, tmp_path: Path
) -> None:
    """The log has signed it: an operator has inserted what nobody could state."""
    world, told = house.world, history(house.world, submissions(house.ledger))
    stolen = world.leaf(MemberRoles("acme", BOTH, "asked"), Identity.of("acme"))
    with told.begin() as transaction:
        transaction.append(leaf_after(told.head(), stolen, "", bytes(16)), (), ())
    with Copying(house, tmp_path) as copy:
        size = told.head().size
        world.guard(told).sign()
        await tell(house, Prover(told))
        alarm = await asyncio.to_thread(copy.alarm, "leaf")
        assert alarm.message.startswith(f"leaf {size - 1} breaks a rule: ")
        await asyncio.to_thread(copy.reach, size)
        kept = next(copy.ledger.leaves(size - 1, size))
        assert (kept.data, kept.member) == (stolen, "")
        assert copy.leaves[-1] == (kept, None, ())
        with copy.ledger.snapshot() as view, house.ledger.snapshot() as wanted:
            assert sorted(map(repr, view.records())) == sorted(map(repr, wanted.records()))
