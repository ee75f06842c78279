"""Where somebody has put a picture: borders, captions, screens, backgrounds."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from hashpact.fingerprint.views.panels import MOST, Box, boxes

IMAGES = Path(__file__).parents[3] / "vectors/images"
SIZE = (400, 300)


def drawn(seed: int = 3) -> Image.Image:
    """Something like a photograph: soft shapes with a little noise, and no edge of one colour."""
    chance = np.random.RandomState(seed)
    small = Image.fromarray(chance.randint(20, 236, (9, 12, 3)).astype(np.uint8))
    pixels = np.asarray(small.resize(SIZE, Image.Resampling.BICUBIC)).astype(np.int16)
    return Image.fromarray((pixels + chance.randint(-9, 10, pixels.shape)).clip(0, 255).astype(np.uint8))


def uploaded(image: Image.Image) -> Image.Image:
    """As a JPEG of a platform, which blurs the edges of a frame."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=75)
    return Image.open(file).convert("RGB")


def placed(on: Image.Image, left: int, top: int) -> tuple[Image.Image, Box]:
    """A picture with the photograph somewhere on it, and where."""
    on.paste(drawn(), (left, top))
    return on, Box(left, top, left + SIZE[0], top + SIZE[1])


def near(found: list[Box], box: Box, pixels: int = 4) -> bool:
    """Whether one of the boxes is that one."""
    return any(
        max(abs(getattr(each, side) - getattr(box, side)) for side in ("left", "top", "right", "bottom"))
        <= pixels
        for each in found
    )


@pytest.mark.parametrize("colour", ["black", "white", "#d02030", "#808080", "#123456", "#f5f0e0"])
@pytest.mark.parametrize("edge", [8, 20, 40])
def test_a_border_of_any_colour_is_taken_off(colour: str, edge: int) -> None:
    framed, box = placed(Image.new("RGB", (SIZE[0] + 2 * edge, SIZE[1] + 2 * edge), colour), edge, edge)
    assert near(boxes(uploaded(framed)), box)


@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
@pytest.mark.parametrize("colour", ["white", "black"])
def test_a_caption_is_taken_off_whatever_its_side(side: str, colour: str) -> None:
    across = side in ("left", "right")
    size = (SIZE[0] + 120, SIZE[1]) if across else (SIZE[0], SIZE[1] + 60)
    on = Image.new("RGB", size, colour)
    ink = "black" if colour == "white" else "white"
    draw = ImageDraw.Draw(on)
    for line in range(3 if across else 1):
        place = (SIZE[0] + 8 if side == "right" else 8, SIZE[1] + 22 if side == "bottom" else 22 + 40 * line)
        draw.text(place, "some words" if across else "when nobody answers the phone again", fill=ink)
    captioned, box = placed(on, 120 if side == "left" else 0, 60 if side == "top" else 0)
    assert near(boxes(uploaded(captioned)), box)


def screen(back: str, ink: str) -> Image.Image:
    """A phone's screen with a post on it: a bar of another colour, an avatar, lines of text."""
    on = Image.new("RGB", (SIZE[0] + 40, 900), back)
    draw = ImageDraw.Draw(on)
    draw.text((12, 6), "12:04", fill=ink)
    draw.ellipse((16, 60, 56, 100), fill="#8040a0")
    for line, text in enumerate(("Somebody", "a few words on what is to be seen below", "#and #more")):
        draw.text((70 if line == 0 else 16, 70 + 45 * line), text, fill=ink)
    draw.line((0, 840, on.width, 840), fill="#888888")
    for place in range(5):
        draw.rectangle((30 + 90 * place, 855, 54 + 90 * place, 880), outline=ink, width=3)
    return on


@pytest.mark.parametrize(("back", "ink"), [("white", "black"), ("#15202b", "white"), ("black", "white")])
def test_the_picture_of_a_post_is_found_on_a_screen(back: str, ink: str) -> None:
    shot, box = placed(screen(back, ink), 20, 260)
    assert near(boxes(uploaded(shot)), box)


def test_a_frame_within_a_frame_is_opened_too() -> None:
    inner, box = placed(Image.new("RGB", (SIZE[0] + 60, SIZE[1] + 80), "#203040"), 30, 40)
    outer = ImageOps.expand(inner, 50, "white")
    assert near(boxes(uploaded(outer)), Box(box.left + 50, box.top + 50, box.right + 50, box.bottom + 50))


def test_a_blurred_background_is_taken_off() -> None:
    back = drawn().resize((SIZE[0], 700)).filter(ImageFilter.GaussianBlur(20))
    letterboxed, box = placed(back, 0, 200)
    assert near(boxes(uploaded(letterboxed)), box, 6)


def test_a_picture_without_a_frame_has_no_parts() -> None:
    assert boxes(drawn()) == []
    with Image.open(IMAGES / "rgb.png") as picture:
        assert boxes(picture.convert("RGB").resize((640, 480))) == []


def test_a_picture_of_one_colour_has_no_parts() -> None:
    assert boxes(Image.new("RGB", (300, 200), "teal")) == []


@settings(max_examples=60, deadline=None)
@given(
    npst.arrays(
        np.uint8,
        st.tuples(st.integers(16, 60), st.integers(16, 60), st.just(3)),
        elements=st.sampled_from([0, 3, 128, 250, 255]),
        fill=st.just(255),
    )
)
def test_parts_are_few_and_lie_in_the_picture(pixels: np.ndarray) -> None:
    image = Image.fromarray(pixels)
    found = boxes(image)
    assert len(found) <= MOST
    for box in found:
        assert 0 <= box.left < box.right <= image.width
        assert 0 <= box.top < box.bottom <= image.height
        assert not box.alike(Box(0, 0, *image.size), image.size)
