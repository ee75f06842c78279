"""Screenshots found by the text in them: copies of each, and different ones of one layout.

    scripts/bench ocr [--count 12] [--json]

Draws so many screenshots of each layout, shares every one with the text that tesseract reads in it, and
checks copies as JPEG of quality 30 and at half the size: found by the picture alone, and by its text, if a
match of the original is not weak. Then each screenshot is checked against all the others, of which each is
different: how many match, in order, by the picture alone and with its text. Needs tesseract.
"""

from __future__ import annotations

import argparse
import io
import resource
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from benchmarks.machine import describe, say
from benchmarks.report import print_json, print_table
from corpus.drawing.layouts import LAYOUTS
from corpus.seeds import generator
from PIL import Image
from quality.intervals import Share
from quality.ours import Clearinghouse, Found

from hashpact import Fingerprint, fingerprints_of
from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import MINHASH, WINNOW, Measure
from hashpact.domain.matching.views import DERIVED

COUNT: Final = 12
COPIES: Final = ("original", "JPEG q30", "resized to 50 %")
PAIRS: Final = ("others weak, picture", "others weak, text", "others, picture", "others, text")
"""How many different ones match: at any strength, and not only weakly; by the picture alone, and with its
text."""
OF_TEXT: Final = (MINHASH.name, WINNOW.name)


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """What is shared and looked for of one file, and the processor time of tesseract, in seconds."""

    data: bytes
    fingerprints: tuple[Fingerprint, ...]
    queries: tuple[Query, ...]
    seconds: float


def drawn(layout: str, number: int, copy: str) -> bytes:
    """A file of a screenshot, or of a copy of it."""
    image = LAYOUTS[layout](generator("ocr", layout, number))
    if copy == "resized to 50 %":
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG" if copy == "JPEG q30" else "PNG", quality=30)
    return file.getvalue()


def read(which: tuple[str, int, str]) -> ReadPicture:
    """A file with its fingerprints, and those of its text."""
    data, before = drawn(*which), resource.getrusage(resource.RUSAGE_CHILDREN)
    made = fingerprints_of(data, views=DERIVED, ocr=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ReadPicture(
        data,
        tuple(one for one in made.fingerprints if one.type.measure is not Measure.EQUALITY),
        tuple(one for one in made.queries if one.fingerprint.type.measure is not Measure.EQUALITY),
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


def measured(count: int) -> list[dict[str, Any]]:
    """A row for each layout."""
    every = [(layout, number, copy) for layout in LAYOUTS for number in range(count) for copy in COPIES]
    say(f"reading {len(every)} pictures")
    with ProcessPoolExecutor() as pool:
        files = dict(zip(every, pool.map(read, every), strict=True))
    house = Clearinghouse()
    numbers = {(layout, number): place for place, (layout, number, _) in enumerate(every)}
    for (layout, number, copy), file in files.items():
        if copy == COPIES[0]:
            house.share(numbers[layout, number], [one.shared() for one in file.fingerprints])
    rows = []
    for layout in LAYOUTS:
        counts: Counter[str] = Counter()
        ours = [(which, file) for which, file in files.items() if which[0] == layout]
        for (_, number, copy), file in ours:
            of_picture = [one for one in file.queries if one.fingerprint.type.name not in OF_TEXT]
            for name, queries in (("picture", of_picture), ("text", file.queries)):
                found = house.find(queries, file.data)
                count_one(counts, name, copy, numbers[layout, number], found)
        shares = {
            f"{copy}, by {name}": str(Share(counts[f"{copy}, by {name}"], count))
            for copy in COPIES[1:]
            for name in ("picture", "text")
        }
        pairs = {name: counts[name] for name in PAIRS}
        rows.append({"layout": layout, **shares, **pairs, "s": median(file.seconds for _, file in ours)})
    return rows


def count_one(counts: Counter[str], name: str, copy: str, number: int, found: Sequence[Found]) -> None:
    """Add what was found of one file by the picture alone, or by its text as well."""
    strong = [one for one in found if one.strength != "weak"]
    if copy == COPIES[0]:
        counts[f"others weak, {name}"] += len({one.number for one in found} - {number})
        counts[f"others, {name}"] += len({one.number for one in strong} - {number})
    else:
        by_text = name == "picture" or any(one.number == number and one.type in OF_TEXT for one in strong)
        counts[f"{copy}, by {name}"] += by_text and number in {one.number for one in strong}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=COUNT, help="screenshots of each layout [%(default)s]")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    rows = measured(options.count)
    if options.json:
        print_json({"machine": describe(), "rows": rows})
    else:
        print_table("Screenshots", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
