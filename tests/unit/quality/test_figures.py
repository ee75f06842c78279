"""Figures of the quality benchmark: intervals, floors, distances and the pages made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus.altering import table as picture_table
from corpus.texts import table as text_table
from hypothesis import given
from hypothesis import strategies as st
from quality import floors, ours, page, peers
from quality.distances import STEPS, Distances
from quality.intervals import Share

from hashpact import Fingerprint, Query


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    [(0, 10, 0.0, 27.75), (10, 10, 72.25, 100.0), (5, 10, 23.66, 76.34), (81, 263, 25.53, 36.62)],
)
def test_the_interval_is_wilsons(found: int, of: int, low: float, high: float) -> None:
    # The last row is the example of Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    assert Share(found, of).interval == pytest.approx((low, high), abs=0.01)


@given(st.integers(1, 500).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_holds_the_share_and_narrows_with_more(counts: tuple[int, int]) -> None:
    found, of = counts
    low, high = Share(found, of).interval
    assert 0 <= low <= 100 * found / of + 1e-9
    assert 100 * found / of <= high + 1e-9 <= 100 + 1e-6
    wider = Share(10 * found, 10 * of).interval
    assert wider[1] - wider[0] < high - low


def test_nothing_of_nothing_is_no_share() -> None:
    assert Share(0, 0).percent is None
    assert Share(0, 0).interval == (0, 100)
    assert str(Share(0, 0)) == "-"
    assert Share(1, 2) + Share(2, 3) == Share(3, 5)


def test_every_floor_has_copies_and_every_row_of_copies_has_a_floor_or_says_so() -> None:
    pictures = {one.row for one in picture_table.ALTERATIONS}
    assert set(floors.PICTURES) <= pictures
    assert pictures - set(floors.PICTURES) <= {"", "subtitle, logo, watermark", "crop centred 1 %"} | {
        "rotation 3 degrees",
        "rotation 2 degrees, cropped",
    }
    texts = {one.row for one in text_table.ALTERATIONS}
    assert set(floors.TEXTS) <= texts
    assert texts - set(floors.TEXTS) <= {"", "quoted 1.5 times"}


def test_a_floor_is_of_all_copies_of_its_row_together() -> None:
    table = {"a": floors.Floor(90, 95), "b": floors.Floor(None, 50), "c": floors.Floor(10)}
    rows = [("a", Share(85, 100)), ("a", Share(99, 100)), ("b", Share(1, 4))]
    found = {promise.what: promise for promise in floors.recalls(table, rows, parts=False)}
    assert set(found) == {"a", "c"}
    assert found["a"].figure == 92
    assert found["a"].kept
    assert not found["c"].kept  # not measured
    parts = {promise.what: promise.kept for promise in floors.recalls(table, rows, parts=True)}
    assert parts == {"a": False, "b": False}


def pdq(bits: int) -> Fingerprint:
    """A code that differs from `pdq(0)` in so many bits."""
    flipped = np.unpackbits(np.frombuffer(b"\x0f" * 32, np.uint8))
    flipped[: 2 * bits : 2] ^= 1
    flipped[1 : 2 * bits : 2] ^= 0
    return Fingerprint("pdq/1", np.packbits(flipped).tobytes(), 100)


def test_distances_are_of_the_nearest_query() -> None:
    counted = Distances()
    counted.copies([pdq(0)], [Query(pdq(9)), Query(pdq(4))])
    report = counted.report()["pdq/1"]
    assert report["copies"][4] == 1
    assert sum(report["copies"]) == 1
    assert "unrelated" not in report


def test_unrelated_pairs_are_all_but_a_content_with_itself() -> None:
    counted = Distances()
    shared = [[pdq(0)], [pdq(3)], [pdq(8)]]
    queries: list[list[Query]] = [[Query(pdq(0))], [Query(pdq(3))], []]
    for number, asked in enumerate(queries):
        counted.unrelated(number, asked, shared)
    found = counted.report()["pdq/1"]["unrelated"]
    assert {place: count for place, count in enumerate(found) if count} == {3: 2, 8: 1, 5: 1}


def test_similarities_are_counted_in_equal_values() -> None:
    values = np.arange(128, dtype=">u4")
    other = values.copy()
    other[:28] += 1000
    one, two = (Fingerprint("minhash/1", some.tobytes()) for some in (values, other))
    counted = Distances()
    counted.copies([one], [Query(two)])
    assert counted.report()["minhash/1"]["copies"].index(1) == 100
    assert len(counted.report()["minhash/1"]["copies"]) == STEPS + 1


def test_histograms_add_up_and_are_written(tmp_path: Path) -> None:
    one, other = Distances(), Distances()
    for counted in (one, other, other):
        counted.copies([pdq(0)], [Query(pdq(2))])
    one.add(other)
    one.write(tmp_path / "d.json")
    assert json.loads((tmp_path / "d.json").read_text())["pdq/1"]["copies"][2] == 3


@given(st.lists(st.binary(min_size=8, max_size=8), max_size=5), st.lists(st.binary(min_size=8, max_size=8)))
def test_the_nearest_codes_are_those_of_brute_force(shared: list[bytes], asked: list[bytes]) -> None:
    def apart(one: bytes, other: bytes) -> int:
        return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()

    every = [apart(one, other) for one in shared for other in asked]
    assert peers.nearest(shared, asked) == min(every, default=None)
    lists = [[code] for code in shared]
    for code in asked:
        near = {number for number, other in enumerate(shared) if apart(code, other) <= 20}
        assert peers.within(lists, [code], 20) == near


def test_imagehash_is_asked_as_its_documentation_does() -> None:
    names = {peer.name for peer in peers.of_pictures()}
    assert names >= {"imagehash phash 6", "imagehash dhash 6"}


def report() -> dict[str, Any]:
    """Small, with a row of each table."""
    found = {ours.NAME: 9, "pdq/1": 7, "threatexchange PDQ 31": 5, ours.REFUSED: 1}
    pairs = {"set": "s", "pictures": 3, "pairs": 3, "refused": 0, "matched": {"pdq/1": 1}, "which": []}
    words = {"copy": "capitals", "row": "", "length": "short", "of": 4, "found": {ours.NAME: 3}}
    return {
        "machine": {"python": "3.11", "cores": 2},
        "control": [{"check": "agreeing", "different pairs": 2, "times fewer": 25.5}],
        "pictures": {
            "recall": [{"copy": "grey", "row": "", "of": 10, "found": found}],
            "different": pairs,
            "layouts": [pairs],
        },
        "texts": {
            "recall": [words | {"language": "en"}, words | {"language": "vi"}],
            "different": [pairs | {"peers": {"datasketch 0.6": (1, 2000)}}],
            "boilerplate": [pairs],
            "without": [{"language": "en", "posts": 4, "refused": 1}],
        },
        "promises": [{"promise": "p", "measured": 1.0, "bound": "at least 1", "verdict": "pass"}],
    }


def test_rows_show_ours_with_its_interval_and_the_others_beside_it() -> None:
    (row,) = page.picture_rows(report()["pictures"]["recall"])
    assert row["hashpact"] == "90 (60-98)"
    assert (row["pdq/1"], row["threatexchange PDQ 31"], row["refused"]) == (70, 50, 1)
    (texts,) = page.text_rows(report()["texts"]["recall"])
    assert (texts["of"], texts["hashpact"], texts["en"]) == (8, "75 (41-93)", 75)


def test_the_page_is_renewed_below_its_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "quality.md"
    path.write_text(f"# Quality\nby hand\n{page.BEGIN}\nold\n")
    monkeypatch.setattr(page, "PAGE", path)
    page.write_page(report(), "2026-11-28")
    text = path.read_text()
    assert text.startswith(f"# Quality\nby hand\n{page.BEGIN}\n")
    assert "old" not in text
    assert "| grey | 10 | 90 (60-98) | 70 | 50 | 1 |" in text
    assert "| agreeing | 2 |" in text
    assert text.count("\n## ") == 7
    assert "with python 3.11." in text
