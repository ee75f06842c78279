"""Pictures drawn from a generator: logos, icons, flat designs, gradients, patterns, charts, landscapes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from corpus.altering.alteration import colour
from corpus.drawing.fonts import font
from corpus.drawing.sentences import name, words
from corpus.seeds import Random
from PIL import Image, ImageDraw, ImageFilter

Draw: TypeAlias = Callable[[Random], Image.Image]

CONTRAST: Final = 60
"""Of an icon's symbol with what is behind it: grey tones of 256."""

SIZES: Final = ((512, 512), (640, 480), (720, 540), (800, 450), (540, 720), (600, 600))


def _size(random: Random) -> tuple[int, int]:
    return SIZES[int(random.integers(len(SIZES)))]


def _canvas(random: Random) -> Image.Image:
    return Image.new("RGB", _size(random), colour(random))


def _shape(draw: ImageDraw.ImageDraw, size: tuple[int, int], random: Random) -> None:
    """One shape of one colour, anywhere."""
    width, height = size
    x, y = random.uniform(-0.1, 0.9, 2) * (width, height)
    wide, high = random.uniform(0.08, 0.5, 2) * (width, height)
    fill = colour(random)
    match int(random.integers(5)):
        case 0:
            draw.ellipse((x, y, x + wide, y + high), fill=fill)
        case 1:
            draw.rounded_rectangle((x, y, x + wide, y + high), min(wide, high) / 5, fill=fill)
        case 2:
            points = random.uniform(0, 1, (int(random.integers(3, 7)), 2)) * (wide, high) + (x, y)
            draw.polygon([tuple(point) for point in points.tolist()], fill=fill)
        case 3:
            start = float(random.uniform(0, 360))
            draw.pieslice(
                (x, y, x + wide, y + high), start, start + float(random.uniform(60, 300)), fill=fill
            )
        case _:
            draw.line((x, y, x + wide, y + high), fill=fill, width=int(random.integers(4, 40)))


