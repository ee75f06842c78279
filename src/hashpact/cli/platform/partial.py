"""Parts of pictures in the commands check and submit, where --parts asks for them."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hashpact.cli.output import complain
from hashpact.domain.checks import Match
from hashpact.domain.fingerprints import PARTS, Fingerprint, Measure
from hashpact.errors import HashpactError, InvalidInputError
from hashpact.fingerprint.content import Fingerprinted
from hashpact.fingerprint.sniff import Kind
from hashpact.fingerprint.source import Content, opened

if TYPE_CHECKING:
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


class PartialCheck:
    """The queries of one file by its parts, and what its pixels say of the matches.

    ``queries`` is empty for what is no picture, and for one that has too few keypoints, which is reported.
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
        self.queries: tuple[Fingerprint, ...] = () if self._pictured is None else self._pictured.queries

    def agreements(self, client: Client, matches: Sequence[Match], mirrored: int) -> dict[int, float]:
        """The share of its keypoints that each entry which matches by parts has at the pixels, by entry.

        ``mirrored`` is the number of the query that is of the mirror image. An entry is left out if its
        private parts cannot be read, which is reported, or if too little of it is visible.
        """
        found: dict[int, float] = {}
        for match in matches:
            if self._pictured is None or match.transform is None:
                continue
            try:
                private = client.entry(match.entry).private
            except HashpactError as error:
                complain(
                    f"{self._name!r}: entry {match.entry} is not compared at the pixels: {error.message}"
                )
                continue
            seen = self._pictured.agreement(private, match.transform, mirrored=match.query == mirrored)
            if seen.share is not None:
                found[match.entry] = seen.share
        return found
