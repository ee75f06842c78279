"""From content to fingerprints: processor time and memory, by size, beside what others take; one thread each.

    scripts/bench fingerprint [--megapixels 0.1 ... 50] [--rounds 9] [--json] [--check]

Pictures: JPEG and PNG files of one photograph in many sizes, to all fingerprints, to those of every default
view, and decoded by Pillow alone; what it has decoded to PDQ by our kernel and by pdqhash, and to phash by
imagehash. Peak memory is that of a process that does only this. Texts: to all fingerprints, beside datasketch
and rensa.
With --check it exits with 1 unless every promise about cost holds.
"""

from __future__ import annotations

import argparse
import importlib
import io
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

import numpy as np
from benchmarks.gate import Promise
from benchmarks.machine import describe, forget_peak, peak_resident, resident, say
from benchmarks.report import print_json, print_table
from benchmarks.timing import MICROSECONDS, Side, interleave
from corpus import photographs
from corpus.drawing.graphics import landscape
from corpus.seeds import generator
from corpus.texts import posts
from PIL import Image, ImageOps
from quality import ours

from hashpact import _kernel, fingerprints_of, fingerprints_of_text
from hashpact.fingerprint.images import Picture
from hashpact.fingerprint.perceptual import bands, held
from hashpact.fingerprint.text import fold, shingles

Row = dict[str, Any]

MEGAPIXELS: Final = (0.1, 0.5, 1.0, 2.0, 9.0, 25.0, 50.0)
LENGTHS: Final = (48, 200, 2000, 20_000, 200_000)
MEMORY_OF: Final = 50.0
PHOTOGRAPH: Final = "picosdeeuropa_by_Aitzol_Berasategi.jpg"
"""Mountains and rocks: 2 bits a pixel in a JPEG of quality 85, as many as photographs of phones have. A
smooth one is decoded in half the time. Where this one cannot be had, a drawn one takes its place."""

HELD: Final = 4
"""Bytes a pixel that Pillow holds of a decoded picture."""

MILLION: Final = 1_000_000
TIMES_DECODING: Final = 2.5
TIMES_PDQHASH: Final = 8.0
WITH_VIEWS_MS: Final = 60.0
MEMORY_MB: Final = 200.0

ALL: Final = "hashpact, all"
VIEWS: Final = "hashpact, all views"
DECODE: Final = "Pillow, decoding"
PDQ: Final = "hashpact, PDQ of the picture"
PDQHASH: Final = "pdqhash, of the picture"
PHASH: Final = "imagehash, phash of the picture"


def photograph(megapixels: float) -> Image.Image:
    """A photograph of 4 by 3 with so many pixels: made smaller, or laid beside mirrored copies of itself."""
    width = round((megapixels * MILLION * 4 / 3) ** 0.5)
    size = (width, round(width * 3 / 4))
    large = next((file for file in photographs.files() if file.name == PHOTOGRAPH), None)
    if large is None:
        whole = landscape(generator("a photograph"))
    else:
        with Image.open(large) as image:
            whole = image.convert("RGB")
    if size[0] <= whole.width and size[1] <= whole.height:
        return ImageOps.fit(whole, size, Image.Resampling.LANCZOS)
    tiled = Image.new("RGB", size)
    for column, left in enumerate(range(0, size[0], whole.width)):
        for row, top in enumerate(range(0, size[1], whole.height)):
            tile = ImageOps.mirror(whole) if column % 2 else whole
            tiled.paste(ImageOps.flip(tile) if row % 2 else tile, (left, top))
    return tiled


def as_file(picture: Image.Image, kind: str) -> bytes:
    """As a camera or an editor writes it."""
    file = io.BytesIO()
    picture.save(file, kind, **({"quality": 85} if kind == "JPEG" else {}))
    return file.getvalue()


