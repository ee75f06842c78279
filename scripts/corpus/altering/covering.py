"""Copies with something on them: meme text, subtitles, logos, watermarks, stickers, boxes."""

from __future__ import annotations

import math
from typing import Final

from corpus.altering.alteration import Change, Picture, changed, colour
from corpus.drawing.fonts import font
from corpus.drawing.memes import meme_text
from corpus.drawing.sentences import sentence, words
from corpus.seeds import Random
from PIL import Image, ImageDraw

MEME: Final = "big meme text"
STICKER: Final = "sticker 4 %; box 10 %"
SMALL: Final = "subtitle, logo, watermark"


def subtitle(picture: Picture, random: Random) -> Picture:
    """A line of white letters with a black edge near the bottom."""
    drawn = picture.copy()
    size = max(10, picture.height // 22)
    face = font("bold", size, int(random.integers(8)))
    line = sentence(random)
    while face.getlength(line) > picture.width * 0.92 and " " in line:
        line = line.rpartition(" ")[0]
    at = ((picture.width - face.getlength(line)) / 2, picture.height * 0.9 - size)
    ImageDraw.Draw(drawn).text(at, line, "white", face, stroke_width=max(1, size // 12), stroke_fill="black")
    return drawn


def logo(picture: Picture, random: Random) -> Picture:
    """A channel's name in a corner, half transparent."""
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    size = max(9, min(picture.size) // 14)
    face = font("heavy", size, int(random.integers(8)))
    text = f"@{words(random, 1)}"
    left = picture.width - face.getlength(text) - size
    ImageDraw.Draw(layer).text((left, picture.height - 2 * size), text, (255, 255, 255, 190), face)
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def watermark(picture: Picture, random: Random) -> Picture:
    """A word all over the picture, slanted, a quarter opaque."""
    side = int(math.hypot(*picture.size))
    tile = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    size = max(10, side // 22)
    face = font("bold", size, int(random.integers(8)))
    text = words(random, 2)
    draw = ImageDraw.Draw(tile)
    for row, top in enumerate(range(0, side, size * 4)):
        for left in range(-row % 2 * size * 3, side, int(face.getlength(text)) + size * 3):
            draw.text((left, top), text, (255, 255, 255, 70), face)
    tile = tile.rotate(30)
    left, top = (side - picture.width) // 2, (side - picture.height) // 2
    layer = tile.crop((left, top, left + picture.width, top + picture.height))
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def box(share: float, *, round_: bool) -> Change:
    """A patch of one colour that covers a share of the area, anywhere; as a sticker it has a face."""

    def change(picture: Picture, random: Random) -> Picture:
        drawn = picture.copy()
        area = share * picture.width * picture.height
        stretch = 1.0 if round_ else float(random.uniform(0.6, 1.7))
        wide = min(math.sqrt(area * stretch * (4 / math.pi if round_ else 1)), picture.width * 0.95)
        high = min(wide if round_ else area / wide, picture.height * 0.95)
        left = float(random.uniform(0, picture.width - wide))
        top = float(random.uniform(0, picture.height - high))
        draw = ImageDraw.Draw(drawn)
        where = (left, top, left + wide, top + high)
        if not round_:
            draw.rectangle(where, fill=colour(random))
            return drawn
        draw.ellipse(where, fill=(250, 205, 40), outline=(120, 80, 0), width=max(1, int(wide / 30)))
        for eye in (0.3, 0.62):
            x, y = left + eye * wide, top + 0.3 * high
            draw.ellipse((x, y, x + wide * 0.1, y + high * 0.16), fill=(60, 40, 0))
        mouth = (left + wide * 0.25, top + high * 0.35, left + wide * 0.75, top + high * 0.8)
        draw.arc(mouth, 10, 170, fill=(60, 40, 0), width=max(1, int(wide / 20)))
        return drawn

    return change


ALTERATIONS: Final = (
    changed("meme text above and below", MEME, lambda p, r: meme_text(p, r, big=False)),
    changed("meme text big", MEME, lambda p, r: meme_text(p, r, big=True)),
    changed("subtitle", SMALL, subtitle),
    changed("logo", SMALL, logo),
    changed("watermark", SMALL, watermark),
    changed("sticker 4 %", STICKER, box(0.04, round_=True)),
    changed("box 10 %", STICKER, box(0.10, round_=False)),
)
