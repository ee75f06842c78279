"""What phash is made from, held against Pillow and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hashpact import _kernel
from hashpact.fingerprint.perceptual import held, made_small, median


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
                small.add_grey(pixels[start : start + 100])
            assert small.finish() == theirs.tobytes(), (width, height)
    finally:
        _kernel.use_level(before)


@pytest.mark.parametrize("level", _kernel.levels())
def test_colours_are_made_grey_as_by_pillow(level: str) -> None:
    """A picture of 32 x 32 pixels stays as it is, so that each grey is seen."""
    before = _kernel.level()
    _kernel.use_level(level)
    try:
        rng = np.random.default_rng(6)
        for _ in range(100):
            colours = rng.integers(0, 256, (32, 32, 4)).astype(np.uint8)
            small = _kernel.Lanczos(32, 32)
            for start, stop in ((0, 6), (6, 8), (8, 15), (15, 32)):
                small.add(colours[start:stop])
            theirs = Image.fromarray(np.ascontiguousarray(colours[:, :, :3])).convert("L")
            assert small.finish() == theirs.tobytes()
    finally:
        _kernel.use_level(before)


@pytest.mark.parametrize("width", [33, 47, 333])
def test_colours_at_the_end_of_a_row_are_made_grey_too(width: int) -> None:
    colours = np.random.default_rng(width).integers(0, 256, (21, width, 4)).astype(np.uint8)
    grey = Image.fromarray(np.ascontiguousarray(colours[:, :, :3])).convert("L")
    one, other = _kernel.Lanczos(width, 21), _kernel.Lanczos(width, 21)
    one.add(colours)
    other.add_grey(np.asarray(grey))
    assert one.finish() == other.finish()


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (129, 257), (300, 17), (333, 900), (70_000, 18)])
def test_pdq_is_the_same_at_every_level_and_in_bands_of_any_height(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(size[0])
    small = Image.fromarray(rng.integers(0, 256, (9, 7, 4)).astype(np.uint8))
    noise = rng.integers(0, 40, (size[1], size[0], 4))
    colours = (np.asarray(small.resize(size)) * 0.8 + noise).astype(np.uint8)
    before = _kernel.level()
    found = []
    try:
        for level in _kernel.levels():
            _kernel.use_level(level)
            for heights in ([size[1]], rng.integers(1, 40, size[1]).tolist(), [1] * size[1]):
                made, top = _kernel.Pdq(*size), 0
                for height in heights:
                    band = colours[top : top + height]
                    made.add(band)
                    top += len(band)
                found.append(made.finish())
    finally:
        _kernel.use_level(before)
    assert found[0][1] > 0
    assert all(one == found[0] for one in found)


def test_what_pillow_holds_is_read_in_its_place() -> None:
    colours = np.random.default_rng(3).integers(0, 256, (70, 50, 3)).astype(np.uint8)
    image = Image.fromarray(colours)
    found = held(image)
    assert found.shape == (70, 50, 4)
    assert np.array_equal(found[:, :, :3], colours)
    assert not found.flags.writeable
    image.putpixel((49, 69), (1, 2, 3))
    assert found[69, 49, :3].tolist() == [1, 2, 3]
    del image
    assert found[69, 49, :3].tolist() == [1, 2, 3], "the memory lives as long as what is read of it"


def test_what_pillow_holds_in_several_pieces_is_copied() -> None:
    image = Image.linear_gradient("L").resize((2500, 2000)).convert("RGB")
    with pytest.raises(ValueError, match="contiguous"):
        image.__arrow_c_array__()
    assert np.array_equal(held(image)[:, :, :3], np.asarray(image))


def test_other_memory_is_not_taken_for_pixels() -> None:
    grey, colours = (Image.new(mode, (20, 10)).__arrow_c_array__() for mode in ("L", "RGB"))
    assert _kernel.pixels(colours[1], 10, 20).shape == (10, 20, 4)
    for array, height, width in ((grey[1], 10, 20), (colours[1], 10, 21), (colours[1], 1 << 33, 1 << 31)):
        with pytest.raises(ValueError, match="not a picture of that size"):
            _kernel.pixels(array, height, width)
    with pytest.raises(ValueError, match="PyCapsule_GetPointer"):
        _kernel.pixels(colours[0], 10, 20)


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (77, 77), (31, 33), (40, 900), (900, 40)])
def test_a_picture_in_any_position_is_made_small_as_by_pillow(size: tuple[int, int]) -> None:
    grey = Image.fromarray(np.random.default_rng(9).integers(0, 256, size[::-1]).astype(np.uint8))
    theirs = grey.resize((32, 32), Image.Resampling.LANCZOS)
    assert np.array_equal(made_small(grey), np.asarray(theirs))


def test_a_small_picture_is_of_all_rows_and_no_more() -> None:
    small = _kernel.Lanczos(20, 10)
    rows = np.zeros((6, 20), np.uint8)
    small.add_grey(rows)
    with pytest.raises(ValueError, match="rows are missing"):
        small.finish()
    with pytest.raises(ValueError, match="too many rows"):
        small.add_grey(rows)
    with pytest.raises(ValueError, match="wrong width"):
        small.add_grey(rows[:, :19].copy())
    with pytest.raises(ValueError, match="without pixels"):
        _kernel.Lanczos(0, 10)
