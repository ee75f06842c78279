"""Figures: what the report counts, and the leaves behind each number.

docs/methods/report.md defines every figure. Nothing here reads a clock: what is open or overdue is so at the
quarter's last second, or at the moment of the newest statement if that is earlier.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from hashpact.report.gathering import Gathered
from hashpact.report.quarter import Quarter

OVERALL: Final = "all"
"""The scope of figures that are of all members together."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the report.

    ``scope`` is a member's id or `OVERALL`. ``unit`` is count, seconds or percent; a percentage is a decimal
    with one digit, rounded half up. ``reported`` is whether members have only reported it. ``leaves`` are the
    indices of the statements behind it, ascending.
    """

    scope: str
    name: str
    value: int | str
    unit: str
    leaves: tuple[int, ...]
    reported: bool = False

    @property
    def id(self) -> str:
        """The name by which it is asked for."""
        return f"{self.scope}/{self.name}"


@dataclass(slots=True)
class Sheet:
    """Collects figures, of each member and of all together."""

    gathered: Gathered
    quarter: Quarter
    _leaves: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    _sums: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _made: list[Figure] = field(default_factory=list)

    @property
    def as_of(self) -> int:
        """The moment at which the figures are so: the quarter's last second, or the newest statement's."""
        return self.quarter.as_of(self.gathered.newest)

    def within(self, moment: int) -> bool:
        """Whether a statement of that moment belongs to the quarter."""
        return self.quarter.start <= moment < self.quarter.stop

    def count(self, name: str, scopes: Iterable[str], leaf: int) -> None:
        """Count a leaf for a figure of these members, and once for all together."""
        for scope in (*dict.fromkeys(scopes), OVERALL):
            self._leaves[scope, name].append(leaf)

    def count_of(self, name: str, scopes: Iterable[str], leaf: int) -> None:
        """As `count`, for a figure of which one leaf may be counted several times for all together."""
        for scope in scopes:
            self._leaves[scope, name].append(leaf)
            self._leaves[OVERALL, name].append(leaf)

    def add(self, name: str, scope: str, leaf: int, number: int) -> None:
        """Add a number that a member has reported."""
        for one in (scope, OVERALL):
            self._leaves[one, name].append(leaf)
            self._sums[one, name] += number

    def complete(self, groups: Mapping[str, Iterable[str]]) -> None:
        """Let figures be 0 that nothing was counted for: ``groups`` has the names that go with a name.

        All together have every name; a member has those that go with a name that it has.
        """
        for name, others in groups.items():
            for scope in {*self.scopes(name), OVERALL}:
                for one in (name, *others):
                    self._leaves[scope, one] += ()

    def made(self, figure: Figure) -> None:
        """Add a figure that is no count."""
        self._made.append(figure)

    def leaves(self, scope: str, name: str) -> Sequence[int]:
        """What was counted so far."""
        return self._leaves.get((scope, name), ())

    def scopes(self, name: str) -> list[str]:
        """The scopes that have a figure of that name, in order."""
        return sorted(scope for scope, of in self._leaves if of == name)

    def rate(self, name: str, part: str, whole: str) -> None:
        """Make the percentage that one figure is of another, for each scope that has the other."""
        for scope in self.scopes(whole):
            some, every = self.leaves(scope, part), self.leaves(scope, whole)
            self.made(Figure(scope, name, percent(len(some), len(every)), "percent", _sorted(every)))

    def figures(self) -> tuple[Figure, ...]:
        """Every figure, by scope and name; those of all together first."""
        counted = (
            Figure(
                scope,
                name,
                self._sums[scope, name] if is_reported(name) else len(leaves),
                "count",
                _sorted(leaves),
                is_reported(name),
            )
            for (scope, name), leaves in self._leaves.items()
        )
        found = [*counted, *self._made]
        return tuple(sorted(found, key=lambda one: (one.scope != OVERALL, one.scope, one.name)))


def is_reported(name: str) -> bool:
    """Whether a figure is what members have reported, and nothing that follows from the log."""
    return name.startswith("uploads.")


def percent(some: int, every: int) -> str:
    """A percentage with one digit, rounded half up; - of nothing."""
    if not every:
        return "-"
    return str((Decimal(100 * some) / every).quantize(Decimal("0.1"), ROUND_HALF_UP))


def nearest_rank(values: Sequence[int], of_hundred: int) -> int:
    """The nearest-rank percentile of some numbers: the smallest that so many of a hundred do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * of_hundred // 100) - 1)]


def by_id(figures: Iterable[Figure]) -> Mapping[str, Figure]:
    """Figures by the names by which they are asked for."""
    return {figure.id: figure for figure in figures}


def _sorted(leaves: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(leaves))


def of_scope(figures: Iterable[Figure], scope: str) -> Iterator[Figure]:
    """The figures of one scope."""
    return (figure for figure in figures if figure.scope == scope)
