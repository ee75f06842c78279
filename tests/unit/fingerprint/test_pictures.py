"""Pictures: golden vectors, the traps of reading them, and real photographs."""

from __future__ import annotations

import io
import itertools
import json
import platform
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import numpy.typing as npt
import pdqhash  # type: ignore[import-untyped]  # it carries no types
import pytest
from PIL import Image

from hashpact import _kernel
from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint
from hashpact.errors import InvalidInputError, UnusableContentError, UnusableFingerprintError
from hashpact.fingerprint import images, perceptual
from hashpact.fingerprint.content import fingerprints_of
from hashpact.fingerprint.perceptual import Reduced, pdq, phash, phash_codes, transformed
from hashpact.fingerprint.sniff import Kind

ROOT = Path(__file__).parents[3]
IMAGES = ROOT / "tests/vectors/images"
VECTORS: dict[str, Any] = json.loads((ROOT / "tests/vectors/fingerprints.json").read_text())["pictures"]
BRIDGE = ROOT.parent / "shared/data/bridge"

# docs/methods/pdq-1.md: PDQ is not bit-exact between implementations, this far apart is conformant.
CONFORMANT = 10
# Decoders of these formats may round colours differently, so phash is exact for the others only.
LOSSY_VIDEO_CODECS = ("lossy.webp", "turned.avif")
# Dithered to black and white, so much of the picture is noise: the one that need not be like the others.
DITHERED = "bilevel.png"

Pixels = npt.NDArray[np.uint8]


def apart(one: bytes, other: bytes) -> int:
    """The Hamming distance in bits."""
    assert len(one) == len(other)
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


def decoded(path: Path) -> Pixels:
    """The pixels of a file, as the front door reads them."""
    with path.open("rb") as file:
        picture = images.decode(file, path.stat().st_size)
    return np.concatenate([np.asarray(band) for band in picture.bands()])


def reduced(pixels: Pixels) -> Reduced:
    """Pixels, as what the recipes take."""
    return perceptual.reduced(images.Picture(Image.fromarray(pixels)))


