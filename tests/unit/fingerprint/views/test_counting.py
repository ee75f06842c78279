"""Frames of a GIF: how many there are, and how many are decoded."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashpact.fingerprint import images
from hashpact.fingerprint.views import counting
from hashpact.fingerprint.views.counting import frames_in_gif

VIEWED = Path(__file__).parents[3] / "vectors/viewed"


def gif(frames: int) -> bytes:
    """A GIF whose frames are of one grey each, lighter from one to the next."""
    greys = [Image.fromarray(np.full((40, 60), 10 * number, np.uint8)) for number in range(frames)]
    file = io.BytesIO()
    greys[0].save(file, "GIF", save_all=True, append_images=greys[1:], optimize=False)
    return file.getvalue()


@pytest.mark.parametrize("frames", [1, 2, 7, 20])
def test_frames_are_counted_as_pillow_does(frames: int) -> None:
    assert frames_in_gif(io.BytesIO(gif(frames))) == frames
    with Image.open(VIEWED / "gif-black-first-frame.gif") as image:
        data = (VIEWED / "gif-black-first-frame.gif").read_bytes()
        assert frames_in_gif(io.BytesIO(data)) == getattr(image, "n_frames", 1)


def test_the_frame_is_in_the_middle_or_as_far_as_pixels_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = gif(20)
    for pixels, number in ((images._FRAME_PIXELS, 10), (40 * 60 * 3, 3)):
        monkeypatch.setattr(images, "_FRAME_PIXELS", pixels)
        found = images.other_frame(io.BytesIO(data), len(data))
        assert found is not None
        assert found.image.convert("L").getextrema() == (10 * number, 10 * number)
    monkeypatch.setattr(images, "_FRAME_PIXELS", 40 * 60 - 1)
    assert images.other_frame(io.BytesIO(data), len(data)) is None


def test_counting_ends_with_the_blocks_and_with_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    data = gif(20)
    monkeypatch.setattr(counting, "_MOST_BLOCKS", 12)
    assert 1 <= frames_in_gif(io.BytesIO(data)) < 10
    comment = data[:-1] + b"!\xfe" + b"\1a" * 1000 + b"\0;"
    assert frames_in_gif(io.BytesIO(comment)) < 10
    monkeypatch.undo()
    for cut in range(0, len(data), 37):
        assert 1 <= frames_in_gif(io.BytesIO(data[:cut])) <= 20
