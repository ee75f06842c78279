"""The pictures of the quality benchmark: drawn from seeds, cut without overlap, each for one purpose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from corpus import photographs, pictures, shelf
from corpus.drawing.graphics import KINDS
from corpus.drawing.layouts import LAYOUTS
from corpus.seeds import generator
from PIL import Image


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Ten files of noise on a shelf that has nothing else, four of them large."""
    monkeypatch.setenv(shelf.PLACE, str(tmp_path))
    monkeypatch.setattr(shelf.shutil, "which", lambda _name: None)  # type: ignore[attr-defined]  # its import
    directory = tmp_path / "lomiri-wallpapers-16.04" / "usr" / "share" / "backgrounds"
    directory.mkdir(parents=True)
    made = []
    for number in range(10):
        size = (1920, 1440) if number % 3 == 0 else (700, 500)
        noise = generator(number).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        path = directory / f"p{number}.jpg"
        Image.fromarray(noise).resize(size).save(path)
        made.append(path)
    photographs.files.cache_clear()
    monkeypatch.setattr(photographs, "IN_WHEELS", {})
    yield made
    photographs.files.cache_clear()


def test_files_are_those_on_the_shelf_and_nothing_is_fetched(files: list[Path]) -> None:
    assert list(photographs.files()) == files


def overlap(one: photographs.Piece, other: photographs.Piece) -> bool:
    a, b = one.box, other.box
    return one.file == other.file and a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.mark.parametrize("of", [photographs.for_recall, photographs.under_text, photographs.pieces])
def test_pieces_do_not_overlap_and_lie_inside_their_files(of: object) -> None:
    assert callable(of)
    pieces: list[photographs.Piece] = of()
    assert pieces
    for number, piece in enumerate(pieces):
        with Image.open(piece.file) as image:
            assert piece.box[2] <= image.width
            assert piece.box[3] <= image.height
        assert not any(overlap(piece, other) for other in pieces[:number])


def test_what_is_altered_is_not_under_meme_text() -> None:
    memes = {piece.file for piece in photographs.under_text()}
    assert memes
    assert not memes & {piece.file for piece in photographs.for_recall()}


def test_a_piece_is_read_once_and_has_a_side_of_platforms(tmp_path: Path) -> None:
    (piece, *_) = photographs.pieces()
    first = piece.read()
    assert max(first.size) <= max(photographs.LONGEST)
    assert list((tmp_path / "pieces").iterdir())
    assert first.tobytes() == piece.read().tobytes()


def test_different_pictures_are_as_many_as_promised_and_have_different_names() -> None:
    found = pictures.distinct()
    assert len(found) == pictures.DISTINCT
    assert len({one.name for one in found}) == len(found)
    assert {one.kind for one in found} >= {"photograph", "meme", *KINDS}


def test_a_sample_is_spread_over_all() -> None:
    kinds = {one.kind for one in pictures.distinct(60)}
    assert kinds >= set(KINDS)
    assert len(pictures.for_recall(3)) == 3


@pytest.mark.parametrize("kind", [*KINDS, *LAYOUTS])
def test_a_drawing_is_the_same_for_a_seed_and_different_for_another(kind: str) -> None:
    draw = KINDS.get(kind) or LAYOUTS[kind]
    first, again, other = (draw(generator(kind, seed)) for seed in (1, 1, 2))
    assert first.mode == "RGB"
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_posts_of_one_account_share_its_name() -> None:
    one, other = (np.asarray(LAYOUTS["posts, one account, light"](generator(seed))) for seed in (1, 2))
    assert (one[30:64] == other[30:64]).all()
    assert (one[130:] != other[130:]).any()


def test_each_layout_has_its_own_texts() -> None:
    drawn = [named.draw().resize((64, 64)).tobytes() for _, some in pictures.of_layouts(2) for named in some]
    assert len(set(drawn)) == 2 * len(LAYOUTS)
