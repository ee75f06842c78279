"""Touching: about which entries a statement changes something."""

from __future__ import annotations

from collections.abc import Iterable

from hashpact.domain.kinds import AnyBody, GiveOpinion, KeyRevoke, Ruling, Submit, Void, Withdraw
from hashpact.domain.state import Entry, Key, Opinion


def entry_of(index: int, body: AnyBody) -> int | None:
    """The entry that a statement makes, ends or is about; None if there is none.

    Of a revocation see `signed_otherwise`: it may touch any number. No other statement touches entries.
    """
    match body:
        case Submit():
            return index
        case GiveOpinion(entry) | Withdraw(entry) | Void(entry) | Ruling(entry=entry):
            return entry
    return None


def signed_otherwise(keys: Iterable[Key], revoked: KeyRevoke, *, alone: bool) -> dict[bytes, int]:
    """The keys of which a revocation may change what stands, each with the index of the first such statement.

    ``keys`` are all keys of the member, with what was stated of them by then or later; ``alone`` is whether
    one of them signed the revocation, and not the administrators. These may replace an earlier revocation of
    the key, whose cutoff is no longer known. With a key's statements fall its rotations, so that nothing
    stands which the new key has signed, and its revocations, so that what other keys have signed does again.
    """
    ring = {key.id: key for key in keys}
    since: dict[bytes, int] = {}
    open_ = [(revoked.target, revoked.cutoff if alone else 0)]
    while open_:
        target, first = open_.pop()
        if target in ring and first < since.get(target, first + 1):
            since[target] = first
            for other in ring.values():
                if other.enrolled_by == target and other.enrolled_at >= first:
                    open_.append((other.id, 0))
                if other.revoked_by == target and (other.revoked_at or 0) >= first:
                    open_.append((other.id, other.cutoff or 0))
    return since


def is_touched(since: dict[bytes, int], entry: Entry, opinions: Iterable[Opinion]) -> bool:
    """Whether an entry depends on one of these keys: on what it has signed at its index, or later."""
    signed = [(entry.key, entry.index), *((given.key, given.index) for given in opinions)]
    if entry.withdrawn_by is not None and entry.withdrawn_at is not None:
        signed.append((entry.withdrawn_by, entry.withdrawn_at))
    return any(key in since and index >= since[key] for key, index in signed)
