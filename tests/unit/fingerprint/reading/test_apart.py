"""Pictures in HEIC and JPEG XL: read as any other with the extra, named without it, and never at any cost."""

from __future__ import annotations

import base64
import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pillow_heif
import pylibjxl
import pytest
from PIL import Image

from hashpact.domain.fingerprints import PDQ, PHASH
from hashpact.domain.matching.views import DERIVED, PictureView
from hashpact.errors import UnusableContentError
from hashpact.fingerprint import images, sniff
from hashpact.fingerprint.content import fingerprints_of
from hashpact.fingerprint.parts.pictured import parts_of
from hashpact.fingerprint.reading import apart
from hashpact.fingerprint.sniff import Kind

VECTORS = Path(__file__).parents[3] / "vectors"
PLAIN = Image.open(VECTORS / "images" / "rgb.png").convert("RGB")
CLOSE = {PDQ: 10, PHASH: 2}
"""How far the codes of a copy of high quality may be from the original's, in bits."""

ANIMATED = base64.b64decode(
    "/woYMUETAMgJABQIaADwBUFjGACACpVRxg1ezvV8+aHDYtrGdYa22rawhDHxjIOFCUyYYe0Q5jewz04APK0i6N1+MxHFMZf0OWya"
    "m+fqxNcaEi/ECs9BIiCj5wG8gg7LFjjCIR6PdyRsgCQcINFWoBGYIjIoSpJEcI5DNG6IkGOyAhxwCEDOFuf0PGcBGKN16nZEHrF/"
    "p6aNB+GmZzDfgVVuHl7XtY2E07oAwu4FgIRCI2IfgKYEC1xgVCR7nIQBAYAdej5uGiVglDD1Xiseqf2eYnvbrD0UoDRVp2JWOxnJ"
    "QsBJRkCCkMCJYB0FDAtfMTD25VUoDDgII2kEyIKhc86xoJeDo1ahL7GRUlqwJEqUGMENZgxdT4kJyZdSxFKNGc21T76XgGmJ9jnk"
    "eZr4BYqTyyT5x3VJwsLMIRhXxmK095DEDvVTpVWJImSS22zHWAdqORxUwOXINpGwmv0+8q30GO0hjofliIMVXFK6cPLKAXO2X9Jq"
    "okzdm0evj4DT/U/XQQ5jOqzVmEABABQoGgAYBkFmFgCACpVRxg1ezvV8+aHDYtrGdYa22rawhDHxjIOFCQAzrB0CB9cIHUKRzUdl"
    "AkD/P4OJP77DfnKc1xynoIliPm3/nm0OUgZgIPMxACAnVjnYcHPnyAmAA+KhhgUWPim4vUnKqEAQ8JGtL3gNHKuNzQa3qUlkwEA/"
    "jhmBwQVAIogur7GXni9v1AOxrytUPFR9knTdCos6WEystQvgRF8ASCjCbm3R4DK/t601TRNF11/YWNnZWfIAALiI+IqyFxx3YGao"
    "gMvMtxQscAHQUuzxDArkD1RB5GuntrKhOsQ8C+2cEXWN46GGBS0fCCXiXioaMVaHzbOJTaOJnzz7hoSkHRH2Fylc5m56aeTmLn4U"
    "eEWwyPxvSoAgW6h7CF1WdyBtOOr9qtz5LgQz1Nuu6yONhHSCCf51nULvcCWCoSTAXPNcL+6AFrEBITAbNAAn89H3s/UYoNBI7URk"
    "fuIAkddgSg107IshI8gRhtEs/zUDuN++tWu8OEdIkFMitaZ+j/9CdlPg2w=="
)
"""Two frames of 48 x 36 pixels in JPEG XL: rgb.png upside down, and as it is. Made with imagecodecs."""


