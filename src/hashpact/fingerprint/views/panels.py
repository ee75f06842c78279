"""Pictures inside pictures: what is left without a border, the largest panel of a screenshot or a frame.

A frame has a colour of its own: that of the picture's edges. Rows and columns of nothing else divide what the
frame holds, such as lines of text from a picture below them. A background that is a blurred or a smooth
picture has no one colour, but nothing sharp either.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from hashpact.fingerprint.perceptual import median

Shares: TypeAlias = NDArray[np.uint8]
"""Of each row or column, what share of it is the frame's: from 0 to 255."""

_TOLERANCE: Final = 16
"""How far a lossy copy takes a frame's colour off, in each channel."""

_FLAT: Final = 4
"""How far the pixels of an edge of one colour are off it."""

_EDGE: Final = 0.5
"""The least share of an edge that has one colour if there is a frame."""

_PURE: Final = 251
"""The least share of a row that is a frame's alone, of 255."""

_LEAST: Final = 0.2
"""The least width and height of what is looked for, as a share of the whole."""

MOST: Final = 4
"""How many boxes a picture has at most."""

_DEPTH: Final = 3
"""How many frames may stand one in another."""

_ALIKE: Final = 0.008
"""Boxes whose sides differ by no more of the whole have the same code."""

_LINES: Final = 8
"""How many of the strongest lines may be where a picture begins or ends."""

_STEP: Final = 4.0
_OUTLIER: Final = 4.0
"""The least difference at such a line, of 255, and how many times that of an ordinary row."""

_LINE: Final = 2
"""How many rows beside a line are neither inside nor outside: a lossy copy blurs it."""

_SOFTER: Final = 0.6
"""The most detail of a background, as a share of what stands on it."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture: its first row and column, and those behind its last."""

    left: int
    top: int
    right: int
    bottom: int

    def cut(self, image: Image.Image) -> Image.Image:
        """What it holds."""
        return image.crop((self.left, self.top, self.right, self.bottom))

    def within(self, left: int, top: int) -> Box:
        """The same box in a picture of which this one begins there."""
        return Box(self.left + left, self.top + top, self.right + left, self.bottom + top)

    def alike(self, other: Box, size: tuple[int, int]) -> bool:
        """Whether both have one code, in a picture of that ``size``."""
        across, down = _ALIKE * size[0], _ALIKE * size[1]
        return (
            max(abs(self.left - other.left), abs(self.right - other.right)) <= across
            and max(abs(self.top - other.top), abs(self.bottom - other.bottom)) <= down
        )


def boxes(image: Image.Image) -> list[Box]:
    """The parts of an RGB picture that somebody may have framed, at most MOST.

    None of them is the whole picture, or as good as the same as another one.
    """
    size = image.size
    found = [Box(0, 0, *size)]
    for box in _candidates(image):
        if _large(box, found[0]) and not any(box.alike(other, size) for other in found):
            found.append(box)
    return found[1 : 1 + MOST]


def _candidates(image: Image.Image) -> Iterator[Box]:
    whole = panel = Box(0, 0, *image.size)
    for depth in range(_DEPTH):
        part = panel.cut(image)
        colours = _edge_colours(part)
        if not colours:
            break
        frame = _frame(part, colours)
        inner = _span_box(frame, largest=True).within(panel.left, panel.top)
        if depth == 0:
            # A picture may itself end in one colour, which then seems to be the frame's.
            yield from (_span_box(_frame(part, [each]), largest=True) for each in colours[1:] and colours)
            yield _span_box(frame, largest=False)
        if inner == panel or not _large(inner, whole):
            break
        yield inner
        panel = inner
    sharp = _sharp_box(image)
    if sharp is not None:
        yield sharp


def _large(box: Box, whole: Box) -> bool:
    return box.right - box.left >= _LEAST * whole.right and box.bottom - box.top >= _LEAST * whole.bottom


def _edge_colours(image: Image.Image) -> list[NDArray[np.float64]]:
    """The different colours that edges have throughout, or nearly so."""
    width, height = image.size
    colours: list[NDArray[np.float64]] = []
    for edge in (
        (0, 0, width, 2),
        (0, height - 2, width, height),
        (0, 0, 2, height),
        (width - 2, 0, width, height),
    ):
        pixels = np.asarray(image.crop(edge)).reshape(-1, 3).astype(np.int16)
        colour = median(pixels, 0)
        flat = np.abs(pixels - colour).max(axis=1) <= _FLAT
        if flat.mean() >= _EDGE and not any(
            np.abs(colour - each).max() <= _TOLERANCE / 2 for each in colours
        ):
            colours.append(colour)
    return colours


