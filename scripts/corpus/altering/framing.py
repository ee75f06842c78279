"""Copies inside a frame: borders, captions, letterboxes, screenshots, collages. Nothing is cut off."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from corpus.altering.alteration import Change, Picture, changed, colour, scaled
from corpus.drawing.fonts import font, wrapped
from corpus.drawing.phones import full_bleed, post_on_a_phone
from corpus.drawing.sentences import sentence
from corpus.seeds import Random
from PIL import Image, ImageDraw, ImageFilter

Side: TypeAlias = Literal["top", "bottom", "left", "right"]
Colour: TypeAlias = tuple[int, int, int]

BLACK: Final = (0, 0, 0)
WHITE: Final = (255, 255, 255)
BORDER: Final = "border any colour, 2 to 10 %"
CAPTION: Final = "caption bar 5 to 30 %, any side"
LETTERBOX: Final = "letterbox 1:1, 9:16"
BLURRED: Final = "letterbox on a blurred background"
SCREENSHOT: Final = "phone screenshot of a post; full-bleed"
COLLAGE: Final = "collage half"
INSET: Final = "inset 46 %"


def border(share: float, fill: Colour | None) -> Change:
    """A border around the picture, a share of its longer side wide; of any colour if ``fill`` is None."""

    def change(picture: Picture, random: Random) -> Picture:
        edge = max(1, round(share * max(picture.size)))
        size = (picture.width + 2 * edge, picture.height + 2 * edge)
        framed = Image.new("RGB", size, fill or colour(random))
        framed.paste(picture, (edge, edge))
        return framed

    return change


def caption(share: float, side: Side, back: Colour | None = WHITE) -> Change:
    """A bar with a sentence at one side, a share of the picture's height or width."""

    def change(picture: Picture, random: Random) -> Picture:
        fill = back or colour(random)
        ink = BLACK if sum(fill) > 384 else WHITE  # noqa: PLR2004 - half of three times 255
        across = side in ("top", "bottom")
        bar = round(share * (picture.height if across else picture.width))
        size = (picture.width, bar) if across else (bar, picture.height)
        drawn = Image.new("RGB", size, fill)
        write(drawn, sentence(random), ink, random)
        whole = Image.new(
            "RGB", (picture.width, picture.height + bar) if across else (picture.width + bar, picture.height)
        )
        whole.paste(picture, {"top": (0, bar), "left": (bar, 0)}.get(side, (0, 0)))
        whole.paste(drawn, {"bottom": (0, picture.height), "right": (picture.width, 0)}.get(side, (0, 0)))
        return whole

    return change


