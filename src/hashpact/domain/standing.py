"""Standing: which statements stand.

A member's statement stands unless its key is revoked, by a statement that stands, with a cutoff at or below
the statement's index. A key that came by rotation stands only if that rotation does. So a revocation is one
record, however many statements the key has signed; and revoking a stolen key also undoes the withdrawals,
revocations and replacements that the thief signed with it. Statements of administrators always stand, and so
does a key's revocation of itself: no later statement can bring such a key back.

So all that a key has signed stands below one index, `Key.stands_below`, which is derived from the records of
the member's keys when one of them is revoked (`settled`), and read from then on: a check asks for one number,
however long the history of a key is.

Of several withdrawals of an entry, revocations of a key, replacements of a key or opinions of a member on an
entry, the newest counts. Suspensions are not undone: they hold until they are lifted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from hashpact.domain.state import Entry, Key, Opinion, View
from hashpact.errors import CorruptError
from hashpact.log.lines import MAX_INTEGER

_Said: TypeAlias = tuple[bytes, int]
"""What a statement's standing depends on: the id of the key that signed it, and its index."""


def stands(view: View, key_id: bytes, index: int) -> bool:
    """Whether the statement that the key signed at that index stands; False for an unknown key."""
    key = view.key(key_id)
    return key is not None and (key.stands_below is None or index < key.stands_below)


def settled(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Those of one member's keys whose ``stands_below`` their records have changed, with the new one.

    ``keys`` are all keys of the member: what they sign depends on one another, and on no other member's.
    """
    ring = {key.id: key for key in keys}
    known: dict[_Said, bool] = {}
    derived = (replace(key, stands_below=_stands_below(ring, key, known)) for key in ring.values())
    return tuple(key for key in derived if key != ring[key.id])


def _stands_below(ring: Mapping[bytes, Key], key: Key, known: dict[_Said, bool]) -> int | None:
    enrolment, revocation = _causes(key, MAX_INTEGER)
    if enrolment is not None and not _derived(ring, enrolment, known):
        return 0
    if revocation is not None and not _derived(ring, revocation, known):
        return None
    return key.cutoff


def _derived(ring: Mapping[bytes, Key], statement: _Said, known: dict[_Said, bool]) -> bool:
    """Whether a statement stands, from the records alone; ``known`` is what has been derived so far.

    The rules let no statement depend on itself (`hangs_on`); records in which one does raise CorruptError.
    The search is iterative, because a chain of replaced keys may be of any length.
    """
    path: set[_Said] = set()
    open_ = [] if statement in known else [statement]
    while open_:
        said = open_[-1]
        key = ring.get(said[0])
        if key is None:
            known[open_.pop()] = False
            continue
        enrolment, revocation = _causes(key, said[1])
        unknown = [cause for cause in (enrolment, revocation) if cause is not None and cause not in known]
        if not path.isdisjoint(unknown):
            msg = f"the records of the key {key.member}/{key.name} go round in a circle"
            raise CorruptError(msg)
        if unknown:
            path.add(said)
            open_ += unknown
            continue
        enrolled = enrolment is None or known[enrolment]
        ended = known[revocation] if revocation is not None else _ended(key, said[1])
        known[open_.pop()] = enrolled and not ended
        path.discard(said)
    return known[statement]


def hangs_on(view: View, key_id: bytes, index: int, other: bytes, cutoff: int) -> bool:
    """Whether a key's statement at ``index`` depends on one that ``other`` signed at or after ``cutoff``."""
    open_, seen = [(key_id, index)], set()
    while open_:
        said = open_.pop()
        if said in seen:
            continue
        seen.add(said)
        if said[0] == other and said[1] >= cutoff:
            return True
        key = view.key(said[0])
        open_ += [] if key is None else [cause for cause in _causes(key, said[1]) if cause is not None]
    return False


def hindrance(view: View, key: Key, index: int, moment: int) -> str | None:
    """Why a key may not sign at that index and moment; None if it may.

    Does not consider its expiry and its use: some statements are allowed whatever these are.
    """
    member = view.member(key.member)
    if member is None or member.suspended_index is not None:
        return "its member is suspended"
    if not stands(view, key.id, index):
        return "it is revoked, or came by a rotation that is"
    if key.suspended_index is not None:
        return "it is suspended"
    if moment < key.valid_from:
        return "its time has not begun"
    return "it has been replaced" if retired(view, key, moment) else None


def retired(view: View, key: Key, moment: int) -> bool:
    """Whether the key has been replaced, by a rotation that stands, and its overlap is over."""
    return key.retires is not None and moment >= key.retires and replaced(view, key)


def replaced(view: View, key: Key) -> bool:
    """Whether the key has been replaced by a rotation that stands; it may sign on until it retires."""
    if key.rotated_index is None or key.rotated_by is None:
        return False
    return stands(view, key.rotated_by, key.rotated_index)


def entry_stands(view: View, entry: Entry) -> bool:
    """Whether an entry matches: its submission stands, it is not voided, and no withdrawal of it stands."""
    return entry.voided_index is None and not withdrawn(view, entry) and stands(view, entry.key, entry.index)


def withdrawn(view: View, entry: Entry) -> bool:
    """Whether its contributor or a representative has withdrawn the entry by a statement that stands."""
    if entry.withdrawn_index is None or entry.withdrawn_by is None:
        return False
    return stands(view, entry.withdrawn_by, entry.withdrawn_index)


def opinions(view: View, entry: int) -> Iterator[Opinion]:
    """The opinions on that entry that stand, in the order of their members' ids."""
    return (given for given in view.opinions(entry) if stands(view, given.key, given.index))


def _causes(key: Key, index: int) -> tuple[_Said | None, _Said | None]:
    """The two statements that decide a standing: the rotation that added the key, and its revocation."""
    enrolment = None if key.enrolled_by is None else (key.enrolled_by, key.enrolled_index)
    if not _ended(key, index) or key.revoked_by in {None, key.id}:
        return enrolment, None
    assert key.revoked_by is not None  # noqa: S101  # mypy does not see it in the set
    assert key.revoked_index is not None  # noqa: S101  # they are written together
    return enrolment, (key.revoked_by, key.revoked_index)


def _ended(key: Key, index: int) -> bool:
    """Whether the key's revocation, if it stands, reaches what the key signed at that index."""
    return key.cutoff is not None and index >= key.cutoff
