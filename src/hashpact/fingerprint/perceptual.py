"""Pictures to perceptual fingerprints: pdq/1 and phash/1.

The recipes are in docs/methods/pdq-1.md and phash-1.md. The cosine transform of phash is written out here:
imagehash takes scipy for it, which would cost every command a good part of a second. The kernel makes the
pixels that it is of, as Pillow does, of pictures that are not higher than wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashpact import _kernel
from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint
from hashpact.errors import UnusableFingerprintError
from hashpact.fingerprint.images import Picture

POSITIONS: Final = 8
"""As a picture is; rotated by 90, 180 and 270 degrees counterclockwise; upside down; mirrored left to right;
mirrored at the diagonal from top left; mirrored at the other one."""

_SIDE: Final = 32
"""Of this many pixels is the square of which phash takes the frequencies."""

_WIDEST: Final = 1 << 16
"""The most pixels across of a picture that the kernel makes small, and of which it works on several rows."""

_ROWS: Final = 16
"""So many rows the kernel works on together, of a picture that is not wider than `_WIDEST`."""

_PIECE: Final = 16 * 1024 * 1024
"""Bytes of a picture that Pillow has in one piece, unless the environment says otherwise."""

_KEPT: Final = 8

_COSINES: Final = np.array(
    [[2 * np.cos(np.pi * k * (2 * n + 1) / (2 * _SIDE)) for n in range(_SIDE)] for k in range(_KEPT)]
)
"""The first rows of the discrete cosine transform of type II, without normalisation."""

_NOISE: Final = 8.0
"""What a copy of good quality changes a frequency of phash by."""

MOST_DOUBTFUL: Final = 96
"""Photographs have 20 to 50 doubtful bits, of which small noise changes few; symmetric pictures have 110 and
more, and their copies are 60 bits away."""

_DOUBTFUL_OF_PHASH: Final = 20
"""Half of so many bits is the widest distance of phash/1. Photographs have 0 to 3, symmetric pictures 32."""


_APART: Final = 4
"""Codes of photographs have rows that differ in 8 bits and more in all; unlike patterns share one code."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """What is left of a picture once it has been read: a quarter of its memory.

    ``codes`` are of PDQ, in all POSITIONS, and have one ``quality``. ``doubtful`` is how many bits of the
    first one are a matter of chance.
    """

    codes: tuple[bytes, ...]
    quality: int
    doubtful: int
    _small: _Small

    @property
    def small(self) -> NDArray[np.uint8]:
        """The picture in grey, 32 x 32, as Pillow makes it with LANCZOS.

        It is made when it is asked for: of a narrow picture that takes memory, and the picture may be gone.
        """
        return self._small.finish()


def reduced(picture: Picture) -> Reduced:
    """All that the recipes need of ``picture``, from one pass over its bands."""
    width, height = picture.size
    made, small = _kernel.Pdq(width, height), _Small(width, height)
    for band in bands(picture):
        pixels = held(band)
        made.add(pixels)
        small.add(band, pixels)
    codes, quality, doubtful = made.finish()
    return Reduced(tuple(codes), quality, doubtful, small)


def bands(picture: Picture) -> Iterator[Image.Image]:
    """The picture in RGB, from top to bottom: whole, without a copy, if Pillow has it so in one piece."""
    width, height = picture.size
    if picture.image.mode == "RGB" and picture.background is None and 4 * width * height <= _PIECE:
        yield picture.image
    else:
        yield from picture.bands(_ROWS if width <= _WIDEST else 1)


def held(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of an image in RGB as Pillow has them, each with a fourth byte: (height, width, 4).

    They stay in Pillow's own memory, unless that is in several pieces.
    """
    try:
        _, array = image.__arrow_c_array__()
    except ValueError:
        whole = np.frombuffer(image.tobytes("raw", "RGBX"), np.uint8)
        return whole.reshape(image.height, image.width, 4)
    return _kernel.pixels(array, image.height, image.width)


def pdq(of: Reduced) -> Fingerprint:
    """The pdq/1 fingerprint, with its quality: of the full resolution, equal to the reference's to the bit.

    Raises UnusableFingerprintError for a picture with too little structure, or of which a copy would not
    match.
    """
    found = Fingerprint(PDQ, of.codes[0], of.quality)
    if of.doubtful > MOST_DOUBTFUL:
        raise _doubtful(PDQ.name, of.doubtful, PDQ.size)
    return found


