"""Hashpact as a platform uses it: content to fingerprints, and a search for each of them in one index.

Everything that the benchmark knows of the package is here. A picture that raises is refused: its copies are
missed, and a refused copy is a miss as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hashpact import Fingerprint, Fingerprinted, fingerprints_of, fingerprints_of_text
from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import MD5, SHA256, TYPES, FingerprintType
from hashpact.domain.matching.strength import Strength, is_alone, strength_of
from hashpact.domain.matching.views import DERIVED
from hashpact.errors import HashpactError
from hashpact.lookup.native import NativeIndex

NAME: Final = "hashpact"
CERTAIN: Final = frozenset({"same", "near"})
"""The strengths that count as found without parts, and of which no unrelated pair may have one."""

KEY: Final = bytes(range(32))
"""Of the log: folded/1 is keyed with it. Its matches are weak, and only some policies allow them."""

ANY: Final = "hashpact, possible"
WEAK: Final = "hashpact, weak"
OTHER: Final = "hashpact, another one as well"
REFUSED: Final = "hashpact, refused"
"""In counts: found at any strength but `weak`; found at all; a match with a picture that is not the original;
a copy that has no fingerprint to search for."""

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
        made = _of_text(content) if isinstance(content, str) else fingerprints_of(content)
    except HashpactError:
        return ()
    return tuple(one.shared() for one in _perceptual(made.fingerprints))


def asked(content: bytes | str) -> tuple[Query, ...]:
    """What a platform asks about an upload, with every default view of it."""
    try:
        made = _of_text(content) if isinstance(content, str) else fingerprints_of(content, views=DERIVED)
    except HashpactError:
        return ()
    return tuple(query for query in made.queries if query.fingerprint.type not in (SHA256, MD5))


def _of_text(text: str) -> Fingerprinted:
    return fingerprints_of_text(text, key=KEY)


def _perceptual(all_of_them: Iterable[Fingerprint]) -> tuple[Fingerprint, ...]:
    return tuple(one for one in all_of_them if one.type not in (SHA256, MD5))


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

    def find(self, queries: Sequence[Query], _content: bytes | str) -> list[Found]:
        """Every match within the queries' thresholds: at most one for each number and type, the best."""
        best: dict[tuple[int, str], tuple[float, Query]] = {}
        for query in queries:
            kind = query.fingerprint.type
            for hit in self._index.search(query.fingerprint, query.within(), LIMIT):
                place = self._numbers[hit.item], kind.name
                if place not in best or nearer(kind, hit.score, best[place][0]):
                    best[place] = hit.score, query
        near: dict[int, set[str]] = defaultdict(set)
        for number, name in best:
            near[number].add(name)
        asks = {query.fingerprint.type.name for query in queries}
        found = []
        for (number, name), (score, query) in best.items():
            agreed = len(near[number]) > 1
            strength = strength_of(TYPES[name], score, query.view, query.texture, agreed=agreed)
            if is_alone(TYPES[name], query.fingerprint, asks, near[number]):
                strength = Strength.WEAK
            found.append(Found(number, name, score, strength.value))
        return found


def graded(strength: str) -> str:
    """The name under which matches of a strength are counted."""
    return NAME if strength in CERTAIN else f"{NAME}, {strength}"


def sides(found: Sequence[Found], number: int) -> set[str]:
    """As what it counts that these were found about a copy of that number."""
    right = [one for one in found if one.number == number]
    counted = {one.type for one in right}
    counted |= {NAME for one in right if one.strength in CERTAIN}
    counted |= {ANY for one in right if one.strength != "weak"}
    counted |= {WEAK for _ in right}
    counted |= {OTHER for one in found if one.number != number and one.strength in CERTAIN}
    return counted


def nearer(kind: FingerprintType, one: float, other: float) -> bool:
    """Whether a score is better than another one of that type."""
    return one > other if kind.measure.larger_is_nearer else one < other
