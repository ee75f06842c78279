"""Pictures for the demonstration: drawn from a seed, and altered as copies on the web are.

Nothing is shipped and nothing is fetched. A drawing has the structure that perceptual fingerprints need
(clouds, ridges, walls, foliage), and two drawings of one kind with two seeds are two different pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, UnidentifiedImageError

from hashpact.errors import UnusableContentError

WIDTH: Final = 640
HEIGHT: Final = 480

Colour: TypeAlias = tuple[int, int, int]
Field: TypeAlias = npt.NDArray[np.float64]
Random: TypeAlias = np.random.Generator

# The share of each side that a slight crop takes off, and how much lighter "brightened" is.
_CROP: Final = 0.01
_BRIGHTER: Final = 1.25
_LOW_QUALITY: Final = 25


def draw(kind: str, seed: int) -> Image.Image:
    """A picture of WIDTH x HEIGHT pixels of one of the kinds in SCENES; the same for the same arguments."""
    return SCENES[kind](np.random.default_rng(seed))


def _cloud(random: Random, octaves: int = 6, *, width: int = WIDTH, height: int = HEIGHT) -> Field:
    """Fractal noise from 0 to 1: grids of random values, each twice as fine and half as strong."""
    total: Field = np.zeros((height, width))
    for octave in range(octaves):
        cells = 3 * 2**octave
        grid = Image.fromarray(random.random((cells, cells), dtype=np.float32))
        total += np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC)) / 2**octave
    total -= total.min()
    total /= total.max()
    return total


def _blend(low: Colour, high: Colour, share: Field) -> Image.Image:
    """From the colour ``low`` where ``share`` is 0 to ``high`` where it is 1."""
    pixels = np.array(low) + share[:, :, np.newaxis] * (np.array(high) - np.array(low))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _finished(picture: Image.Image, random: Random) -> Image.Image:
    """Softened as by a lens, with the grain of a sensor."""
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.8)), dtype=np.float64)
    grain = (random.random(soft.shape) - 0.5) * 8
    return Image.fromarray((soft + grain).clip(0, 255).astype(np.uint8))


def _hills(random: Random) -> Image.Image:
    """Ridges one behind the other, mist between them, under a cloudy sky with a sun."""
    picture = _blend((40, 70, 140), (255, 240, 215), _cloud(random) ** 1.5)
    x, y = int(random.integers(80, WIDTH - 80)), int(random.integers(50, 130))
    ImageDraw.Draw(picture).ellipse((x - 45, y - 45, x + 45, y + 45), fill=(255, 240, 190))
    rows = np.arange(HEIGHT)[:, np.newaxis]
    for layer in range(4):
        tops = 150 + 75 * layer - 300 * (_cloud(random, 7, width=WIDTH, height=8)[4] - 0.5)
        mist = ((rows - tops) / 170).clip(0, 1)
        shape = Image.fromarray(((rows > tops) * 255).astype(np.uint8))
        picture.paste(_blend((40, 75 - 12 * layer, 60), (210, 220, 225), mist), mask=shape)
    return _finished(picture, random)


def _terraces(random: Random) -> Image.Image:
    """Rice terraces: the contour lines of a rolling slope, with water in some of the steps."""
    height = _cloud(random, 5) * 14
    step = np.floor(height)
    picture = _blend((40, 80, 30), (190, 210, 120), (step * 5 % 7) / 7 * 0.7 + (height - step) * 0.3)
    water = _blend((120, 150, 170), (230, 235, 240), _cloud(random))
    wet = Image.fromarray(((step % 3 == 0) * 255).astype(np.uint8))
    picture.paste(water, mask=wet)
    return _finished(picture, random)


def _harbour(random: Random) -> Image.Image:
    """Boats with sails on rippled water."""
    picture = _blend((250, 200, 150), (150, 170, 210), _cloud(random))
    horizon = int(random.integers(150, 220))
    ripples = _cloud(random, width=WIDTH, height=HEIGHT * 6)[::6][: HEIGHT - horizon]
    picture.paste(_blend((20, 50, 80), (130, 170, 190), ripples), (0, horizon))
    pen = ImageDraw.Draw(picture)
    for row in range(8):
        x, y = int(random.integers(20, WIDTH - 20)), horizon + 10 + row * 25
        size = 20 + 9 * row
        sail = tuple(int(part) for part in random.integers(90, 255, 3))
        pen.polygon(
            [(x, y), (x, y - 3 * size), (x + int(size * random.uniform(0.8, 1.6)), y)],
            fill=(sail[0], sail[1], sail[2]),
        )
        pen.polygon(
            [(x - size, y), (x + 2 * size, y), (x + size, y + size // 2), (x, y + size // 2)],
            fill=(60, 35, 30),
        )
    return _finished(picture, random)


def _town(random: Random) -> Image.Image:
    """Houses in a row of rows, with windows, roofs and a cloudy sky."""
    picture = _blend((90, 130, 190), (240, 240, 245), _cloud(random))
    pen = ImageDraw.Draw(picture)
    for row in range(3):
        x = -int(random.integers(0, 60))
        while x < WIDTH:
            width, top = int(random.integers(50, 130)), 90 + 110 * row + int(random.integers(0, 110))
            wall = random.integers(60, 235, 3)
            fill = (int(wall[0]), int(wall[1]), int(wall[2]))
            pen.rectangle((x, top, x + width, HEIGHT), fill=fill)
            pen.polygon([(x - 6, top), (x + width // 2, top - 40), (x + width + 6, top)], fill=(130, 50, 35))
            for window_y in range(top + 14, HEIGHT, 42):
                for window_x in range(x + 12, x + width - 20, 30):
                    lit = random.random() < 0.3  # noqa: PLR2004 - three windows in ten
                    pen.rectangle(
                        (window_x, window_y, window_x + 14, window_y + 22),
                        fill=(250, 220, 130) if lit else (40, 50, 65),
                    )
            x += width
    return _finished(picture, random)


def _lanterns(random: Random) -> Image.Image:
    """Lanterns of many sizes before a dark street."""
    picture = _blend((10, 8, 20), (90, 50, 60), _cloud(random) ** 2)
    for _ in range(45):
        radius = int(random.integers(8, 60))
        x, y = int(random.integers(0, WIDTH)), int(random.integers(0, HEIGHT))
        red, green = int(random.integers(160, 256)), int(random.integers(40, 220))
        ImageDraw.Draw(picture, "RGBA").ellipse(
            (x - radius, y - radius, x + radius, y + int(radius * 1.3)), fill=(red, green, 40, 200)
        )
    return _finished(picture, random)


def _forest(random: Random) -> Image.Image:
    """Trunks in the mist, thicker and darker the nearer they stand."""
    picture = _blend((110, 140, 120), (225, 235, 220), _cloud(random))
    pen = ImageDraw.Draw(picture)
    for trunk in range(34):
        near = trunk / 34
        x, lean = float(random.uniform(0, WIDTH)), float(random.uniform(-40, 40))
        width, foot = 4 + 26 * near * float(random.random()), 250 + 230 * near
        shade = int(130 - 110 * near)
        pen.polygon(
            [(x, foot), (x + width, foot), (x + lean + width / 2, 0), (x + lean, 0)],
            fill=(shade, shade - 5, int(shade * 0.8)),
        )
    ground = _cloud(random, 7) * 0.5
    leaves = Image.fromarray(((_cloud(random, 7) > 0.55) * 200).astype(np.uint8))  # noqa: PLR2004 - how dense
    picture.paste(_blend((30, 60, 20), (120, 160, 60), ground), mask=leaves)
    return _finished(picture, random)


SCENES: Final[dict[str, Callable[[Random], Image.Image]]] = {
    "hills": _hills,
    "terraces": _terraces,
    "harbour": _harbour,
    "town": _town,
    "lanterns": _lanterns,
    "forest": _forest,
}


def load(path: Path) -> Image.Image:
    """The first frame of a picture file in RGB. Raises UnusableContentError."""
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as exc:
        msg = f"{str(path)!r}: cannot be altered: {' '.join(str(exc).split())}"
        raise UnusableContentError(msg, field="content") from exc


def _resized(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.resize((max(width * 2 // 5, 64), max(height * 2 // 5, 64)), Image.Resampling.LANCZOS)


def _cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    across, down = round(width * _CROP), round(height * _CROP)
    return picture.crop((across, down, width - across, height - down))


def _brightened(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(_BRIGHTER)


def _watermarked(picture: Image.Image) -> Image.Image:
    marked = picture.copy()
    pen = ImageDraw.Draw(marked, "RGBA")
    size = max(picture.height // 18, 10)
    pen.text(
        (picture.width - 8 * size, picture.height - 2 * size),
        "lotus-forum.example",
        (255, 255, 255, 170),
        font_size=size,
    )
    return marked


_ALTERATIONS: Final[dict[str, tuple[Callable[[Image.Image], Image.Image], int]]] = {
    f"re-encoded at quality {_LOW_QUALITY}": (lambda picture: picture, _LOW_QUALITY),
    "resized to 40 %": (_resized, 90),
    "cropped by 1 % a side": (_cropped, 90),
    "brightened by 25 %": (_brightened, 90),
    "watermarked": (_watermarked, 90),
}


def write_original(picture: Image.Image, path: Path) -> Path:
    """Write the picture as a good JPEG."""
    picture.save(path, "JPEG", quality=95)
    return path


def write_copies(picture: Image.Image, stem: Path) -> list[tuple[str, Path]]:
    """Write the altered copies of a picture; returns what was done to each, and its file."""
    copies = []
    for number, (what, (alter, quality)) in enumerate(_ALTERATIONS.items(), 1):
        path = stem.with_name(f"{stem.name}-{number}.jpg")
        alter(picture).save(path, "JPEG", quality=quality)
        copies.append((what, path))
    return copies