def logo(random: Random) -> Image.Image:
    """A mark of a few shapes with a name below or beside it, on one colour."""
    drawn = Image.new("RGB", _size(random), (255, 255, 255) if random.random() < 0.5 else colour(random))  # noqa: PLR2004 - a coin
    side = min(drawn.size) // 2
    mark = Image.new("RGB", (side, side), drawn.getpixel((0, 0)))
    draw = ImageDraw.Draw(mark)
    for _ in range(int(random.integers(2, 6))):
        _shape(draw, mark.size, random)
    drawn.paste(mark, ((drawn.width - side) // 2, drawn.height // 10))
    ink = colour(random)
    text = name(random).split()[0].upper() + words(random, 1)[:5]
    size = drawn.height // 7
    face = font("heavy", size, int(random.integers(8)))
    ImageDraw.Draw(drawn).text((drawn.width / 2, drawn.height * 0.8), text, ink, face, anchor="mm")
    return drawn


def icon(random: Random) -> Image.Image:
    """A rounded square, filled by a symbol of one to three shapes that are lighter or darker than it."""
    side = int(random.choice((256, 384, 512)))
    drawn = Image.new("RGB", (side, side), (255, 255, 255))
    draw = ImageDraw.Draw(drawn)
    edge = side // 16
    back = colour(random)
    draw.rounded_rectangle((edge, edge, side - edge, side - edge), side / 5, fill=back)
    for _ in range(int(random.integers(1, 4))):
        wide, high = random.uniform(0.3, 0.7, 2) * side
        x, y = random.uniform(0.12, 0.88, 2) * (side - wide, side - high)
        fill = colour(random)
        while abs(_lightness(fill) - _lightness(back)) < CONTRAST:
            fill = colour(random)
        where = (x, y, x + wide, y + high)
        match int(random.integers(4)):
            case 0:
                draw.ellipse(where, fill=fill)
            case 1:
                start = float(random.uniform(0, 360))
                draw.pieslice(where, start, start + float(random.uniform(90, 270)), fill=fill)
            case 2:
                draw.rounded_rectangle(where, min(wide, high) / 4, fill=fill)
            case _:
                corners = random.uniform(0, 1, (int(random.integers(3, 8)), 2)) * (wide, high) + (x, y)
                draw.polygon([tuple(corner) for corner in corners.tolist()], fill=fill)
    return drawn


def _lightness(of: tuple[int, int, int]) -> float:
    red, green, blue = of
    return 0.3 * red + 0.59 * green + 0.11 * blue


def flat(random: Random) -> Image.Image:
    """A flat design: some large shapes on one colour."""
    drawn = _canvas(random)
    for _ in range(int(random.integers(3, 12))):
        _shape(ImageDraw.Draw(drawn), drawn.size, random)
    return drawn


def gradient(random: Random) -> Image.Image:
    """From one colour to another, straight or round, sometimes with a second one across it."""
    width, height = _size(random)
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    angle = random.uniform(0, 2 * math.pi)
    place = columns * math.cos(angle) + rows * math.sin(angle)
    if random.random() < 0.5:  # noqa: PLR2004 - a coin
        place = np.hypot(columns - random.random(), rows - random.random())
    if random.random() < 0.5:  # noqa: PLR2004 - a coin
        place = place + 0.4 * np.sin(6 * (columns * random.random() + rows * random.random()))
    share = ((place - place.min()) / np.ptp(place))[..., None]
    pixels = (1 - share) * colour(random) + share * np.array(colour(random))
    return Image.fromarray(pixels.astype(np.uint8))


def pattern(random: Random) -> Image.Image:
    """A small tile over and over."""
    tile = Image.new("RGB", tuple(random.integers(40, 160, 2).tolist()), colour(random))
    for _ in range(int(random.integers(1, 5))):
        _shape(ImageDraw.Draw(tile), tile.size, random)
    drawn = Image.new("RGB", _size(random))
    for left in range(0, drawn.width, tile.width):
        for top in range(0, drawn.height, tile.height):
            drawn.paste(tile, (left, top))
    return drawn


def chart(random: Random) -> Image.Image:
    """Bars or a line over two axes, with a title."""
    drawn = Image.new("RGB", _size(random), (255, 255, 255))
    draw = ImageDraw.Draw(drawn)
    left, right, top, bottom = 60, drawn.width - 30, 70, drawn.height - 60
    draw.text((left, 18), words(random, 5), (30, 30, 30), font("bold", 24, int(random.integers(4))))
    draw.line((left, top, left, bottom, right, bottom), fill=(60, 60, 60), width=2)
    count = int(random.integers(4, 16))
    values = np.abs(np.cumsum(random.normal(0, 1, count))) + random.uniform(0, 1, count)
    heights = (values / values.max() * (bottom - top)).tolist()
    step = (right - left) / count
    fill = colour(random)
    if random.random() < 0.5:  # noqa: PLR2004 - a coin
        for place, high in enumerate(heights):
            draw.rectangle(
                (left + step * (place + 0.15), bottom - high, left + step * (place + 0.85), bottom), fill
            )
    else:
        points = [(left + step * (place + 0.5), bottom - high) for place, high in enumerate(heights)]
        draw.line(points, fill=fill, width=4)
    return drawn


def landscape(random: Random) -> Image.Image:
    """Something like a photograph: hills of noise before a sky of noise, with grain and a sun."""
    width, height = _size(random)
    rows = np.arange(height)[:, None]
    sky = _clouds(height, width, random)[..., None]
    pixels = (1 - sky) * colour(random) + sky * np.array(colour(random))
    for layer in range(int(random.integers(2, 6))):
        line = _clouds(1, width, random)[0] * height * 0.5 + height * (0.2 + 0.13 * layer)
        texture = 0.6 + 0.7 * _clouds(height, width, random)[..., None]
        hill = np.array(colour(random)) * texture
        pixels = np.where((rows > line)[..., None], hill, pixels)
    pixels = pixels + random.normal(0, 4, pixels.shape)
    drawn = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    for _ in range(int(random.integers(0, 4))):
        _shape(ImageDraw.Draw(drawn), (width // 2, height), random)
    return drawn.filter(ImageFilter.GaussianBlur(0.7))


def _clouds(height: int, width: int, random: Random) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Noise of several scales, from 0 to 1."""
    total = np.zeros((height, width))
    for octave in range(1, 7):
        cells = 2**octave
        grid = Image.fromarray(random.random((min(cells, height), cells)).astype(np.float32))
        total += np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC)) * 0.55**octave
    scaled: np.ndarray[tuple[int, int], np.dtype[np.float64]] = (total - total.min()) / (np.ptp(total) + 1e-9)
    return scaled


KINDS: Final[dict[str, Draw]] = {
    "logo": logo,
    "icon": icon,
    "flat": flat,
    "gradient": gradient,
    "pattern": pattern,
    "chart": chart,
    "landscape": landscape,
}
