"""The figures as rows of tables, as the page docs/methods/quality.md, and as plots beside it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from quality import ours, rates
from quality.distances import FILE, Distances
from quality.intervals import Share

Row = dict[str, Any]

DIRECTORY: Final = FILE.parent
PAGE: Final = DIRECTORY / "quality.md"
PICTURES: Final = "quality-pictures.svg"
TEXTS: Final = "quality-texts.svg"
DISTANCES: Final = "quality-distances.svg"
VERSIONS: Final = ("python", "numpy", "pillow", "threatexchange", "imagehash", "datasketch")
BEGIN: Final = "<!-- From here on written by `scripts/bench quality --write`. -->"
HIDDEN: Final = frozenset({ours.NAME, ours.OTHER, ours.REFUSED})


def _sides(rows: Iterable[Row], key: str) -> list[str]:
    """The names of the others that anything was counted for: types of ours first."""
    names = dict.fromkeys(name for row in rows for name in row[key] if name not in HIDDEN)
    return sorted(names, key=lambda name: ("/" not in name, "hashpact" not in name, name))


def _cells(found: Row, of: int, sides: Sequence[str]) -> Row:
    return {
        ours.NAME: str(Share(found.get(ours.NAME, 0), of)),
        **{side: Share(found.get(side, 0), of).percent for side in sides},
        "refused": found.get(ours.REFUSED, 0) or None,
    }


def picture_rows(rows: Sequence[Row]) -> list[Row]:
    """A row for each alteration."""
    sides = _sides(rows, "found")
    return [{"copy": row["copy"], "of": row["of"], **_cells(row["found"], row["of"], sides)} for row in rows]


def text_rows(rows: Sequence[Row]) -> list[Row]:
    """A row for each alteration, with all languages together; then the languages beside each other."""
    sides = _sides(rows, "found")
    languages = list(dict.fromkeys(row["language"] for row in rows))
    shown = []
    for name, length in dict.fromkeys((row["copy"], row["length"]) for row in rows):
        some = [row for row in rows if (row["copy"], row["length"]) == (name, length)]
        found: dict[str, int] = {}
        for row in some:
            for side, count in row["found"].items():
                found[side] = found.get(side, 0) + count
        of = sum(row["of"] for row in some)
        each = {row["language"]: Share(row["found"].get(ours.NAME, 0), row["of"]).percent for row in some}
        shown.append(
            {
                "copy": name,
                "length": length,
                "of": of,
                **_cells(found, of, sides),
                **{language: each.get(language) for language in languages},
            }
        )
    return shown


def pair_rows(rows: Sequence[Row]) -> list[Row]:
    """A row for each set of different content: how many pairs each side matches."""
    sides = list(dict.fromkeys([ours.SURE, *_sides(rows, "matched")]))
    return [
        {
            "set": row["set"],
            "content": row.get("pictures", row.get("texts")),
            "refused": row["refused"],
            "pairs": row["pairs"],
            **{side: row["matched"].get(side, 0) for side in sides},
            **{name: f"{wrong} of {of:,}" for name, (wrong, of) in row.get("peers", {}).items()},
        }
        for row in rows
    ]


def write(report: Row, distances: Distances) -> None:
    """Renew the page below its mark, the distances, the rates of them in the package, and the plots."""
    write_page(report, f"{datetime.now(UTC):%Y-%m-%d}")
    distances.write()
    rates.write()
    plot(report, distances)


def write_page(report: Row, day: str) -> None:
    """Renew the page below its mark."""
    head, _, _ = PAGE.read_text("utf-8").partition(BEGIN)
    machine = "; ".join(f"{key} {value}" for key, value in report["machine"].items() if key in VERSIONS)
    parts = [head, BEGIN, f"\n\nMeasured {day} with {machine}.\n"]
    if "pictures" in report:
        found = report["pictures"]
        pairs = pair_rows([found["different"], *found["layouts"]])
        parts += ["\n## Copies of pictures found, %\n", f"![Copies of pictures]({PICTURES})\n\n"]
        parts += [_table(picture_rows(found["recall"]))]
        parts += ["\n## Pairs of pictures that match\n", _table(pairs)]
        parts += ["\n## With and without control of false matches\n", _table(report["control"])]
    if "texts" in report:
        found = report["texts"]
        parts += ["\n## Copies of texts found, %\n", f"![Copies of texts]({TEXTS})\n\n"]
        parts += [_table(text_rows(found["recall"]))]
        parts += ["\n## Pairs of texts that match\n", _table(pair_rows(found["different"]))]
        parts += ["\n100 characters of their own before the same 400:\n\n"]
        parts += [_table(pair_rows(found["boilerplate"]))]
        parts += ["\nPosts without any fingerprint:\n\n", _table(found["without"])]
    parts += ["\n## Distances\n", f"![Of copies and of unrelated content]({DISTANCES})\n"]
    parts += ["\n## Floors and bounds\n", _table(report["promises"])]
    PAGE.write_text("".join(parts), encoding="utf-8")


def _table(rows: Sequence[Row]) -> str:
    """A table in Markdown."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [
        "| " + " | ".join(column.replace("_", " ") for column in columns) + " |",
        "|---" * len(columns) + "|",
    ]
    lines += ["| " + " | ".join(_cell(row.get(column)) for column in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:  # noqa: ANN401 - any figure
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"  # noqa: PLR2004 - two digits
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def plot(report: Row, distances: Distances) -> None:
    """Recall of every alteration, and the histograms of distances, as SVG."""
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    # The same figures give the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "hashpact", "svg.fonttype": "none", "font.size": 8})
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    if "pictures" in report:
        rows = picture_rows(report["pictures"]["recall"])
        _recall(pyplot, rows, PICTURES, ("threatexchange PDQ 31", "imagehash phash 6"))
    if "texts" in report:
        rows = [
            row | {"copy": f"{row['copy']} ({row['length']})"} for row in text_rows(report["texts"]["recall"])
        ]
        _recall(pyplot, rows, TEXTS, ("datasketch 0.6", "threatexchange raw text"))
    _histograms(pyplot, distances.report())


def _recall(pyplot: Any, rows: Sequence[Row], name: str, others: Sequence[str]) -> None:  # noqa: ANN401 - matplotlib has no types here
    figure, axes = pyplot.subplots(figsize=(8, 0.16 * len(rows) + 1))
    for place, row in enumerate(rows):
        found = row[ours.NAME].split(" ")
        if found[0] == "-":
            continue
        low, high = map(float, found[1].strip("()").split("-"))
        axes.plot([low, high], [place, place], color="#1f77b4", linewidth=3, alpha=0.4)
        axes.plot([float(found[0])], [place], "o", color="#1f77b4", markersize=4)
        for other, mark in zip(others, ("x", "+"), strict=True):
            if row.get(other) is not None:
                axes.plot([row[other]], [place], mark, color="#7f7f7f", markersize=4)
    axes.set_yticks(range(len(rows)), [row["copy"] for row in rows])
    axes.set_ylim(len(rows), -1)
    axes.set_xlim(-2, 102)
    axes.set_xlabel(f"found, %: o hashpact with its interval, x {others[0]}, + {others[1]}")
    axes.grid(visible=True, axis="x", alpha=0.3)
    figure.savefig(DIRECTORY / name, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def _histograms(pyplot: Any, found: Row) -> None:  # noqa: ANN401 - as above
    figure, axes = pyplot.subplots(len(found), 1, figsize=(8, 2.2 * len(found)), squeeze=False)
    for row, (kind, counts) in enumerate(found.items()):
        here = axes[row][0]
        for relation, shade in (("copies", "#1f77b4"), ("unrelated", "#d62728")):
            values = counts.get(relation)
            if values:
                here.step(
                    range(len(values)), [value / sum(values) for value in values], color=shade, label=relation
                )
        here.set_yscale("log")
        here.set_xlabel(f"{kind}: {counts['unit']}")
        here.legend()
    figure.tight_layout()
    figure.savefig(DIRECTORY / DISTANCES, metadata={"Date": None})
    pyplot.close(figure)
