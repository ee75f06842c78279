"""Photographs and paintings from packages: files of Debian's wallpapers and of Python packages' samples.

Large files are cut into pieces that do not overlap, and each piece counts as a picture. What a file serves is
fixed by its name, so that the pictures of recall and those under meme text come from different files.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Final, TypeAlias

from corpus import shelf
from corpus.seeds import generator
from PIL import Image

Box: TypeAlias = tuple[int, int, int, int]

LONGEST: Final = (640, 800, 960, 1200)
"""The longer side of a picture, in pixels: one of these, as on platforms."""

LEAST: Final = 420
"""No piece is smaller than this, in pixels of either side."""

LARGE: Final = 1400
"""A file whose shorter side has so many pixels is cut."""

IN_WHEELS: Final = {
    "skimage": (
        "data/astronaut.png data/brick.png data/camera.png data/chelsea.png data/coffee.png data/coins.png "
        "data/grass.png data/gravel.png data/hubble_deep_field.jpg data/ihc.png data/moon.png "
        "data/motorcycle_left.png data/retina.jpg data/rocket.jpg data/cell.png"
    ),
    "sklearn": "datasets/images/china.jpg datasets/images/flower.jpg",
    "matplotlib": "mpl-data/sample_data/grace_hopper.jpg mpl-data/sample_data/Minduka_Present_Blue_Pack.png",
}
"""What the wheels of Python packages carry; the other samples of skimage are fetched at run time."""

IN_DEBIAN: Final = {
    "lomiri-wallpapers-16.04": "*.jpg",
    "lomiri-wallpapers-20.04": "*.jpg",
    "mate-backgrounds": "nature/*.jpg Elephants_3840x2160.jpg Gulp.png Flow.png",
    "ukui-wallpapers": (
        "2004default.jpg calla.png city.png desert.png firstgeneration.jpg fluent-color.png goldfish.png "
        "string.jpg the-mouse.jpg"
    ),
    "gnome-backgrounds": "adwaita-l.webp pixels-l.webp licorice-d.webp truchet-l.webp wood-d.webp",
    "plasma-workspace-wallpapers": (
        "Altai/*/*/5120x2880.png Autumn/*/*/2560x1600.jpg BytheWater/*/*/2560x1600.jpg "
        "Canopee/*/*/3840x2160.png "
        "Cascade/*/*/3840x2160.png Cluster/*/*/3840x2160.png ColdRipple/*/*/2560x1600.jpg "
        "ColorfulCups/*/*/2560x1600.jpg DarkestHour/*/*/2560x1600.jpg Elarun/*/*/2560x1600.png "
        "EveningGlow/*/*/2560x1600.jpg FallenLeaf/*/*/2560x1600.jpg Flow/*/images/5120x2880.jpg "
        "FlyingKonqui/*/*/2560x1600.png Grey/*/*/2560x1600.jpg Honeywave/*/*/5120x2880.jpg "
        "IceCold/*/*/5120x2880.png "
        "Kay/*/images/5120x2880.png Kite/*/*/2560x1600.jpg Kokkini/*/*/3840x2160.png "
        "MilkyWay/*/*/5120x2880.png "
        "OneStandsOut/*/*/2560x1600.jpg Opal/*/*/3840x2160.png PastelHills/*/*/3200x2000.jpg "
        "Patak/*/images/5120x2880.png Path/*/*/2560x1600.jpg SafeLanding/*/*/5120x2880.jpg "
        "Shell/*/*/5120x2880.jpg "
        "Volna/*/*/5120x2880.jpg summer_1am/*/*/2560x1600.jpg"
    ),
}
"""One file of each motif: the packages have more sizes and recoloured versions of the same."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file, or all of it."""

    file: Path
    box: Box

    @property
    def name(self) -> str:
        """The file's package directory, its name, and where in it the piece is."""
        return "/".join([*self.file.parts[-4:], "{}-{}-{}-{}".format(*self.box)])

    def read(self) -> Image.Image:
        """The piece in RGB, its longer side one of `LONGEST` at most; from a cache after the first time."""
        cache = shelf.shelf() / "pieces" / f"{generator(self.name).integers(1 << 62):016x}.png"
        if not cache.exists():
            cache.parent.mkdir(exist_ok=True)
            with Image.open(self.file) as image:
                made = image.convert("RGB").crop(self.box)
            side = LONGEST[int(generator("side", self.name).integers(len(LONGEST)))]
            made.thumbnail((side, side), Image.Resampling.LANCZOS)
            making = cache.with_suffix(f".{os.getpid()}")
            made.save(making, "PNG", compress_level=1)
            making.replace(cache)
        with Image.open(cache) as image:
            return image.convert("RGB")


@functools.cache
def files() -> tuple[Path, ...]:
    """The files that can be had here, in an order that does not depend on which those are."""
    found: list[Path] = []
    for package, names in IN_WHEELS.items():
        spec = util.find_spec(package)
        if spec is not None and spec.origin is not None:
            found += [Path(spec.origin).parent / name for name in names.split()]
    for package, patterns in IN_DEBIAN.items():
        place = shelf.debian(package)
        if place is not None:
            found += [file for each in patterns.split() for file in sorted(place.rglob(each))]
    return tuple(file for file in found if file.is_file() and not file.is_symlink())


def _whole(file: Path) -> tuple[int, int]:
    with Image.open(file) as image:
        return image.size


def _grid(file: Path, across: int, down: int) -> Iterator[Piece]:
    width, height = _whole(file)
    wide, high = width // across, height // down
    for row in range(down):
        for column in range(across):
            yield Piece(file, (column * wide, row * high, (column + 1) * wide, (row + 1) * high))


def _serves(file: Path) -> int:
    """0 to 3, by the file's name: what its pieces are for."""
    return int(generator("serves", file.name, file.parts[-4]).integers(4))


def for_recall() -> list[Piece]:
    """Whole pictures, and upright halves of large ones: those that are altered."""
    pieces: list[Piece] = []
    for file in files():
        purpose = _serves(file)
        large = min(_whole(file)) >= LARGE
        if purpose == 0 and large:
            continue
        pieces += _grid(file, 2 if large and purpose > 1 else 1, 1)
    return pieces


def under_text() -> list[Piece]:
    """Quarters of the large files that are in none of `for_recall`."""
    return [
        piece
        for file in files()
        if _serves(file) == 0 and min(_whole(file)) >= LARGE
        for piece in _grid(file, 2, 2)
    ]


def pieces() -> list[Piece]:
    """As many pieces that do not overlap as every file gives: for pairs of different pictures."""
    found: list[Piece] = []
    for file in files():
        width, height = _whole(file)
        found += _grid(file, max(1, min(4, width // 640)), max(1, min(3, height // LEAST)))
    return found
