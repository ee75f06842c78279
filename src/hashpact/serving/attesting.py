"""Composes what attests answers, of a home and of the checker that answers there."""

from __future__ import annotations

from hashpact.clock import unix_time
from hashpact.home.opening import Home
from hashpact.lookup.catalog import EntryCatalog
from hashpact.service.attest.attester import Attester
from hashpact.service.check import Checker


def attester_of(home: Home, checker: Checker) -> Attester:
    """What attests the answers of that checker. Raises ConfigError if the key cannot be opened."""
    return Attester(checker, home.ledger, home.open_attestation_key(), unix_time, EntryCatalog)
