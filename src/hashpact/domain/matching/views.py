"""Views: what an upload may be of a picture that was shared, and what a check looks for of each.

A view is derived from the upload and compared with shared fingerprints. It is never shared itself.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from functools import cache
from typing import Final

from hashpact.errors import InvalidInputError


class PictureView(enum.StrEnum):
    """What was compared: the content as it is stored, or something that was derived from it."""

    WHOLE = "whole"
    SHOWN = "shown"
    BLACK = "black"
    FRAME = "frame"
    TURNED = "turned"
    PART = "part"
    PADDED = "padded"
    TILTED = "tilted"


class Texture(enum.StrEnum):
    """How well a picture can be distinguished from others.

    FAINT has too little structure for a pdq/1 that is shared. TEXT_LIKE has one or two tones nearly
    everywhere, as a screenshot of text has: other texts in its layout have nearly the same codes.
    """

    ORDINARY = "ordinary"
    FAINT = "faint"
    TEXT_LIKE = "text-like"


@cache  # every check asks, of the few names that there are
def seen_as(view: str, texture: str) -> tuple[PictureView, Texture]:
    """The view and the texture of these names; without a name, the whole content and an ordinary picture.

    Raises InvalidInputError for others, listing the known ones.
    """
    try:
        return PictureView(view or PictureView.WHOLE), Texture(texture or Texture.ORDINARY)
    except ValueError:
        wrong, known = ("texture", Texture) if view in {"", *PictureView} else ("view", PictureView)
        msg = f"a {wrong} is one of {', '.join(known)}"
        raise InvalidInputError(msg, field=wrong) from None


DERIVED: Final = tuple(view for view in PictureView if view is not PictureView.WHOLE)
"""All views but the content itself: what a check of a picture looks for besides it."""


def views_named(names: Collection[PictureView | str]) -> frozenset[PictureView]:
    """The views of these names. Raises InvalidInputError for one that is unknown, listing the known ones."""
    try:
        return frozenset(map(PictureView, (names,) if isinstance(names, str) else names))
    except ValueError:
        msg = f"views are of {', '.join(view.value for view in PictureView)}"
        raise InvalidInputError(msg, field="views") from None