def phash(of: Reduced) -> Fingerprint:
    """The phash/1 fingerprint. Its bytes are those of imagehash's own hex string.

    Raises UnusableFingerprintError as ``pdq`` does.
    """
    frequencies = transformed(of.small)
    found = Fingerprint(PHASH, phash_codes(frequencies)[0])
    doubtful = _doubtful_bits(frequencies)
    if doubtful > _DOUBTFUL_OF_PHASH:
        raise _doubtful(PHASH.name, doubtful, PHASH.size)
    if not is_distinctive(frequencies):
        msg = (
            f"refused {PHASH.name}: its rows, or its columns, are one and the same but for {_APART} bits "
            "at most, as those of patterns are, so that it would match too much"
        )
        raise UnusableFingerprintError(msg, field="value")
    return found


def is_distinctive(frequencies: NDArray[np.float64]) -> bool:
    """Whether a phash says enough to find copies, and nothing but copies."""
    if _doubtful_bits(frequencies) > _DOUBTFUL_OF_PHASH:
        return False
    bits = frequencies > median(frequencies, None)
    for lines in (bits, bits.T):
        # How far each line is from each other one or from its opposite, whichever is nearer.
        apart = (lines[:, np.newaxis] ^ lines[np.newaxis]).sum(axis=2)
        if np.minimum(apart, _KEPT - apart).sum(axis=1).min() <= _APART:
            return False
    return True


def _doubtful_bits(frequencies: NDArray[np.float64]) -> int:
    """How many bits of phash are a matter of chance, because their frequency is as good as the median."""
    return int((np.abs(frequencies - median(frequencies, None)) < _NOISE).sum())


def median(values: NDArray[Any], axis: int | None) -> NDArray[np.float64]:
    """What numpy's own function gives, which first loads a module for masked arrays: 20 ms of a command."""
    ordered = np.sort(values, axis=axis)
    size = len(ordered)
    return np.asarray(ordered[(size - 1) // 2 : size // 2 + 1].mean(axis=0))


def transformed(small: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The 8 x 8 lowest frequencies of 32 x 32 grey pixels, as imagehash takes them."""
    found: NDArray[np.float64] = _COSINES @ small.astype(np.float64) @ _COSINES.T
    return found


def made_small(grey: Image.Image) -> NDArray[np.uint8]:
    """A picture in mode L as 32 x 32 pixels."""
    small = _Small(*grey.size)
    small.add_grey(grey)
    return small.finish()


class _Small:
    """Makes a picture in mode L small, from bands of it: to the bit as Pillow's LANCZOS.

    The kernel does it several times faster where Pillow begins with the rows, as it does unless a picture is
    higher than wide. It keeps 24 bytes of weights for each pixel of the width.
    """

    def __init__(self, width: int, height: int) -> None:
        kernel = height <= width <= _WIDEST
        self._by_rows = _kernel.Lanczos(width, height) if kernel else None
        self._whole = None if kernel else Image.new("L", (width, height))
        self._top = 0
        self._made: NDArray[np.uint8] | None = None

    def add(self, band: Image.Image, pixels: NDArray[np.uint8]) -> None:
        """The next rows, in RGB, and what is `held` of them."""
        if self._by_rows is not None:
            self._by_rows.add(pixels)
        else:
            self.add_grey(band.convert("L"))

    def add_grey(self, band: Image.Image) -> None:
        """The next rows, in mode L."""
        if self._by_rows is not None:
            self._by_rows.add_grey(np.asarray(band))
        if self._whole is not None:
            self._whole.paste(band, (0, self._top))
        self._top += band.height

    def finish(self) -> NDArray[np.uint8]:
        """The small picture, after the last row; the large one is then forgotten."""
        if self._made is None:
            if self._by_rows is not None:
                self._made = np.frombuffer(self._by_rows.finish(), dtype=np.uint8).reshape(_SIDE, _SIDE)
            if self._whole is not None:
                self._made = np.asarray(self._whole.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS))
            self._by_rows = self._whole = None
        assert self._made is not None  # noqa: S101 - either way of the two
        return self._made


def phash_codes(frequencies: NDArray[np.float64]) -> list[bytes]:
    """The codes of phash of a picture in all POSITIONS.

    Mirroring a picture changes the sign of its odd frequencies, and nothing else.
    """
    odd = np.where(np.arange(_KEPT) % 2, -1.0, 1.0)
    across, down = frequencies * odd, frequencies * odd[:, np.newaxis]
    both = across * odd[:, np.newaxis]
    turned = (frequencies, across.T, both, down.T, down, across, frequencies.T, both.T)
    return [np.packbits(each > median(each, None)).tobytes() for each in turned]


def _doubtful(name: str, doubtful: int, size: int) -> UnusableFingerprintError:
    msg = (
        f"refused {name}: {doubtful} of {size * 8} bits are a matter of chance, as in bars and "
        "symmetric pictures, so that a copy would not match"
    )
    return UnusableFingerprintError(msg, field="value")
