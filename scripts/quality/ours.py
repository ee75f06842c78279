"""Hashpact as a platform uses it: content to fingerprints, and a search for each of them in one index.

Everything that the benchmark knows of the package is here. A picture that raises is refused: its copies are
missed, and a refused copy is a miss as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hashpact import Fingerprint, fingerprints_of, fingerprints_of_text
from hashpact.domain.checks import Query, Transform
from hashpact.domain.fingerprints import PARTS, TYPES, Measure, PrivatePart
from hashpact.errors import HashpactError
from hashpact.fingerprint.parts.pictured import Pictured, parts_of, pictured
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


def shared(content: bytes | str, *, parts: bool = False) -> tuple[Fingerprint, ...]:
    """What a platform shares of content that it has removed; the exact fingerprints are left out."""
    try:
        made = fingerprints_of_text(content) if isinstance(content, str) else fingerprints_of(content)
    except HashpactError:
        return ()
    found = _perceptual(made.fingerprints)
    if parts and not isinstance(content, str):
        with suppress(HashpactError):
            return (*found, parts_of(content))
    return found


def asked(content: bytes | str, picture: Pictured | None = None) -> tuple[Query, ...]:
    """What a platform asks about an upload, with every default view of it, and by its parts."""
    try:
        if isinstance(content, str):
            made = fingerprints_of_text(content)
        else:
            made = fingerprints_of(content, variants=True)
    except HashpactError:
        return ()
    found = _perceptual((*made.fingerprints, *made.variants))
    return tuple(map(Query, found if picture is None else (*found, *picture.queries)))


def pixels(content: bytes) -> Pictured | None:
    """What a platform keeps of an upload to compare matches by parts with; None if it has too few."""
    try:
        return pictured(content)
    except HashpactError:
        return None


def _perceptual(all_of_them: Iterable[Fingerprint]) -> tuple[Fingerprint, ...]:
    return tuple(one for one in all_of_them if one.type.measure is not Measure.EQUALITY)


class Clearinghouse:
    """An index in this process, with the content that was shared."""

    def __init__(self) -> None:
        self._index = NativeIndex()
        self._numbers: list[int] = []
        self._parts: dict[int, Fingerprint] = {}

    def share(self, number: int, fingerprints: Sequence[Fingerprint]) -> None:
        """Make content findable under a number, which may have more than one form."""
        first = len(self._numbers)
        self._numbers += [number] * len(fingerprints)
        self._index.add(enumerate(fingerprints, first))
        self._parts |= {item: one for item, one in enumerate(fingerprints, first) if one.type is PARTS}

    def find(self, queries: Sequence[Query], picture: Pictured | None = None) -> list[Found]:
        """Every match at the types' own thresholds: at most one for each number and type, the best.

        A match by parts is possible, and counts if the pixels of the upload agree.
        """
        best: dict[tuple[int, str], Found] = {}
        for query in queries:
            kind = query.fingerprint.type
            hits = self._index.search(query.fingerprint, kind.threshold(query.threshold), LIMIT)
            for place, hit in enumerate(hits):
                number = self._numbers[hit.item]
                strength = "near"
                if hits.places is not None:
                    confirmed = picture is not None and self._agrees(
                        hit.item, Transform(*hits.places[place]), picture, query
                    )
                    strength = "possible" if confirmed else "weak"
                found = Found(number, kind.name, hit.score, strength)
                before = best.get((number, kind.name))
                if before is None or nearer(found, before) or before.strength == "weak" != strength:
                    best[number, kind.name] = found
        return list(best.values())

    def _agrees(self, item: int, place: Transform, picture: Pictured, query: Query) -> bool:
        """Whether the pixels of the upload, or of its mirror image, agree with the entry's keypoints."""
        private = PrivatePart(self._parts[item], bytes(32)).text()
        mirrored = query.fingerprint == picture.queries[1]
        return picture.agreement((private,), place, mirrored=mirrored).confirmed


def nearer(one: Found, other: Found) -> bool:
    """Whether a score is better than another one of the same type."""
    if TYPES[one.type].measure is Measure.HAMMING:
        return one.score < other.score
    return one.score > other.score
