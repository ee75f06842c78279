"""Hashpact as a platform uses it: content to fingerprints, and a search for each of them in one index.

Everything that the benchmark knows of the package is here. A picture that raises is refused: its copies are
missed, and a refused copy is a miss as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hashpact import Fingerprint, Fingerprinted, fingerprints_of, fingerprints_of_text
from hashpact.domain.checks import Query, Transform
from hashpact.domain.fingerprints import FOLDED, MD5, PARTS, SHA256, TYPES, PrivatePart
from hashpact.errors import HashpactError
from hashpact.fingerprint.parts.pictured import parts_of, pictured
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


def shared(content: bytes | str, *, parts: bool = False) -> tuple[Fingerprint, ...]:
    """What a platform shares of content that it has removed; the exact fingerprints are left out."""
    try:
        made = _of_text(content) if isinstance(content, str) else fingerprints_of(content)
    except HashpactError:
        return ()
    found = tuple(one.shared() for one in _perceptual(made.fingerprints))
    if parts and not isinstance(content, str):
        with suppress(HashpactError):
            return (*found, parts_of(content))
    return found


def asked(content: bytes | str, *, parts: bool = False) -> tuple[Query, ...]:
    """What a platform asks about an upload, with every default view of it, and by its parts."""
    try:
        made = _of_text(content) if isinstance(content, str) else fingerprints_of(content, variants=True)
    except HashpactError:
        return ()
    found = _perceptual((*made.fingerprints, *made.variants))
    if parts and not isinstance(content, str):
        with suppress(HashpactError):
            found = (*found, *pictured(content).queries)
    return tuple(map(Query, found))


def _of_text(text: str) -> Fingerprinted:
    return fingerprints_of_text(text, key=KEY)


def _perceptual(all_of_them: Iterable[Fingerprint]) -> tuple[Fingerprint, ...]:
    return tuple(one for one in all_of_them if one.type not in (SHA256, MD5))


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

    def find(self, queries: Sequence[Query], content: bytes | str) -> list[Found]:
        """Every match at the types' own thresholds: at most one for each number and type, the best.

        A match by parts is possible if the pixels of the upload agree, and weak if not.
        """
        best: dict[tuple[int, str], Found] = {}
        for query in queries:
            kind = query.fingerprint.type
            hits = self._index.search(query.fingerprint, query.within(), LIMIT)
            for place, hit in enumerate(hits):
                number = self._numbers[hit.item]
                strength = "weak" if kind == FOLDED else "near"
                if hits.places is not None and not isinstance(content, str):
                    agrees = self._agrees(hit.item, Transform(*hits.places[place]), content, query)
                    strength = "possible" if agrees else "weak"
                found = Found(number, kind.name, hit.score, strength)
                before = best.get((number, kind.name))
                if before is None or before.strength == "weak" or nearer(found, before):
                    best[number, kind.name] = found
        return list(best.values())

    def _agrees(self, item: int, place: Transform, content: bytes, query: Query) -> bool:
        """Whether the pixels of the upload, or of its mirror image, agree with the entry's keypoints."""
        picture = pictured(content)
        private = PrivatePart(self._parts[item], bytes(32)).text()
        mirrored = query.fingerprint == picture.queries[1]
        return picture.agreement((private,), place, mirrored=mirrored).confirmed


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


def nearer(one: Found, other: Found) -> bool:
    """Whether a score is better than another one of the same type."""
    if TYPES[one.type].measure.larger_is_nearer:
        return one.score > other.score
    return one.score < other.score
