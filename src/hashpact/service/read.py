"""Read: entries, what has changed about them, and members, as any member may see them."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from hashpact.domain import standing, statements
from hashpact.domain.kinds import ADMIN, KeyRevoke, moment
from hashpact.domain.messages import (
    ChangedEntries,
    ChangesRequest,
    EntryDetail,
    LeafDetail,
    MemberDetail,
    Page,
    PageRequest,
    PolicyDetail,
)
from hashpact.domain.ports import Clock, Ledger, Snapshot
from hashpact.domain.state import Entry, Member, Role, touching
from hashpact.errors import BehindError, CorruptError, MalformedError, NotFoundError, OverloadedError

READERS: Final = (Role.CHECK, Role.AUDIT)
"""The roles with which a member reads the private parts of others."""

_DAY: Final = 24 * 3600
_LEAVES_AT_ONCE: Final = 16
"""Leaves that `Reader.entries` holds, each of at most 32 KiB and with its private parts 3 MiB."""
_LEAVES_OF_PAGE: Final = 2048
_ROWS_OF_PAGE: Final = 2048
_BYTES_OF_PAGE: Final = 1 << 20
"""The most leaves, and rows of each table, that a page of changes reads; bytes read after which it ends."""
_BYTES_OF_OPINION: Final = 256
"""About as many as one has on the wire, at most."""

Permit: TypeAlias = Callable[[EntryDetail], EntryDetail]
"""An entry as one member may see it, as `PrivateParts.permitted`."""


@dataclass(slots=True)
class PrivateParts:
    """Who reads private parts, and how many in a day (UTC). Any thread may call it.

    The count is this process's own, and begins anew with it: a quota bounds what a stolen channel takes
    before somebody looks, and is no account of what a member has.
    """

    ledger: Ledger
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _day: int = field(default=0, init=False)
    _read: Counter[str] = field(default_factory=Counter, init=False, repr=False)

    def permitted(self, caller: Member, detail: EntryDetail) -> EntryDetail:
        """The entry as that member may see it: without its private parts if it has no role to read them.

        Raises OverloadedError if they are another's and the member has read its quota.
        """
        if caller.id == detail.entry.member:
            return detail
        if caller.roles.isdisjoint(READERS):
            return replace(detail, private=(), withheld=True)
        self.take(caller, len(detail.private))
        return detail

    def counted(self, caller: Member, leaves: Iterable[LeafDetail]) -> Iterator[LeafDetail]:
        """Leaves with their private parts, each of which counts. Raises OverloadedError as `permitted`."""
        for leaf in leaves:
            self.take(caller, len(leaf.private))
            yield leaf

    def take(self, caller: Member, count: int) -> None:
        """Count private parts that a member is given. Raises OverloadedError as `permitted`."""
        if not count:
            return
        with self.ledger.snapshot() as view:
            charter = view.charter()
        quota = None if charter is None else dict(charter.quotas).get(caller.id, charter.private_quota)
        today, passed = divmod(self.clock(), _DAY)
        with self._lock:
            if today != self._day:
                self._day, self._read = today, Counter()
            if quota is not None and self._read[caller.id] + count > quota:
                msg = (
                    f"{caller.id!r} has read its quota of {quota} private parts today; "
                    "it begins anew at 00:00 UTC, and the policy can raise it"
                )
                wait = str(_DAY - passed)
                raise OverloadedError(msg, member=caller.id, quota="private", retry_after=wait)
            self._read[caller.id] += count


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the ledger for members."""

    ledger: Ledger

    def entry(self, index: int) -> EntryDetail:
        """The entry at that log index, withdrawn or not.

        Raises NotFoundError, and CorruptError, whose ``resource`` names the entry, for damaged private parts.
        """
        found = self._among(index, index + 1)
        if not found:
            msg = f"there is no entry {index}"
            raise NotFoundError(msg, resource=f"entries/{index}")
        return found[0]

    def entries(self, start: int, stop: int) -> Iterator[EntryDetail]:
        """The entries with start <= index < stop, in order; 0 stops at the end of the log.

        Holds few of them at a time and no view between them: a later entry reflects a later state.
        Raises CorruptError as `entry`, instead of that entry and a few before it.
        """
        size = self.ledger.head().size
        stop = min(stop or size, size)
        for first in range(start, stop, _LEAVES_AT_ONCE):
            yield from self._among(first, min(first + _LEAVES_AT_ONCE, stop))

    def _among(self, start: int, stop: int) -> list[EntryDetail]:
        """The entries among some leaves."""
        leaves, private = list(self.ledger.leaves(start, stop)), self._private(start, stop)
        found = []
        with self.ledger.snapshot() as view:
            for leaf in leaves:
                entry = view.entry(leaf.index)
                if entry is None:
                    continue
                found.append(_detail(view, entry, leaf.data, _complete(entry, private)))
        return found

    def _private(self, start: int, stop: int) -> Mapping[int, Sequence[bytes]]:
        """The private parts of the entries among some leaves. Raises CorruptError as `entry`."""
        try:
            return dict(self.ledger.private(start, stop))
        except CorruptError as error:
            if "index" not in error.details:
                raise
            raise _damaged(error.details["index"]) from error

    def standing(self, view: Snapshot, entry: Entry, *, with_private: bool) -> EntryDetail:
        """An entry as a view has it, with its private parts if it stands and they are asked for.

        Raises CorruptError as `entry`.
        """
        index = entry.index
        (leaf,) = self.ledger.leaves(index, index + 1)
        detail = _detail(view, entry, leaf.data, ())
        if not (with_private and detail.stands):
            return detail
        return replace(detail, private=_complete(entry, self._private(index, index + 1)))

    def changes(self, asked: ChangesRequest, permit: Permit = lambda detail: detail) -> ChangedEntries:
        """A page of the entries that leaves from a position on have touched.

        Each is as ``permit`` lets the caller see it; the page ends before one for which it raises
        OverloadedError, unless that is the first. Reads a few thousand leaves and rows at most.

        Raises BehindError beyond the end of the log, and CorruptError as `entry`.
        """
        with self.ledger.snapshot() as view:
            page = _Page(self, view, asked, permit)
            if asked.since > page.size:
                msg = f"this server has reached position {page.size}, not {asked.since} yet; try again"
                raise BehindError(msg)
            page.fill()
            return page.result()

    def member(self, member_id: str) -> Member | None:
        """The member of that id, if it is enrolled."""
        with self.ledger.snapshot() as view:
            return view.member(member_id)

    def members(self, after: str, limit: int) -> list[MemberDetail]:
        """The first ``limit`` members whose id sorts after ``after``, in the order of their ids."""
        with self.ledger.snapshot() as view:
            return [MemberDetail(member, view.keys(member.id)) for member in view.members(after, limit)]

    def page(self, request: PageRequest) -> Page:
        """A page of members; one more is read than it holds, to know whether another follows."""
        found = self.members(request.token, request.size + 1)
        members = tuple(found[: request.size])
        return Page(members, members[-1].member.id if len(found) > request.size else "")

    def policy(self) -> PolicyDetail:
        """The policy in force."""
        with self.ledger.snapshot() as view:
            charter = view.charter()
        if charter is None:
            return PolicyDetail(0, (), 0)
        return PolicyDetail(
            charter.policy_version,
            charter.labels,
            charter.key_delay or 0,
            charter.allowed,
            charter.private_quota,
            charter.rates,
            replace(charter.terms, clocks=tuple(sorted(charter.terms.classes().items()))),
            charter.matching,
        )


