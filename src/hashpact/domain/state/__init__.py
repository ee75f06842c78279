"""The state that the log adds up to: its records, and the view of them that the rules use.

A statement's effect is a list of records to put in place of those with the same identity: values.
`State` keeps them in memory; a ledger keeps them in tables.
"""

from __future__ import annotations

from hashpact.domain.state.layered import Drained, LayeredState
from hashpact.domain.state.records import (
    CATEGORIES,
    SERIAL_SIZE,
    Basis,
    Charter,
    Enclosed,
    Entry,
    Evidence,
    Filing,
    Head,
    KeptCheckpoint,
    Key,
    Leaf,
    Member,
    Opinion,
    Receipt,
    RecentTimes,
    Record,
    RevokedCertificate,
    Role,
    SignerTime,
    Stance,
    Use,
)
from hashpact.domain.state.terms import CLOCKS, ConductTerms, MatchTerms
from hashpact.domain.state.view import State, View
from hashpact.log.cosignature import Witness

__all__ = [
    "CATEGORIES",
    "CLOCKS",
    "SERIAL_SIZE",
    "Basis",
    "Charter",
    "ConductTerms",
    "Drained",
    "Enclosed",
    "Entry",
    "Evidence",
    "Filing",
    "Head",
    "KeptCheckpoint",
    "Key",
    "LayeredState",
    "Leaf",
    "MatchTerms",
    "Member",
    "Opinion",
    "Receipt",
    "RecentTimes",
    "Record",
    "RevokedCertificate",
    "Role",
    "SignerTime",
    "Stance",
    "State",
    "Use",
    "View",
    "Witness",
]
