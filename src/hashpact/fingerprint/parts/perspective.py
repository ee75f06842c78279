"""The check of a match by parts at the pixels: whether an upload has an entry's keypoints where it should.

A similarity says where, and for a picture seen in perspective, such as a photograph of a screen, a homography
(Hartley, Zisserman, "Multiple view geometry in computer vision", 2004, chapter 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashpact.domain.checks import Transform
from hashpact.domain.fingerprints import Fingerprint
from hashpact.fingerprint.parts.keypoints import (
    LONG_SIDE,
    UNIT,
    Points,
    described,
    opencv,
    points_of,
    working_of,
)

_AGREEING: Final = 0.4
"""The least share of visible keypoints that a copy has in place: letters may cover the others."""
_POINTS: Final = 16
"""Points of a match that count as much as the agreement of all visible keypoints."""
_SURE: Final = 0.75
"""The share with which a similarity fits so well that no homography is looked for."""
_NEAR: Final = 64
"""The most bits in which a descriptor of a copy differs, where it is recomputed."""
_FEWEST: Final = 10
"""Keypoints that must be visible for a share of them to say anything: fewer may be of one edge."""
_PAIRS: Final = 8
"""Keypoints that a homography must fit, which four define."""
_BENT: Final = 0.06
"""How far perspective may put a keypoint from where the transform does, as a share of the long side."""
_OCTAVES: Final = 0.6
_DEGREES: Final = 30.0
_NONE: Final = 0xFFFF
_EXACT: Final = 0.125
"""How near to its place in perspective a keypoint must be, as a share of how far that may be off."""

Homography = NDArray[np.float64]
"""3 x 3, of places in pixels of working pictures: the center of the first pixel is at 0.5, 0.5."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many keypoints of an entry fall into the upload, and the share of them that it has there.

    ``share`` is what agrees beyond chance (Cohen's kappa): 1 if all do, 0 if they agree at each other's
    places as often as at their own. So smooth pictures and patterns gain nothing by having one keypoint
    everywhere. It is None if fewer than 10 are visible.
    """

    visible: int
    share: float | None

    def confirms(self, points: float) -> bool:
        """Whether a match by so many points is one of a copy: the fewer they are, the more must agree.

        The share and a sixteenth for each point are at least 1 together, and the share is at least 0.4.
        """
        return self.share is not None and self.share >= max(_AGREEING, 1 - points / _POINTS)


def agreement(
    entry: Fingerprint, query: Fingerprint, grey: Image.Image, place: Transform, *, mirrored: bool = False
) -> Agreement:
    """What the upload ``grey`` has at the places where ``place`` puts the keypoints of ``entry``.

    A descriptor is computed at each place, and agrees if it differs in at most 64 of 256 bits. If under three
    quarters do, the upload may show the entry's picture in perspective: if more agree there, the places are
    those of the homography that fits the keypoints of ``query`` which are near to where they should be.

    ``query`` is that of `parts_to_check` which found the entry, and ``mirrored`` whether it is the one of the
    mirror image. Raises ConfigError if OpenCV is not installed.
    """
    working = working_of(grey)
    if mirrored:
        working = np.ascontiguousarray(working[:, ::-1])
    units = np.frombuffer(entry.value, UNIT)
    turned = place.scale * np.exp(1j * np.deg2rad(place.rotation))
    similar = np.array(
        [
            [turned.real, -turned.imag, LONG_SIDE * place.x],
            [turned.imag, turned.real, LONG_SIDE * place.y],
            [0, 0, 1],
        ]
    )
    seen = _seen(working, units, similar)
    if (seen.share or 0) >= _SURE:
        return seen
    fitted = _fitted(units, np.frombuffer(query.value, UNIT), similar, working.shape)
    return (
        seen if fitted is None else max(seen, _seen(working, units, fitted), key=lambda one: one.share or 0)
    )


def _seen(working: NDArray[np.uint8], units: NDArray[np.void], by: Homography) -> Agreement:
    points = _through(by, points_of(units))
    inside = _inside(points, working.shape)
    kept, descriptors = described(working, np.column_stack([points[inside], np.flatnonzero(inside)]))
    if len(kept) < _FEWEST:
        return Agreement(len(kept), None)
    apart = descriptors[:, None] ^ units["descriptor"][kept[:, 5].astype(int)]
    return Agreement(len(kept), _beyond_chance(np.bitwise_count(apart).sum(axis=2) <= _NEAR))


def _beyond_chance(alike: NDArray[np.bool_]) -> float:
    """The share of the diagonal that is set beyond what is set beside it (Cohen, 1960), at least 0."""
    right, count = int(alike.trace()), len(alike)
    chance = (int(alike.sum()) - right) / (count * (count - 1))
    return max((right / count - chance) / (1 - chance), 0.0) if chance < 1 else 0.0


def _fitted(
    entry: NDArray[np.void], query: NDArray[np.void], by: Homography, shape: tuple[int, ...]
) -> Homography | None:
    """The homography near ``by`` that puts 8 or more of an entry's keypoints where the query has the same."""
    cv2 = opencv()
    shared, asked = points_of(entry), points_of(query)
    put = _through(by, shared)
    off = np.abs(_centers(put)[:, None] - _centers(asked))
    octaves = np.abs(np.log2(put[:, None, 2] / asked[:, 2]))
    degrees = np.abs((put[:, None, 3] - asked[:, 3] + 180) % 360 - 180)
    bits = np.bitwise_count(entry["descriptor"][:, None] ^ query["descriptor"]).sum(axis=2)
    reach = _BENT * LONG_SIDE * min(1.0, float(np.hypot(by[0, 0], by[1, 0])))
    bits[(off > reach) | (octaves > _OCTAVES) | (degrees > _DEGREES)] = _NONE
    same = np.argmin(bits, axis=1)
    near = np.flatnonzero(bits[np.arange(len(bits)), same] <= _NEAR)
    if len(near) < _PAIRS:
        return None
    one, other = shared[near, :2] + 0.5, asked[same[near], :2] + 0.5
    fitted, kept = cv2.findHomography(one, other, cv2.RANSAC, _EXACT * reach)
    if fitted is None or kept.sum() < _PAIRS:
        return None
    bent = np.abs(_centers(_through(fitted, shared)) - _centers(put))
    return fitted if bent[_inside(put, shape)].max(initial=0) <= reach else None


def _inside(points: Points, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which keypoints lie in a picture as a whole, and are large enough to be described."""
    x, y, radius = points[:, 0], points[:, 1], points[:, 2] / 2
    height, width = shape
    found: NDArray[np.bool_] = (
        (x >= radius) & (x < width - radius) & (y >= radius) & (y < height - radius) & (radius >= 1)
    )
    return found


def _through(by: Homography, points: Points) -> Points:
    """The keypoints where a homography puts them, with the size and the angle that they have there."""
    x, y = points[:, 0] + 0.5, points[:, 1] + 0.5
    u, v, w = by @ np.stack([x, y, np.ones_like(x)])
    # How the place in the picture moves with x and with y.
    across, down = ((by[0, i] + 1j * by[1, i] - by[2, i] * (u + 1j * v) / w) / w for i in (0, 1))
    put = points.copy()
    put[:, 0], put[:, 1] = u / w - 0.5, v / w - 0.5
    turned = across - 1j * down  # twice the similarity that is nearest
    put[:, 2] *= np.abs(turned) / 2
    put[:, 3] = (points[:, 3] + np.rad2deg(np.angle(turned))) % 360
    return put


def _centers(points: Points) -> NDArray[np.complex128]:
    centers: NDArray[np.complex128] = points[:, 0] + 1j * points[:, 1]
    return centers