def _detail(view: Snapshot, entry: Entry, statement: bytes, private: Sequence[bytes]) -> EntryDetail:
    opinions = tuple(standing.opinions(view, entry.index))
    return EntryDetail(entry, statement, private, opinions, standing.entry_stands(view, entry))


def _complete(entry: Entry, private: Mapping[int, Sequence[bytes]]) -> Sequence[bytes]:
    """The entry's private parts. Raises CorruptError unless there is one for each item."""
    parts = private.get(entry.index, ())
    if len(parts) != entry.items:
        raise _damaged(str(entry.index))
    return parts


def _damaged(index: str) -> CorruptError:
    msg = f"the private parts of entry {index} are damaged; the operator restores them from a backup"
    return CorruptError(msg, index=index, resource=f"entries/{index}")


class _Page:
    """A page of changes while it is filled, over one view of the ledger.

    A leaf other than a revocation touches at most one entry, so a page ends between two leaves. A revocation
    begins a page of its own, which may end between any two of the entries that it touches.
    """

    def __init__(self, reader: Reader, view: Snapshot, asked: ChangesRequest, permit: Permit) -> None:
        self._reader = reader
        self._view = view
        self._asked = asked
        self._permit = permit
        self._found: dict[int, EntryDetail] = {}
        self._bytes = 0
        self._next = asked.since
        self._next_after: int | None = None
        self.size = view.size()

    def result(self) -> ChangedEntries:
        """The page."""
        found, now = tuple(self._found.values()), moment.of_log(self._view.times())
        return ChangedEntries(found, self._next, self._next_after, self.size, now)

    def fill(self) -> None:
        """Take in the entries that each leaf touches, until the page is full."""
        stop = min(self.size, self._asked.since + _LEAVES_OF_PAGE)
        for leaf in self._reader.ledger.leaves(self._asked.since, stop):
            if self._bytes > _BYTES_OF_PAGE:
                return
            self._bytes += len(leaf.data)
            with contextlib.suppress(MalformedError):  # it has no effect
                statement = statements.parse(leaf.data).statement
                if isinstance(statement.body, KeyRevoke):
                    if leaf.index == self._asked.since:
                        self._revoked(leaf.index, statement.body, alone=statement.member != ADMIN)
                    return
                touched = statement.body.touched(leaf.index)
                if touched is not None and not self._add(self._view.entry(touched)):
                    return
            self._next = leaf.index + 1

    def _revoked(self, index: int, body: KeyRevoke, *, alone: bool) -> None:
        """Take in some of the entries that a revocation touches, in order."""
        since = touching.signed_otherwise(self._view.keys(body.id), body, alone=alone)
        after = -1 if self._asked.after is None else self._asked.after
        entries = {one.index: one for one in self._view.entries(body.id, after, _ROWS_OF_PAGE)}
        opinions = {one.entry: one for one in self._view.opinions_of(body.id, after, _ROWS_OF_PAGE)}
        ends = [max(some) for some in (entries, opinions) if len(some) == _ROWS_OF_PAGE]
        for number in sorted({*entries, *opinions}):
            if number > min(ends, default=number):
                break
            entry = entries.get(number) or self._view.entry(number)
            touched = entry is not None and touching.is_touched(since, entry, opinions.get(number))
            if touched and not self._add(entry):
                break
            after = number
        else:
            if not ends:
                self._next = index + 1
                return
        self._next_after = after

    def _add(self, entry: Entry | None) -> bool:
        """Take in an entry as it stands; False if the page has no room for it."""
        if entry is None or entry.index in self._found:
            return True
        if len(self._found) == self._asked.size or self._bytes > _BYTES_OF_PAGE:
            return False
        detail = self._reader.standing(self._view, entry, with_private=self._asked.with_private)
        # What was read counts, also if the caller may not see it.
        self._bytes += len(detail.statement) + sum(map(len, detail.private))
        self._bytes += _BYTES_OF_OPINION * len(detail.opinions)
        try:
            self._found[entry.index] = self._permit(detail)
        except OverloadedError:
            if not self._found:
                raise
            return False
        return True
