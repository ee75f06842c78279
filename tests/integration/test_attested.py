"""Attested answers over real channels: asked for, verified, refused, kept."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from attesting import AttestedWorld, attester_of
from builders import fingerprint
from clearinghouse import Clearinghouse, Connect

from hashpact.domain.fingerprints import PDQ


@pytest.fixture
async def founded() -> AsyncIterator[Clearinghouse]:
    """A clearinghouse whose charter names an attestation key, and which has it."""
    found = Clearinghouse(AttestedWorld())
    found.alter(attester=attester_of(found))
    yield found
    await found.stop()


async def test_smoke(house: Clearinghouse, connect: Connect) -> None:
    call = connect(house.profile("acme"), clock=house.world.clock)
    shared = fingerprint(PDQ, "a")
    receipt = await call("submit", [shared], labels=["ncii"])
    answer = await call("check", [shared], attest=True)
    assert [m.entry for m in answer.matches] == [receipt.index]
