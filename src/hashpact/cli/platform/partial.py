"""Parts of pictures in the commands check and submit, where --parts asks for them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hashpact.cli.output import complain
from hashpact.domain.checks import Match, Query
from hashpact.domain.fingerprints import PARTS, Fingerprint, Measure
from hashpact.errors import HashpactError, InvalidInputError
from hashpact.fingerprint.content import Fingerprinted
from hashpact.fingerprint.sniff import Kind
from hashpact.fingerprint.source import Content, opened

if TYPE_CHECKING:
    from hashpact.fingerprint.parts.perspective import Agreement
    from hashpact.fingerprint.parts.pictured import Pictured
    from hashpact.member.clients import Client


def kept(name: str, stdin: str) -> Content:
    """What a name stands for, so that it can be read more than once: a file, or standard input."""
    if name != stdin:
        return name
    with opened(sys.stdin.buffer) as file:
        return io.BytesIO(file.read())


def with_parts(found: Fingerprinted, content: Content) -> Fingerprinted:
    """The fingerprints of a picture with its parts/1 before the exact ones, or why it has none."""
    if found.kind is not Kind.PICTURE:
        return found
    from hashpact.fingerprint.parts.pictured import parts_of

    try:
        made = parts_of(content)
    except InvalidInputError as error:
        return replace(found, refused=(*found.refused, (PARTS.name, error.message)))
    first = [each for each in found.fingerprints if each.type.measure is not Measure.EQUALITY]
    return replace(found, fingerprints=(*first, made, *found.fingerprints[len(first) :]))


@dataclass(slots=True)
class Compared:
    """The matches that are left once those by parts are compared at the pixels.

    ``agreed`` has the share of its keypoints that an entry has there, by entry: none of one whose private
    parts cannot be read, or of which too little is visible.
    """

    matches: list[Match] = field(default_factory=list)
    agreed: dict[int, float] = field(default_factory=dict)


class PartialCheck:
    """The queries of one file by its parts, and what its pixels say of the matches.

    ``queries`` is empty for what is no picture, and for one that has too few keypoints, which is reported.
    They ask for as few points as a check may, because the pixels decide.
    """

    def __init__(self, name: str, content: Content, kind: Kind) -> None:
        self._name = name
        self._pictured: Pictured | None = None
        if kind is Kind.PICTURE:
            from hashpact.fingerprint.parts.pictured import pictured

            try:
                self._pictured = pictured(content)
            except InvalidInputError as error:
                complain(f"{name!r}: {error.message}")
        made: tuple[Fingerprint, ...] = () if self._pictured is None else self._pictured.queries
        self.queries = tuple(Query(each, PARTS.ceiling) for each in made)

    def compared(self, client: Client, matches: Sequence[Match], mirrored: int) -> Compared:
        """The matches without those by fewer points than by default that the pixels do not confirm.

        ``mirrored`` is the number of the query that is of the mirror image. Private parts that cannot be read
        are reported.
        """
        found = Compared()
        for match in matches:
            if self._pictured is None or match.transform is None:
                found.matches.append(match)
                continue
            seen = self._seen(self._pictured, client, match, mirrored=match.query == mirrored)
            if match.score >= PARTS.default or seen.confirms(match.score):
                found.matches.append(match)
                if seen.share is not None:
                    found.agreed[match.entry] = seen.share
        return found

    def _seen(self, pictured: Pictured, client: Client, match: Match, *, mirrored: bool) -> Agreement:
        assert match.transform is not None  # noqa: S101 - it is one by parts
        private: Iterable[bytes] = ()
        try:
            private = client.entry(match.entry).private
        except HashpactError as error:
            complain(f"{self._name!r}: entry {match.entry} is not compared at the pixels: {error.message}")
        return pictured.agreement(private, match.transform, mirrored=mirrored)
