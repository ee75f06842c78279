"""Terms: what the policy states about the code of conduct, and about matches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR

CLOCKS: Final = {
    "appeal": 7 * _DAY,
    "authority": _DAY,
    "code": _DAY,
    "complaint": 2 * _DAY,
    "reply": 15 * _DAY,
    "urgent": 6 * _HOUR,
    "vulnerable": 6 * _HOUR,
}
"""The clock classes that every policy has, each with its seconds unless the policy has others."""


@dataclass(frozen=True, slots=True)
class ConductTerms:
    """The clocks, the labels with priority, the panel of appeals, and how reported numbers are rounded.

    ``clocks`` are clock classes with their seconds, in the place of `CLOCKS` or beside them. ``priorities``
    are labels whose entries and notices come first, each with the clock class that is the longest for it.
    ``panel`` are the members that rule on appeals that their addressee has not upheld; ``quorum`` of them
    decide. ``texts`` is the SHA-256 of the document that explains the labels. ``tally_step`` is what every
    number of a tally is a multiple of.
    """

    clocks: tuple[tuple[str, int], ...] = ()
    priorities: tuple[tuple[str, str], ...] = ()
    panel: tuple[str, ...] = ()
    quorum: int | None = None
    texts: bytes | None = None
    tally_step: int = 1

    def classes(self) -> dict[str, int]:
        """Every clock class with its seconds."""
        return {**CLOCKS, **dict(self.clocks)}

    def seconds(self, name: str, labels: Iterable[str] = ()) -> int:
        """How long the clock of that class runs, for a matter with these labels; KeyError for no class."""
        classes, priorities = self.classes(), dict(self.priorities)
        shorter = [classes[priorities[label]] for label in labels if label in priorities]
        return min([classes[name], *shorter])

    def has_priority(self, labels: Iterable[str]) -> bool:
        """Whether one of the labels has priority."""
        return not {label for label, _ in self.priorities}.isdisjoint(labels)


@dataclass(frozen=True, slots=True)
class MatchTerms:
    """Who says what is benign, what becomes of an entry that is near it, and how near a match must be.

    ``benign_by`` are the members whose submissions may have basis benign. ``mark_benign``: a submission near
    a benign entry is taken, and its matches say so, where otherwise a server refuses it. ``ceilings`` are
    labels, each with a fingerprint type and the largest distance in bits at which an entry with the label
    matches by it.
    """

    benign_by: tuple[str, ...] = ()
    mark_benign: bool = False
    ceilings: tuple[tuple[str, tuple[str, int]], ...] = ()

    def ceiling(self, labels: Iterable[str], kind: str) -> int | None:
        """The largest distance at which an entry with these labels matches by that type; None: any."""
        named = frozenset(labels)
        return min(
            (most for label, (name, most) in self.ceilings if label in named and name == kind), default=None
        )
