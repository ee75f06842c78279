"""Witnesses that are missing, forged or old, and a key beyond its time: clients refuse what they sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from builders import Identity
from clearinghouse import Caller, Clearinghouse, Connect
from histories import (
    LABELS,
    NORTH,
    Cosigning,
    another,
    cosigned,
    governed,
    kept_in,
    picture,
    submissions,
    tell,
)
from memory import MemoryLedger

from hashpact.domain.kinds import Root
from hashpact.domain.messages import Submission
from hashpact.domain.pinned import MAX_AGE, PinnedLog
from hashpact.errors import ProofError, QuorumError, UnavailableError
from hashpact.log.cosignature import Witness
from hashpact.log.policy import WitnessPolicy
from hashpact.member.memory import PERIOD
from hashpact.member.trusting import bundle
from hashpact.member.trusting.roots import LogHistory
from hashpact.service.prove import Prover


@pytest.fixture
def directory(house: Clearinghouse, tmp_path: Path) -> Path:
    """The directory of acme's profile, with its configuration."""
    return kept_in(house, tmp_path)


@pytest.fixture
def acme(house: Clearinghouse, connect: Connect, directory: Path) -> Caller:
    """A client of acme with a profile."""
    return connect(replace(house.profile("acme"), directory=directory), clock=house.world.clock)


@dataclass(frozen=True, slots=True)
class Stripping(Prover):
    """Shows the checkpoint with something done to its lines."""

    change: Callable[[list[bytes]], list[bytes]] = list

    def checkpoint(self) -> bytes:
        """The newest."""
        text, _, lines = Prover.checkpoint(self).partition(b"\n\n")
        return text + b"\n\n" + b"".join(self.change(lines.splitlines(keepends=True)))


STRIPPED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "all are stripped": (lambda lines: lines[:1], "cosignatures of none, and not of witness.example/north"),
    "one is stripped": (
        lambda lines: [one for one in lines if b"/south" not in one],
        "not of witness.example/south",
    ),
    "one is torn": (
        lambda lines: [one[:-9] + b"AAAAAAA=\n" if b"/south" in one else one for one in lines],
        "'witness.example/south' does not verify",
    ),
}


@pytest.mark.parametrize("how", STRIPPED)
async def test_77_a_checkpoint_without_the_quorum_is_not_believed(
    house: Clearinghouse, acme: Caller, directory: Path, how: str
) -> None:
    change, message = STRIPPED[how]
    governed(house)
    await tell(house, Prover(house.ledger), cosigned(house))
    await acme("submit", picture("one"), labels=LABELS)
    assert acme.client.profile.log.policies
    await tell(house, Stripping(house.ledger, change))
    with pytest.raises(QuorumError, match=message):
        await acme("checkpoint")
    parts = bundle.parse((directory / "roots").read_bytes())
    assert (
        LogHistory.of(parts, house.world.pinned, house.genesis).now.policies
        == acme.client.profile.log.policies
    )


async def test_a_new_client_follows_the_witnesses_with_its_first_receipt(
    house: Clearinghouse, acme: Caller
) -> None:
    governed(house)
    with pytest.raises(UnavailableError, match="wants 2 of the log's witnesses"):
        house.world.guard(house.ledger).sign()
    lying = house.world.guard(house.ledger, Cosigning(house.world))
    lying.sign()
    await tell(house, Stripping(house.ledger, STRIPPED["all are stripped"][0]), lying)
    with pytest.raises(QuorumError):
        await acme("submit", picture("one"), labels=LABELS)


async def test_77_a_checkpoint_cosigned_a_week_ago_is_stale(house: Clearinghouse, acme: Caller) -> None:
    governed(house)
    await tell(house, Prover(house.ledger), cosigned(house))
    await acme("submit", picture("one"), labels=LABELS)
    house.world.clock.now += MAX_AGE
    await acme("checkpoint")
    house.world.clock.now += 6 * MAX_AGE
    with pytest.raises(QuorumError, match="cosigned the newest checkpoint 168 hours ago; the limit is 24"):
        await acme("checkpoint")
    assert (await acme("checkpoint", max_age=7 * MAX_AGE)).checkpoint.size == 8
    # An idle log has its newest checkpoint cosigned again.
    house.intake.guard.freshen()
    await acme("checkpoint")
    kept = house.ledger.checkpoints
    assert kept.latest() != kept.newest()


