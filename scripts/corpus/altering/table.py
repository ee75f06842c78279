"""Every alteration of pictures, in the order of the recall table."""

from __future__ import annotations

from typing import Final

from corpus.altering import colouring, covering, cropping, encoding, framing, respreading

ALTERATIONS: Final = (
    *encoding.ALTERATIONS,
    *colouring.ALTERATIONS,
    *framing.ALTERATIONS,
    *cropping.ALTERATIONS,
    *covering.ALTERATIONS,
    *respreading.ALTERATIONS,
)