def heic(*pictures: Image.Image, **options: object) -> bytes:
    """A HEIC file of these pictures, the first of which is the one that is shown."""
    file = pillow_heif.from_pillow(pictures[0])
    for picture in pictures[1:]:
        file.add_from_pillow(picture)
    made = io.BytesIO()
    file.save(made, **{"quality": 95, "chroma": 444} | options)
    return made.getvalue()


def jxl(picture: Image.Image, icc: bytes | None = None) -> bytes:
    """A JPEG XL file of that picture."""
    return pylibjxl.encode(np.asarray(picture), effort=3, distance=0.5, icc=icc)


WRITERS: dict[str, Callable[..., bytes]] = {"HEIC": heic, "JXL": jxl}
BOTH = pytest.mark.parametrize("name", WRITERS)


def png(picture: Image.Image, **options: object) -> bytes:
    made = io.BytesIO()
    picture.save(made, "PNG", **options)
    return made.getvalue()


def near(data: bytes, other: bytes) -> bool:
    """Whether both have the same types of fingerprints, with values that are close."""
    pairs = list(zip(fingerprints_of(data).fingerprints, fingerprints_of(other).fingerprints, strict=True))
    assert [one.type for one, _ in pairs] == [two.type for _, two in pairs]
    apart = [
        (int.from_bytes(one.value) ^ int.from_bytes(two.value)).bit_count() <= CLOSE[one.type]
        for one, two in pairs
        if one.type in CLOSE
    ]
    return len(apart) > 1 and all(apart)


