"""Grey tones of a picture: the grounds of texts and icons, and where there is a photograph before them.

The keypoints of letters and of simple shapes are in many other pictures, too.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashpact.domain.fingerprints import PARTS
from hashpact.errors import UnusableFingerprintError

_TONES: Final = 256
"""The long side of the picture whose grey tones are counted."""
_GROUND: Final = 0.1
_BESIDE: Final = 0.25
"""The least share of a picture that grounds cover if there may be letters beside a photograph."""
_PLAIN: Final = 0.5
_FLAT_TONES: Final = 3
_FLAT: Final = 0.6
_LOOKED_AT: Final = 640
"""The long side of the picture in which is looked for what stands before plain grounds."""
_NOISE: Final = 8
"""How far a lossy copy takes a plain ground off its tone."""
_LETTERS: Final = 15
"""Pixels of that picture that strokes and small letters are narrower than."""
_LEAST_PHOTOGRAPHED: Final = 0.15
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


def photographed(grey: Image.Image) -> NDArray[np.bool_] | None:
    """Where there is a photograph before plain grounds that cover a quarter; None if it is everywhere.

    A ground is one grey tone, with those next to it, that covers a tenth: the paper of a text, a wall behind
    a thing, the bars of a letterbox, the colours of an icon. With a long side of 640 pixels, an opening
    leaves of what has other tones what is larger than letters. If grounds cover over half, and that is too
    small or drawn in a few tones, raises UnusableFingerprintError.
    """
    grounds, covered = _grounds(np.asarray(sized(grey, _TONES, larger=False)))
    if covered < _BESIDE:
        return None
    tones = np.asarray(sized(grey, _LOOKED_AT, larger=True))
    off = np.abs(np.arange(256)[:, None] - np.array(grounds)).min(axis=1) > _NOISE
    left = _opened(off[tones])
    if left.mean() < _LEAST_PHOTOGRAPHED or _covered(tones[left], _FLAT_TONES) > _DRAWN:
        if covered <= _PLAIN:
            return None
        many = "one grey tone covers" if len(grounds) == 1 else f"{len(grounds)} grey tones cover"
        msg = (
            f"refused {PARTS.name}: {many} {covered:.0%} of the picture; "
            "the keypoints of flat pictures and of texts are in many others, too"
        )
        raise UnusableFingerprintError(msg, field="value")
    return _grown(left, _LETTERS // 2)


def _grounds(pixels: NDArray[np.uint8]) -> tuple[list[int], float]:
    """The tones of the grounds, the most common first, and the share that they cover together."""
    counts = np.bincount(pixels.ravel(), minlength=256)
    grounds: list[int] = []
    covered = 0
    while True:
        most, near = _most_common(counts)
        if near < _GROUND * pixels.size:
            return grounds, covered / pixels.size
        grounds.append(most)
        covered += near
        counts[max(most - 1, 0) : most + 2] = 0


def _opened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What squares of `_LETTERS` pixels cover that lie in the mask (Serra, 1982)."""
    margin = _LETTERS // 2
    return _grown(~_grown(~np.pad(mask, margin), margin), margin)[margin:-margin, margin:-margin]


def _grown(mask: NDArray[np.bool_], margin: int) -> NDArray[np.bool_]:
    """The mask, and what lies so many pixels beside it."""
    mask = np.pad(mask, margin)
    for _ in range(2):
        wide, whole = 1, 2 * margin + 1  # how many pixels of a column are taken together
        while wide < whole:
            step = min(wide, whole - wide)
            mask = mask[:-step] | mask[step:]
            wide += step
        mask = mask.T
    return mask


def is_flat(grey: Image.Image) -> bool:
    """Whether it is drawn in a few tones: the edges of simple shapes are in many other pictures, too."""
    return tones_share(grey, _FLAT_TONES) > _FLAT
