"""Pictures to parts/1: well-spread keypoints with binary descriptors, and the check of a match at the pixels.

The recipe is in docs/methods/parts-1.md. OpenCV does the work; it comes with the extra ``parts`` and is
imported when first used.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashpact.domain.checks import Transform
from hashpact.domain.fingerprints import PARTS, Fingerprint
from hashpact.errors import ConfigError, UnusableFingerprintError

LONG_SIDE: Final = 640
"""The long side of the working picture, in pixels: places and sizes of keypoints count in these."""

AGREEING: Final = 0.5
"""The least share of visible keypoints that a copy has where the transform says; see `Agreement`."""

_DETECTED: Final = 432
"""The long side of the picture in which keypoints are found: finer detail seldom survives copying."""
_SHORTEST: Final = 64
"""The least short side of the working picture, in pixels."""
_CONTRAST: Final = 0.01
_FAINT_CONTRAST: Final = 0.004

_SMALLER: Final = 0.8
_ENOUGH: Final = 128
"""Keypoints with which a picture is not smooth: the faint ones cost as much time again."""
_SIZE: Final = 4.4
"""The least size of a keypoint that is shared, in pixels: one that a copy at half the size still has."""
_QUERY_SIZE: Final = 3.5
_GRID: Final = 8
_IN_CELL: Final = 6
_SPREAD: Final = 640
"""Keypoints that are compared with each other to spread them, the strongest: bounds time and memory."""
_STRONGER: Final = 0.9
_OCTAVE: Final = LONG_SIDE / 8
"""How far apart, in pixels, two keypoints of one place count whose sizes differ by a factor of 2."""
_WINDOW: Final = 6.75
"""BEBLID's window for keypoints of SIFT, as its authors' code has it."""
_NEAR: Final = 64
"""The most bits in which a descriptor of a copy differs, where it is recomputed."""
_FEWEST: Final = 8
"""Keypoints that must be visible for a share of them to say anything."""
_TONES: Final = 256
"""The long side of the picture whose grey tones are counted."""
_PLAIN: Final = 0.5
_FLAT_TONES: Final = 3
_FLAT: Final = 0.6
_UNIT: Final = np.dtype(
    [("descriptor", "u1", 32), ("x", ">u2"), ("y", ">u2"), ("size", "u1"), ("angle", "u1")]
)

Points = NDArray[np.float64]
"""Keypoints, a row each: x, y and diameter in pixels, the angle in degrees, the response."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many keypoints of an entry fall into the upload, and the share of them that it has there.

    ``share`` is None if fewer than 8 are visible.
    """

    visible: int
    share: float | None

    @property
    def confirmed(self) -> bool:
        """Whether at least half of the keypoints agree."""
        return self.share is not None and self.share >= AGREEING


def parts(grey: Image.Image) -> Fingerprint:
    """The parts/1 of a picture in mode L, to be shared: up to 128 keypoints, the most significant first.

    Raises UnusableFingerprintError for a flat or text-like picture, for one with fewer than 32 keypoints and
    for one that is too narrow; ConfigError if OpenCV is not installed.
    """
    plain = tones_share(grey, 1)
    if plain > _PLAIN:
        msg = (
            f"refused {PARTS.name}: one grey tone covers {plain:.0%} of the picture; "
            "the keypoints of flat pictures and of texts are in many others, too"
        )
        raise UnusableFingerprintError(msg, field="value")
    working = _working(grey)
    points = _found(working, _SIZE, _ENOUGH, flat=_is_flat(grey))
    return _packed(*_described(working, points), PARTS.least_shared)


def parts_to_check(grey: Image.Image) -> tuple[Fingerprint, ...]:
    """The parts/1 to check a picture in mode L with: up to 300 keypoints; of its mirror image, too.

    They hold finer detail than what is shared, because a copy may show the whole at a smaller size. They
    are never to be shared. Raises as `parts`, but for flat and text-like pictures, and with fewer than 8
    keypoints.
    """
    working = _working(grey)
    fewest, most = PARTS.count
    points = _found(working, _QUERY_SIZE, most, flat=_is_flat(grey))
    mirrored = points.copy()
    mirrored[:, 0] = working.shape[1] - 1 - points[:, 0]
    mirrored[:, 3] = (180 - points[:, 3]) % 360
    flipped = np.ascontiguousarray(working[:, ::-1])
    return tuple(
        _packed(*_described(pixels, some), fewest)
        for pixels, some in ((working, points), (flipped, mirrored))
    )


def agreement(
    entry: Fingerprint, grey: Image.Image, place: Transform, *, mirrored: bool = False
) -> Agreement:
    """What the upload ``grey`` has at the places where ``place`` puts the keypoints of ``entry``.

    A descriptor is computed at each place, and agrees if it differs in at most 64 of 256 bits. ``mirrored``:
    the match is one of the upload's mirror image. Raises ConfigError if OpenCV is not installed.
    """
    working = _working(grey)
    if mirrored:
        working = np.ascontiguousarray(working[:, ::-1])
    height, width = working.shape
    units = np.frombuffer(entry.value, _UNIT)
    points = _points(units)
    turned = place.scale * np.exp(1j * np.deg2rad(place.rotation))
    put = turned * (points[:, 0] + 0.5 + 1j * (points[:, 1] + 0.5)) + LONG_SIDE * (place.x + 1j * place.y)
    x, y = put.real - 0.5, put.imag - 0.5
    points[:, 0], points[:, 1] = x, y
    points[:, 2] *= place.scale
    points[:, 3] = (points[:, 3] + place.rotation) % 360
    radius = points[:, 2] / 2
    inside = (x >= radius) & (x < width - radius) & (y >= radius) & (y < height - radius) & (radius >= 1)
    kept, descriptors = _described(working, np.column_stack([points[inside], np.flatnonzero(inside)]))
    if len(kept) < _FEWEST:
        return Agreement(len(kept), None)
    apart = np.bitwise_count(descriptors ^ units["descriptor"][kept[:, 5].astype(int)]).sum(axis=1)
    return Agreement(len(kept), float((apart <= _NEAR).mean()))


def reduced(grey: Image.Image) -> Image.Image:
    """The picture that everything here is made of: its long side has 640 pixels."""
    return _sized(grey, LONG_SIDE, larger=True)


def tones_share(grey: Image.Image, count: int) -> float:
    """The share of a picture that its ``count`` most common grey tones cover, each with those next to it.

    Counted with a long side of at most 256 pixels: over half of a screenshot of text is background, and of
    a photograph seldom.
    """
    tones = np.bincount(np.asarray(_sized(grey, _TONES, larger=False)).ravel(), minlength=256)
    whole, covered = tones.sum(), 0
    for _ in range(count):
        near = np.convolve(tones, (1, 1, 1), "same")
        most = int(near.argmax())
        covered += int(near[most])
        tones[max(most - 1, 0) : most + 2] = 0
    return float(covered / whole)


def _is_flat(grey: Image.Image) -> bool:
    """Whether it is drawn in a few tones: the edges of simple shapes are in many other pictures, too."""
    return tones_share(grey, _FLAT_TONES) > _FLAT


def _opencv() -> ModuleType:
    try:
        import cv2  # noqa: PLC0415 - late, and an extra
    except ImportError as exc:
        msg = "parts/1 needs OpenCV: pip install 'hashpact[parts]'"
        raise ConfigError(msg) from exc
    found: ModuleType = cv2
    if not hasattr(found, "xfeatures2d"):
        msg = (
            "parts/1 needs OpenCV with its contributed modules, and another OpenCV is installed: remove it, "
            "then pip install 'hashpact[parts]'"
        )
        raise ConfigError(msg)
    return found


def _sized(grey: Image.Image, side: int, *, larger: bool) -> Image.Image:
    width, height = grey.size
    if max(width, height) == side or (max(width, height) < side and not larger):
        return grey
    by = side / max(width, height)
    size = (max(round(width * by), 1), max(round(height * by), 1))
    return grey.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)


def _working(grey: Image.Image) -> NDArray[np.uint8]:
    sized = reduced(grey)
    if min(sized.size) < _SHORTEST:
        msg = (
            f"refused {PARTS.name}: the picture is more than {LONG_SIDE // _SHORTEST} times longer than wide"
        )
        raise UnusableFingerprintError(msg, field="value")
    return np.asarray(sized, dtype=np.uint8)


def _found(working: NDArray[np.uint8], least: float, most: int, *, flat: bool) -> Points:
    """At most so many keypoints; of a picture that is smooth and not flat, fainter and smaller ones, too."""
    points = _spread(_detected(working, _CONTRAST), working.shape, least)
    if len(points) >= _ENOUGH or flat:
        return points[:most]
    every = _detected(working, _FAINT_CONTRAST)
    smaller = _spread(every[every[:, 2] < least], working.shape, _SMALLER * least)
    return np.concatenate([_spread(every, working.shape, least), smaller])[:most]


def _detected(working: NDArray[np.uint8], contrast: float) -> Points:
    """The keypoints of the difference of Gaussians (Lowe, 2004), in pixels of ``working``."""
    cv2 = _opencv()
    by = _DETECTED / LONG_SIDE
    small = cv2.resize(working, None, fx=by, fy=by, interpolation=cv2.INTER_AREA)
    found = cv2.SIFT_create(contrastThreshold=contrast).detect(small)
    points = np.array([(*p.pt, p.size, p.angle, p.response) for p in found]).reshape(-1, 5)
    points[:, :2] = (points[:, :2] + 0.5) / by - 0.5
    points[:, 2] /= by
    return points


def _spread(points: Points, shape: tuple[int, ...], least: float) -> Points:
    """The keypoints of at least that size, so ordered that the first ones are strong and far apart.

    The strongest six of each cell of 1/8 x 1/8 of the picture and half an octave are taken, so that big
    letters do not take all places. Then the order is that of adaptive non-maximal suppression (Brown,
    Szeliski, Winder, 2005): by the distance, in place and octave, from the next keypoint that is stronger.
    """
    points = points[points[:, 2] >= least]
    points = points[np.lexsort((points[:, 1], points[:, 0], -points[:, 4]))]
    side = max(shape)
    cells = np.floor(points[:, :2] * _GRID / side)
    octaves = np.log2(points[:, 2])
    key = (np.floor(2 * octaves) * _GRID + cells[:, 1]) * _GRID + cells[:, 0]
    order = np.argsort(key, kind="stable")
    _, first, of = np.unique(key[order], return_index=True, return_inverse=True)
    rank = np.arange(len(order)) - first[of]
    some = np.sort(order[rank < _IN_CELL])[:_SPREAD]
    points, octaves = points[some], octaves[some]
    apart = np.zeros((len(points), len(points)), np.float32)
    for values in (points[:, 0], points[:, 1], octaves * _OCTAVE):
        column = values.astype(np.float32)
        apart += np.square(column[:, None] - column)
    weaker = _STRONGER * points[None, :, 4] <= points[:, 4, None]
    apart[weaker] = np.inf
    radius = apart.min(axis=1, initial=np.inf)
    return points[np.argsort(-radius, kind="stable")]


def _described(working: NDArray[np.uint8], points: Points) -> tuple[Points, NDArray[np.uint8]]:
    """BEBLID-256 (Suarez et al., 2020) at these keypoints, and the ones that can have it."""
    cv2 = _opencv()
    wanted = [
        cv2.KeyPoint(x, y, size, angle, 0, 0, number)
        for number, (x, y, size, angle) in enumerate(points[:, :4].tolist())
    ]
    maker = cv2.xfeatures2d.BEBLID_create(_WINDOW, cv2.xfeatures2d.BEBLID_SIZE_256_BITS)
    kept, descriptors = maker.compute(working, wanted)
    if not kept:
        return points[:0], np.zeros((0, 32), np.uint8)
    return points[[point.class_id for point in kept]], descriptors


def _packed(points: Points, descriptors: NDArray[np.uint8], fewest: int) -> Fingerprint:
    if len(points) < fewest:
        msg = f"refused {PARTS.name}: {len(points)} keypoints, and at least {fewest} are needed"
        raise UnusableFingerprintError(msg, field="value")
    units = np.zeros(len(points), _UNIT)
    units["descriptor"] = descriptors
    places = np.floor((points[:, :2] + 0.5) * (65536 / LONG_SIDE)).clip(0, 65535)
    units["x"], units["y"] = places.T
    units["size"] = np.round(32 * np.log2(points[:, 2])).clip(0, 255)
    units["angle"] = np.round(points[:, 3] * (256 / 360)).astype(int) % 256
    return Fingerprint(PARTS, units.tobytes())


def _points(units: NDArray[np.void]) -> Points:
    """The keypoints of a fingerprint, in pixels of a working picture; without a response."""
    x, y = ((units[name] + 0.5) * (LONG_SIDE / 65536) - 0.5 for name in ("x", "y"))
    return np.column_stack([x, y, 2 ** (units["size"] / 32), units["angle"] * (360 / 256), np.zeros(len(x))])
