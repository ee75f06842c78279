"""Rows to records."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import LOG_MLDSA_KEYS, WITNESSES
from hashpact.domain.state import (
    Basis,
    Charter,
    ConductTerms,
    Entry,
    Filing,
    Key,
    Leaf,
    MatchTerms,
    Member,
    Opinion,
    RecentTimes,
    Record,
    RevokedCertificate,
    Role,
    SignerTime,
    Stance,
    Use,
)
from hashpact.errors import CorruptError, MalformedError
from hashpact.storage.connection import Row
from hashpact.storage.rows.columns import (
    CHARTER,
    ENTRY,
    FILING,
    KEY,
    MEMBER,
    OPINION,
    REVOKED,
    TIMES,
    hashes,
    words,
)

_T = TypeVar("_T")

_REMEMBERED: Final = 256
"""Rows of a table whose records are remembered: each append reads the same member and key."""
_CHARTERS: Final = 8
"""The same of charters, which may be large."""


def decoded(convert: Callable[[Row], _T], row: Row, which: str = "a stored row", **details: str) -> _T:
    """The row as a value. Raises CorruptError, with these details, if it cannot be decoded."""
    try:
        return convert(row)
    except (
        ValueError,
        TypeError,
        RecursionError,
        MalformedError,
    ) as exc:  # the last for JSON that is nested too deeply
        msg = f"{which} cannot be read: {exc}"
        raise CorruptError(msg, **details) from exc


def leaf_of(row: Row) -> Leaf:
    """The leaf in a row of the columns LEAF."""
    index, data, leaf_hash, nodes, *rest = row
    return Leaf(index, data, leaf_hash, hashes(nodes), *rest)


def terms_of(text: str) -> ConductTerms:
    """The terms in their column."""
    clocks, priorities, panel, quorum, texts, step = json.loads(text)
    return ConductTerms(
        tuple((name, int(seconds)) for name, seconds in clocks),
        tuple((label, name) for label, name in priorities),
        tuple(panel),
        quorum,
        None if texts is None else bytes.fromhex(texts),
        step,
    )


def matching_of(text: str) -> MatchTerms:
    """The terms about matches in their column."""
    benign_by, mark_benign, ceilings = json.loads(text)
    found = tuple((label, (name, int(most))) for label, (name, most) in ceilings)
    return MatchTerms(tuple(benign_by), bool(mark_benign), found)


@lru_cache(_CHARTERS)
def charter_of(row: Row) -> Charter:
    """A charter, of a row of its columns."""
    origin, names, keys, threshold, log_keys, version, labels, delay, root, single, since, *bounds = row
    admins = tuple(NamedKey(*admin) for admin in zip(words(names), hashes(keys), strict=True))
    allowed, quota, quotas, rates, rates_of, terms, *others = bounds
    witnesses, witness_quorum, attestation_keys, matching, mldsa_keys = others
    return Charter(
        origin,
        admins,
        threshold,
        hashes(log_keys),
        version,
        words(labels),
        delay,
        root,
        bool(single),
        since,
        tuple((name, label) for name, label in map(str.split, words(allowed))),
        quota,
        tuple((member, int(number)) for member, number in map(str.split, words(quotas))),
        tuple((kind, int(most)) for kind, most in map(str.split, words(rates))),
        tuple((member, (kind, int(most))) for member, kind, most in map(str.split, words(rates_of))),
        terms_of(terms),
        tuple(map(WITNESSES.spelling.read, words(witnesses))),
        witness_quorum,
        hashes(attestation_keys),
        matching_of(matching),
        tuple(map(LOG_MLDSA_KEYS.spelling.read, words(mldsa_keys))),
    )


@lru_cache(_REMEMBERED)
def member_of(row: Row) -> Member:
    """A member, of a row of its columns."""
    member_id, roles, enrolled, suspended, listed = row
    try:
        revoked = tuple(map(RevokedCertificate._make, REVOKED.iter_unpack(listed)))
    except struct.error as exc:
        raise ValueError(str(exc)) from exc
    return Member(member_id, frozenset(Role(role) for role in words(roles)), enrolled, suspended, revoked)


@lru_cache(_REMEMBERED)
def key_of(row: Row) -> Key:
    """A key, of a row of its columns."""
    key_id, member, name, public, expires, enrolled_index, use, *rest = row
    return Key(key_id, member, name, public, expires, enrolled_index, Use(use), *rest)


def entry_of(row: Row) -> Entry:
    """An entry, of a row of its columns."""
    index, member, labels, basis, authority, article, jurisdictions, *rest = row
    return Entry(index, member, words(labels), Basis(basis), authority, article, words(jurisdictions), *rest)


def opinion_of(row: Row) -> Opinion:
    """An opinion, of a row of its columns."""
    entry, member, stance, index, key, reason = row
    return Opinion(entry, member, Stance(stance), index, key, reason)


def filing_of(row: Row) -> Filing:
    """A filing, of a row of its columns."""
    return Filing(*row)


def times_of(row: Row) -> RecentTimes:
    """The times of the last signers, of a row of its columns."""
    _, signers, moments = row
    pairs = zip(words(signers), json.loads(moments), strict=True)
    return RecentTimes(tuple(SignerTime(signer, int(time)) for signer, time in pairs))


STATE: Final[Sequence[tuple[type[Record], str, str, str, Callable[[Row], Record]]]] = (
    (Charter, "charters", CHARTER, "number", charter_of),
    (Member, "members", MEMBER, "id", member_of),
    (Key, "keys", KEY, "id", key_of),
    (Entry, "entries", ENTRY, "idx", entry_of),
    (Opinion, "opinions", OPINION, "entry, member", opinion_of),
    (Filing, "filings", FILING, "idx", filing_of),
    (RecentTimes, "times", TIMES, "one", times_of),
)
"""The tables of the state: of which records, name, columns, order, and what a row is."""
