"""Copies of which something is cut off, turned by some degrees, or squeezed."""

from __future__ import annotations

import math
from typing import Final

from corpus.altering.alteration import Change, Picture, changed
from corpus.seeds import Random
from PIL import Image

RANDOM: Final = "crop one side 5 to 15 %, random 4 to 14 %, 1:1, 4:5"


def cut(picture: Picture, left: float, top: float, right: float, bottom: float) -> Picture:
    """The picture without these shares of its width and height at its sides."""
    width, height = picture.size
    return picture.crop(
        (round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom)))
    )


def centred(share: float) -> Change:
    """A share of the width and of the height less, half of it at each side."""
    return lambda picture, _: cut(picture, share / 2, share / 2, share / 2, share / 2)


def one_side(share: float) -> Change:
    """A share of the width or of the height less, at one side."""

    def change(picture: Picture, random: Random) -> Picture:
        shares = [0.0] * 4
        shares[int(random.integers(4))] = share
        return cut(picture, *shares)

    return change


def anywhere(least: float, most: float) -> Change:
    """Of the width and of the height each between two shares less, divided between the sides by chance."""

    def change(picture: Picture, random: Random) -> Picture:
        across, down = random.uniform(least, most, 2).tolist()
        left, top = (random.random(2) * (across, down)).tolist()
        return cut(picture, left, top, across - left, down - top)

    return change


def to_aspect(aspect: float) -> Change:
    """The middle of the picture, ``aspect`` times as wide as high."""

    def change(picture: Picture, _random: Random) -> Picture:
        width, height = picture.size
        if width / height > aspect:
            share = (1 - height * aspect / width) / 2
            return cut(picture, share, 0, share, 0)
        share = (1 - width / aspect / height) / 2
        return cut(picture, 0, share, 0, share)

    return change


def turned(degrees: float) -> Change:
    """Turned, in the same size: the corners are black."""
    return lambda picture, _: picture.rotate(degrees, Image.Resampling.BICUBIC)


def straightened(degrees: float) -> Change:
    """Turned, and the largest part of the same aspect without corners."""

    def change(picture: Picture, _random: Random) -> Picture:
        width, height = picture.size
        angle = math.radians(abs(degrees))
        ratio = max(width / height, height / width)
        share = 1 / (math.cos(angle) + ratio * math.sin(angle))
        whole = picture.rotate(degrees, Image.Resampling.BICUBIC)
        return cut(whole, *[(1 - share) / 2] * 4)

    return change


def squeezed(share: float) -> Change:
    """As wide as a share of the picture, and as high as before."""
    return lambda picture, _: picture.resize((round(picture.width * share), picture.height))


ALTERATIONS: Final = (
    changed("crop 1 % centred", "", centred(0.01)),
    changed("crop 3 % centred", "", centred(0.03)),
    *(
        changed(f"crop {share} % centred", f"crop centred {share} %", centred(share / 100))
        for share in (5, 10, 15)
    ),
    *(changed(f"crop {share} % one side", RANDOM, one_side(share / 100)) for share in (5, 10, 15)),
    changed("crop 4 to 14 % anywhere", RANDOM, anywhere(0.04, 0.14)),
    changed("crop to 1:1", RANDOM, to_aspect(1)),
    changed("crop to 4:5", RANDOM, to_aspect(4 / 5)),
    changed("crop 20 to 40 % off-centre", "crop off-centre 20 to 40 %", anywhere(0.2, 0.4)),
    changed("crop 50 % off-centre", "crop off-centre 50 %", anywhere(0.5, 0.5)),
    *(changed(f"rotated {by} degrees", f"rotation {by} degrees", turned(by)) for by in (1, 2, 3, 5)),
    changed("rotated 2 degrees, cropped", "rotation 2 degrees, cropped", straightened(2)),
    changed("squeezed to 80 %", "", squeezed(0.8)),
)
