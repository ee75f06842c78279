"""Pictures with as much texture as a photograph, drawn from a seed, and copies of them."""

from __future__ import annotations

import io
import textwrap

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from hashpact.errors import ConfigError
from hashpact.fingerprint.reading.ocr import installed


def missing() -> str:
    """What is not here of what reads the text in pictures, and how to install it; nothing if all is."""
    try:
        installed()
    except ConfigError as error:
        return error.message
    return ""


reads = pytest.mark.skipif(bool(missing()), reason=missing())
"""Marks a test that has the text in a picture read."""


def picture(seed: int, size: tuple[int, int] = (800, 600)) -> Image.Image:
    """Clouds of several sizes, with shapes of all sizes on them: other ones for each seed."""
    random = np.random.RandomState(seed)
    width, height = size
    grey = np.zeros((height, width))
    for cells, strength in ((4, 70), (16, 40), (48, 25), (120, 15)):
        noise = Image.fromarray(random.uniform(-1, 1, (cells * 3 // 4, cells)).astype(np.float32))
        grey += strength * np.asarray(noise.resize(size, Image.Resampling.BICUBIC))
    drawn = Image.fromarray((grey + 128).clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(drawn)
    for _ in range(90):
        x, y = random.randint(0, width), random.randint(0, height)
        reach = int(6 * 2 ** random.uniform(0, 3.5))
        box = (x, y, x + random.randint(4, 4 + reach), y + random.randint(4, 4 + reach))
        shape = (draw.ellipse, draw.rectangle)[random.randint(2)]
        shape(box, fill=int(random.randint(256)), outline=int(random.randint(256)))
    return drawn


def post(words: str, *, dark: bool = False) -> Image.Image:
    """A screenshot of a post with these words: others of the same layout differ in nothing else."""
    paper, ink = ("black", "white") if dark else ("white", "black")
    made = Image.new("RGB", (720, 480), paper)
    draw, face = ImageDraw.Draw(made), ImageFont.load_default(28)
    draw.ellipse((30, 20, 80, 70), fill="teal")
    draw.text((100, 28), "somebody", ink, face)
    for number, line in enumerate(textwrap.wrap(words, 44)):
        draw.text((40, 100 + 44 * number), line, ink, face)
    return made


def stored(grey: Image.Image, quality: int = 70) -> Image.Image:
    """The picture after it was a JPEG."""
    file = io.BytesIO()
    grey.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert("L")


def inset(grey: Image.Image, by: float, at: tuple[float, float], canvas: Image.Image) -> Image.Image:
    """The canvas with a smaller copy of the picture, whose corner lies at these shares of its sides."""
    small = grey.resize((round(grey.width * by), round(grey.height * by)), Image.Resampling.BICUBIC)
    framed = canvas.copy()
    framed.paste(small, (round(at[0] * canvas.width), round(at[1] * canvas.height)))
    return stored(framed)
