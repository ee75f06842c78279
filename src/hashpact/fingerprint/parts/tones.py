"""Grey tones of a picture: plain ones as of texts, flat ones as of icons, and where it is a photograph.

The keypoints of letters and of simple shapes are in many other pictures, too.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from hashpact.domain.fingerprints import PARTS
from hashpact.errors import UnusableFingerprintError

_TONES: Final = 256
"""The long side of the picture whose grey tones are counted."""
_PLAIN: Final = 0.5
_FLAT_TONES: Final = 3
_FLAT: Final = 0.6
_SHOWN: Final = 640
"""The long side of the picture in which is looked for what stands before a plain ground."""
_NOISE: Final = 8
"""How far a lossy copy takes a plain ground off its tone."""
_LETTERS: Final = 15
"""Pixels of that picture that strokes and small letters are narrower than."""
_LEAST_SHOWN: Final = 0.15
"""The least share of a picture that something before a plain ground has."""
_DRAWN: Final = 0.5
"""The most that three grey tones cover of something photographed."""


def sized(grey: Image.Image, side: int, *, larger: bool) -> Image.Image:
    """The picture with a long side of so many pixels; one that has less of them only if ``larger``."""
    width, height = grey.size
    if max(width, height) == side or (max(width, height) < side and not larger):
        return grey
    by = side / max(width, height)
    size = (max(round(width * by), 1), max(round(height * by), 1))
    return grey.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)


def tones_share(grey: Image.Image, count: int) -> float:
    """The share of a picture that its ``count`` most common grey tones cover, each with those next to it.

    Counted with a long side of at most 256 pixels: over half of a screenshot of text is background, and of
    a photograph seldom.
    """
    return _covered(np.asarray(sized(grey, _TONES, larger=False)), count)


def _covered(pixels: NDArray[np.uint8], count: int) -> float:
    counts, covered = np.bincount(pixels.ravel(), minlength=256), 0
    for _ in range(count):
        most, near = _most_common(counts)
        covered += near
        counts[max(most - 1, 0) : most + 2] = 0
    return covered / pixels.size


def _most_common(counts: NDArray[np.int64]) -> tuple[int, int]:
    """The grey tone that covers most pixels together with those next to it, and how many."""
    near = np.convolve(counts, (1, 1, 1), "same")
    most = int(near.argmax())
    return most, int(near[most])


def shown(grey: Image.Image) -> NDArray[np.bool_] | None:
    """Where there is a picture before one grey tone that covers over half of the whole; None if none does.

    In a picture with a long side of at most 640 pixels, an opening leaves of what is darker or lighter than
    the ground what is larger than letters: a thing photographed before a wall, or the photograph in a post.
    Raises UnusableFingerprintError if that is too small, or drawn in a few tones.
    """
    plain = tones_share(grey, 1)
    if plain <= _PLAIN:
        return None
    tones = np.asarray(sized(grey, _SHOWN, larger=False))
    ground, _ = _most_common(np.bincount(tones.ravel(), minlength=256))
    left = _opened(np.abs(tones.astype(np.int16) - ground) > _NOISE)
    if left.mean() < _LEAST_SHOWN or _covered(tones[left], _FLAT_TONES) > _DRAWN:
        msg = (
            f"refused {PARTS.name}: one grey tone covers {plain:.0%} of the picture; "
            "the keypoints of flat pictures and of texts are in many others, too"
        )
        raise UnusableFingerprintError(msg, field="value")
    return left


def _opened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What squares of `_LETTERS` pixels cover that lie in the mask (Serra, 1982)."""
    for axis in (0, 1):
        mask = np.asarray(sliding_window_view(mask, _LETTERS, axis).all(axis=-1))
    mask = np.pad(mask, _LETTERS - 1)
    for axis in (0, 1):
        mask = np.asarray(sliding_window_view(mask, _LETTERS, axis).any(axis=-1))
    return mask


def is_flat(grey: Image.Image) -> bool:
    """Whether it is drawn in a few tones: the edges of simple shapes are in many other pictures, too."""
    return tones_share(grey, _FLAT_TONES) > _FLAT
