"""What phash is made from, held against Pillow and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hashpact import _kernel
from hashpact.fingerprint.perceptual import made_small, median


def test_a_median_is_that_of_numpy() -> None:
    rng = np.random.default_rng(5)
    for size in (1, 2, 3, 64, 65):
        values = rng.normal(size=(size, 3)) * rng.integers(1, 1000)
        assert median(values, None) == np.median(values)
        assert np.array_equal(median(values, 0), np.median(values, axis=0))


@pytest.mark.parametrize("level", _kernel.levels())
def test_the_small_picture_of_phash_is_that_of_pillow(level: str) -> None:
    """If it is not higher than wide: larger and smaller than what it is made to, thin ones, and in bands."""
    before = _kernel.level()
    _kernel.use_level(level)
    try:
        rng = np.random.default_rng(7)
        sizes = [(1, 1), (16, 16), (32, 32), (33, 31), (500, 32), (64, 64), (3000, 17), (1024, 1023)]
        sizes += [(int(height + more), int(height)) for height, more in rng.integers(1, 400, (40, 2))]
        for number, (width, height) in enumerate([*sizes, (1920, 1080)]):
            noise = rng.integers(0, 256, (height, width))
            slope = np.add.outer(np.arange(height), np.arange(width)) % 256
            # Hard edges overshoot, and are cut off.
            pixels = (noise, slope, 255 * (noise > 127))[number % 3].astype(np.uint8)
            theirs = Image.fromarray(pixels).resize((32, 32), Image.Resampling.LANCZOS)
            small = _kernel.Lanczos(width, height)
            for start in range(0, height, 100):
                small.add(pixels[start : start + 100])
            assert small.finish() == theirs.tobytes(), (width, height)
    finally:
        _kernel.use_level(before)


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (77, 77), (31, 33), (40, 900), (900, 40)])
def test_a_picture_in_any_position_is_made_small_as_by_pillow(size: tuple[int, int]) -> None:
    grey = Image.fromarray(np.random.default_rng(9).integers(0, 256, size[::-1]).astype(np.uint8))
    theirs = grey.resize((32, 32), Image.Resampling.LANCZOS)
    assert np.array_equal(made_small(grey), np.asarray(theirs))


def test_a_small_picture_is_of_all_rows_and_no_more() -> None:
    small = _kernel.Lanczos(20, 10)
    rows = np.zeros((6, 20), np.uint8)
    small.add(rows)
    with pytest.raises(ValueError, match="rows are missing"):
        small.finish()
    with pytest.raises(ValueError, match="too many rows"):
        small.add(rows)
    with pytest.raises(ValueError, match="wrong width"):
        small.add(rows[:, :19].copy())
    with pytest.raises(ValueError, match="without pixels"):
        _kernel.Lanczos(0, 10)
