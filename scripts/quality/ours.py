"""Hashpact as a platform uses it: content to fingerprints, and a search for each of them in one index.

Everything that the benchmark knows of the package is here. A picture that raises is refused: its copies are
missed, and a refused copy is a miss as well.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hashpact import Fingerprint, Fingerprinted, fingerprints_of, fingerprints_of_text
from hashpact.domain.checks import Answer, Hit, Match, Query, Transform
from hashpact.domain.fingerprints import MD5, PARTS, SHA256, TYPES, FingerprintType, PrivatePart
from hashpact.domain.matching.agreement import doubted
from hashpact.domain.matching.views import DERIVED
from hashpact.errors import HashpactError
from hashpact.fingerprint.parts.pictured import parts_of, pictured
from hashpact.lookup.columns import codes, fewest_apart
from hashpact.lookup.native import NativeIndex

NAME: Final = "hashpact"
SURE: Final = "hashpact, same or near"
WEAK: Final = "hashpact, weak too"
AGREEING: Final = "hashpact, agreeing"
CONTROLLED: Final = "hashpact, agreeing, not benign"
OTHER: Final = "hashpact, another one as well"
REFUSED: Final = "hashpact, refused"
"""In counts: found at any strength but `weak`; found as the same or near, of which no unrelated pair may
be; found at all; found at any strength but `weak` by a check for what agrees; the same without what
something of the negative collection is as near to; a match with a picture that is not the original; a
copy without a fingerprint to search for."""

KEY: Final = bytes(range(32))
"""Of the log: folded/1 is keyed with it. Its matches are weak, and only some policies allow them."""

LIMIT: Final = 1000
_HARMLESS: Final = 1 << 40
"""The first item of the negative collection, beyond those of all that is shared."""


@dataclass(frozen=True, slots=True)
class Found:
    """A shared piece of content that a check returned."""

    number: int
    type: str
    score: float
    strength: str
    agrees: bool = True
    harmful: bool = True


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
        made = _of_text(content) if isinstance(content, str) else fingerprints_of(content, views=DERIVED)
    except HashpactError:
        return ()
    found = tuple(query for query in made.queries if query.fingerprint.type not in (SHA256, MD5))
    if parts and not isinstance(content, str):
        with suppress(HashpactError):
            return (*found, *(Query(each, PARTS.ceiling) for each in pictured(content).queries))
    return found


def _of_text(text: str) -> Fingerprinted:
    return fingerprints_of_text(text, key=KEY)


def _perceptual(all_of_them: Iterable[Fingerprint]) -> tuple[Fingerprint, ...]:
    return tuple(one for one in all_of_them if one.type not in (SHA256, MD5))


class Clearinghouse:
    """An index in this process, with the content that was shared, and what is known to be harmless."""

    def __init__(self, harmless: Iterable[Sequence[Fingerprint]] = ()) -> None:
        self._index = NativeIndex()
        self._index.add(enumerate(itertools.chain.from_iterable(harmless), _HARMLESS), benign=True)
        self._numbers: list[int] = []
        self._parts: dict[int, Fingerprint] = {}
        self._shared: dict[int, list[Fingerprint]] = defaultdict(list)

    def share(self, number: int, fingerprints: Sequence[Fingerprint]) -> None:
        """Make content findable under a number, which may have more than one form."""
        first = len(self._numbers)
        self._numbers += [number] * len(fingerprints)
        self._index.add(enumerate(fingerprints, first))
        self._shared[number] += fingerprints
        self._parts |= {item: one for item, one in enumerate(fingerprints, first) if one.type == PARTS}

    def find(self, queries: Sequence[Query], content: bytes | str) -> list[Found]:
        """Every match within the queries' thresholds: at most one for each number and type, the best.

        A match by parts is left out unless the pixels of the upload agree.
        """
        best: dict[tuple[int, str], tuple[float, int]] = {}
        for asked_as, query in enumerate(queries):
            kind = query.fingerprint.type
            hits = self._index.search(query.fingerprint, query.within(), LIMIT)
            for rank, hit in enumerate(hits):
                place = self._numbers[hit.item], kind.name
                if place in best and not nearer(kind, hit.score, best[place][0]):
                    continue
                if hits.places is None or self._agrees(hit, hits.places[rank], content, query):
                    best[place] = hit.score, asked_as
        matches = (
            Match(
                number, name, TYPES[name].measure, score, (), "guideline", (), NAME, 0, 0, 0, query=asked_as
            )
            for (number, name), (score, asked_as) in best.items()
        )
        upload = codes(query.fingerprint for query in queries)

        def apart(number: int) -> int | None:
            return fewest_apart(upload, codes(self._shared[number]))

        graded = Answer(tuple(matches), len(self._numbers)).graded(queries, limit=len(best) + 1)
        return [
            Found(
                match.entry,
                match.type,
                match.score,
                str(match.strength),
                match.contradicted is None and not match.unconfirmed,
                not self._index.search_benign(queries[match.query].fingerprint, match.score, 1),
            )
            for match in doubted(graded.matches, queries, apart)
        ]

    def _agrees(self, hit: Hit, place: Sequence[float], content: bytes | str, query: Query) -> bool:
        """Whether the pixels of the upload, or of its mirror image, agree with the entry's keypoints."""
        assert isinstance(content, bytes)  # noqa: S101 - of a text there are no parts
        picture = pictured(content)
        private = PrivatePart(self._parts[hit.item], bytes(32)).text()
        mirrored = query.fingerprint == picture.queries[1]
        seen = picture.agreement((private,), Transform(*place), mirrored=mirrored)
        return seen.confirms(hit.score)


def is_sure(strength: str) -> bool:
    """Whether that strength is one that no unrelated pair may have."""
    return strength in ("same", "near")


def graded(strength: str) -> str:
    """The name under which pairs that match at a strength are counted."""
    return SURE if is_sure(strength) else f"{NAME}, {strength}"


def sides(found: Sequence[Found], number: int) -> set[str]:
    """As what it counts that these were found about a copy of that number."""
    right = [one for one in found if one.number == number]
    counted = {one.type for one in right}
    counted |= set().union(*map(strong, right))
    counted |= {SURE for one in right if is_sure(one.strength)}
    counted |= {WEAK for _ in right}
    counted |= {OTHER for one in found if one.number != number and is_sure(one.strength)}
    return counted


def strong(one: Found) -> set[str]:
    """The counts that a match adds to because it is not `weak`: none if it is."""
    if one.strength == "weak":
        return set()
    agrees = {AGREEING} if one.agrees else set()
    return {NAME, *agrees, *({CONTROLLED} if one.agrees and one.harmful else ())}


def nearer(kind: FingerprintType, one: float, other: float) -> bool:
    """Whether a score is better than another one of that type."""
    return one > other if kind.measure.larger_is_nearer else one < other
