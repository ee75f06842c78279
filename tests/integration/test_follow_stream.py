"""Follow through a real server: what it sends and when, whom it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import pytest
from builders import Identity
from clearinghouse import Clearinghouse
from copying import share
from cryptography import x509
from histories import cosigned, governed, tell
from waits import wait_until

from hashpact.domain.kinds import AnyBody, CertRevoke, MemberRoles, MemberSuspend, Policy
from hashpact.domain.messages import Followed, FollowRequest, Submission
from hashpact.domain.state import Role
from hashpact.errors import (
    HashpactError,
    NotPermittedError,
    OverloadedError,
    StoppingError,
    UnauthenticatedError,
)
from hashpact.log import checkpoint, proofs, tree
from hashpact.mirror.replicating import connecting
from hashpact.service import following
from hashpact.service.following import Following
from hashpact.service.prove import Prover
from hashpact.service.read import PrivateParts
from hashpact.wire.client import feeds
from hashpact.wire.server import followers


@contextlib.contextmanager
def stream(house: Clearinghouse, asked: FollowRequest, member: str = "acme") -> Iterator[Generator[Followed]]:
    """The messages of a stream of that member."""
    with (
        contextlib.closing(connecting(house.profile(member))()) as connection,
        contextlib.closing(connection.stream(feeds.follow(asked), 30)) as messages,
    ):
        yield messages


def enrol(house: Clearinghouse, member: str, *roles: Role) -> None:
    """A member with these roles."""
    who = Identity.of(member)
    house.world.administrators(house.ledger).enrol(member, frozenset(roles), who.key, who.private)
    house.intake.follower.catch_up()


async def test_each_batch_proves_that_it_begins_the_checkpoint_before_it(house: Clearinghouse) -> None:
    size = share(house, 600, at_once=True)
    with stream(house, FollowRequest(3)) as messages:
        announced = await asyncio.to_thread(next, messages)
        assert (announced.start, announced.leaves) == (3, ())
        assert announced.checkpoint is not None
        signed = checkpoint.parse(announced.checkpoint).checkpoint
        at, edge = 3, house.ledger.tree.edge(3)
        while at < size:
            batch = await asyncio.to_thread(next, messages)
            assert (batch.start, batch.checkpoint) == (at, None)
            for leaf in batch.leaves:
                assert (leaf.index, leaf.private) == (at, ())
                edge, at = tree.extend(at, edge, tree.leaf_hash(leaf.statement)), at + 1
            proofs.verify_consistency(at, tree.root(edge), signed.size, signed.root, batch.proof)
        larger = share(house, 1)
        again, new = [await asyncio.to_thread(next, messages) for _ in range(2)]
        latest = house.ledger.checkpoints.latest()
        assert latest is not None
        assert again.checkpoint == latest.note
        assert (new.stop, new.proof) == (larger, ())


async def test_a_checkpoint_with_newer_cosignatures_is_sent_again(house: Clearinghouse) -> None:
    governed(house)
    await tell(house, Prover(house.ledger), cosigned(house))
    size = share(house, 1)
    with stream(house, FollowRequest(size)) as messages:
        first = await asyncio.to_thread(next, messages)
        house.world.clock.now += 60
        await asyncio.to_thread(house.intake.guard.freshen)
        second = await asyncio.to_thread(next, messages)
    assert first.checkpoint != second.checkpoint
    newest = house.ledger.checkpoints.newest()
    assert newest is not None
    assert second == Followed(size, newest.note)


async def test_a_quiet_log_gives_signs_of_life(house: Clearinghouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followers, "STILL", 0.1)
    size = share(house, 1)
    with stream(house, FollowRequest(size + 5)) as messages:
        announced, still, again = [await asyncio.to_thread(next, messages) for _ in range(3)]
    assert announced.checkpoint is not None
    assert still == again == Followed(size + 5)


async def test_a_stream_ends_after_some_minutes(
    house: Clearinghouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "LASTS", 0.2)
    with stream(house, FollowRequest(share(house, 1))) as messages:
        assert len(await asyncio.to_thread(list, messages)) == 1
    # Also in the middle of the leaves, which somebody goes on from.
    size = share(house, 600, at_once=True)
    monkeypatch.setattr(followers, "LASTS", 0.0001)
    monkeypatch.setattr(following, "BATCH", 1)
    with stream(house, FollowRequest(0)) as messages:
        some = await asyncio.to_thread(list, messages)
    assert all(message.stop < size for message in some)


async def test_a_stream_that_is_left_gives_its_place_back_at_once(house: Clearinghouse) -> None:
    """Not only at the next sign of life: a member that reconnects in a hurry would lock itself out."""
    asked = FollowRequest(share(house, 1))
    for _ in range(3 * house.limits.member_streams):
        with stream(house, asked) as messages:
            assert (await asyncio.to_thread(next, messages)).checkpoint is not None
    await asyncio.to_thread(wait_until, lambda: house.server.loads()["stream"] == (0, 0))


async def test_private_parts_are_for_those_who_may_read_them(house: Clearinghouse) -> None:
    size = share(house, 2, items=3)
    enrol(house, "voice", Role.REPRESENT)
    private = FollowRequest(size - 1, with_private=True)
    with stream(house, private, "voice") as messages, pytest.raises(NotPermittedError):
        await asyncio.to_thread(next, messages)
    with stream(house, FollowRequest(size - 1), "voice") as messages:
        assert (await asyncio.to_thread(next, messages)).checkpoint is not None
    with stream(house, FollowRequest(size - 1, with_private=True)) as messages:
        _, batch = [await asyncio.to_thread(next, messages) for _ in range(2)]
    assert batch.leaves[0].private == dict(house.ledger.private(size - 1, size))[size - 1]


async def test_private_parts_count_towards_the_quota(house: Clearinghouse) -> None:
    house.world.administrators(house.ledger).say(Policy(2, ("ncii",), private_quota=5))
    start = house.ledger.head().size
    share(house, 2, items=2)
    with stream(house, FollowRequest(start, with_private=True)) as messages:
        assert len((await asyncio.to_thread(next, messages)).leaves) == 0
        assert len((await asyncio.to_thread(next, messages)).leaves) == 2
        share(house, 1, items=2)
        assert (await asyncio.to_thread(next, messages)).checkpoint is not None
        with pytest.raises(OverloadedError, match="its quota of 5 private parts"):
            await asyncio.to_thread(next, messages)


LOST = ("suspended", "without the role", "certificate revoked")


@pytest.mark.parametrize("how", LOST)
async def test_a_quiet_stream_ends_with_the_right_to_it(house: Clearinghouse, how: str) -> None:
    """There is nothing to send, and the next one says why."""
    world, asked = house.world, FollowRequest(share(house, 1), with_private=True)
    profile = house.profile("acme")
    serial = x509.load_pem_x509_certificate(profile.endpoint.tls.certificate).serial_number
    ends: tuple[AnyBody, ...] = (
        MemberSuspend("acme", "flood"),
        MemberRoles("acme", frozenset({Role.CONTRIBUTE}), "asked"),
        CertRevoke("acme", serial.to_bytes(20), "stolen"),
    )
    with (
        contextlib.closing(connecting(profile)()) as connection,
        contextlib.closing(connection.stream(feeds.follow(asked), 30)) as messages,
    ):
        assert (await asyncio.to_thread(next, messages)).checkpoint is not None
        house.intake.appender.append(None, Submission(world.by_admins(ends[LOST.index(how)])))
        house.intake.follower.catch_up()
        with pytest.raises(HashpactError):
            await asyncio.to_thread(list, messages)
        with (
            contextlib.closing(connection.stream(feeds.follow(asked), 30)) as again,
            pytest.raises((NotPermittedError, UnauthenticatedError)),
        ):
            await asyncio.to_thread(next, again)


async def test_a_server_that_stops_says_so(house: Clearinghouse) -> None:
    with stream(house, FollowRequest(share(house, 1))) as messages:
        await asyncio.to_thread(next, messages)
        stopping = asyncio.create_task(asyncio.to_thread(house.server.stop, 120))
        with pytest.raises(StoppingError, match="go on from the last response"):
            await asyncio.to_thread(next, messages)
        await stopping


@dataclass
class Ticking:
    """A timer that a test sets."""

    now: float = 0.0
    looks: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_all_who_follow_share_one_look(founded: Clearinghouse) -> None:
    timer = Ticking()
    services = founded.services
    sent = Following(services.prover, PrivateParts(founded.ledger, founded.world.clock), timer)
    assert sent.newest() is None
    kept = founded.intake.guard.sign()
    assert sent.newest() is None  # as of a moment ago
    assert sent.newest(at_once=True) == kept
    share(founded, 1)
    latest = founded.ledger.checkpoints.newest()
    assert sent.newest() == kept != latest
    timer.now += following.LOOK
    assert sent.newest() == latest
