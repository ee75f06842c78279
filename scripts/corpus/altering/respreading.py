"""Copies of copies: a screen photographed, a picture that went through several hands."""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
from corpus.altering import covering
from corpus.altering.alteration import Alteration, Picture, changed, encoded, scaled, written
from corpus.altering.colouring import contrast, saturation
from corpus.altering.cropping import anywhere, centred
from corpus.seeds import Random
from PIL import Image, ImageFilter

SCREEN: Final = "photo of a screen"
CHAIN: Final = "repost chain"


def reopened(picture: Picture, quality: int) -> Picture:
    """Saved as a JPEG and opened again."""
    with Image.open(io.BytesIO(written(picture, "JPEG", quality=quality))) as read:
        return read.convert("RGB")


def photo_of_a_screen(picture: Picture, random: Random) -> Picture:
    """Held by hand before a screen: perspective, the screen's rows, glare, a colour cast, noise, blur."""
    factor = 900 / max(picture.size)
    small = scaled(picture, factor)
    width, height = small.size
    pixels = np.asarray(small, np.float32)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    turn, period = random.uniform(-0.2, 0.2), random.uniform(2.2, 4.5)
    grid = np.sin((columns * np.cos(turn) + rows * np.sin(turn)) * 2 * np.pi / period)
    grid += np.sin((rows * np.cos(turn) - columns * np.sin(turn)) * 2 * np.pi / (period * 1.07))
    pixels *= (1 + 0.045 * grid)[..., None]
    at = random.uniform(0.1, 0.9, 2) * (width, height)
    reach = random.uniform(0.15, 0.3) * width
    glare = np.exp(-((columns - at[0]) ** 2 + (rows - at[1]) ** 2) / (2 * reach**2))
    pixels = pixels * 0.9 + 12 + 90 * glare[..., None]
    pixels *= random.uniform(0.9, 1.1, 3)
    screen = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    margin = round(0.06 * width)
    desk = Image.new("RGB", (width + 2 * margin, height + 2 * margin), (28, 27, 30))
    desk.paste(screen, (margin, margin))
    shifts = random.uniform(-0.035, 0.035, (4, 2)) * desk.size
    corners = np.array([(0, 0), (desk.width, 0), (desk.width, desk.height), (0, desk.height)], float)
    seen = desk.transform(
        desk.size,
        Image.Transform.PERSPECTIVE,
        perspective(corners, corners + shifts),
        Image.Resampling.BICUBIC,
    ).filter(ImageFilter.GaussianBlur(0.8))
    noisy = np.asarray(seen, np.float32) + random.normal(0, 5, (desk.height, desk.width, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def perspective(to: Any, source: Any) -> list[float]:  # noqa: ANN401 - arrays of four points
    """The eight numbers by which Pillow finds for a point of the result its point in the source."""
    rows, wanted = [], []
    for (x, y), (u, v) in zip(to, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    solved: list[float] = np.linalg.solve(np.array(rows), np.array(wanted)).tolist()
    return solved


def _light(picture: Picture, random: Random) -> bytes:
    """Two platforms: smaller, saved twice, a little cropped."""
    smaller = reopened(scaled(anywhere(0.0, 0.02)(picture, random), 0.75), 60)
    return written(scaled(smaller, 1.2), "JPEG", quality=50)


def _heavy(picture: Picture, random: Random) -> bytes:
    """A repost: 5 % off at the edges, a subtitle, stronger colours, smaller, saved badly."""
    cropped = reopened(centred(0.05)(picture, random), 60)
    bolder = saturation(1.2)(contrast(1.25)(covering.subtitle(cropped, random), random), random)
    return written(scaled(bolder, 0.7), "JPEG", quality=40)


ALTERATIONS: Final[tuple[Alteration, ...]] = (
    changed("photo of a screen", SCREEN, photo_of_a_screen),
    encoded("repost light", CHAIN, _light),
    encoded("repost heavy", CHAIN, _heavy),
)