def write(on: Picture, text: str, ink: Colour, random: Random) -> None:
    """The text in the middle of a picture, as large as it fits, at most a tenth of its longer side high."""
    which = int(random.integers(16))
    inner = on.width * 0.94, on.height * 0.9
    for size in range(max(8, min(on.height // 2, max(on.size) // 10)), 5, -2):
        face = font("sans", size, which)
        lines = wrapped(text, face, int(inner[0]))
        if len(lines) * size * 1.2 <= inner[1] and max(map(face.getlength, lines)) <= inner[0]:
            break
    else:
        return
    draw = ImageDraw.Draw(on)
    top = (on.height - len(lines) * size * 1.2) / 2
    for number, line in enumerate(lines):
        draw.text(
            ((on.width - face.getlength(line)) / 2, top + number * size * 1.2), line, fill=ink, font=face
        )


def letterbox(aspect: float, fill: Colour | Literal["blurred", "any"]) -> Change:
    """The picture in the middle of one that is ``aspect`` times as wide as high."""

    def change(picture: Picture, random: Random) -> Picture:
        width, height = picture.size
        size = (width, round(width / aspect)) if width / height > aspect else (round(height * aspect), height)
        if fill == "blurred":
            whole = covering(picture, size).filter(ImageFilter.GaussianBlur(max(size) / 40))
        else:
            whole = Image.new("RGB", size, colour(random) if fill == "any" else fill)
        whole.paste(picture, ((size[0] - width) // 2, (size[1] - height) // 2))
        return whole

    return change


def covering(picture: Picture, size: tuple[int, int]) -> Picture:
    """The middle of the picture, as large as it must be to cover ``size``."""
    larger = scaled(picture, max(size[0] / picture.width, size[1] / picture.height) * 1.001)
    left, top = (larger.width - size[0]) // 2, (larger.height - size[1]) // 2
    return larger.crop((left, top, left + size[0], top + size[1]))


def decoy(size: tuple[int, int], random: Random) -> Picture:
    """Another picture beside the copy: soft shapes of some colours."""
    drawn = Image.new("RGB", (96, 96), colour(random))
    draw = ImageDraw.Draw(drawn)
    for _ in range(14):
        x, y, wide, high = random.integers(-20, 96, 4).tolist()
        draw.ellipse((x, y, x + abs(wide) + 4, y + abs(high) + 4), fill=colour(random))
    return drawn.filter(ImageFilter.GaussianBlur(1.5)).resize(size, Image.Resampling.BICUBIC)


def collage(picture: Picture, random: Random) -> Picture:
    """The picture beside another one of its size, left or right, above or below it."""
    other = decoy(picture.size, random)
    first, second = (picture, other) if random.random() < 0.5 else (other, picture)  # noqa: PLR2004 - a coin
    beside = picture.height > picture.width
    size = (2 * picture.width, picture.height) if beside else (picture.width, 2 * picture.height)
    whole = Image.new("RGB", size)
    whole.paste(first, (0, 0))
    whole.paste(second, (picture.width, 0) if beside else (0, picture.height))
    return whole


def inset(share: float) -> Change:
    """The picture, its sides a share of another one's, somewhere on that."""

    def change(picture: Picture, random: Random) -> Picture:
        whole = decoy((1280, 960), random)
        small = scaled(picture, min(share * 1280 / picture.width, share * 960 / picture.height))
        left, top = (
            int(random.integers(0, room - side + 1))
            for room, side in zip((1280, 960), small.size, strict=True)
        )
        whole.paste(small, (left, top))
        return whole

    return change


ALTERATIONS: Final = (
    changed("border black 2 %", BORDER, border(0.02, BLACK)),
    changed("border black 5 %", BORDER, border(0.05, BLACK)),
    changed("border black 10 %", BORDER, border(0.10, BLACK)),
    changed("border white 5 %", BORDER, border(0.05, WHITE)),
    changed("border white 10 %", BORDER, border(0.10, WHITE)),
    changed("border coloured 3 %", BORDER, border(0.03, None)),
    changed("border coloured 8 %", BORDER, border(0.08, None)),
    changed("caption 5 % above", CAPTION, caption(0.05, "top")),
    changed("caption 10 % below", CAPTION, caption(0.10, "bottom")),
    changed("caption 20 % above", CAPTION, caption(0.20, "top")),
    changed("caption 30 % above", CAPTION, caption(0.30, "top")),
    changed("caption black 15 % below", CAPTION, caption(0.15, "bottom", BLACK)),
    changed("caption coloured 12 % below", CAPTION, caption(0.12, "bottom", None)),
    changed("caption 20 % left", CAPTION, caption(0.20, "left")),
    changed("caption black 25 % right", CAPTION, caption(0.25, "right", BLACK)),
    changed("letterbox 1:1 black", LETTERBOX, letterbox(1, BLACK)),
    changed("letterbox 1:1 white", LETTERBOX, letterbox(1, WHITE)),
    changed("letterbox 9:16 black", LETTERBOX, letterbox(9 / 16, BLACK)),
    changed("letterbox 9:16 white", LETTERBOX, letterbox(9 / 16, WHITE)),
    changed("letterbox 9:16 coloured", LETTERBOX, letterbox(9 / 16, "any")),
    changed("letterbox 1:1 blurred", BLURRED, letterbox(1, "blurred")),
    changed("letterbox 9:16 blurred", BLURRED, letterbox(9 / 16, "blurred")),
    changed("screenshot of a post, light", SCREENSHOT, lambda p, r: post_on_a_phone(p, r, dark=False)),
    changed("screenshot of a post, dark", SCREENSHOT, lambda p, r: post_on_a_phone(p, r, dark=True)),
    changed("screenshot full-bleed", SCREENSHOT, full_bleed),
    changed("collage half", COLLAGE, collage),
    changed("inset 46 %", INSET, inset(0.46)),
)
