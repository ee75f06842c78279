"""Pictures to parts/1: well-spread keypoints with binary descriptors, the first ones far apart.

The recipe is in docs/methods/parts-1.md. OpenCV does the work; it comes with the extra ``parts`` and is
imported when first used.
"""

from __future__ import annotations

from types import ModuleType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashpact.domain.fingerprints import PARTS, Fingerprint
from hashpact.errors import ConfigError, UnusableFingerprintError
from hashpact.fingerprint.parts.tones import is_flat, photographed, sized

LONG_SIDE: Final = 640
"""The long side of the working picture, in pixels: places and sizes of keypoints count in these."""

_DETECTED: Final = 432
"""The long side of the picture in which keypoints are found: finer detail seldom survives copying."""
_SHORTEST: Final = 64
"""The least short side of the working picture, in pixels."""
_CONTRAST: Final = 0.004
_CLEAR: Final = 0.01 / 3
"""The response that keypoints have at a contrast of 0.01: the others are faint."""

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
UNIT: Final = np.dtype(
    [("descriptor", "u1", 32), ("x", ">u2"), ("y", ">u2"), ("size", "u1"), ("angle", "u1")]
)
"""A keypoint in a fingerprint."""

Points = NDArray[np.float64]
"""Keypoints, a row each: x, y and diameter in pixels, the angle in degrees, the response."""


def parts(grey: Image.Image) -> Fingerprint:
    """The parts/1 of a picture in mode L, to be shared: up to 128 keypoints, the most significant first.

    Raises UnusableFingerprintError for a flat or text-like picture, for one with fewer than 32 keypoints and
    for one that is too narrow; ConfigError if OpenCV is not installed.
    """
    working = working_of(grey)
    where = photographed(grey)
    flat = where is None and is_flat(grey)
    points = _found(working, _SIZE, _ENOUGH, flat=flat, where=where)
    return _packed(*described(working, points), PARTS.least_shared)


def parts_to_check(grey: Image.Image) -> tuple[Fingerprint, ...]:
    """The parts/1 to check a picture in mode L with: up to 300 keypoints; of its mirror image, too.

    They hold finer detail than what is shared, because a copy may show the whole at a smaller size. They
    are never to be shared. Raises as `parts`, but for flat and text-like pictures, and with fewer than 8
    keypoints.
    """
    working = working_of(grey)
    fewest, most = PARTS.count
    points = _found(working, _QUERY_SIZE, most, flat=is_flat(grey))
    mirrored = points.copy()
    mirrored[:, 0] = working.shape[1] - 1 - points[:, 0]
    mirrored[:, 3] = (180 - points[:, 3]) % 360
    flipped = np.ascontiguousarray(working[:, ::-1])
    return tuple(
        _packed(*described(pixels, some), fewest) for pixels, some in ((working, points), (flipped, mirrored))
    )


def reduced(grey: Image.Image) -> Image.Image:
    """The picture that everything here is made of: its long side has 640 pixels."""
    return sized(grey, LONG_SIDE, larger=True)


def opencv() -> ModuleType:
    """OpenCV with what parts need of it. Raises ConfigError if that is not installed."""
    try:
        import cv2  # an extra
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


def working_of(grey: Image.Image) -> NDArray[np.uint8]:
    """The pixels of `reduced`. Raises UnusableFingerprintError if there are too few of them across."""
    working = reduced(grey)
    if min(working.size) < _SHORTEST:
        msg = (
            f"refused {PARTS.name}: the picture is more than {LONG_SIDE // _SHORTEST} times longer than wide"
        )
        raise UnusableFingerprintError(msg, field="value")
    return np.asarray(working, dtype=np.uint8)


def _found(
    working: NDArray[np.uint8],
    least: float,
    most: int,
    *,
    flat: bool,
    where: NDArray[np.bool_] | None = None,
) -> Points:
    """At most so many keypoints; of a picture that is smooth and not flat, fainter and smaller ones, too.

    ``where``: only those in these parts of the picture.
    """
    every = _inside(_detected(working), working.shape, where)
    clear = every[:, 4] >= _CLEAR
    points = _spread(every[clear], working.shape, least)
    if len(points) >= most or flat:
        return points[:most]
    large = every[:, 2] >= least
    faint = _spread(every[~clear & large], working.shape, least)
    smaller = _spread(every[~large], working.shape, _SMALLER * least)
    return np.concatenate([points, faint, smaller])[:most]


def _inside(points: Points, shape: tuple[int, ...], where: NDArray[np.bool_] | None) -> Points:
    if where is None:
        return points
    high, wide = where.shape
    columns = ((points[:, 0] + 0.5) * (wide / shape[1])).astype(int).clip(0, wide - 1)
    rows = ((points[:, 1] + 0.5) * (high / shape[0])).astype(int).clip(0, high - 1)
    kept: Points = points[where[rows, columns]]
    return kept


def _detected(working: NDArray[np.uint8]) -> Points:
    """The keypoints of the difference of Gaussians (Lowe, 2004), in pixels of ``working``."""
    cv2 = opencv()
    by = _DETECTED / LONG_SIDE
    small = cv2.resize(working, None, fx=by, fy=by, interpolation=cv2.INTER_AREA)
    found = cv2.SIFT_create(contrastThreshold=_CONTRAST).detect(small)
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


def described(working: NDArray[np.uint8], points: Points) -> tuple[Points, NDArray[np.uint8]]:
    """BEBLID-256 (Suarez et al., 2020) at these keypoints, and the ones that can have it."""
    cv2 = opencv()
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
    units = np.zeros(len(points), UNIT)
    units["descriptor"] = descriptors
    places = np.floor((points[:, :2] + 0.5) * (65536 / LONG_SIDE)).clip(0, 65535)
    units["x"], units["y"] = places.T
    units["size"] = np.round(32 * np.log2(points[:, 2])).clip(0, 255)
    units["angle"] = np.round(points[:, 3] * (256 / 360)).astype(int) % 256
    return Fingerprint(PARTS, units.tobytes())


def points_of(units: NDArray[np.void]) -> Points:
    """The keypoints of a fingerprint, in pixels of a working picture; without a response."""
    x, y = ((units[name] + 0.5) * (LONG_SIDE / 65536) - 0.5 for name in ("x", "y"))
    return np.column_stack([x, y, 2 ** (units["size"] / 32), units["angle"] * (360 / 256), np.zeros(len(x))])
