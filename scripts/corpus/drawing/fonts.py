"""Fonts: DejaVu where the system or matplotlib has it, and some of Debian's from the shelf."""

from __future__ import annotations

import functools
from importlib import util
from pathlib import Path
from typing import Final, TypeAlias

from corpus import shelf
from PIL import ImageFont

Font: TypeAlias = ImageFont.FreeTypeFont

PACKAGES: Final = ("fonts-lato", "fonts-liberation", "fonts-open-sans")
SYSTEM: Final = Path("/usr/share/fonts/truetype/dejavu")
NAMES: Final = {
    "sans": ("Lato-Regular.ttf", "OpenSans-Regular.ttf", "LiberationSans-Regular.ttf", "DejaVuSans.ttf"),
    "bold": ("Lato-Bold.ttf", "OpenSans-Bold.ttf", "LiberationSans-Bold.ttf", "DejaVuSans-Bold.ttf"),
    "serif": ("LiberationSerif-Regular.ttf", "DejaVuSerif.ttf"),
    "heavy": ("Lato-Black.ttf", "OpenSans-ExtraBold.ttf", "DejaVuSans-Bold.ttf"),
    "mono": ("LiberationMono-Regular.ttf", "DejaVuSansMono.ttf"),
}


@functools.cache
def _files() -> dict[str, Path]:
    places = [SYSTEM]
    found = util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        places.append(Path(found.origin).parent / "mpl-data" / "fonts" / "ttf")
    places += [place for place in map(shelf.debian, PACKAGES) if place is not None]
    return {file.name: file for place in places for file in sorted(place.rglob("*.ttf"))}


@functools.cache
def faces(style: str) -> tuple[str, ...]:
    """The names of the fonts of a style that are here; ("",), Pillow's own, if none is."""
    return tuple(name for name in NAMES[style] if name in _files()) or ("",)


@functools.lru_cache(maxsize=256)
def font(style: str, size: int, which: int = 0) -> Font:
    """A font of a style, ``size`` pixels high; ``which`` chooses among those that are here."""
    names = faces(style)
    name = names[which % len(names)]
    if name:
        return ImageFont.truetype(_files()[name], size)
    plain = ImageFont.load_default(size)
    assert isinstance(plain, ImageFont.FreeTypeFont)  # noqa: S101 - with a size, Pillow gives its own TrueType font
    return plain


def wrapped(text: str, face: Font, width: int) -> list[str]:
    """The text in lines that are at most ``width`` pixels wide; a longer word has a line of its own."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and face.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
