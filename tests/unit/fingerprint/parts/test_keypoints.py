"""Parts of pictures: what copies keep, what is refused, and the check at the pixels."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictured import inset, picture, stored
from PIL import Image, ImageDraw
from voting import Placed, apart, exact, units

from hashpact.domain.checks import Transform
from hashpact.domain.fingerprints import PARTS, Fingerprint, PrivatePart
from hashpact.errors import InvalidInputError, UnusableFingerprintError
from hashpact.fingerprint.parts import keypoints as recipe
from hashpact.fingerprint.parts import perspective
from hashpact.fingerprint.parts.keypoints import parts, parts_to_check
from hashpact.fingerprint.parts.perspective import Agreement, agreement
from hashpact.fingerprint.parts.pictured import parts_of
from hashpact.fingerprint.parts.tones import photographed, tones_share

ENOUGH, FEWEST, MANY = int(PARTS.default), int(PARTS.ceiling), PARTS.count[1]
IMAGES = Path(__file__).parents[3] / "vectors"
VECTORS: dict[str, str] = json.loads((IMAGES / "fingerprints.json").read_text())["parts"]
CONFORMANT = 16
"""docs/methods/parts-1.md: descriptors of one keypoint are no further apart."""


@pytest.fixture(scope="module")
def original() -> Image.Image:
    return picture(1)


@pytest.fixture(scope="module")
def entry(original: Image.Image) -> Fingerprint:
    return parts(original)


def transform(found: Placed) -> Transform:
    return Transform(
        abs(found.by), float(np.degrees(np.angle(found.by))), float(found.to.real), float(found.to.imag)
    )


COPIES = {
    "half": lambda grey: stored(grey.crop((200, 100, 760, 520))),
    "one side": lambda grey: stored(grey.crop((0, 0, 700, 600))),
    "turned": lambda grey: stored(grey.rotate(7, expand=True, fillcolor=200)),
    "inset": lambda grey: inset(grey, 0.46, (0.1, 0.4), picture(99)),
    "smaller": lambda grey: stored(grey.resize((240, 180))),
    "darker": lambda grey: stored(grey.point(lambda tone: tone // 2)),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_has_the_parts_where_the_transform_puts_them(
    original: Image.Image, entry: Fingerprint, name: str
) -> None:
    copy = COPIES[name](original)
    asked, mirrored = parts_to_check(copy)

    found = exact(asked.value, entry.value)
    assert found.points >= ENOUGH + 4
    assert exact(mirrored.value, entry.value).points < ENOUGH
    seen = agreement(entry, asked, copy, transform(found))
    assert seen.confirms(FEWEST)
    assert seen.share is not None
    assert seen.share > 0.9
    # At any other place the pixels are others.
    elsewhere = Transform(found.by.real, 0.0, found.to.real + 0.1, found.to.imag)
    assert not agreement(entry, asked, copy, elsewhere).confirms(MANY)


def test_the_transform_says_where_a_crop_lies(original: Image.Image, entry: Fingerprint) -> None:
    asked, _ = parts_to_check(original.crop((200, 100, 600, 400)))

    found = transform(exact(asked.value, entry.value))
    # The crop is half as wide, so that the whole is twice as large, a quarter and a sixth of it outside.
    assert found.scale == pytest.approx(2, rel=0.01)
    assert found.rotation == pytest.approx(0, abs=0.5)
    assert (found.x, found.y) == pytest.approx((-0.5, -0.25), abs=0.01)


def test_a_mirrored_copy_is_found_by_the_second_query(original: Image.Image, entry: Fingerprint) -> None:
    copy = stored(original.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    asked, mirrored = parts_to_check(copy)

    assert exact(asked.value, entry.value).points < ENOUGH
    found = exact(mirrored.value, entry.value)
    assert found.points >= 2 * ENOUGH
    assert agreement(entry, mirrored, copy, transform(found), mirrored=True).confirms(FEWEST)
    assert not agreement(entry, mirrored, copy, transform(found)).confirms(MANY)


def test_another_picture_has_no_such_place(original: Image.Image) -> None:
    asked = parts_to_check(original)[0].value
    assert max(exact(asked, parts(picture(seed)).value).points for seed in range(10, 20)) < PARTS.ceiling


def test_the_first_keypoints_are_spread_over_the_picture(entry: Fingerprint) -> None:
    first = units(entry.value)[:32]
    quarters = {(int(x) * 2 // 65536, int(y) * 2 // 49152) for x, y in first[["x", "y"]].tolist()}
    assert quarters == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_big_letters_do_not_take_all_places(original: Image.Image, entry: Fingerprint) -> None:
    meme = original.copy()
    draw = ImageDraw.Draw(meme)
    for y in (20, 470):
        for x in range(40, 760, 90):
            draw.text((x, y), "W", fill=255, font_size=110, stroke_width=6, stroke_fill=0)
    asked, _ = parts_to_check(stored(meme))
    assert exact(asked.value, entry.value).points >= 2 * ENOUGH


def page(lines: int) -> Image.Image:
    drawn = Image.new("L", (600, 800), 250)
    for line in range(lines):
        text = f"{line * 7919 % 997} pages of {line * 104729 % 8191} words, number {line}"
        ImageDraw.Draw(drawn).text((30, 20 + 24 * line), text, fill=10, font_size=18)
    return drawn


@pytest.mark.parametrize("name", ["png", "jpeg"])
def test_a_text_is_refused_as_an_entry_and_can_be_checked(name: str) -> None:
    text = page(30) if name == "png" else stored(page(30))
    assert tones_share(text, 1) > 0.5
    with pytest.raises(UnusableFingerprintError, match=r"one grey tone covers [5-9]\d% of the picture"):
        parts(text)
    assert len(parts_to_check(text)) == 2


def test_a_thing_before_a_plain_ground_is_shared_without_the_letters_beside_it() -> None:
    post, thing = page(12), picture(5, (400, 380))
    post.paste(thing, (100, 340))
    assert tones_share(stored(post), 1) > 0.5

    found = units(parts(stored(post)).value)
    x, y = (found[side] * (800 / 65536) for side in ("x", "y"))
    assert ((x > 90) & (x < 510) & (y > 330) & (y < 730)).all()
    assert exact(parts_to_check(stored(thing))[0].value, found.tobytes()).points >= 2 * ENOUGH


def test_an_icon_is_refused_and_a_letterboxed_picture_is_not() -> None:
    icon = Image.new("L", (640, 640), 255)
    draw = ImageDraw.Draw(icon)
    draw.rounded_rectangle((40, 40, 600, 600), 120, fill=90)
    draw.ellipse((130, 130, 510, 510), fill=200)
    assert tones_share(icon, 1) < 0.5
    with pytest.raises(UnusableFingerprintError, match=r"3 grey tones cover 9\d% of the picture"):
        parts(icon)

    boxed = Image.new("L", (640, 640), 90)
    boxed.paste(255, (0, 480, 640, 640))
    boxed.paste(picture(5, (520, 380)), (60, 130))
    found = units(parts(stored(boxed)).value)
    x, y = (found[side] * (640 / 65536) for side in ("x", "y"))
    assert ((x > 50) & (x < 590) & (y > 120) & (y < 520)).all()


def test_a_fine_texture_on_a_ground_that_covers_less_than_half_is_kept_as_a_whole() -> None:
    random = np.random.RandomState(5)
    pixels = random.randint(0, 256, (256, 256)).astype(np.uint8)
    pixels[random.rand(256, 256) < 0.3] = 200
    assert photographed(Image.fromarray(pixels)) is None
    pixels[random.rand(256, 256) < 0.4] = 200
    with pytest.raises(UnusableFingerprintError, match="one grey tone covers 5"):
        photographed(Image.fromarray(pixels))


def seen_from(grey: Image.Image, corners: tuple[tuple[float, float], ...]) -> Image.Image:
    """The picture with its corners put at these shares of its sides, clockwise from the top left."""
    width, height = grey.size
    rows: list[NDArray[np.float64]] = []
    wanted: list[float] = []
    for (x, y), (u, v) in zip(corners, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        to, source = (x * width, y * height), (u * width, v * height)
        for axis in (0, 1):
            row = np.zeros(8)
            row[3 * axis : 3 * axis + 3] = *to, 1
            row[6:] = -source[axis] * np.array(to)
            rows.append(row)
        wanted += source
    numbers = np.linalg.solve(np.array(rows), np.array(wanted)).tolist()
    return grey.transform(grey.size, Image.Transform.PERSPECTIVE, numbers, Image.Resampling.BICUBIC)


def test_a_picture_in_perspective_agrees_at_the_places_of_a_homography(
    original: Image.Image, entry: Fingerprint
) -> None:
    copy = stored(seen_from(original, ((0.05, 0.1), (0.97, 0.0), (0.93, 0.93), (0.0, 1.0))))
    asked, _ = parts_to_check(copy)

    place = transform(exact(asked.value, entry.value))
    seen = agreement(entry, asked, copy, place)
    assert seen.share is not None
    assert seen.share > 0.9
    # Without the keypoints of the upload only the similarity is left, which fits at few places.
    other, _ = parts_to_check(picture(77))
    assert not agreement(entry, other, copy, place).confirms(MANY)


def test_a_smooth_picture_has_too_few_keypoints() -> None:
    smooth = Image.linear_gradient("L").resize((640, 480))
    with pytest.raises(UnusableFingerprintError, match=r"keypoints, and at least 32 are needed"):
        parts(smooth)
    with pytest.raises(UnusableFingerprintError, match=r"keypoints, and at least 8 are needed"):
        parts_to_check(smooth)


def test_a_strip_is_refused() -> None:
    with pytest.raises(UnusableFingerprintError, match="more than 10 times longer than wide"):
        parts(picture(3).resize((6000, 400)))


def test_a_check_may_have_more_than_an_entry(original: Image.Image, entry: Fingerprint) -> None:
    asked, _ = parts_to_check(original)
    assert PARTS.most_shared is not None
    most = PARTS.size * PARTS.most_shared
    assert len(entry.value) <= most < len(asked.value) <= PARTS.size * PARTS.count[1]
    PrivatePart(entry, bytes(32))
    with pytest.raises(InvalidInputError, match="an entry has a parts/1 of at most 4864 bytes, not"):
        PrivatePart(asked, bytes(32))
    with pytest.raises(InvalidInputError, match="an entry has a parts/1 of at least 1216 bytes, not 1178"):
        PrivatePart(Fingerprint(PARTS, entry.value[: 31 * 38]), bytes(32))
    with pytest.raises(InvalidInputError, match="8 to 300 times 38 bytes"):
        Fingerprint(PARTS, bytes(38 * 301))


def test_agreement_says_nothing_about_what_lies_outside(original: Image.Image, entry: Fingerprint) -> None:
    seen = agreement(entry, parts_to_check(original)[0], original, Transform(1.0, 0.0, 3.0, 3.0))
    assert (seen.visible, seen.share, seen.confirms(MANY)) == (0, None, False)


@pytest.mark.parametrize(
    ("points", "least"), [(5, 11 / 16), (6, 10 / 16), (8, 0.5), (9, 7 / 16), (10, 0.4), (300, 0.4)]
)
def test_the_fewer_points_a_match_has_the_more_must_agree_at_the_pixels(points: int, least: float) -> None:
    assert Agreement(10, least).confirms(points)
    assert not Agreement(128, least - 0.001).confirms(points)
    assert not Agreement(9, None).confirms(points)


def test_a_corner_that_shows_few_keypoints_is_confirmed_by_nearly_all_of_them(
    original: Image.Image, entry: Fingerprint
) -> None:
    copy = stored(original.crop((480, 0, 800, 240)))
    asked, _ = parts_to_check(copy)

    found = exact(asked.value, entry.value)
    assert FEWEST <= found.points < ENOUGH
    seen = agreement(entry, asked, copy, transform(found))
    assert 10 <= seen.visible < 20
    assert seen.confirms(found.points)


def test_what_agrees_everywhere_says_nothing() -> None:
    """Of smooth pictures and patterns many keypoints are alike: these agree at each other's places, too."""
    alike = np.eye(20, dtype=bool)
    assert perspective._beyond_chance(alike) == 1
    alike[3, 3] = False
    assert perspective._beyond_chance(alike) == pytest.approx(0.95)
    alike |= np.arange(20) % 2 == 0
    assert perspective._beyond_chance(alike) == pytest.approx(0.9)
    alike[:] = np.arange(20) % 2 == 0
    assert perspective._beyond_chance(alike) == 0
    assert perspective._beyond_chance(~np.eye(20, dtype=bool)) == 0
    assert perspective._beyond_chance(np.ones((20, 20), bool)) == 0


