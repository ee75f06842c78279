"""Hashpact as a platform uses it: content to fingerprints, and a search for each of them in one index.

Everything that the benchmark knows of the package is here. A picture that raises is refused: its copies are
missed, and a refused copy is a miss as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hashpact import Fingerprint, fingerprints_of, fingerprints_of_text
from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import TYPES, Measure
from hashpact.errors import HashpactError
from hashpact.lookup.native import NativeIndex

NAME: Final = "hashpact"
CERTAIN: Final = frozenset({"same", "near"})
"""The strengths that count as found without parts, and of which no unrelated pair may have one."""

ANY: Final = "hashpact, possible"
OTHER: Final = "hashpact, another one as well"
REFUSED: Final = "hashpact, refused"
"""In counts: found at any strength but `weak`; a match with a picture that is not the original; a copy that
has no fingerprint to search for."""

LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """A shared piece of content that a check returned."""

    number: int
    type: str
    score: float
    strength: str


def shared(content: bytes | str) -> tuple[Fingerprint, ...]:
    """What a platform shares of content that it has removed; the exact fingerprints are left out."""
    try:
        made = fingerprints_of_text(content) if isinstance(content, str) else fingerprints_of(content)
    except HashpactError:
        return ()
    return _perceptual(made.fingerprints)


def asked(content: bytes | str) -> tuple[Query, ...]:
    """What a platform asks about an upload, with every default view of it."""
    try:
        if isinstance(content, str):
            made = fingerprints_of_text(content)
        else:
            made = fingerprints_of(content, variants=True)
    except HashpactError:
        return ()
    return tuple(map(Query, _perceptual((*made.fingerprints, *made.variants))))


def _perceptual(all_of_them: Iterable[Fingerprint]) -> tuple[Fingerprint, ...]:
    return tuple(one for one in all_of_them if one.type.measure is not Measure.EQUALITY)


class Clearinghouse:
    """An index in this process, with the content that was shared."""

    def __init__(self) -> None:
        self._index = NativeIndex()
        self._numbers: list[int] = []

    def share(self, number: int, fingerprints: Sequence[Fingerprint]) -> None:
        """Make content findable under a number, which may have more than one form."""
        first = len(self._numbers)
        self._numbers += [number] * len(fingerprints)
        self._index.add(enumerate(fingerprints, first))

    def find(self, queries: Sequence[Query]) -> list[Found]:
        """Every match at the types' own thresholds: at most one for each number and type, the best."""
        best: dict[tuple[int, str], Found] = {}
        for query in queries:
            kind = query.fingerprint.type
            for hit in self._index.search(query.fingerprint, kind.threshold(query.threshold), LIMIT):
                number = self._numbers[hit.item]
                found = Found(number, kind.name, hit.score, "near")
                before = best.get((number, kind.name))
                if before is None or nearer(found, before):
                    best[number, kind.name] = found
        return list(best.values())


def nearer(one: Found, other: Found) -> bool:
    """Whether a score is better than another one of the same type."""
    if TYPES[one.type].measure is Measure.HAMMING:
        return one.score < other.score
    return one.score > other.score
