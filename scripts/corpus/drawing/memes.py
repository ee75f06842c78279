"""Meme text: white capitals with a black edge, over a picture."""

from __future__ import annotations

from corpus.drawing.fonts import font, wrapped
from corpus.drawing.sentences import sentence, words
from corpus.seeds import Random
from PIL import Image, ImageDraw


def meme_text(picture: Image.Image, random: Random, *, big: bool) -> Image.Image:
    """The picture with lines above and below; ``big`` ones cover about a third of it."""
    drawn = picture.copy()
    draw = ImageDraw.Draw(drawn)
    size = max(12, picture.height // (7 if big else 12))
    face = font("heavy", size, int(random.integers(8)))
    height = size * 1.1
    for below in (False, True):
        text = (sentence(random) if big else words(random, 5)).upper()
        lines = wrapped(text, face, int(picture.width * 0.94))[: 2 if big else 1]
        top = picture.height - len(lines) * height - size * 0.3 if below else size * 0.1
        for number, line in enumerate(lines):
            at = ((picture.width - face.getlength(line)) / 2, top + number * height)
            draw.text(at, line, "white", face, stroke_width=max(1, size // 14), stroke_fill="black")
    return drawn
