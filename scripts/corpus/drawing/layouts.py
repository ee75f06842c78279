"""Text pictures of one layout: screenshots of posts, chats, quote cards, comments, and posts with a picture.

Different pictures of one layout share everything but what people wrote. With ``one`` name they come from one
account, so the name and the avatar are the same as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from corpus.drawing.fonts import font, wrapped
from corpus.drawing.graphics import landscape
from corpus.drawing.phones import (
    DARK,
    LIGHT,
    Theme,
    avatar,
    counters,
    header,
    navigation,
    post_on_a_phone,
    status_bar,
)
from corpus.drawing.sentences import name, sentence
from corpus.seeds import Random, generator
from PIL import Image, ImageDraw

Layout: TypeAlias = Callable[[Random], Image.Image]

WIDTH: Final = 720


def _post(theme: Theme, *, one: bool) -> Layout:
    """A screenshot of a post without a picture, as a phone cuts it."""

    def draw_post(random: Random) -> Image.Image:
        screen = Image.new("RGB", (WIDTH, 560), theme.back)
        draw = ImageDraw.Draw(screen)
        account = generator("one account") if one else random
        header(draw, 30, theme, name(account), account)
        face = font("sans", 32)
        count = int(random.integers(2, 5))
        lines = wrapped(". ".join(sentence(random) for _ in range(count)), face, WIDTH - 60)[:7]
        for number, line in enumerate(lines):
            draw.text((30, 132 + number * 44), line, theme.ink, face)
        draw.line((30, 470, WIDTH - 30, 470), fill=theme.line, width=2)
        counters(draw, 490, theme, random)
        return screen

    return draw_post


def _chat(random: Random) -> Image.Image:
    """Bubbles of two people, on a whole screen."""
    screen = Image.new("RGB", (WIDTH, 1280), LIGHT.back)
    draw = ImageDraw.Draw(screen)
    status_bar(draw, LIGHT, random)
    draw.text((120, 76), name(random), LIGHT.ink, font("bold", 28))
    avatar(draw, (40, 64), 56, "A", generator("one avatar"))
    face, top = font("sans", 28), 160
    while top < 1040:  # noqa: PLR2004 - above the keyboard
        lines = wrapped(sentence(random), face, 400)
        wide = int(max(map(face.getlength, lines))) + 40
        high = len(lines) * 36 + 28
        mine = random.random() < 0.5  # noqa: PLR2004 - a coin
        left = WIDTH - wide - 30 if mine else 30
        fill = (0, 122, 255) if mine else (229, 229, 234)
        draw.rounded_rectangle((left, top, left + wide, top + high), 24, fill=fill)
        for number, line in enumerate(lines):
            draw.text((left + 20, top + 12 + number * 36), line, "white" if mine else LIGHT.ink, face)
        top += high + 18
    navigation(draw, 1280, LIGHT)
    return screen


def _quote(random: Random) -> Image.Image:
    """A sentence in the middle of a card, with a name under it."""
    card = Image.new("RGB", (800, 800), (34, 40, 49))
    draw = ImageDraw.Draw(card)
    face = font("serif", 46)
    lines = wrapped(f"“{sentence(random)}”", face, 640)
    top = 400 - len(lines) * 31
    for number, line in enumerate(lines):
        draw.text((400, top + number * 62), line, (238, 238, 238), face, anchor="mm")
    draw.text((400, 690), f"— {name(random)}", (0, 173, 181), font("sans", 30), anchor="mm")
    return card


def _comment(random: Random) -> Image.Image:
    """One comment, cut out of a screen."""
    crop = Image.new("RGB", (WIDTH, 240), LIGHT.back)
    draw = ImageDraw.Draw(crop)
    who = name(random)
    avatar(draw, (24, 24), 60, who, random)
    draw.rounded_rectangle((100, 20, 690, 180), 24, fill=(240, 242, 245))
    draw.text((124, 34), who, LIGHT.ink, font("bold", 26))
    face = font("sans", 27)
    for number, line in enumerate(wrapped(sentence(random), face, 540)[:3]):
        draw.text((124, 72 + number * 34), line, LIGHT.ink, face)
    draw.text((124, 194), f"{int(random.integers(1, 59))} m    Like    Reply", LIGHT.faint, font("bold", 24))
    return crop


def _picture_post(*, dark: bool) -> Layout:
    """A phone's screenshot of a post with a picture of its own."""
    return lambda random: post_on_a_phone(landscape(random), random, dark=dark)


LAYOUTS: Final[dict[str, Layout]] = {
    "posts, own names, light": _post(LIGHT, one=False),
    "posts, own names, dark": _post(DARK, one=False),
    "posts, one account, light": _post(LIGHT, one=True),
    "posts, one account, dark": _post(DARK, one=True),
    "chats": _chat,
    "quote cards": _quote,
    "comments": _comment,
    "picture posts, light": _picture_post(dark=False),
    "picture posts, dark": _picture_post(dark=True),
}