def written(picture: Image.Image, kind: str, **options: object) -> tuple[io.BytesIO, int]:
    """A picture as a file in memory, and its size."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file, file.tell()


def by_type(path: Path) -> dict[str, Fingerprint]:
    """The first fingerprint of each type of a file, by the names of their types."""
    return {each.type.name: each for each in reversed(fingerprints_of(path).fingerprints)}


def test_every_golden_picture_has_a_vector_and_the_other_way_round() -> None:
    assert sorted(VECTORS) == sorted(path.name for path in IMAGES.iterdir())
    assert len(VECTORS) >= 19


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_golden_vector(name: str) -> None:
    golden = VECTORS[name]
    made = by_type(IMAGES / name)

    # Dithering at this size is noise, of which no copy would match.
    assert ("pdq/1" in made) == (name != DITHERED)
    if name != DITHERED:
        assert apart(made["pdq/1"].value, bytes.fromhex(golden["pdq/1"])) <= CONFORMANT
        assert made["pdq/1"].quality is not None
        assert abs(made["pdq/1"].quality - golden["quality"]) <= 1
    bits = apart(made["phash/1"].value, bytes.fromhex(golden["phash/1"]))
    assert bits <= (2 if name in LOSSY_VIDEO_CODECS else 0)
    assert made["sha256/1"].value.hex() == golden["sha256/1"]
    assert made["md5/1"].value.hex() == golden["md5/1"]


@pytest.mark.parametrize("name", sorted(set(VECTORS) - {DITHERED}))
def test_however_it_is_stored_it_stays_the_same_picture(name: str) -> None:
    original, copy = by_type(IMAGES / "rgb.png"), by_type(IMAGES / name)

    assert apart(original["pdq/1"].value, copy["pdq/1"].value) <= CONFORMANT
    assert apart(original["phash/1"].value, copy["phash/1"].value) <= 2


@pytest.mark.parametrize("name", ["palette.png", "animated.gif", "palette.bmp", "cmyk.jpg"])
def test_the_trap_is_real_without_conversion_the_code_is_another(name: str) -> None:
    with Image.open(IMAGES / name) as picture:
        raw = np.asarray(picture)
    unconverted = np.repeat(raw[:, :, np.newaxis], 3, axis=2) if raw.ndim == 2 else raw[:, :, :3]
    wrong = pdq(reduced(unconverted))

    assert wrong.quality == 100
    assert apart(wrong.value, bytes.fromhex(VECTORS["rgb.png"]["pdq/1"])) > 200


def test_sixteen_bit_grey_keeps_its_high_byte_where_pillow_would_clip() -> None:
    grey, deep = decoded(IMAGES / "grey.png"), decoded(IMAGES / "grey16.png")
    with Image.open(IMAGES / "grey16.png") as picture:
        assert picture.mode == "I;16"
        clipped = np.asarray(picture.convert("RGB"))

    assert np.array_equal(grey, deep)
    assert not np.array_equal(deep, clipped)


def test_orientation_is_not_applied() -> None:
    for name in ("turned.jpg", "turned.avif"):
        with Image.open(IMAGES / name) as picture:
            assert picture.getexif()[0x0112] == 6, name
        assert decoded(IMAGES / name).shape == (96, 128, 3), name


def test_transparency_is_discarded_and_the_colour_under_it_shows() -> None:
    assert np.array_equal(decoded(IMAGES / "alpha.png"), decoded(IMAGES / "rgb.png"))
    assert np.array_equal(decoded(IMAGES / "palette-transparent.png"), decoded(IMAGES / "palette.png"))


def test_the_first_frame_speaks_for_an_animation() -> None:
    for name, still in (("animated.gif", "palette.png"), ("animated.png", "rgb.png")):
        with Image.open(IMAGES / name) as picture:
            assert getattr(picture, "n_frames", 1) == 2, name
        assert np.array_equal(decoded(IMAGES / name), decoded(IMAGES / still)), name


def test_reading_a_picture_warns_nobody_and_leaves_the_filters_alone() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        for path in IMAGES.iterdir():
            decoded(path)
        assert warnings.filters == before
    assert caught == []


def test_phash_is_imagehash_to_the_bit() -> None:
    with Image.open(IMAGES / "baseline.jpg") as picture:
        theirs = str(imagehash.phash(picture.convert("RGB"), hash_size=8))

    assert phash(reduced(decoded(IMAGES / "baseline.jpg"))).value.hex() == theirs
    # In noise every detail of the recipe shows; smooth pictures forgive another size of the transform.
    noise = np.random.RandomState(4).randint(0, 256, (50, 70, 3)).astype(np.uint8)
    assert phash(reduced(noise)).value.hex() == str(imagehash.phash(Image.fromarray(noise), 8, 4))


SIZES = [
    (16, 16),
    (17, 300),
    (300, 17),
    (64, 64),
    (64, 65),
    (128, 128),
    (129, 257),
    (1000, 640),
    (2049, 1023),
    (18, 70_000),
]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a compiler may fuse the reference's sums")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("drawn", ["noise", "shapes", "flat", "halves"])
def test_every_code_and_quality_is_the_reference_s(
    size: tuple[int, int], drawn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_BAND", 10_000)
    monkeypatch.setattr(perceptual, "_PIECE", 0)  # in bands, though Pillow has it in one piece
    chance = np.random.RandomState(size[0])
    noise = chance.randint(0, 256, (*size, 3)).astype(np.uint8)
    shapes = Image.fromarray(noise[:5, :7]).resize(size[::-1], Image.Resampling.BICUBIC)
    halves = np.where(np.arange(size[1])[:, np.newaxis] < size[1] // 2, noise[0, 0], noise[-1, -1])
    pixels = {
        "noise": noise,
        "shapes": np.asarray(shapes),
        "flat": np.full_like(noise, 77),
        "halves": np.ascontiguousarray(np.broadcast_to(halves, noise.shape)),
    }[drawn]
    made = reduced(pixels)
    bits, quality = pdqhash.compute(pixels)

    assert made.quality == quality
    assert made.codes[0] == np.packbits(bits.astype(np.bool_)).tobytes()
    if drawn in ("noise", "shapes"):
        theirs = str(imagehash.phash(Image.fromarray(pixels), hash_size=8))
        assert phash_codes(transformed(made.small))[0].hex() == theirs


def test_the_kernel_takes_whole_pictures_only() -> None:
    for width, height in ((0, 5), (5, 0)):
        with pytest.raises(ValueError, match="a picture without pixels"):
            _kernel.Pdq(width, height)
    made = _kernel.Pdq(20, 20)
    with pytest.raises(ValueError, match="wrong width"):
        made.add(np.zeros((20, 21, 4), np.uint8))
    with pytest.raises(ValueError, match="too many rows"):
        made.add(np.zeros((21, 20, 4), np.uint8))
    with pytest.raises(ValueError, match="rows are missing"):
        made.finish()
    with pytest.raises(ValueError, match="wrong width"):
        made.add(np.zeros((20, 20, 3), np.uint8))
    made.add(np.zeros((20, 20, 4), np.uint8))
    assert made.finish() == made.finish() == ([bytes(32)] * 8, 0, 256)


TURNED: tuple[Callable[[Pixels], Pixels], ...] = (
    lambda pixels: pixels,
    lambda pixels: np.rot90(pixels, 1),
    lambda pixels: np.rot90(pixels, 2),
    lambda pixels: np.rot90(pixels, 3),
    lambda pixels: pixels[::-1],
    lambda pixels: pixels[:, ::-1],
    lambda pixels: pixels.swapaxes(0, 1),
    lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
)


# Of 129 to 256 pixels a side, the last sample of a mirrored axis is half a pixel off.
@pytest.mark.parametrize(
    ("size", "most"),
    [((64, 64), 0), ((128, 96), 2), ((160, 250), 8), ((300, 700), 4), ((600, 800), 2), ((1280, 960), 2)],
)
def test_positions_are_the_picture_turned_and_mirrored(size: tuple[int, int], most: int) -> None:
    with Image.open(IMAGES / "rgb.png") as picture:
        pixels = np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
    made = reduced(pixels)
    by_phash = phash_codes(transformed(made.small))

    assert len(made.codes) == len(by_phash) == len(TURNED) == perceptual.POSITIONS
    for turn, code, other in zip(TURNED, made.codes, by_phash, strict=True):
        bits, _ = pdqhash.compute(np.ascontiguousarray(turn(pixels)))
        assert apart(np.packbits(bits.astype(np.bool_)).tobytes(), code) <= most
        theirs = imagehash.phash(Image.fromarray(turn(pixels)), hash_size=8)
        assert apart(bytes.fromhex(str(theirs)), other) <= 2
    # No position is near another one: this picture has no symmetry.
    assert min(apart(one, other) for one, other in itertools.combinations(made.codes, 2)) > 80


def symmetric(size: tuple[int, int], *, down: bool, across: bool) -> Pixels:
    """Shapes that are mirrored in themselves."""
    with Image.open(IMAGES / "rgb.png") as picture:
        pixels = np.array(picture.resize(size, Image.Resampling.BICUBIC))
    if across:
        pixels[:, (size[0] + 1) // 2 :] = pixels[:, : size[0] // 2][:, ::-1]
    if down:
        pixels[(size[1] + 1) // 2 :] = pixels[: size[1] // 2][::-1]
    return pixels


@pytest.mark.parametrize("size", [(500, 500), (640, 427), (1200, 900)])
def test_codes_that_no_copy_would_match_are_refused(size: tuple[int, int]) -> None:
    bars = np.zeros((size[1], size[0], 3), np.uint8)
    bars[:, size[0] // 3 : size[0] // 2] = (200, 30, 60)
    for pixels in (
        bars,
        symmetric(size, down=False, across=True),
        symmetric(size, down=True, across=False),
        symmetric(size, down=True, across=True),
    ):
        for recipe in (pdq, phash):
            with pytest.raises(UnusableFingerprintError, match=r"^refused (pdq|phash)/1: "):
                recipe(reduced(pixels))
    # They are refused for a reason: a smaller copy is far away.
    one = symmetric(size, down=True, across=True)
    copies = (
        Image.fromarray(one).resize((size[0] * share // 20, size[1] * share // 20)) for share in (7, 12, 17)
    )
    assert (
        max(apart(reduced(one).codes[0], reduced(np.asarray(each)).codes[0]) for each in copies) > PDQ.ceiling
    )
    # The same shapes without symmetry are not.
    assert pdq(reduced(symmetric(size, down=False, across=False))).type is PDQ
    assert phash(reduced(symmetric(size, down=False, across=False))).type is PHASH


def test_a_pattern_has_no_phash_because_unlike_patterns_share_one() -> None:
    pixels = np.full((500, 500, 3), (60, 140, 170), np.uint8)
    for top in range(5, 500, 50):
        for left in range(11, 500, 110):
            pixels[top : top + 20, left : left + 40] = (200, 150, 90)
    with pytest.raises(UnusableFingerprintError, match="refused phash/1: its rows, or its columns"):
        phash(reduced(pixels))


@pytest.mark.parametrize("turned", [False, True])
def test_rows_that_repeat_each_other_but_for_four_bits_are_not_distinctive(turned: bool) -> None:  # noqa: FBT001 - a case
    chance = np.random.RandomState(8)
    signs = np.outer(chance.choice([-1, 1], 8), [1, -1, 1, 1, -1, -1, 1, -1])
    repeated = signs * chance.uniform(100, 900, (8, 8))
    for changed, distinctive in ((0, False), (4, False), (5, True)):
        frequencies = repeated.copy()
        frequencies[np.arange(changed), np.arange(changed) + 1] *= -1
        assert perceptual.is_distinctive(frequencies.T if turned else frequencies) is distinctive


def test_stumble_5_a_flat_picture_has_exact_fingerprints_alone(tmp_path: Path) -> None:
    flat = np.full((64, 64, 3), 200, np.uint8)
    with pytest.raises(UnusableFingerprintError, match="refused pdq/1"):
        pdq(reduced(flat))
    with pytest.raises(UnusableFingerprintError, match="refused phash/1"):
        phash(reduced(flat))

    Image.fromarray(flat).save(tmp_path / "flat.png")
    found = fingerprints_of(tmp_path / "flat.png")
    assert [each.type.name for each in found.fingerprints] == ["sha256/1", "md5/1"]
    assert [name for name, _ in found.refused] == ["pdq/1", "phash/1"]
    with pytest.raises(UnusableContentError, match=r"flat\.png.*refused pdq/1: .*; refused phash/1: "):
        fingerprints_of(tmp_path / "flat.png", ["pdq/1", "phash/1"])
    exact = fingerprints_of(tmp_path / "flat.png", ["sha256/1"])
    assert [each.type.name for each in exact.fingerprints] == ["sha256/1"]


def test_what_is_refused_is_told_beside_what_is_not(tmp_path: Path) -> None:
    # So faint that PDQ finds no structure, while phash only asks which frequencies are over the median.
    faint = (decoded(IMAGES / "rgb.png") // 16 + 100).astype(np.uint8)
    Image.fromarray(faint).save(tmp_path / "faint.png")
    made = fingerprints_of(tmp_path / "faint.png")

    assert [each.type.name for each in made.fingerprints] == ["phash/1", "sha256/1", "md5/1"]
    assert [name for name, _ in made.refused] == ["pdq/1"]
    assert "quality" in made.refused[0][1]
    assert made.kind is Kind.PICTURE


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 15)])
def test_a_tiny_picture_is_refused_by_number(size: tuple[int, int]) -> None:
    file, length = written(Image.new("RGB", size), "PNG")
    with pytest.raises(UnusableContentError, match=rf"of {size[0]} x {size[1]} pixels.* 16 x 16"):
        images.decode(file, length)


def test_the_least_picture_is_read() -> None:
    noise = Image.fromarray(np.random.RandomState(1).randint(0, 256, (16, 16, 3)).astype(np.uint8))
    file, length = written(noise, "PNG")

    assert pdq(perceptual.reduced(images.decode(file, length))).type is PDQ


@pytest.mark.parametrize("shape", [(16, 60_000), (60_000, 16)])
def test_a_long_thin_picture_is_read(shape: tuple[int, int]) -> None:
    pixels = np.random.RandomState(2).randint(0, 256, (*shape, 3)).astype(np.uint8)
    file, length = written(Image.fromarray(pixels), "PNG", compress_level=1)

    assert phash(perceptual.reduced(images.decode(file, length))).type is PHASH


def test_other_formats_are_other_files(tmp_path: Path) -> None:
    for name in ("picture.tiff", "picture.ico", "picture.ppm"):
        Image.fromarray(decoded(IMAGES / "rgb.png")).save(tmp_path / name)
        made = fingerprints_of(tmp_path / name)
        assert made.kind is not Kind.PICTURE, name
        with pytest.raises(InvalidInputError, match=r"no pdq/1: the content is"):
            fingerprints_of(tmp_path / name, ["pdq/1"])
    with pytest.raises(UnusableContentError, match="AVIF, BMP, GIF, JPEG, PNG, WEBP"):
        images.decode(io.BytesIO(b"II*\0" + bytes(100)), 104)


def test_altered_photographs_stay_within_the_default_distance() -> None:
    if not BRIDGE.is_dir():
        pytest.skip(f"no photographs at {BRIDGE}")
    paths = sorted(BRIDGE.glob("*.jpg"))
    assert len(paths) == 11
    made = {path.stem: by_type(path) for path in paths}
    original = made["aaa-orig"]
    distances = {
        stem: tuple(apart(each[name].value, original[name].value) for name in ("pdq/1", "phash/1"))
        for stem, each in made.items()
    }
    for stem, (by_pdq, by_phash) in distances.items():
        # pytest -rP shows them; docs/methods quotes them.
        print(f"{stem:20} pdq {by_pdq:3} phash {by_phash:3}")  # noqa: T201 - the measured figures

    # The code of pdq/data/bridge-mods/aaa-orig.jpg in the tests of facebook/ThreatExchange.
    published = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
    assert apart(original["pdq/1"].value, bytes.fromhex(published)) <= CONFORMANT
    assert max(by_pdq for by_pdq, _ in distances.values()) <= PDQ.default
    assert max(by_phash for _, by_phash in distances.values()) <= PHASH.default
