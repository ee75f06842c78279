"""Copies with other colours, by the sliders of an editor."""

from __future__ import annotations

from typing import Final

import numpy as np
from corpus.altering.alteration import Change, Picture, changed
from corpus.altering.encoding import MACHINE
from corpus.seeds import Random
from PIL import Image, ImageEnhance, ImageOps


def brightness(factor: float) -> Change:
    """Every value times ``factor``."""
    return lambda picture, _: ImageEnhance.Brightness(picture).enhance(factor)


def contrast(factor: float) -> Change:
    """Every value that many times as far from the mean."""
    return lambda picture, _: ImageEnhance.Contrast(picture).enhance(factor)


def saturation(factor: float) -> Change:
    """Colours that many times as far from grey."""
    return lambda picture, _: ImageEnhance.Color(picture).enhance(factor)


def gamma(exponent: float) -> Change:
    """Values between 0 and 1 to the power of ``exponent``."""
    table = [round(255 * (value / 255) ** exponent) for value in range(256)]
    return lambda picture, _: picture.point(table * 3)


def hue(degrees: float) -> Change:
    """Every hue further by so many degrees."""

    def change(picture: Picture, _random: Random) -> Picture:
        values = np.asarray(picture.convert("HSV")).copy()
        values[..., 0] = (values[..., 0].astype(int) + round(degrees / 360 * 256)) % 256
        return Image.fromarray(values, "HSV").convert("RGB")

    return change


ALTERATIONS: Final = (
    changed("brightness x0.5", MACHINE, brightness(0.5)),
    changed("brightness x1.6", MACHINE, brightness(1.6)),
    changed("gamma 0.6", MACHINE, gamma(0.6)),
    changed("gamma 2.2", MACHINE, gamma(2.2)),
    changed("contrast x0.5", MACHINE, contrast(0.5)),
    changed("contrast x1.5", MACHINE, contrast(1.5)),
    changed("saturation x0.3", MACHINE, saturation(0.3)),
    changed("saturation x1.8", MACHINE, saturation(1.8)),
    changed("hue +30", MACHINE, hue(30)),
    changed("hue +120", "", hue(120)),
    changed("posterize", "", lambda picture, _: ImageOps.posterize(picture, 2)),
    changed("inverted", "", lambda picture, _: ImageOps.invert(picture)),
)
