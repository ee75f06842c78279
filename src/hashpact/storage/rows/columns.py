"""The columns of the tables, and how lists are stored in one."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from hashpact.domain.state import (
    SERIAL_SIZE,
)

HASH_SIZE: Final = 32
REVOKED: Final = struct.Struct(f">{SERIAL_SIZE}sqq")
"""A revoked certificate. Every call of its member reads it, so it is no text."""

CHARTER: Final = (
    "origin, admin_names, admin_keys, threshold, log_keys, policy_version, labels, key_delay, root_version, "
    "single_admin, since, allowed, private_quota, quotas, rates, rates_of, terms, "
    "witnesses, witness_quorum, attestation_keys, matching, log_mldsa_keys"
)
MEMBER: Final = "id, roles, enrolled_index, suspended_index, revoked"
KEY: Final = (
    "id, member, name, public, expires, enrolled_index, use, valid_from, enrolled_by, rotated_index, "
    "rotated_by, retires, suspended_index, revoked_index, revoked_by, cutoff, stands_below"
)
ENTRY: Final = (
    "idx, member, labels, basis, authority, article, jurisdictions, removed_at, shared_at, items, "
    "key, withdrawn_index, withdrawn_reason, withdrawn_by, voided_index, voided_reason"
)
OPINION: Final = "entry, member, stance, idx, key, reason"
FILING: Final = "idx, kind, about, member, key, moment, lines"
TIMES: Final = "one, signers, moments"
LEAF: Final = "idx, data, hash, nodes, member, request, time"


def hashes(blob: bytes) -> tuple[bytes, ...]:
    """The 32-byte values that stand one after another in ``blob``. Raises ValueError if bytes are left."""
    if len(blob) % HASH_SIZE:
        msg = f"{len(blob)} bytes are not a list of hashes"
        raise ValueError(msg)
    return tuple(blob[at : at + HASH_SIZE] for at in range(0, len(blob), HASH_SIZE))


def lines(words: Iterable[str]) -> str:
    """A list of words, as it is stored: a line each. No word is empty or has the end of a line in it."""
    return "\n".join(words)


def words(stored: str) -> tuple[str, ...]:
    """The words of a list. Raises ValueError if one is empty."""
    found = tuple(stored.split("\n")) if stored else ()
    if not all(found):
        msg = "a list with an empty word"
        raise ValueError(msg)
    return found
