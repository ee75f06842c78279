"""Watching: what changes with notices as statements and time go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hashpact.domain.conduct.cases import NoticeCase, cases_of
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.kinds import Notice
from hashpact.domain.ports import Snapshot

_CHUNK: Final = 500
"""Notices that are taken in at a time."""


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
