"""Read: entries and members, as any member may see them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from hashpact.domain import standing
from hashpact.domain.messages import EntryDetail, LeafDetail, MemberDetail, Page, PageRequest, PolicyDetail
from hashpact.domain.ports import Clock, Ledger
from hashpact.domain.state import Member, Role
from hashpact.errors import CorruptError, NotFoundError, OverloadedError

READERS: Final = (Role.CHECK, Role.AUDIT)
"""The roles with which a member reads the private parts of others."""

_DAY: Final = 24 * 3600
_LEAVES_AT_ONCE: Final = 16
"""Leaves that `Reader.entries` holds, each of at most 32 KiB and with its private parts 3 MiB."""


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
        leaves = list(self.ledger.leaves(start, stop))
        try:
            private = dict(self.ledger.private(start, stop))
        except CorruptError as error:
            if "index" not in error.details:
                raise
            raise _damaged(error.details["index"]) from error
        found = []
        with self.ledger.snapshot() as view:
            for leaf in leaves:
                entry = view.entry(leaf.index)
                if entry is None:
                    continue
                parts = private.get(leaf.index, ())
                if len(parts) != entry.items:
                    raise _damaged(str(leaf.index))
                opinions = tuple(standing.opinions(view, leaf.index))
                stands = standing.entry_stands(view, entry)
                found.append(EntryDetail(entry, leaf.data, parts, opinions, stands))
        return found

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


def _damaged(index: str) -> CorruptError:
    msg = f"the private parts of entry {index} are damaged; the operator restores them from a backup"
    return CorruptError(msg, index=index, resource=f"entries/{index}")