def _frame(image: Image.Image, colours: list[NDArray[np.float64]]) -> Image.Image:
    """Where pixels have one of these colours, as a grey picture of 0 and 255."""
    frame = Image.new("L", image.size)
    for colour in colours:
        table = [255 if abs(value - each) <= _TOLERANCE else 0 for each in colour for value in range(256)]
        red, green, blue = image.point(table).split()
        frame = ImageChops.lighter(frame, ImageChops.darker(ImageChops.darker(red, green), blue))
    return frame


def _span_box(frame: Image.Image, *, largest: bool) -> Box:
    """What the frame holds: the ``largest`` piece of it, or all."""
    width = frame.width
    top, bottom = _span(_rows(frame), largest=largest)
    left, right = _span(_columns(frame.crop((0, top, width, bottom))), largest=largest)
    # With the columns known, so are the rows that have nothing between them.
    first, last = _span(_rows(frame.crop((left, top, right, bottom))), largest=largest)
    return Box(left, top + first, right, top + last)


def _rows(image: Image.Image) -> Shares:
    return np.asarray(image.reduce((image.width, 1))).reshape(-1)


def _columns(image: Image.Image) -> Shares:
    return np.asarray(image.reduce((1, image.height))).reshape(-1)


def _span(shares: Shares, *, largest: bool) -> tuple[int, int]:
    """From where to where there is more than the frame."""
    content = shares < _PURE
    steps = np.flatnonzero(np.diff(content, prepend=False, append=False))
    if not len(steps):
        return 0, len(shares)
    starts, stops = steps[::2], steps[1::2]
    if not largest:
        return int(starts[0]), int(stops[-1])
    sums = np.concatenate([[0], np.cumsum(255 - shares.astype(np.int64))])
    best = int(np.argmax(sums[stops] - sums[starts]))
    return int(starts[best]), int(stops[best])


def _sharp_box(image: Image.Image) -> Box | None:
    """What stands on a background with less detail, and begins and ends at straight lines."""
    grey = image.convert("L")
    width, height = grey.size
    across = ImageChops.difference(grey, ImageChops.offset(grey, 1, 0)).crop((1, 1, width, height))
    down = ImageChops.difference(grey, ImageChops.offset(grey, 0, 1)).crop((1, 1, width, height))
    rows = _sharp(_means(across, 1), _means(down, 1))
    within = (0, rows[0], width - 1, rows[1])
    columns = _sharp(_means(down.crop(within), 0), _means(across.crop(within), 0))
    if rows == (0, height - 1) and columns == (0, width - 1):
        return None
    # A line is the step to the row behind it.
    left, top = (line[0] + 1 if line[0] else 0 for line in (columns, rows))
    return Box(left, top, columns[1] + 1, rows[1] + 1)


def _means(image: Image.Image, axis: int) -> NDArray[np.float64]:
    pixels = np.asarray(image)
    means: NDArray[np.float64] = pixels.sum(axis=axis, dtype=np.uint32) / pixels.shape[axis]
    return means


def _sharp(detail: NDArray[np.float64], steps: NDArray[np.float64]) -> tuple[int, int]:
    """From which line to which there is more detail than outside of them; if there are none, everything.

    ``detail`` is how much the pixels of each row differ from each other, and ``steps`` from the row before.
    """
    size = len(steps)
    least = max(_STEP, _OUTLIER * float(median(steps, None)))
    lines = [int(line) for line in np.argsort(-steps, kind="stable")[:_LINES] if steps[line] >= least]
    sums = np.concatenate([[0.0], np.cumsum(detail)])

    def mean(start: int, stop: int) -> float:
        return float(sums[stop] - sums[start]) / (stop - start) if stop > start else 0.0

    best, strongest = (0, size), 0.0
    for start, stop in itertools.combinations(sorted({0, *lines, size}), 2):
        if stop - start < _LEAST * size:
            continue
        strength = sum(float(steps[line]) for line in (start, stop) if line in lines)
        outside = max(mean(0, max(start - _LINE, 0)), mean(min(stop + _LINE, size), size))
        if strength > strongest and outside <= _SOFTER * mean(start, stop):
            best, strongest = (start, stop), strength
    return best