def differing(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are apart, as the mean of all samples, of 255."""
    return float(np.abs(np.asarray(one).astype(int) - np.asarray(other)).mean())


def decoded(data: bytes) -> images.Picture:
    return images.decode(io.BytesIO(data), len(data))


@BOTH
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_picture_has_the_fingerprints_of_any_other(name: str, mode: str) -> None:
    picture = PLAIN.convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    made = fingerprints_of(WRITERS[name](picture), views=DERIVED)
    assert made.kind is Kind.PICTURE
    assert made.warnings == ()
    assert near(WRITERS[name](picture), png(picture))
    seen = {query.view for query in made.queries}
    assert {PictureView.WHOLE, PictureView.TURNED} <= seen
    assert (PictureView.BLACK in seen) == (mode == "RGBA")


@BOTH
def test_a_picture_has_parts(name: str) -> None:
    rng = np.random.default_rng(5)
    noise = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).resize(
        (640, 480), Image.Resampling.BICUBIC
    )
    assert parts_of(WRITERS[name](noise)).type.name == "parts/1"


def test_deep_and_premultiplied_pixels_have_eight_bits() -> None:
    grey = np.asarray(PLAIN.convert("L")).astype(np.uint16)
    deep = io.BytesIO()
    pillow_heif.from_bytes("I;16", PLAIN.size, (grey * 257).tobytes()).save(deep, quality=95)
    assert decoded(deep.getvalue()).image.mode == "I;16"
    assert near(deep.getvalue(), png(PLAIN.convert("L")))
    colours = io.BytesIO()
    wide = (np.asarray(PLAIN).astype(np.uint16) * 257).tobytes()
    pillow_heif.from_bytes("RGB;16", PLAIN.size, wide).save(colours, quality=95, chroma=444)
    assert near(colours.getvalue(), png(PLAIN))
    half = PLAIN.convert("RGBA")
    half.putalpha(128)
    multiplied = io.BytesIO()
    pillow_heif.from_bytes("RGBa", half.size, half.convert("RGBa").tobytes()).save(
        multiplied, quality=95, chroma=444
    )
    assert decoded(multiplied.getvalue()).image.mode == "RGBA"
    assert differing(decoded(multiplied.getvalue()).image, half) < 4


@BOTH
def test_pixels_that_the_format_turns_are_not_turned_again_by_exif(name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    if name == "HEIC":
        data = heic(PLAIN, exif=exif.tobytes())
        assert data.count(b"irot") == 1
    else:
        photo = io.BytesIO()
        PLAIN.save(photo, "JPEG", quality=95, exif=exif.tobytes())
        data = pylibjxl.jpeg_to_jxl(photo.getvalue())
        assert "exif" in pylibjxl.decode(data, metadata=True)[1]
    picture = decoded(data)
    assert picture.orientation == 1
    assert picture.size == (PLAIN.height, PLAIN.width)
    upright = png(PLAIN.transpose(Image.Transpose.ROTATE_270))
    assert near(data, upright)
    views = [
        {(q.fingerprint.type, q.view) for q in fingerprints_of(d, views=DERIVED).queries}
        for d in (data, upright)
    ]
    assert PictureView.SHOWN not in {view for _, view in views[0]}
    assert views[0] == views[1]


@BOTH
def test_a_colour_profile_is_heeded_in_the_view_of_what_is_shown(name: str) -> None:
    with Image.open(VECTORS / "viewed" / "icc-inverted.png") as image:
        profile = image.info["icc_profile"]
        plain = image.convert("RGB")
    if name == "HEIC":
        plain.info["icc_profile"] = profile
        data = heic(plain)
    else:
        data = jxl(plain, icc=profile)
    assert decoded(data).profile == profile
    assert PictureView.SHOWN in {query.view for query in fingerprints_of(data, views=DERIVED).queries}


def test_the_picture_in_the_middle_of_a_file_is_a_frame_of_it() -> None:
    upside = PLAIN.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    data = heic(PLAIN, upside.resize((64, 48)), PLAIN)
    assert near(data, png(PLAIN))
    other = images.other_frame(io.BytesIO(data), len(data))
    assert other is not None
    assert other.size == (64, 48)
    assert PictureView.FRAME in {query.view for query in fingerprints_of(data, views=DERIVED).queries}
    # The one in the middle is shown already.
    same = heic(PLAIN, upside, PLAIN, primary_index=1)
    assert near(same, png(upside))
    assert images.other_frame(io.BytesIO(same), len(same)) is None
    # It may be too large, which is no reason to refuse the file.
    tall = heic(PLAIN, Image.new("RGB", (16, 8)))
    assert decoded(tall).moving
    assert images.other_frame(io.BytesIO(tall), len(tall)) is None


def test_of_an_animation_in_jpeg_xl_the_first_frame_is_read() -> None:
    picture, second = decoded(ANIMATED), PLAIN.resize((48, 36))
    first = second.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    assert differing(picture.image, first) * 2 < differing(picture.image, second)
    assert not picture.moving
    assert images.other_frame(io.BytesIO(ANIMATED), len(ANIMATED)) is None


@BOTH
def test_without_the_extra_a_file_has_exact_fingerprints_and_the_extra_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = WRITERS[name](PLAIN)
    monkeypatch.setattr(sniff, "find_spec", lambda _: None)
    found = fingerprints_of(data)
    assert [each.type.name for each in found.fingerprints] == ["sha256/1", "md5/1"]
    named = f"which is read with pip install 'hashpact[{name.lower()}]'"
    assert named in found.warnings[0]
    with pytest.raises(UnusableContentError, match="not a picture in one of the formats AVIF") as refused:
        parts_of(data)
    assert refused.value.message.endswith(named)


def test_the_libraries_are_loaded_in_the_decoder_alone() -> None:
    program = (
        "import sys; from hashpact.fingerprint.content import fingerprints_of;"
        "print([fingerprints_of(bytes.fromhex(each)).fingerprints[0].type.name for each in sys.stdin]);"
        "print(sorted({'pillow_heif', 'pylibjxl', 'hashpact.fingerprint.views'} & set(sys.modules)));"
        "from PIL import Image; Image.init(); print({'HEIF', 'JXL'} & set(Image.ID))"
    )
    lines = "\n".join(data.hex() for data in (heic(PLAIN), jxl(PLAIN), png(PLAIN)))
    done = subprocess.run(
        [sys.executable, "-c", program], input=lines, capture_output=True, text=True, check=True
    )
    kinds, loaded, known = done.stdout.splitlines()
    assert kinds == "['pdq/1', 'pdq/1', 'pdq/1']"
    assert "pillow_heif" not in loaded
    assert "pylibjxl" not in loaded
    assert known == "set()"


@BOTH
@pytest.mark.parametrize("share", [0.5, 0.99])
def test_a_picture_cut_short_is_refused(name: str, share: float) -> None:
    whole = WRITERS[name](PLAIN)
    with pytest.raises(UnusableContentError, match=f"a damaged {name} picture: "):
        decoded(whole[: int(len(whole) * share)])


def test_many_tiles_and_many_pictures_are_read() -> None:
    large = PLAIN.resize((640, 480))
    assert near(heic(large, tile_size=64), png(large))
    many = heic(*[PLAIN.resize((64, 64))] * 20)
    assert decoded(many).moving
    assert images.other_frame(io.BytesIO(many), len(many)) is not None


@BOTH
def test_45_whatever_is_in_a_file_it_is_read_or_refused(name: str) -> None:
    chance = random.Random(7)
    whole = WRITERS[name](PLAIN)
    for _ in range(6):
        harmed = bytearray(whole)
        for _ in range(4):
            harmed[chance.randrange(64, len(harmed))] ^= 1 << chance.randrange(8)
        with suppress(UnusableContentError):
            decoded(bytes(harmed))


@BOTH
def test_a_small_picture_is_refused(name: str) -> None:
    with pytest.raises(UnusableContentError, match="64 x 15 pixels is under the least size of 16 x 16"):
        fingerprints_of(WRITERS[name](PLAIN.resize((64, 15))))


def ending(program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Why a picture is refused whose decoder is that program."""
    (tmp_path / "standin.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(apart, "_MODULE", "standin")
    with pytest.raises(UnusableContentError) as refused:
        decoded(heic(PLAIN))
    return refused.value.message


LIMITED = "from hashpact.fingerprint.reading.decoder import limit; limit(10**7, 1); "
"""A decoder that may have 10 MB and a second."""


def head(**values: object) -> str:
    """A decoder that answers so, and then ends."""
    answer = {"width": 64, "height": 64, "frames": 1, "mode": "RGB", "profile": 0} | values
    return f"import sys; sys.stdin.buffer.read(); print({json.dumps(json.dumps(answer))})"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os; os.abort()", "a damaged HEIC picture: its decoder failed (-6)"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)",
            "decoding this picture takes more than the limit of 30 s of processor time",
        ),
        ("print('{\"error\": null}')", "not enough memory to decode this HEIC picture"),
        ('print(\'{"error": "no  good"}\')', "a damaged HEIC picture: no good"),
        # Its limits hold: of memory, and of time.
        (LIMITED + "bytearray(10**8)", "a damaged HEIC picture: its decoder failed (1)"),
        (LIMITED + "any(iter(int, 1))", "decoding this picture takes more than the limit of 30 s"),
        (head(mode="CMYK"), "a damaged HEIC picture: its decoder gave another answer"),
        (head(profile=2**40), "a damaged HEIC picture: its decoder gave another answer"),
        (head(), "a damaged HEIC picture: its decoder ended early"),
        (head(width=10**9), "a picture of 64000000000 pixels is over the limit of 50331648 pixels"),
        (head(mode=""), "a damaged HEIC picture: unrecognized image mode"),
        (
            "print('[]')",
            "a damaged HEIC picture: hashpact.fingerprint.reading.decoder.PictureHead() argument after",
        ),
    ],
)
def test_a_decoder_that_fails_or_answers_something_else_is_an_error_of_the_picture(
    program: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert ending(program, monkeypatch, tmp_path).startswith(reason)


def test_45_a_decoder_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(apart, "_PATIENCE", 0.01)
    assert "takes more than the limit of 30 s" in ending(
        "import signal; signal.pause()", monkeypatch, tmp_path
    )
