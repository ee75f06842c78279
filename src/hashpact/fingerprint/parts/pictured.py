"""Files to their parts: what is shared of a picture, and what it is checked with.

Apart from ``content``, because parts are opt-in: nothing here is done unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from hashpact.domain.checks import Transform
from hashpact.domain.fingerprints import PARTS, Fingerprint, parse_private
from hashpact.errors import InvalidInputError, UnusableContentError
from hashpact.fingerprint import images
from hashpact.fingerprint.parts import keypoints as parts
from hashpact.fingerprint.parts.perspective import Agreement, agreement
from hashpact.fingerprint.source import Content, name_of, opened, size_of

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Pictured:
    """A picture to check by its parts: its queries, and its pixels to compare a match with.

    ``queries`` are of the picture and of its mirror image, in this order.
    """

    queries: tuple[Fingerprint, ...]
    grey: Image.Image

    def agreement(self, private: Iterable[bytes], place: Transform, *, mirrored: bool = False) -> Agreement:
        """What this picture has where a match puts the keypoints of an entry with these private parts.

        ``mirrored``: the match is one of the second query. Of several parts/1 of the entry, that which agrees
        most. Nothing is visible of an entry without any, or whose private parts are withheld.
        """
        shared = (parse_private(part).fingerprint for part in private)
        found = [
            agreement(each, self.queries[mirrored], self.grey, place, mirrored=mirrored)
            for each in shared
            if each.type is PARTS
        ]
        return max(found, key=lambda one: one.share or 0, default=Agreement(0, None))


def parts_of(content: Content) -> Fingerprint:
    """The parts/1 of a picture file, to be shared.

    Raises UnusableContentError, with the file's name, for what is no picture that can be read, and as
    `parts.parts`.
    """
    return _named(content, lambda: parts.parts(_grey(content)))


def pictured(content: Content) -> Pictured:
    """A picture file to check by its parts. Raises as `parts_of`, but for flat and text-like pictures."""

    def made() -> Pictured:
        grey = parts.reduced(_grey(content))
        return Pictured(parts.parts_to_check(grey), grey)

    return _named(content, made)


def _grey(content: Content) -> Image.Image:
    with opened(content) as file:
        picture = images.decode(file, size_of(file))
    grey = Image.new("L", picture.size)
    top = 0
    for band in picture.bands():
        grey.paste(band.convert("L"), (0, top))
        top += band.height
    return grey


def _named(content: Content, make: Callable[[], Made]) -> Made:
    """What is made of the content. Errors about it begin with its name."""
    try:
        return make()
    except InvalidInputError as exc:
        msg = f"{name_of(content)}: {exc.message}"
        raise type(exc)(msg, **exc.details) from exc
    except OSError as exc:
        msg = f"{name_of(content)}: cannot be read: {exc.strerror or exc}"
        raise UnusableContentError(msg, field="content") from exc
