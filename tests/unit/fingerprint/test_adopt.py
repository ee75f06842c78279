"""Fingerprints made elsewhere: taken when they follow the recipe, refused by name when they do not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import imagehash
import numpy as np
import pytest
from datasketch import HyperLogLog, LeanMinHash, MinHash  # type: ignore[import-untyped]  # it carries no types
from PIL import Image

from hashpact.domain.fingerprints import SHA256, Fingerprint
from hashpact.errors import InvalidInputError, UnusableContentError, UnusableFingerprintError
from hashpact.fingerprint.adopt import adopt
from hashpact.fingerprint.content import fingerprints_of
from hashpact.fingerprint.text import fold, minhash, shingles

PICTURE = Path(__file__).parents[2] / "vectors/images/rgb.png"
TEXT = "Everyone has the right to life, liberty and security of person."


def sketch(**parameters: object) -> MinHash:
    """A MinHash of TEXT by the recipe, but for the parameters named."""
    made = MinHash(**({"num_perm": 128, "seed": 1, "scheme": "affine32"} | parameters))
    made.update_batch([each.encode() for each in shingles(fold(TEXT))])
    return made


def test_a_fingerprint_is_taken_as_it_is() -> None:
    own = Fingerprint(SHA256, bytes(32))
    assert adopt(own) is own


def test_an_imagehash_is_what_we_would_have_made() -> None:
    with Image.open(PICTURE) as picture:
        theirs = imagehash.phash(picture)
    (ours,) = fingerprints_of(PICTURE, ["phash/1"]).fingerprints

    assert adopt(theirs) == ours
    assert adopt(imagehash.hex_to_hash(str(theirs))) == ours
    assert adopt(theirs).value.hex() == str(theirs)


@pytest.mark.parametrize(
    "made", [sketch(), LeanMinHash(sketch()), MinHash(hashvalues=sketch().hashvalues, scheme="affine32")]
)
def test_a_minhash_is_what_we_would_have_made(made: MinHash) -> None:
    assert adopt(made) == minhash(TEXT)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (sketch(scheme="legacy"), "scheme legacy, want affine32"),
        (sketch(scheme="affine64"), "scheme affine64, want affine32"),
        (sketch(seed=2), "seed 2, want 1"),
        (sketch(num_perm=64), "num_perm 64, want 128"),
        (sketch(hashfunc=len), "hashfunc len, want sha1_hash32"),
        (LeanMinHash(sketch(seed=7)), "seed 7, want 1"),
        (LeanMinHash(sketch(scheme="legacy")), "scheme legacy, want affine32"),
    ],
)
def test_other_parameters_are_refused_by_name(made: MinHash, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=f"a MinHash with {reason} for minhash/1"):
        adopt(made)


def test_an_empty_minhash_is_refused() -> None:
    with pytest.raises(UnusableContentError, match="an empty MinHash"):
        adopt(MinHash(num_perm=128, seed=1, scheme="affine32"))


def test_an_imagehash_of_another_size_is_refused_by_name() -> None:
    with Image.open(PICTURE) as picture:
        large = imagehash.phash(picture, hash_size=16)
    with pytest.raises(
        InvalidInputError, match=r"an ImageHash of bool shaped \(16, 16\), want bool shaped \(8, 8\)"
    ):
        adopt(large)
    with pytest.raises(InvalidInputError, match="an ImageHash of float64"):
        adopt(imagehash.ImageHash(np.zeros((8, 8))))  # type: ignore[arg-type]  # the library does not check


def test_an_imagehash_that_would_match_too_much_is_refused() -> None:
    with pytest.raises(UnusableFingerprintError, match="0 of 64 bits are set"):
        adopt(imagehash.ImageHash(np.zeros((8, 8), np.bool_)))


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (b"\0" * 32, "builtins.bytes"),
        ("cf68989e84b6b654", "builtins.str"),
        (None, "builtins.NoneType"),
        (Decimal(1), "decimal.Decimal"),
        (HyperLogLog(), "datasketch.hyperloglog.HyperLogLog"),
        (
            imagehash.ImageMultiHash([imagehash.ImageHash(np.ones((8, 8), np.bool_))]),
            "imagehash.ImageMultiHash",
        ),
    ],
)
def test_anything_else_is_refused_by_the_name_of_its_type(made: object, name: str) -> None:
    with pytest.raises(InvalidInputError, match=f"a {name} is not a fingerprint"):
        adopt(made)