async def test_77_a_checkpoint_that_witnesses_cosigned_ahead_of_time_is_not_fresh_for_longer(
    house: Clearinghouse, acme: Caller
) -> None:
    governed(house)
    await tell(house, Prover(house.ledger), cosigned(house))
    await acme("submit", picture("one"), labels=LABELS)
    house.world.clock.now -= MAX_AGE
    await acme("checkpoint")
    house.world.clock.now -= 1
    with pytest.raises(QuorumError, match="86401 s ahead of this machine's clock: one of the clocks"):
        await acme("checkpoint")


async def test_a_profile_demands_witnesses_of_its_own(
    house: Clearinghouse, connect: Connect, directory: Path
) -> None:
    wanted = WitnessPolicy.threshold([Witness(NORTH.owner, NORTH.public)], 1)
    profile = replace(house.profile("acme"), directory=directory, demands=wanted)
    caller = connect(replace(profile, log=profile.demanding(profile.log)), clock=house.world.clock)
    with pytest.raises(QuorumError, match="and not of witness"):
        await caller("submit", picture("one"), labels=LABELS)
    await tell(house, Prover(house.ledger), cosigned(house, who=(NORTH,)))
    await caller("submit", picture("two"), labels=LABELS)


async def test_77_a_replaced_key_is_believed_for_trees_up_to_its_successor(
    house: Clearinghouse, acme: Caller, directory: Path
) -> None:
    world = house.world
    receipt = await acme("submit", picture("one"), labels=LABELS)
    statement = (directory / "receipts" / f"{receipt.index}.statement").read_bytes()
    new = Identity.of("log 2")
    admins = tuple(admin.key for admin in world.admins)
    leaf = world.leaf(Root(2, admins, 2, (new.public,)), *world.admins)
    house.intake.appender.append(None, Submission(leaf))
    after = [*submissions(house.ledger), *(another(world, str(number)) for number in range(3))]
    roots = [bundle.BundlePart("root", 0, after[0].statement), bundle.BundlePart("root", 7, leaf)]
    told = LogHistory.of(roots, world.pinned, house.genesis)
    told.check_receipt(statement, receipt)
    # The thief of the old key signs a larger tree, in which the statement is too.
    guard, lie = world.guard, MemoryLedger()
    appender = world.appender(lie)
    for one in [*after[:7], *after[8:]]:
        appender.append(None, one)
    late = guard(lie).receipt(next(lie.leaves(receipt.index, receipt.index + 1)))
    assert late.tree_size == 10
    with pytest.raises(ProofError, match="not one that is pinned"):
        told.check_receipt(statement, late)
    PinnedLog(world.origin, world.log_keys).check_receipt(statement, late)  # what would be believed otherwise
    # Nor is the old key one of the newest trees.
    with pytest.raises(ProofError, match="not one that is pinned"):
        told.now.read(receipt.checkpoint)


async def test_77_witnesses_that_are_named_later_are_demanded_of_old_profiles_too(
    house: Clearinghouse, acme: Caller
) -> None:
    await acme("submit", picture("one"), labels=LABELS)
    assert acme.client.profile.log.policies == ()
    governed(house)
    lying = cosigned(house)
    lying.sign()
    await tell(house, Stripping(house.ledger, STRIPPED["all are stripped"][0]), lying)
    house.world.clock.now += PERIOD
    with pytest.raises(QuorumError, match="cosignatures of none"):
        await acme("checkpoint")
    assert acme.client.profile.log.policies == ()  # nothing is kept of what could not be believed
    await tell(house, Prover(house.ledger))
    await acme("checkpoint")
    assert acme.client.profile.log.policies
