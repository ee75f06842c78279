"""Alterations of pictures: each makes a file that opens, the same one every time, and not the shared one."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest
from corpus.altering import cropping, framing
from corpus.altering.alteration import Alteration, Picture
from corpus.altering.encoding import WIDE, profile
from corpus.altering.table import ALTERATIONS
from corpus.drawing.graphics import landscape
from corpus.seeds import generator
from PIL import Image, ImageCms


@pytest.fixture(scope="module")
def picture() -> Picture:
    return landscape(generator("a picture")).resize((320, 240))


def read(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def by_name(name: str) -> Alteration:
    (found,) = (one for one in ALTERATIONS if one.name == name)
    return found


def test_names_are_different() -> None:
    assert {
        name: count for name, count in Counter(one.name for one in ALTERATIONS).items() if count > 1
    } == {}


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=lambda alteration: alteration.name)
def test_a_copy_opens_is_the_same_every_time_and_not_the_shared_file(
    alteration: Alteration, picture: Picture
) -> None:
    shared, copy = alteration.pair(picture, "it")
    assert (shared, copy) == alteration.pair(picture, "it")
    assert shared != copy
    assert min(read(shared).size) >= 16
    assert min(read(copy).size) >= 16


def test_chance_depends_on_the_picture_and_the_alteration(picture: Picture) -> None:
    one = by_name("crop 4 to 14 % anywhere")
    assert one.pair(picture, "it")[1] != one.pair(picture, "other")[1]


@pytest.mark.parametrize("name", ["EXIF 6", "EXIF 3", "EXIF 2"])
def test_a_viewer_turns_exif_copies_back(name: str, picture: Picture) -> None:
    from PIL import ImageOps  # noqa: PLC0415 - here only

    _, copy = by_name(name).pair(picture, "it")
    with Image.open(io.BytesIO(copy)) as image:
        seen = ImageOps.exif_transpose(image).convert("RGB")
    assert np.abs(np.asarray(seen, int) - np.asarray(picture, int)).mean() < 12


@pytest.mark.parametrize("name", ["wide ICC profile", "ICC profile, red and blue exchanged"])
def test_a_managed_viewer_shows_the_same_colours(name: str, picture: Picture) -> None:
    _, copy = by_name(name).pair(picture, "it")
    with Image.open(io.BytesIO(copy)) as image:
        own = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        managed = ImageCms.profileToProfile(image.convert("RGB"), own, ImageCms.createProfile("sRGB"))
        plain = np.asarray(image.convert("RGB"), int)
    assert managed is not None
    before = np.asarray(picture, int)
    # Saturated colours of the drawing lie outside the smaller of the two gamuts.
    assert np.abs(np.asarray(managed, int) - before).mean() < np.abs(plain - before).mean() / 2


def test_the_profile_is_one_that_a_colour_engine_opens() -> None:
    opened = ImageCms.getOpenProfile(io.BytesIO(profile(WIDE, 1.8)))
    assert opened.profile.red_colorant is not None
    assert opened.profile.red_colorant[1][0] == pytest.approx(0.7347, abs=0.002)


def test_deep_copies_have_the_pixels_of_the_picture(picture: Picture) -> None:
    _, copy = by_name("16-bit RGB").pair(picture, "it")
    assert (np.asarray(read(copy)) == np.asarray(picture)).all()


def test_both_files_of_a_transparent_pair_have_one_outline(picture: Picture) -> None:
    shared, copy = by_name("on white, uploaded transparent").pair(picture, "it")
    with Image.open(io.BytesIO(copy)) as image:
        white = Image.new("RGBA", image.size, "white")
        flattened = Image.alpha_composite(white, image).convert("RGB")
    assert np.abs(np.asarray(flattened, int) - np.asarray(read(shared), int)).mean() < 6


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_a_crop_takes_its_share_of_both_sides(share: float, picture: Picture) -> None:
    random = generator("crop")
    for change in (cropping.centred(share), cropping.anywhere(share, share)):
        left = change(picture, random)
        assert left.width == pytest.approx(320 * (1 - share), abs=1)
        assert left.height == pytest.approx(240 * (1 - share), abs=1)


def test_frames_hold_the_whole_picture(picture: Picture) -> None:
    random = generator("frames")
    pixels = np.asarray(picture)
    for change, top, left in (
        (framing.border(0.05, None), 16, 16),
        (framing.caption(0.2, "top"), 48, 0),
        (framing.caption(0.2, "left"), 0, 64),
        (framing.letterbox(9 / 16, "blurred"), (569 - 240) // 2, 0),
        (framing.letterbox(1, framing.BLACK), 40, 0),
    ):
        framed = np.asarray(change(picture, random))
        assert (framed[top : top + 240, left : left + 320] == pixels).all()
