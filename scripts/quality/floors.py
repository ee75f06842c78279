"""The floors: what must be found of each kind of copy, and what may match that is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.gate import Promise
from corpus.altering import covering, cropping, encoding, framing, respreading
from corpus.texts import edits, letters
from quality.intervals import Share


@dataclass(frozen=True, slots=True)
class Floor:
    """The least per cent found of a row, with the default views and with parts; None: no promise."""

    default: float | None
    parts: float | None = None


PICTURES: Final[Mapping[str, Floor]] = {
    encoding.MACHINE: Floor(97, 97),
    encoding.TURNED: Floor(95, 95),
    framing.BORDER: Floor(88, 95),
    framing.CAPTION: Floor(70, 90),
    framing.LETTERBOX: Floor(75, 90),
    framing.BLURRED: Floor(None, 88),
    framing.SCREENSHOT: Floor(80, 90),
    "crop centred 5 %": Floor(88, 92),
    "crop centred 10 %": Floor(40, 90),
    "crop centred 15 %": Floor(None, 90),
    cropping.RANDOM: Floor(None, 88),
    "crop off-centre 20 to 40 %": Floor(None, 85),
    "crop off-centre 50 %": Floor(None, 75),
    covering.MEME: Floor(None, 85),
    covering.STICKER: Floor(None, 92),
    framing.COLLAGE: Floor(None, 85),
    framing.INSET: Floor(None, 60),
    "rotation 1 degrees": Floor(90, 90),
    "rotation 2 degrees": Floor(60, 90),
    "rotation 5 degrees": Floor(None, 90),
    respreading.SCREEN: Floor(None, 85),
    respreading.CHAIN: Floor(None, 90),
}

TEXTS: Final[Mapping[str, Floor]] = {
    letters.SAME: Floor(99),
    letters.LOOKALIKE: Floor(99),
    edits.WORD: Floor(90),
    edits.REPLY: Floor(95),
    edits.HASHTAGS: Floor(85),
    "quoted 2 times": Floor(95),
    "quoted 3 times": Floor(95),
    "quoted 5 times": Floor(90),
    "quoted 10 times": Floor(85),
}

MOST_PICTURE_PAIRS: Final = 0
FEWEST_PICTURE_PAIRS: Final = 300_000
MOST_LOST: Final = 1.0  # per cent of the copies found
LEAST_FEWER: Final = 10.0  # times as many pairs of different pictures match without control
MOST_OF_A_LAYOUT: Final = 0.1  # per cent
MOST_TEXT_PAIRS: Final = 5.0  # in a million
MOST_BOILERPLATE: Final = 1.0  # per cent
MOST_WITHOUT: Final = 5.0  # per cent of posts
MOST_PICTURE_POSTS: Final = 1.0  # per cent, with parts


def recalls(floors: Mapping[str, Floor], rows: Iterable[tuple[str, Share]], *, parts: bool) -> list[Promise]:
    """The promises of recall: of each row all of its copies together."""
    together: dict[str, Share] = {}
    for row, share in rows:
        together[row] = together.get(row, Share(0, 0)) + share
    kept = []
    for row, floor in floors.items():
        least = floor.parts if parts else floor.default
        if least is not None:
            found = together.get(row)
            kept.append(Promise(row, None if found is None else found.percent, least=least))
    return kept