@pytest.mark.parametrize("bad", [-1.0, 17.0, 1e300, float("nan"), float("inf")])
def test_a_transform_that_no_index_finds_is_refused(bad: float) -> None:
    for values in ((bad, 0, 0, 0), (1, 0, bad * 999, 0), (1, 0, 0, bad * 999), (1, bad * 999, 0, 0)):
        with pytest.raises(InvalidInputError, match="a transform scales by 1/16 to 16"):
            Transform(*values)


def test_a_picture_full_of_corners_costs_bounded_time_and_memory() -> None:
    noise = Image.fromarray(np.random.RandomState(7).randint(0, 256, (1200, 1600)).astype(np.uint8))
    assert len(parts_to_check(noise)[0].value) <= PARTS.size * PARTS.count[1]
    found = recipe._spread(np.random.RandomState(7).uniform(4, 600, (20000, 5)), (640, 640), 3.5)
    assert len(found) == recipe._SPREAD


def test_without_opencv_the_error_names_the_extra() -> None:
    script = """
import sys
sys.modules["cv2"] = None
from PIL import Image
from hashpact.errors import ConfigError
from hashpact.fingerprint.parts.keypoints import parts_to_check
try:
    parts_to_check(Image.effect_noise((300, 300), 90))
except ConfigError as error:
    print(error.message)
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout == "parts/1 needs OpenCV: pip install 'hashpact[parts]'\n"


@pytest.mark.parametrize("name", VECTORS)
def test_the_keypoints_are_those_of_the_vectors(name: str) -> None:
    """Descriptors are not exact between releases of OpenCV: nearly all keypoints, within a few bits."""
    golden, made = units(bytes.fromhex(VECTORS[name])), units(parts_of(IMAGES / name).value)
    assert len(made) == pytest.approx(len(golden), rel=0.05)
    bits = apart(golden["descriptor"], made["descriptor"])
    steps = [np.abs(golden[side].astype(int)[:, None] - made[side].astype(int)) for side in ("x", "y")]
    # A working pixel is 102 steps wide.
    same = (bits <= CONFORMANT) & (np.maximum(*steps) <= 102)
    assert same.any(axis=1).mean() >= 0.95
