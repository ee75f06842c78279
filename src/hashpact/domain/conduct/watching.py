"""Watching: what changes with notices as statements and time go on.

How a case stood at an earlier place of the log and moment follows from its statements. So one who watches can
go on after a break from what was `WatchPlace`, and nobody has to remember it in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from hashpact.domain.conduct.cases import NoticeCase, case_of, cases_of
from hashpact.domain.conduct.clocks import Standing, next_change, standing_at
from hashpact.domain.kinds import Decision, Notice
from hashpact.domain.kinds.conduct.filed import standing_filings, stands
from hashpact.domain.ports import Snapshot
from hashpact.domain.state import Filing, View

_CHUNK: Final = 500
"""Notices that are taken in at a time."""
_STRETCH: Final = 100
"""Filings that a watch of one member looks at in one go."""


@dataclass(frozen=True, slots=True)
class WatchPlace:
    """How far somebody has watched: the first ``position`` leaves, at the ``moment`` in Unix seconds."""

    position: int = 0
    moment: int = 0


NOTHING: Final = WatchPlace()
"""What one has seen who begins to watch."""


def before(case: NoticeCase, seen: WatchPlace) -> Standing | None:
    """How a case stood when that was seen; None if its notice was not there yet."""
    if case.filing.index >= seen.position:
        return None
    given = next((one.moment for one in case.decisions if one.index < seen.position), None)
    return standing_at(seen.moment, case.filing.moment, case.due, given)


@dataclass(frozen=True, slots=True)
class CaseChange:
    """A case that stands otherwise than ``before``, which is None of a new one."""

    case: NoticeCase
    before: Standing | None


@dataclass(slots=True)
class Addressed:
    """The notices to each member, by index: every notice of a log is read once for all who watch.

    Any thread may call it.
    """

    _after: int = 0
    _to: dict[str, list[int]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def read(self, view: Snapshot) -> bool:
        """Read the next stretch of notices, and whether more may follow."""
        with self._lock:
            stretch = view.filed((Notice.kind,), self._after, _STRETCH)
            for filing in stretch:
                for member in Notice.read(filing).addressees:
                    self._to.setdefault(member, []).append(filing.index)
                self._after = filing.index
            return len(stretch) == _STRETCH

    def to(self, member: str, size: int) -> tuple[list[int], int]:
        """Those to a member that were read, of the first ``size`` leaves; and the last leaf that was."""
        with self._lock:
            return [index for index in self._to.get(member, ()) if index < size], min(self._after, size - 1)


@dataclass(slots=True)
class MemberWatch:
    """Watches the notices to one member, from what was ``seen`` on.

    A notice that was given and answered in between is passed over. Those that there were before it began are
    in ``known``.
    """

    member: str
    seen: WatchPlace
    known: Addressed = field(default_factory=Addressed)
    _after: int = field(default=0, init=False)
    _began: int | None = field(default=None, init=False)
    # The notices that were there when it began, and were not looked at yet.
    _first: list[int] = field(default_factory=list, init=False)
    # The notices that wait, each with the next moment at which time alone changes how it stands.
    _next: dict[int, int] = field(default_factory=dict, init=False)

    def is_due(self, size: int, now: int) -> bool:
        """Whether there may be something to see, in a log of that size at the moment ``now``."""
        late = any(moment <= now for moment in self._next.values())
        return self._began is None or size != self.seen.position or late

    def look(self, view: Snapshot, size: int, now: int) -> tuple[list[CaseChange], bool]:
        """What has changed in the next stretch of a log of ``size`` leaves, and whether more follows."""
        if self._began is None:
            if self.known.read(view):
                return [], True
            self._began = size
            self._first, self._after = self.known.to(self.member, size)
        if self._first:
            first, self._first = self._first[:_STRETCH], self._first[_STRETCH:]
            return [change for index in first for change in self._changes(view, index, now)], True
        stretch = view.filed((Notice.kind, Decision.kind), self._after, _STRETCH)
        touched = {index for filing in stretch if (index := self._notice(filing)) is not None}
        more = len(stretch) == _STRETCH
        if stretch:
            self._after = stretch[-1].index
        if not more:
            touched |= {index for index, moment in self._next.items() if moment <= now}
        return [change for index in sorted(touched) for change in self._changes(view, index, now)], more

    def _notice(self, filing: Filing) -> int | None:
        """The notice whose case a filing may change."""
        if filing.kind == Notice.kind:
            line = f"to {self.member}\n".encode("ascii")  # most are for others: do not read them all
            return filing.index if line in filing.lines else None
        later = self._began is not None and filing.index >= self._began  # the notice was read with the others
        return Decision.read(filing).notice if later and filing.member == self.member else None

    def _changes(self, view: View, index: int, now: int) -> Iterator[CaseChange]:
        """The change of the case of a notice, if there is one."""
        self._next.pop(index, None)
        filing = view.filing(index)
        if filing is None or not stands(view, filing) or self.member not in Notice.read(filing).addressees:
            return
        case = case_of(view, filing, self.member, now)
        if case.standing.waits:
            # The author's clock may be ahead: such a decision counts when its moment has come.
            given = [
                one.moment for one in standing_filings(view, Decision, index) if one.member == self.member
            ]
            moments = [moment for moment in given if moment > now]
            alone = next_change(now, filing.moment, case.due)
            if moments or alone is not None:
                self._next[index] = min([*moments, *([] if alone is None else [alone])])
        known = before(case, self.seen)
        if case.standing is not known and (case.standing.waits or known is not None):
            yield CaseChange(case, known)


@dataclass(slots=True)
class Changes:
    """Which cases stand otherwise than when they were seen last; one that is answered is forgotten."""

    _seen: dict[tuple[int, str], Standing] = field(default_factory=dict)

    @property
    def waiting(self) -> list[int]:
        """The notices that have a case which was not answered when it was seen last, in order."""
        return sorted({index for index, _ in self._seen})

    def of(self, cases: Iterable[NoticeCase]) -> Iterator[NoticeCase]:
        """Those of the cases that are new, or stand otherwise than before."""
        for case in cases:
            known = case.filing.index, case.member
            if self._seen.get(known) is case.standing:
                continue
            if case.standing.waits:
                self._seen[known] = case.standing
            elif self._seen.pop(known, None) is None:
                continue  # it was answered before anybody looked
            yield case


@dataclass(slots=True)
class DueWatch:
    """Watches every notice of a ledger; what was answered before it began is read once."""

    _changes: Changes = field(default_factory=Changes)
    _after: int = 0

    def changes(self, view: Snapshot, now: int) -> list[NoticeCase]:
        """The cases that stand otherwise at the moment ``now`` than when this was called last."""
        found: list[NoticeCase] = []
        for index in self._changes.waiting:
            filing = view.filing(index)
            if filing is not None:
                found += self._changes.of(cases_of(view, filing, now))
        while chunk := view.filed((Notice.kind,), self._after, _CHUNK):
            for filing in chunk:
                found += self._changes.of(cases_of(view, filing, now))
            self._after = chunk[-1].index
        return found
