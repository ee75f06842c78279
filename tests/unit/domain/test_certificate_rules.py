"""The revocation of channel certificates: rule 19."""

from __future__ import annotations

import pytest
from builders import NOW, Identity, World, seeded
from folding import refuse, take

from hashpact.domain.kinds import ADMIN, MAX_REVOKED, CertRevoke
from hashpact.domain.kinds.keyring import CERTIFICATE_LIFE
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Member, RevokedCertificate
from hashpact.errors import ConflictError, NotFoundError, NotPermittedError

ACME, BRAVO, ALICE = Identity.of("acme"), Identity.of("bravo"), Identity.of(ADMIN, "alice")
SERIAL = seeded("serial", 20)


@pytest.fixture
def log(world: World) -> Replay:
    """A log of two members, each with a key: leaves 0 to 5."""
    return replay(world.founding("acme", "bravo"))


def revoked(world: World, serial: bytes = SERIAL, *by: Identity, member: str = "acme") -> bytes:
    """A revocation of a certificate; by the member ``acme`` if no signer is named."""
    return world.leaf(CertRevoke(member, serial, "stolen"), *(by or (ACME,)))


def of(log: Replay, member_id: str = "acme") -> Member:
    """The member's record."""
    member = log.state.member(member_id)
    assert member is not None
    return member


@pytest.mark.parametrize("by", [ACME, ALICE], ids=["member", "administrator"])
def test_a_member_or_one_administrator_revokes_a_certificate_once(
    world: World, log: Replay, by: Identity
) -> None:
    take(log, revoked(world, SERIAL, by))
    assert of(log).revoked == (RevokedCertificate(SERIAL, 6, NOW + CERTIFICATE_LIFE),)
    assert of(log, "bravo").revoked == ()
    refuse(log, revoked(world), ConflictError, f"{SERIAL.hex()} is revoked already")
    take(log, revoked(world, seeded("another", 20)))
    assert [one.serial for one in of(log).revoked] == [SERIAL, seeded("another", 20)]


def test_nobody_revokes_the_certificate_of_another_member(world: World, log: Replay) -> None:
    refuse(log, revoked(world, SERIAL, BRAVO), NotPermittedError, "makes no cert-revoke statement about")
    refuse(log, revoked(world, SERIAL, ALICE, member="carol"), NotFoundError, "no member 'carol'")


def test_a_revocation_stays_when_its_key_is_revoked(world: World, log: Replay) -> None:
    take(log, revoked(world))
    take(log, world.revoke(ACME, 5))
    assert [one.serial for one in of(log).revoked] == [SERIAL]


def test_expired_certificates_make_room_for_others(world: World, log: Replay) -> None:
    serials = [seeded(f"serial {number}", 20) for number in range(MAX_REVOKED + 1)]
    for serial in serials[:-1]:
        take(log, revoked(world, serial))
    refuse(log, revoked(world, serials[-1]), ConflictError, "replace or revoke the key that vouched")
    world.clock.now += CERTIFICATE_LIFE
    # One signer that is late moves nothing; two are the log's moment.
    refuse(log, revoked(world, serials[-1], ALICE), ConflictError, "has 256 revoked certificates")
    take(log, world.policy(2))
    take(log, revoked(world, SERIAL, BRAVO, member="bravo"))
    take(log, revoked(world, serials[-1]))
    assert [one.serial for one in of(log).revoked] == [serials[-1]]
