"""A report as one HTML file, without network and scripts, to be printed and to be read by screen readers."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from hashpact.report import charts
from hashpact.report.figures import OVERALL, Figure, by_id, of_scope
from hashpact.report.report import EUROPE, TREND, QuarterReport
from hashpact.report.wording import figure_name, text

_RATES: Final = ("rate.within-24h", "rate.within-clock")
_LABEL_RATE: Final = "rate.removed."

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #ffffff; --soft: #595959; --rule: #c8c8c8;
  --bar: #1f5fa8; --s1: #a33b00; --s2: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --ink: #f0f0f0; --paper: #161616; --soft: #b4b4b4;
  --rule: #4a4a4a; --bar: #7db4f0; --s1: #f0a070; --s2: #7fd09a; } }
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 52rem; padding: 1rem; }
h1, h2, h3 { line-height: 1.2; } p.note { color: var(--soft); }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1.5rem; }
caption { text-align: left; color: var(--soft); padding: 0.25rem 0; }
th, td { text-align: left; padding: 0.25rem 0.5rem; border-bottom: 1px solid var(--rule); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
th[scope="row"], td:not(.number), h3 { overflow-wrap: anywhere; }
figure { margin: 1rem 0; } svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 13px; }
svg .name { text-anchor: end; } svg .tick { text-anchor: middle; } svg .bar { fill: var(--bar); }
svg .grid { stroke: var(--rule); } svg .line { fill: none; stroke-width: 2; }
svg .line.s0 { stroke: var(--bar); } svg .line.s1 { stroke: var(--s1); stroke-dasharray: 6 3; }
svg .line.s2 { stroke: var(--s2); stroke-dasharray: 2 3; }
svg .dot.s0 { fill: var(--bar); } svg .dot.s1 { fill: var(--s1); } svg .dot.s2 { fill: var(--s2); }
svg .key.s0 { fill: var(--bar); } svg .key.s1 { fill: var(--s1); } svg .key.s2 { fill: var(--s2); }
code { overflow-wrap: anywhere; }
@media print { body { max-width: none; } section { break-inside: avoid-page; } h2 { break-after: avoid; } }
"""


def to_html(report: QuarterReport, language: str, zone: str) -> bytes:
    """The page in that language, with times in that zone."""

    def say(key: str, **values: object) -> str:
        return escape(text(key, language, **values))

    moment = f"{_local(report.as_of, zone)} ({zone}), {_local(report.as_of, 'UTC')} UTC"
    made_of = text("made-of", language, size=report.size, root=report.root.hex(), as_of=moment)
    title = text("title", language, quarter=report.quarter)
    sections = [
        _section("clocks", say("clocks"), _clocks(report, language)),
        _section("labels", say("labels"), _labels(report, language)),
        _section("trend", say("trend"), _trend(report, language)),
        _section("overview", say("overview"), _table(report, OVERALL, language, say("overview"))),
        _section("members", say("members"), "".join(_members(report, language))),
        _section("actions", say("actions"), _actions(report, language, zone)),
        _section("context", say("context"), _context(language)),
    ]
    page = (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>\n<p>{say('of', log=report.origin)}</p>\n"
        f'<p class="note">{escape(made_of)} {say("reproduce")}</p></header>\n<main>\n'
        f"{''.join(sections)}</main>\n<footer><p>{say('explain', quarter=report.quarter)}</p></footer>\n"
        "</body>\n</html>\n"
    )
    return page.encode("utf-8")


def _section(name: str, heading: str, content: str) -> str:
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{heading}</h2>\n{content}</section>\n'


def _table(report: QuarterReport, scope: str, language: str, caption: str) -> str:
    """Every figure of a scope."""
    rows = [
        (figure_name(one.name, language), _written(one, language), _source(one, language))
        for one in of_scope(report.figures, scope)
    ]
    heads = [text(key, language) for key in ("figure", "value", "source")]
    return _rows(caption, heads, rows, numbers=(1,))


def _clocks(report: QuarterReport, language: str) -> str:
    """How many notices were reviewed in time, as bars and as a table."""
    found = by_id(report.figures)
    scopes = [scope for scope in (OVERALL, *report.members) if f"{scope}/{_RATES[0]}" in found]
    names = {OVERALL: text("overview", language)}
    parts = []
    for number, rate in enumerate(_RATES):
        heading = figure_name(rate, language)
        bars = [
            (names.get(scope, scope), _number(one.value), _written(one, language))
            for scope in scopes
            for one in [found[f"{scope}/{rate}"]]
        ]
        chart = charts.bars(f"clocks-{number}", heading, bars)
        parts.append(f"<figure>{chart}<figcaption>{escape(heading)}</figcaption></figure>")
    rows = [
        (names.get(scope, scope), *(_bare(found[f"{scope}/{rate}"].value, language) for rate in _RATES))
        for scope in scopes
    ]
    heads = [text("member", language), *(f"{figure_name(rate, language)}, %" for rate in _RATES)]
    return "".join(parts) + _rows(escape(text("clocks", language)), heads, rows, numbers=(1, 2))


