"""What a phone shows: a post with a picture, or a picture from edge to edge, with the system's bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from corpus.drawing.fonts import font, wrapped
from corpus.drawing.sentences import name, sentence
from corpus.seeds import Random
from PIL import Image, ImageDraw

Colour: TypeAlias = tuple[int, int, int]

WIDTH: Final = 720
SCREENS: Final = (1280, 1480, 1560, 1600)


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of an app."""

    back: Colour
    ink: Colour
    faint: Colour
    line: Colour


LIGHT: Final = Theme((255, 255, 255), (20, 23, 26), (101, 119, 134), (225, 232, 237))
DARK: Final = Theme((21, 24, 28), (236, 238, 240), (136, 146, 158), (47, 51, 56))


def status_bar(draw: ImageDraw.ImageDraw, theme: Theme, random: Random) -> None:
    """The time, and how full the battery is."""
    face = font("bold", 24)
    clock = f"{int(random.integers(24)):02}:{int(random.integers(60)):02}"
    draw.text((36, 14), clock, theme.ink, face)
    draw.rounded_rectangle((650, 18, 690, 38), 5, outline=theme.ink, width=2)
    draw.rectangle((653, 21, 653 + int(random.integers(6, 34)), 35), fill=theme.ink)


def avatar(draw: ImageDraw.ImageDraw, at: tuple[float, float], side: int, who: str, random: Random) -> None:
    """A disc of some colour with the name's first letter."""
    fill = tuple(random.integers(40, 220, 3).tolist())
    draw.ellipse((*at, at[0] + side, at[1] + side), fill=fill)
    face = font("bold", side // 2)
    draw.text((at[0] + side / 2, at[1] + side / 2), who[0], "white", face, anchor="mm")


def header(draw: ImageDraw.ImageDraw, top: int, theme: Theme, who: str, random: Random) -> None:
    """Who posts, and when."""
    avatar(draw, (28, top), 72, who, random)
    draw.text((118, top + 6), who, theme.ink, font("bold", 28))
    handle = f"@{who.replace(' ', '').lower()}{int(random.integers(100))} · {int(random.integers(1, 23))}h"
    draw.text((118, top + 42), handle, theme.faint, font("sans", 23))


def counters(draw: ImageDraw.ImageDraw, top: float, theme: Theme, random: Random) -> None:
    """How often it was answered, shared and liked."""
    for place, mark in enumerate(("o", "<>", "+", "^")):
        count = str(int(10 ** random.uniform(0, 4)))
        draw.text((40 + place * 170, top), f"{mark} {count}", theme.faint, font("sans", 24))


def navigation(draw: ImageDraw.ImageDraw, height: int, theme: Theme) -> None:
    """The app's bar and the system's line at the bottom."""
    draw.line((0, height - 110, WIDTH, height - 110), fill=theme.line, width=2)
    for place in range(5):
        x = 72 + place * 144
        draw.rounded_rectangle((x - 18, height - 88, x + 18, height - 52), 8, outline=theme.faint, width=3)
    draw.rounded_rectangle((250, height - 18, 470, height - 10), 4, fill=theme.ink)


def post_on_a_phone(picture: Image.Image, random: Random, *, dark: bool) -> Image.Image:
    """A screenshot of a post with the picture: from edge to edge, or with a margin and round corners."""
    theme = DARK if dark else LIGHT
    margin = 0 if random.random() < 0.5 else 28  # noqa: PLR2004 - a coin
    wide = WIDTH - 2 * margin
    high = min(round(picture.height * wide / picture.width), 900)
    shown = picture.resize((round(picture.width * high / picture.height), high)) if high == 900 else None  # noqa: PLR2004 - the limit above
    shown = shown or picture.resize((wide, high))
    face = font("sans", 30, int(random.integers(4)))
    lines = wrapped(sentence(random), face, WIDTH - 60)
    top = 210 + len(lines) * 40
    height = max(SCREENS[int(random.integers(len(SCREENS)))], top + high + 200)
    screen = Image.new("RGB", (WIDTH, height), theme.back)
    draw = ImageDraw.Draw(screen)
    status_bar(draw, theme, random)
    header(draw, 90, theme, name(random), random)
    for number, line in enumerate(lines):
        draw.text((30, 186 + number * 40), line, theme.ink, face)
    mask = Image.new("L", shown.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle(
        (0, 0, shown.width - 1, shown.height - 1), 24 if margin else 0, fill=255
    )
    screen.paste(shown, ((WIDTH - shown.width) // 2, top), mask)
    counters(draw, top + high + 24, theme, random)
    if top + high + 260 < height:
        draw.line((0, top + high + 76, WIDTH, top + high + 76), fill=theme.line, width=2)
        header(draw, top + high + 100, theme, name(random), random)
    navigation(draw, height, theme)
    return screen


def full_bleed(picture: Image.Image, random: Random) -> Image.Image:
    """A screenshot of a picture that fills the screen's width, over black, with the system's bars."""
    theme = Theme((0, 0, 0), (240, 240, 240), (170, 170, 170), (40, 40, 40))
    shown = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)))
    height = max(SCREENS[int(random.integers(len(SCREENS)))], shown.height + 240)
    screen = Image.new("RGB", (WIDTH, height), theme.back)
    draw = ImageDraw.Draw(screen)
    status_bar(draw, theme, random)
    draw.text((36, 66), "<   " + name(random), theme.ink, font("bold", 28))
    screen.paste(shown, (0, 110 + (height - 220 - shown.height) // 2))
    navigation(draw, height, theme)
    return screen
