"""The quality benchmark on three pictures and a few texts: it finds what is there, and counts what is not."""

from __future__ import annotations

import functools
import operator
from pathlib import Path

import pytest
from benchmarks import quality
from corpus import photographs, pictures, shelf
from corpus.altering import table as picture_table
from corpus.drawing.graphics import landscape
from corpus.seeds import generator
from PIL import Image
from quality import ours, working
from quality import pictures as of_pictures
from quality import texts as of_texts
from quality.distances import Distances


@functools.cache
def drawn(seed: int) -> Image.Image:
    """One of the pictures, drawn once for all tests."""
    return landscape(generator("run", seed))


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shelf without packages, and as pictures of recall three drawn ones and a blank one."""
    monkeypatch.setenv(shelf.PLACE, str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(photographs, "IN_WHEELS", {})
    photographs.files.cache_clear()
    of_pictures._listed.cache_clear()
    some = [pictures.Named(f"drawn {seed}", "landscape", functools.partial(drawn, seed)) for seed in range(3)]
    blank = pictures.Named("blank", "flat", lambda: Image.new("RGB", (300, 200), "white"))
    monkeypatch.setattr(pictures, "for_recall", lambda _sample: [*some, blank])
    few = {"JPEG q90", "mirror", "inverted", "transparent, uploaded on white"}
    kept = tuple(one for one in picture_table.ALTERATIONS if one.name in few)
    monkeypatch.setattr(of_pictures, "ALTERATIONS", kept)


def test_recall_counts_copies_and_refusals() -> None:
    rows = {row["copy"]: row for row in of_pictures.recall(4, 1, Distances())}
    assert {row["of"] for row in rows.values()} == {4}
    assert rows["JPEG q90"]["found"][ours.NAME] == 3  # the blank one is refused, and missed
    assert rows["JPEG q90"]["found"][ours.REFUSED] == 1
    assert rows["JPEG q90"]["found"]["imagehash phash 6"] >= 3
    assert rows["mirror"]["found"]["pdq/1"] == 3
    assert rows["inverted"]["found"].get(ours.NAME, 0) == 0


def test_a_file_that_is_shared_for_one_alteration_does_not_help_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = pictures.Named("drawn", "landscape", functools.partial(drawn, 0))
    monkeypatch.setattr(pictures, "for_recall", lambda _sample: [one])

    def found(*names: str) -> dict[str, int]:
        kept = tuple(one for one in picture_table.ALTERATIONS if one.name in names)
        monkeypatch.setattr(of_pictures, "ALTERATIONS", kept)
        rows = {row["copy"]: row["found"] for row in of_pictures.recall(1, 1, Distances())}
        counted: dict[str, int] = rows[names[0]]
        return counted

    # Both share the same cut-outs, one as what the other one uploads.
    both = "transparent, uploaded on white", "on white, uploaded transparent"
    assert found(*both) == found(both[0])


def test_pairs_are_counted_once_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    one = landscape(generator("pair"))
    other = landscape(generator("another"))
    some = [
        pictures.Named("a", "landscape", lambda: one),
        pictures.Named("b", "landscape", lambda: other),
        pictures.Named("a again", "landscape", lambda: one.resize((400, 300))),
    ]
    monkeypatch.setattr(pictures, "distinct", lambda _sample: some)
    distances = Distances()
    row = of_pictures.different(3, 1, distances)
    assert row["matched"][ours.SURE] == 1
    assert row["matched"]["imagehash phash 6"] == 1
    assert row["which"] == [["a", "a again"]]
    assert row["pairs"] == 3
    assert sum(distances.report()["phash/1"]["unrelated"]) == 6  # ordered


def test_each_layout_is_compared_within_itself() -> None:
    rows = of_pictures.layouts(2, 1)
    assert [row["pairs"] for row in rows] == [1] * len(rows)
    assert len(rows) == 9


def test_texts_are_found_or_missed_by_language() -> None:
    distances = Distances()
    rows = of_texts.recall(2, 1, distances)
    by_name = {(row["copy"], row["length"], row["language"]): row for row in rows}
    assert by_name["zalgo", "long", "en"]["found"][ours.NAME] == 2
    assert by_name["first 50 %, long", "long", "en"]["of"] == 2
    assert ("tatweel", "long", "en") not in by_name
    assert sum(distances.report()["minhash/1"]["copies"]) > 100


def test_boilerplate_and_posts_without_a_fingerprint_are_counted() -> None:
    rows = of_texts.boilerplate(3)
    assert {row["pairs"] for row in rows} == {3}
    posts = of_texts.without(30)
    assert all(row["posts"] == 30 and 0 <= row["refused"] <= 30 for row in posts)


def test_the_work_comes_back_in_order() -> None:
    for processes in (1, 2):
        assert list(working.each("numbers", operator.mul, 2, [-3, 2, -1], processes)) == [-6, 4, -2]


def a_report() -> dict[str, object]:
    """With figures at their bounds."""
    pictures_of = {"set": "x", "pairs": 300_000, "matched": {}, "refused": 0, "which": []}
    copies = {"copy": "x", "row": "", "of": 100, "found": {ours.NAME: 100, ours.AGREEING: 99}}
    control = [
        {"check": "as by default", "times fewer": 1.0, "copies lost, %": 0.0},
        {"check": "agreeing", "times fewer": 10.0, "copies lost, %": 1.0},
    ]
    return {
        "parts": False,
        "control": control,
        "pictures": {"recall": [copies], "different": pictures_of, "layouts": [pictures_of]},
        "texts": {
            "recall": [],
            "different": [
                {"set": "en, short", "pairs": 1_000_000, "matched": {ours.SURE: 5}},
                {"set": "en, long", "pairs": 1_000_000, "matched": {}},
            ],
            "boilerplate": [{"pairs": 100, "matched": {ours.SURE: 1}}],
            "without": [{"posts": 100, "refused": 5}],
        },
    }


def test_bounds_on_false_matches_are_kept_at_their_bounds() -> None:
    kept = [promise for promise in quality.promises(a_report()) if promise.most is not None]
    assert len(kept) == 7
    assert all(promise.kept for promise in kept)


@pytest.mark.parametrize("which", range(5))
def test_a_figure_beyond_its_bound_breaks_a_promise(which: int) -> None:
    report: dict[str, dict[str, list[dict[str, object]]]] = a_report()  # type: ignore[assignment]  # nested
    broken: dict[str, object] = {"pairs": 1000, "matched": {ours.SURE: 1000}, "posts": 100, "refused": 6}
    report["pictures"]["different"]["matched"] = {ours.SURE: int(which == 0)}  # type: ignore[call-overload]  # a row
    if which:
        place = [
            ("pictures", "layouts"),
            ("texts", "different"),
            ("texts", "boilerplate"),
            ("texts", "without"),
        ]
        room, name = place[which - 1]
        report[room][name][0] = report[room][name][0] | broken
    kept = [promise for promise in quality.promises(report) if promise.most is not None]
    assert sum(not promise.kept for promise in kept) == 1


def test_figures_of_a_blank_picture_are_none() -> None:
    assert ours.shared(b"") == ()
    assert ours.asked("x") == ()
    assert ours.Clearinghouse().find((), b"") == []
