"""Attestations of a clearinghouse in memory."""

from __future__ import annotations

from builders import Identity
from clearinghouse import Clearinghouse

from hashpact.lookup.catalog import EntryCatalog
from hashpact.service.attest import AttestationKey, Attester

KEY = Identity.of("attest")


def attester_of(house: Clearinghouse, who: Identity = KEY) -> Attester:
    """What attests the answers of a clearinghouse, with that key."""
    key = AttestationKey(house.world.origin, who.public, who.private)
    return Attester(house.services.checker, house.ledger, key, house.world.clock, EntryCatalog)
