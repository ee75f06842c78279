"""Views of an upload: what they find, how few they are, and that they are never shared."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from hashpact.domain.checks import MAX_QUERIES, Answer, Match
from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint, Measure
from hashpact.domain.matching.strength import Strength
from hashpact.domain.matching.views import DERIVED, PictureView, Texture
from hashpact.errors import InvalidInputError, UnusableContentError
from hashpact.fingerprint import images
from hashpact.fingerprint.content import Fingerprinted, fingerprints_of
from hashpact.fingerprint.views.derive import texture_of

VIEWED = Path(__file__).parents[3] / "vectors/viewed"
IMAGES = Path(__file__).parents[3] / "vectors/images"
CLEAN = VIEWED / "clean.png"


def apart(one: bytes, other: bytes) -> int:
    """The Hamming distance in bits."""
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


def answered(shared: tuple[Fingerprint, ...], upload: Fingerprinted) -> Answer:
    """What a clearinghouse with one entry answers to a check, graded; exact fingerprints are left out."""
    best: dict[str, Match] = {}
    for number, query in enumerate(upload.queries):
        kind = query.fingerprint.type
        for each in shared:
            if each.type is not kind or kind.measure is not Measure.HAMMING:
                continue
            score = apart(each.value, query.fingerprint.value)
            if score <= kind.threshold(query.threshold) and score < best.get(kind.name, _FAR).score:
                best[kind.name] = Match(
                    0, kind.name, kind.measure, score, (), "", (), "", 0, 0, 0, query=number
                )
    return Answer(tuple(best.values()), 1).graded(upload.queries)


_FAR = Match(0, "", Measure.HAMMING, 999, (), "", (), "", 0, 0, 0)


def found(shared: Path | bytes, upload: Path | bytes) -> dict[PictureView, Strength]:
    """The views of an upload that find what was shared, with the strongest match of each."""
    answer = answered(fingerprints_of(shared).fingerprints, fingerprints_of(upload, views=DERIVED))
    order = list(Strength)
    best: dict[PictureView, Strength] = {}
    for match in answer.matches:
        assert match.strength is not None
        best[match.view] = min(best.get(match.view, Strength.WEAK), match.strength, key=order.index)
    return best


def written(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def clean() -> Image.Image:
    """A picture without symmetry, frame or text."""
    with Image.open(CLEAN) as image:
        return image.convert("RGB").resize((480, 360), Image.Resampling.BICUBIC)


# The trials of practitioners: what was shared, its copy, and the view that finds it.
@pytest.mark.parametrize(
    ("shared", "copy", "view"),
    [
        ("apng-hidden-default.shown.png", "apng-hidden-default.png", PictureView.FRAME),
        ("gif-black-first-frame.shown.png", "gif-black-first-frame.gif", PictureView.FRAME),
        ("sticker.flattened-on-white.jpg", "sticker.png", PictureView.SHOWN),
        ("sticker.png", "sticker.flattened-on-white.jpg", PictureView.WHOLE),
        ("clean.png", "icc-inverted.png", PictureView.SHOWN),
        ("clean.jpg", "exif-6.jpg", PictureView.SHOWN),
    ],
)
def test_what_a_viewer_shows_is_found(shared: str, copy: str, view: PictureView) -> None:
    assert found(VIEWED / shared, VIEWED / copy)[view].reaches(Strength.NEAR)


def test_other_posts_in_one_layout_are_no_more_than_weak() -> None:
    views = found(VIEWED / "screenshot-a.png", VIEWED / "screenshot-b.png")
    assert set(views.values()) <= {Strength.WEAK}


def test_bars_are_refused_and_keep_their_exact_fingerprints() -> None:
    for name in ("three-bars.png", "three-bars.copy.jpg"):
        made = fingerprints_of(VIEWED / name)
        assert [each.type.name for each in made.fingerprints] == ["sha256/1", "md5/1"]
        assert [kind for kind, _ in made.refused] == ["pdq/1", "phash/1"]


def captioned(image: Image.Image) -> Image.Image:
    """With a bar and a sentence above."""
    on = Image.new("RGB", (image.width, image.height + 80), "white")
    ImageDraw.Draw(on).text((20, 30), "look at this before it is gone", fill="black")
    on.paste(image, (0, 80))
    return on


def cropped(share: float) -> Callable[[Image.Image], Image.Image]:
    """The middle, so much less of its width and height."""
    return lambda image: ImageOps.crop(image, round(share / 2 * image.width))


@pytest.mark.parametrize(
    ("change", "view"),
    [
        (lambda image: ImageOps.expand(image, 30, "#c02060"), PictureView.PART),
        (captioned, PictureView.PART),
        (ImageOps.mirror, PictureView.TURNED),
        (ImageOps.flip, PictureView.TURNED),
        (lambda image: image.transpose(Image.Transpose.ROTATE_90), PictureView.TURNED),
        (lambda image: image.transpose(Image.Transpose.TRANSVERSE), PictureView.TURNED),
        (cropped(0.1), PictureView.PADDED),
        (lambda image: image.rotate(3, Image.Resampling.BICUBIC), PictureView.TILTED),
    ],
)
def test_what_people_do_to_a_picture_is_found_by_the_view_that_undoes_it(
    change: Callable[[Image.Image], Image.Image], view: PictureView, clean: Image.Image
) -> None:
    copy = written(change(clean), quality=75)
    shared = fingerprints_of(written(clean, quality=95)).fingerprints
    alone = [query for query in fingerprints_of(copy, views=[view]).queries if query.view is view]
    made = fingerprints_of(copy, views=[view])
    assert alone
    assert any(match.view is view for match in answered(shared, made).matches)
    # Without it, it is not.
    others = [each for each in DERIVED if each is not view]
    if view is not PictureView.TILTED:
        assert not [
            match
            for match in answered(shared, fingerprints_of(copy, views=others)).matches
            if match.strength in {Strength.SAME, Strength.NEAR}
        ]


def test_a_darkened_copy_can_be_looked_for_though_it_could_not_be_shared(clean: Image.Image) -> None:
    dark = written(clean.point(lambda value: value * 0.35), "PNG")
    made = fingerprints_of(dark, views=["part"])
    assert [kind for kind, _ in made.refused] == ["pdq/1"]
    assert [query.fingerprint.type for query in made.queries][:2] == [PDQ, PHASH]
    assert all(query.fingerprint.quality is None for query in made.queries)
    shared = fingerprints_of(written(clean, "PNG")).fingerprints
    assert "pdq/1" in {match.type for match in answered(shared, made).matches}


def test_no_view_is_among_what_is_shared_and_none_comes_unasked(clean: Image.Image) -> None:
    file = written(captioned(clean))
    plain, viewed = fingerprints_of(file), fingerprints_of(file, views=DERIVED)
    assert plain.fingerprints == viewed.fingerprints
    assert [query.fingerprint for query in plain.queries] == list(plain.fingerprints)
    assert {query.view for query in plain.queries} == {PictureView.WHOLE}
    # The exact fingerprints are asked for once, and a text has no views.
    assert [query.fingerprint.type.name for query in viewed.queries[-2:]] == ["sha256/1", "md5/1"]
    text = b"An ordinary text of more than twenty letters."
    assert len(fingerprints_of(text, views=DERIVED).queries) == len(fingerprints_of(text).fingerprints)


def test_types_narrow_the_queries_too(clean: Image.Image) -> None:
    made = fingerprints_of(written(clean), ["phash/1"], views=DERIVED)
    assert {query.fingerprint.type for query in made.queries} == {PHASH}
    assert fingerprints_of(written(clean), ["sha256/1"], views=DERIVED).queries[0].fingerprint.type.size == 32
    with pytest.raises(InvalidInputError, match="views are of whole, shown"):
        fingerprints_of(written(clean), views=["sideways"])


def test_a_check_of_every_view_has_room_for_others(clean: Image.Image) -> None:
    nested = ImageOps.expand(captioned(ImageOps.expand(clean, 40, "navy")), 60, "gray")
    for image in (clean, nested):
        file = written(image.convert("RGBA"), "PNG")
        queries = fingerprints_of(file, views=DERIVED).queries
        assert len(queries) <= 40 < MAX_QUERIES
        for query in queries:
            assert query.fingerprint.type.threshold(query.threshold) <= query.fingerprint.type.ceiling
        # No two find the same.
        codes = [(query.fingerprint.type.name, query.fingerprint.value) for query in queries]
        assert len(set(codes)) == len(codes)


def test_a_flat_picture_can_only_be_checked_by_its_bytes() -> None:
    flat = written(Image.new("RGB", (64, 64), "teal"), "PNG")
    made = fingerprints_of(flat, views=DERIVED)
    assert [query.fingerprint.type.name for query in made.queries] == ["sha256/1", "md5/1"]
    with pytest.raises(UnusableContentError, match="refused pdq/1: "):
        fingerprints_of(flat, ["pdq/1"], views=DERIVED)


def test_pictures_of_text_are_recognised() -> None:
    for name in ("screenshot-a.png", "screenshot-b.png"):
        with Image.open(VIEWED / name) as image:
            assert texture_of(image.convert("RGB"), 100) is Texture.TEXT_LIKE
    # Two tones, as of a bubble on a page.
    comment = Image.new("RGB", (400, 200), "white")
    ImageDraw.Draw(comment).rectangle((60, 20, 380, 150), fill="#eeeeee")
    assert texture_of(comment, 100) is Texture.TEXT_LIKE
    with Image.open(CLEAN) as image:
        assert texture_of(image.convert("RGB"), 100) is Texture.ORDINARY
        assert texture_of(image.convert("RGB"), 49) is Texture.FAINT


def test_a_transparent_picture_is_shared_as_stored_and_as_seen_on_white() -> None:
    made = fingerprints_of(VIEWED / "sticker.png")
    assert [each.type.name for each in made.fingerprints] == [
        *("pdq/1", "phash/1", "pdq/1", "phash/1"),
        *("sha256/1", "md5/1"),
    ]
    # What only might be transparent is shared once.
    with Image.open(CLEAN) as image:
        opaque = fingerprints_of(written(image.convert("RGBA"), "PNG")).fingerprints
    assert [each.type.name for each in opaque] == ["pdq/1", "phash/1", "sha256/1", "md5/1"]


def test_the_first_picture_of_an_animation_is_what_is_shared() -> None:
    hidden = fingerprints_of(VIEWED / "apng-hidden-default.png").fingerprints[0].value
    shown = fingerprints_of(VIEWED / "apng-hidden-default.shown.png").fingerprints[0].value
    assert apart(hidden, shown) > 100


@pytest.mark.parametrize("kind", ["PNG", "AVIF", "WEBP", "GIF"])
def test_the_middle_frame_of_an_animation_finds_what_its_first_one_hides(kind: str) -> None:
    """Four frames of which the first is black; those after it come as changes to the ones before."""
    with Image.open(CLEAN) as image:
        shown = image.convert("RGB")
    frames = [shown, shown.point(lambda value: min(255, value + 3)), shown]
    file = io.BytesIO()
    Image.new("RGB", shown.size).save(file, kind, save_all=True, append_images=frames, duration=200)
    (code, *_) = fingerprints_of(CLEAN).fingerprints
    found = fingerprints_of(file.getvalue(), views=[PictureView.FRAME]).queries
    (other,) = (
        each.fingerprint
        for each in found
        if (each.view, each.fingerprint.type) == (PictureView.FRAME, code.type)
    )
    assert apart(code.value, other.value) <= 10
    assert not any(each.view is PictureView.FRAME for each in fingerprints_of(CLEAN, views=DERIVED).queries)


def test_damaged_frames_of_an_animated_png_leave_its_first_one() -> None:
    with Image.open(CLEAN) as image:
        shown = image.convert("RGB")
    file = io.BytesIO()
    Image.new("RGB", shown.size).save(file, "PNG", save_all=True, append_images=[shown])
    whole = file.getvalue()
    assert images.other_frame(io.BytesIO(whole), len(whole)) is not None
    at = whole.index(b"fdAT")
    damaged = whole[: at + 20] + bytes(100) + whole[at + 120 :]
    assert images.other_frame(io.BytesIO(damaged), len(damaged)) is None
    for data in (damaged, whole[:at]):
        assert images.decode(io.BytesIO(data), len(data)).image.getextrema() == ((0, 0),) * 3
    # The number of frames that the file names is not believed.
    many = whole.replace(b"acTL" + (2).to_bytes(4), b"acTL" + (2**31 - 1).to_bytes(4))
    assert many != whole
    assert images.other_frame(io.BytesIO(many), len(many)) is not None


def test_a_still_gif_and_a_damaged_animation_have_no_other_frame() -> None:
    still = written(Image.open(CLEAN).convert("P"), "GIF")
    assert images.other_frame(io.BytesIO(still), len(still)) is None
    moving = (VIEWED / "gif-black-first-frame.gif").read_bytes()
    assert images.other_frame(io.BytesIO(moving), len(moving)) is not None
    for cut in (len(moving) // 3, len(moving) // 2):
        # Whatever is left of the other frames, the first one can be read.
        fingerprints_of(moving[:cut], views=DERIVED)
    hidden = (VIEWED / "apng-hidden-default.png").read_bytes()
    at = hidden.index(b"fdAT")
    damaged = hidden[: at + 20] + bytes(100) + hidden[at + 120 :]
    assert images.other_frame(io.BytesIO(damaged), len(damaged)) is None
    assert fingerprints_of(damaged, views=DERIVED).fingerprints


def test_hostile_profiles_change_nothing(clean: Image.Image) -> None:
    plain = [query.fingerprint for query in fingerprints_of(written(clean), views=DERIVED).queries]
    chance = np.random.RandomState(7)
    with Image.open(VIEWED / "icc-inverted.png") as image:
        profile = image.info["icc_profile"]
    for profile_of in (
        b"",
        b"no profile at all",
        profile[:100],
        bytes(200),
        *(bytes(b ^ (chance.rand() < 0.05) * 255 for b in profile) for _ in range(20)),
    ):
        made = fingerprints_of(written(clean, icc_profile=profile_of), views=DERIVED)
        assert [query.fingerprint for query in made.queries][:2] == plain[:2]