def decode(content: bytes) -> Image.Image:
    """Pillow alone."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return image


def pdq(picture: Image.Image) -> tuple[list[bytes], int]:
    """PDQ by our kernel, of a picture that Pillow holds."""
    made = _kernel.Pdq(*picture.size)
    for band in bands(Picture(picture)):
        made.add(held(band))
    codes, quality, _ = made.finish()
    return codes, quality


def pictures(megapixels: Sequence[float], rounds: int) -> list[Row]:
    """A row for each size and format: milliseconds of processor time, the median."""
    rows = []
    for size in megapixels:
        picture = photograph(size)
        for kind in ("JPEG", "PNG"):
            say(f"{size:g} megapixels, {kind}")
            content = as_file(picture, kind)
            sides = [
                Side(ALL, lambda _, content=content: fingerprints_of(content)),  # type: ignore[misc]  # a default has no type
                Side(VIEWS, lambda _, content=content: ours.asked(content)),  # type: ignore[misc]  # as above
                Side(DECODE, lambda _, content=content: decode(content)),  # type: ignore[misc]  # as above
            ]
            if kind == "JPEG":
                sides += of_picture(picture)
            row: Row = {"megapixels": size, "format": kind}
            for side, timing in zip(sides, interleave(sides, rounds, blocks=rounds), strict=True):
                row[side.name] = timing.p50 / MICROSECONDS * 1000
            rows.append(row)
    return rows


def of_picture(picture: Image.Image) -> list[Side]:
    """The contenders that are given a decoded picture."""
    imagehash = importlib.import_module("imagehash")
    sides = [
        Side(PDQ, lambda _: pdq(picture)),
        Side(PHASH, lambda _: imagehash.phash(picture)),
    ]
    try:
        pdqhash = importlib.import_module("pdqhash")
    except ImportError:
        say("pdqhash is left out: it is not installed")
        return sides
    return [*sides, Side(PDQHASH, lambda _: pdqhash.compute(np.asarray(picture)))]


WORK: Final[dict[str, Callable[[bytes], object]]] = {
    ALL: fingerprints_of,
    VIEWS: ours.asked,
    DECODE: decode,
}


def peak(name: str, content: bytes, small: bytes) -> int:
    """Bytes by which a process grows at most while it does one of `WORK`; imports come before."""
    WORK[name](small)
    before = resident()
    forget_peak()
    WORK[name](content)
    return peak_resident() - before


def memory(megapixels: Sequence[float]) -> list[Row]:
    """A row for each size and format: megabytes at the peak, and beyond the decoded picture."""
    small = as_file(photograph(0.1), "JPEG")
    rows = []
    for size in megapixels:
        picture = photograph(size)
        for kind in ("JPEG", "PNG"):
            say(f"memory of {size:g} megapixels, {kind}")
            content = as_file(picture, kind)
            row: Row = {"megapixels": size, "format": kind}
            for name in WORK:
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                    row[f"{name}, MB"] = pool.submit(peak, name, content, small).result() / MILLION
            held = HELD * picture.width * picture.height / MILLION
            row["beyond the picture, MB"] = max(row[f"{ALL}, MB"], row[f"{VIEWS}, MB"]) - held
            rows.append(row)
    return rows


def texts(lengths: Sequence[int], rounds: int) -> list[Row]:
    """A row for each length: microseconds of processor time, the median."""
    rows = []
    for length in lengths:
        say(f"texts of {length:,} characters")
        some = posts.texts("vi", max(2, min(rounds * 20, MILLION // length)), length, length + 5)
        sides = text_sides(some)
        row: Row = {"characters": length}
        for side, timing in zip(sides, interleave(sides, len(some)), strict=True):
            row[f"{side.name}, us"] = timing.p50
        rows.append(row)
    return rows


def text_sides(some: Sequence[str]) -> list[Side]:
    """Ours, and those of the others that are installed."""
    sides = [Side(ALL, lambda i: fingerprints_of_text(some[i]))]
    try:
        minhash: Any = importlib.import_module("datasketch").MinHash
        table = minhash(num_perm=128, seed=1, scheme="affine32").permutations
    except ImportError:
        say("datasketch is left out: it is not installed")
    else:

        def sketch(i: int) -> object:
            made = minhash(num_perm=128, seed=1, scheme="affine32", permutations=table)
            made.update_batch([shingle.encode() for shingle in shingles(fold(some[i]))])
            return made.hashvalues

        sides.append(Side("datasketch, folded by us", sketch))
    try:
        rensa: Any = importlib.import_module("rensa")
    except ImportError:
        say("rensa is left out: it is not installed")
    else:

        def digest(i: int) -> object:
            made = rensa.RMinHash(num_perm=128, seed=1)
            made.update([some[i][at : at + 4] for at in range(len(some[i]) - 3)])
            return made.digest()

        sides.append(Side("rensa, unfolded", digest))
    return sides


def promises(report: Row) -> list[Promise]:
    """Those about cost; what was not measured is no promise kept."""
    kept = []
    large = _row(report["pictures"], 9)
    figure = None if large is None else large[ALL] / large[DECODE]
    kept.append(Promise("all fingerprints / decoding, JPEG of 9 MP", figure, most=TIMES_DECODING))
    for size in (1, 2, 9):
        row = _row(report["pictures"], size)
        figure = None if row is None or PDQHASH not in row else row[PDQHASH] / row[PDQ]
        kept.append(Promise(f"pdqhash / ours, {size} MP", figure, least=TIMES_PDQHASH))
    upload = _row(report["pictures"], 2)
    figure = None if upload is None else upload[VIEWS]
    kept.append(Promise("ms of an upload of 2 MP with all views", figure, most=WITH_VIEWS_MS))
    for kind in ("JPEG", "PNG"):
        row = _row(report["memory"], MEMORY_OF, kind)
        figure = None if row is None else row["beyond the picture, MB"]
        kept.append(Promise(f"MB beyond a picture of 50 MP, {kind}", figure, most=MEMORY_MB))
    return kept


def _row(rows: Sequence[Row], megapixels: float, kind: str = "JPEG") -> Row | None:
    return next((row for row in rows if (row["megapixels"], row["format"]) == (megapixels, kind)), None)


def main() -> int:
    """Measure, then print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench fingerprint",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--megapixels", type=float, nargs="+", default=list(MEGAPIXELS), help="of pictures")
    parser.add_argument("--lengths", type=int, nargs="+", default=list(LENGTHS), help="of texts")
    parser.add_argument("--rounds", type=int, default=9, help="calls of each contender")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    options = parser.parse_args()
    report: Row = {
        "machine": describe() | {"instruction_set": _kernel.level()},
        "pictures": pictures(options.megapixels, options.rounds),
        "memory": memory(options.megapixels),
        "texts": texts(options.lengths, options.rounds),
    }
    report["promises"] = [promise.row() for promise in promises(report)]
    if options.json:
        print_json(report)
    else:
        print(
            "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in report["machine"].items()), "\n"
        )
        print_table("Pictures: milliseconds of processor time", report["pictures"])
        print_table("Pictures: peak memory", report["memory"])
        print_table("Texts: microseconds of processor time", report["texts"])
        print_table("Promises", report["promises"])
    if not options.check:
        return 0
    failed = [row for row in report["promises"] if row["verdict"] != "pass"]
    print(f"{len(failed)} of {len(report['promises'])} promises do not hold", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
