"""Charts as SVG inside a page: each has a title and a description, and stands beside a table."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from html import escape
from typing import Final

_WIDTH: Final = 640
_ROW: Final = 28
_LABEL: Final = 180
"""Units of the drawing that the names of bars take."""
_VALUE: Final = 60
_LETTER: Final = 8.0
"""Units that a letter takes at most, in the fonts of browsers."""
_WIDE: Final = 13.0
"""Units that an m or w takes at most."""
_HEIGHT: Final = 280
_MARGIN: Final = 60
_FULL: Final = 100.0


def bars(chart_id: str, title: str, rows: Sequence[tuple[str, float, str]]) -> str:
    """Horizontal bars: for each its name, a percentage from 0 to 100, and the value as it is written."""
    height = _ROW * max(1, len(rows))
    span = _WIDTH - _LABEL - _VALUE
    drawn = []
    for number, (name, value, written) in enumerate(rows):
        top, width = number * _ROW, round(span * value / _FULL, 1)
        drawn.append(
            f'<text x="{_LABEL - 8}" y="{top + 19}" class="name">{escape(_shortened(name))}</text>'
            f'<rect x="{_LABEL}" y="{top + 4}" width="{width}" height="{_ROW - 8}" class="bar"/>'
            f'<text x="{_LABEL + width + 6}" y="{top + 19}">{escape(written)}</text>'
        )
    described = "; ".join(f"{name} {written}" for name, _, written in rows)
    return _svg(chart_id, title, described, height, "".join(drawn))


def lines(
    chart_id: str, title: str, across: Sequence[str], series: Sequence[tuple[str, Sequence[float | None]]]
) -> str:
    """Lines of percentages from 0 to 100 over some points; a point that there is not is left out."""
    step = (_WIDTH - 2 * _MARGIN) / max(1, len(across) - 1)
    span = _HEIGHT - 2 * _MARGIN
    drawn = [
        f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{_MARGIN + span * part / 4}" '
        f'y2="{_MARGIN + span * part / 4}" class="grid"/>'
        for part in range(5)
    ]
    for place, name in enumerate(across):
        at = round(_MARGIN + place * step, 1)
        drawn.append(f'<text x="{at}" y="{_HEIGHT - 12}" class="tick">{escape(name)}</text>')
    described = []
    for number, (name, values) in enumerate(series):
        points = [
            (round(_MARGIN + place * step, 1), round(_MARGIN + span * (1 - value / _FULL), 1))
            for place, value in enumerate(values)
            if value is not None
        ]
        path = " ".join(f"{x},{y}" for x, y in points)
        drawn.append(f'<polyline points="{path}" class="line s{number}"/>')
        drawn += [f'<circle cx="{x}" cy="{y}" r="4" class="dot s{number}"/>' for x, y in points]
        key = escape(f"{number + 1}. {name}")
        drawn.append(f'<text x="{_MARGIN}" y="{16 * (number + 1)}" class="key s{number}">{key}</text>')
        shown = ", ".join("-" if value is None else f"{value:g}" for value in values)
        described.append(f"{name}: {shown}")
    return _svg(chart_id, title, "; ".join(described), _HEIGHT, "".join(drawn))


def _shortened(name: str) -> str:
    """As much of a name as stands beside its bar; the table has all of it."""
    room = _LABEL - 8
    widths = list(itertools.accumulate(_WIDE if letter in "mw" else _LETTER for letter in name))
    if not widths or widths[-1] <= room:
        return name
    return name[: bisect.bisect_right(widths, room - _LETTER)] + "…"


def _svg(chart_id: str, title: str, described: str, height: int, drawn: str) -> str:
    return (
        f'<svg role="img" aria-labelledby="{chart_id}-t {chart_id}-d" viewBox="0 0 {_WIDTH} {height}">'
        f'<title id="{chart_id}-t">{escape(title)}</title><desc id="{chart_id}-d">{escape(described)}</desc>'
        f"{drawn}</svg>"
    )
