"""The pictures of the quality benchmark: those that are altered, different ones, and those of one layout."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from corpus import photographs
from corpus.drawing.graphics import KINDS
from corpus.drawing.layouts import LAYOUTS
from corpus.drawing.memes import meme_text
from corpus.photographs import Piece
from corpus.seeds import generator
from PIL import Image

MEMES: Final = 36
DISTINCT: Final = 2400
LAYOUT: Final = 120
HARMLESS: Final = 100_000
"""The number of the first drawn picture that is harmless: those of other sets have smaller ones."""


@dataclass(frozen=True, slots=True)
class Named:
    """A picture of a kind, drawn or read when it is asked for; the same every time."""

    name: str
    kind: str
    draw: Callable[[], Image.Image]


def for_recall(sample: int | None = None) -> list[Named]:
    """Photographs and paintings, and memes: the originals of all alterations; or ``sample`` of them."""
    found = [Named(piece.name, "photograph", piece.read) for piece in photographs.for_recall()]
    found += [_meme(piece) for piece in photographs.under_text()[:MEMES]]
    return _some(found, sample)


def distinct(sample: int | None = None) -> list[Named]:
    """Different pictures of every kind, none of which shares a pixel with another; or ``sample`` of them."""
    memes = set(photographs.under_text())
    whole = {piece.file for piece in memes}
    found = [_meme(piece) for piece in photographs.under_text()]
    found += [
        Named(piece.name, "photograph", piece.read)
        for piece in photographs.pieces()
        if piece.file not in whole
    ]
    drawn = itertools.cycle(KINDS)
    found += [_drawn(kind, number) for number, kind in zip(range(DISTINCT - len(found)), drawn, strict=False)]
    return _some(found, sample)


def harmless(count: int) -> list[Named]:
    """So many drawn pictures that are in no other set: what a negative collection has of such kinds."""
    return [
        _drawn(kind, HARMLESS + number)
        for number, kind in zip(range(count), itertools.cycle(KINDS), strict=False)
    ]


def of_layouts(sample: int = LAYOUT) -> Iterator[tuple[str, list[Named]]]:
    """Each layout with ``sample`` different pictures of it."""
    for layout in LAYOUTS:
        yield layout, [_of_layout(layout, number) for number in range(sample)]


def _of_layout(layout: str, number: int) -> Named:
    return Named(f"{layout} {number}", layout, lambda: LAYOUTS[layout](generator(layout, number)))


def _meme(piece: Piece) -> Named:
    name = f"meme {piece.name}"
    return Named(name, "meme", lambda: meme_text(piece.read(), generator(name), big=True))


def _drawn(kind: str, number: int) -> Named:
    return Named(f"{kind} {number}", kind, lambda: KINDS[kind](generator(kind, number)))


def _some(found: list[Named], sample: int | None) -> list[Named]:
    """``sample`` of these, spread over the whole list."""
    if sample is None or sample >= len(found):
        return found
    return [found[place * len(found) // sample] for place in range(sample)]