def _labels(report: QuarterReport, language: str) -> str:
    """What was removed or restricted under each label, as bars and as a table."""
    rates = [one for one in of_scope(report.figures, OVERALL) if one.name.startswith(_LABEL_RATE)]
    named = [(one.name.removeprefix(_LABEL_RATE), one) for one in rates]
    heading = text("labels", language)
    bars = [(label, _number(one.value), _written(one, language)) for label, one in named]
    heads = [text("label", language), text("percent", language)]
    table = _rows(escape(heading), heads, [(label, str(one.value)) for label, one in named], numbers=(1,))
    return f"<figure>{charts.bars('labels-0', heading, bars)}</figure>{table}"


def _trend(report: QuarterReport, language: str) -> str:
    """The last quarters, as lines of the rates and as a table of all that is followed."""
    quarters = [str(quarter) for quarter, _ in report.trend]
    rates = ("rate.within-24h", "rate.acted", "rate.feedback")
    series = [
        (
            figure_name(rate, language),
            [
                None if (value := values[TREND.index(rate)]) in {None, "-"} else _number(value)
                for _, values in report.trend
            ],
        )
        for rate in rates
    ]
    heading = text("trend", language)
    rows = [
        (figure_name(name, language), *(_bare(values[place], language) for _, values in report.trend))
        for place, name in enumerate(TREND)
    ]
    chart = charts.lines("trend-0", heading, quarters, series)
    table = _rows(
        escape(heading),
        [text("figure", language), *quarters],
        rows,
        numbers=tuple(range(1, len(quarters) + 1)),
    )
    return f"<figure>{chart}</figure>{table}"


def _members(report: QuarterReport, language: str) -> Iterable[str]:
    for member in report.members:
        yield f"<h3>{escape(member)}</h3>\n{_table(report, member, language, escape(member))}"


def _actions(report: QuarterReport, language: str, zone: str) -> str:
    """What the review of the quarter before has agreed on, with the statement that did each."""
    heads = [text(key, language) for key in ("action", "until", "standing", "done-by")]
    rows = [
        (
            one.action,
            _local(one.until, zone, "%Y-%m-%d %H:%M:%S %z"),  # an hour comes twice when clocks go back
            text("done-late" if one.done is not None and one.late else one.standing, language),
            text("nobody", language)
            if one.done is None
            else text("by-leaf", language, member=one.member, leaf=one.done if one.by is None else one.by),
        )
        for one in report.actions
    ]
    if not rows:
        return f'<p class="note">{escape(text("no-actions", language))}</p>\n'
    return _rows(escape(text("actions", language)), heads, rows, numbers=())


def _context(language: str) -> str:
    heads = [text(key, language) for key in ("year", "within", "removed", "feedback")]
    nothing = text("none", language)
    rows = [tuple(nothing if value is None else value for value in year) for year in EUROPE]
    note = f'<p class="note">{escape(text("context-note", language))}</p>\n'
    return note + _rows(escape(text("context", language)), heads, rows, numbers=(1, 2, 3))


def _rows(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int]) -> str:
    """A table; the columns ``numbers`` are set to the right. The first cell of a row names it."""

    def cell(tag: str, place: int, value: str) -> str:
        scope = ' scope="col"' if tag == "th" and place >= 0 else ""
        kind = ' class="number"' if place in numbers else ""
        return f"<{tag}{scope}{kind}>{escape(value)}</{tag}>"

    head = "".join(cell("th", place, value) for place, value in enumerate(heads))
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        f"{''.join(cell('td', place, value) for place, value in enumerate(rest, 1))}</tr>\n"
        for first, *rest in rows
    )
    table = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"
    return f"<table><caption>{caption}</caption>\n{table}</table>\n"


def _written(figure: Figure, language: str) -> str:
    """The value of a figure with its unit."""
    if figure.value == "-":
        return text("none", language)
    unit = "" if figure.unit == "count" else f" {text(figure.unit, language)}"
    return f"{figure.value}{unit}"


def _bare(value: int | str | None, language: str) -> str:
    """A value without its unit."""
    return text("none", language) if value in {None, "-"} else str(value)


def _source(figure: Figure, language: str) -> str:
    return text("reported" if figure.reported else "derived", language)


def _number(value: int | str | None) -> float:
    """A percentage for a chart; of nothing it is 0."""
    return 0.0 if value in {None, "-"} else float(value or 0)


def _local(unix: int, zone: str, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    named = zoneinfo.ZoneInfo(zone)
    try:
        return dt.datetime.fromtimestamp(unix, named).strftime(form)
    except (ValueError, OverflowError, OSError):  # past the year 9999
        return str(unix)
