"""Attestations of a clearinghouse in memory, and of one that lies."""

from __future__ import annotations

from dataclasses import dataclass

from builders import BOTH, LABELS, Identity, World
from clearinghouse import Clearinghouse

from hashpact.domain.kinds import Policy
from hashpact.domain.ports import Ledger
from hashpact.lookup.catalog import EntryCatalog
from hashpact.service.attest.attester import AttestationKey, Attester
from hashpact.service.check import Checker

KEY = Identity.of("attest")
OTHER = Identity.of("attest", "2")


@dataclass(slots=True)
class AttestedWorld(World):
    """A world whose genesis names the key `KEY`."""

    def found(self, ledger: Ledger, *members: str) -> None:
        """As in any world."""
        administrators = self.administrators(ledger)
        policy = Policy(1, tuple(sorted(LABELS)))
        administrators.found_by(2, self.log_keys, policy, attestation_keys=(KEY.public,))
        for member_id in members:
            who = Identity.of(member_id)
            administrators.enrol(member_id, BOTH, who.key, who.private)


def attester_of(house: Clearinghouse, who: Identity | None = KEY, checker: Checker | None = None) -> Attester:
    """What attests the answers of a clearinghouse, with that key."""
    key = None if who is None else AttestationKey(house.world.origin, who.public, who.private)
    return Attester(checker or house.services.checker, house.ledger, key, house.world.clock, EntryCatalog)
