"""Touching: which entries the revocation of a key may change."""

from __future__ import annotations

from collections.abc import Iterable

from hashpact.domain.kinds import KeyRevoke
from hashpact.domain.state import Entry, Key, Opinion


def signed_otherwise(keys: Iterable[Key], revoked: KeyRevoke, *, alone: bool) -> dict[bytes, int]:
    """The keys whose statements a revocation may undo or restore, each with the index of the first of them.

    ``keys`` are all keys of the member, as they were at the revocation or later. ``alone`` is whether one of
    them signed it. If the administrators did, it may replace an earlier revocation whose cutoff is no longer
    known. A key's rotations and revocations fall with its other statements: then nothing stands that the new
    keys have signed, and what the revoked keys have signed stands again.
    """
    ring = {key.id: key for key in keys}
    since: dict[bytes, int] = {}
    open_ = [(revoked.target, revoked.cutoff if alone else 0)]
    while open_:
        target, first = open_.pop()
        if target in ring and first < since.get(target, first + 1):
            since[target] = first
            for other in ring.values():
                if other.enrolled_by == target and other.enrolled_index >= first:
                    open_.append((other.id, 0))
                if other.revoked_by == target and (other.revoked_index or 0) >= first:
                    open_.append((other.id, other.cutoff or 0))
    return since


def is_touched(since: dict[bytes, int], entry: Entry, opinion: Opinion | None) -> bool:
    """Whether an entry depends on what one of these keys has signed at its index or later.

    ``opinion`` is that of the keys' member on the entry.
    """
    signed = [(entry.key, entry.index)]
    if opinion is not None:
        signed.append((opinion.key, opinion.index))
    if entry.withdrawn_by is not None and entry.withdrawn_index is not None:
        signed.append((entry.withdrawn_by, entry.withdrawn_index))
    return any(key in since and index >= since[key] for key, index in signed)
