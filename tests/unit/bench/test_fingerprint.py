"""The benchmark of cost: its pictures have the wanted sizes, and its promises are held against the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import fingerprint
from benchmarks.fingerprint import ALL, DECODE, PDQ, PDQHASH, VIEWS
from corpus import photographs, shelf


@pytest.fixture(autouse=True)
def no_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shelf without packages: the photograph is a drawn one."""
    monkeypatch.setenv(shelf.PLACE, str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(photographs, "IN_WHEELS", {})
    photographs.files.cache_clear()


@pytest.mark.parametrize("megapixels", [0.05, 1.0])
def test_the_photograph_has_the_wanted_size(megapixels: float) -> None:
    picture = fingerprint.photograph(megapixels)
    assert picture.width * picture.height == pytest.approx(megapixels * 1e6, rel=0.01)
    assert picture.width / picture.height == pytest.approx(4 / 3, rel=0.01)


def test_both_codes_of_pdq_are_of_the_same_pixels() -> None:
    picture = fingerprint.photograph(0.2)
    codes, quality = fingerprint.pdq(picture)
    theirs = pytest.importorskip("pdqhash").compute(np.asarray(picture))
    assert codes[0] == np.packbits(np.asarray(theirs[0], np.uint8)).tobytes()
    assert quality == theirs[1]


def test_rows_have_every_contender() -> None:
    rows = fingerprint.pictures([0.05], 2)
    assert [row["format"] for row in rows] == ["JPEG", "PNG"]
    assert {ALL, VIEWS, DECODE, PDQ, PDQHASH} <= set(rows[0])
    (texts,) = fingerprint.texts([48], 1)
    assert texts["characters"] == 48
    assert texts[f"{ALL}, us"] > 0


def test_memory_is_that_of_a_process_of_its_own() -> None:
    small = fingerprint.as_file(fingerprint.photograph(0.1), "PNG")
    large = fingerprint.as_file(fingerprint.photograph(1), "PNG")
    assert fingerprint.peak(DECODE, large, small) > 2_500_000


def a_report() -> dict[str, Any]:
    """With figures at their bounds."""
    return {
        "pictures": [
            {
                "megapixels": size,
                "format": "JPEG",
                ALL: 25.0,
                VIEWS: 60.0,
                DECODE: 10.0,
                PDQ: 1.0,
                PDQHASH: 8.0,
            }
            for size in (1.0, 2.0, 9.0)
        ],
        "memory": [
            {"megapixels": 50.0, "format": kind, "beyond the picture, MB": 200.0} for kind in ("JPEG", "PNG")
        ],
    }


def test_all_promises_are_kept_at_their_bounds() -> None:
    assert [promise.kept for promise in fingerprint.promises(a_report())] == [True] * 7


@pytest.mark.parametrize(
    ("table", "row", "key", "factor"),
    [
        ("pictures", 2, ALL, 1.01),
        ("pictures", 0, PDQHASH, 0.99),
        ("pictures", 1, VIEWS, 1.01),
        ("memory", 1, "beyond the picture, MB", 1.01),
    ],
)
def test_a_figure_just_beyond_its_bound_breaks_a_promise(
    table: str, row: int, key: str, factor: float
) -> None:
    report = a_report()
    report[table][row][key] *= factor
    assert sum(not promise.kept for promise in fingerprint.promises(report)) == 1


def test_what_was_not_measured_is_not_kept() -> None:
    nothing: dict[str, Any] = {"pictures": [], "memory": []}
    assert {promise.row()["verdict"] for promise in fingerprint.promises(nothing)} == {"not measured"}
