"""What a check has found, as a table, a line or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from hashpact.cli.matches import by_whom, name_fields, named, said_fields
from hashpact.cli.output import complain, emit, one_line, show_table
from hashpact.cli.platform.content import limits_of
from hashpact.domain.checks import Match, NearEntry
from hashpact.domain.fingerprints import Measure
from hashpact.domain.matching.views import PictureView

if TYPE_CHECKING:
    from hashpact.member.checking.results import CheckResult

_SHARES: Final = {Measure.JACCARD: "similarity", Measure.CONTAINMENT: "share"}
_SCORES: Final = {**_SHARES, Measure.POINTS: "points"}
_WORTH: Final = 60
"""Age in seconds from which it is shown to people: a quiet log sends a sign of life every ten."""


def _match(match: Match, agreed: Mapping[int, float]) -> dict[str, object]:
    name, near = _SCORES.get(match.measure, "distance"), match.benign
    place = {} if match.transform is None else {"transform": asdict(match.transform)}
    seen = {"agreement": round(agreed[match.entry], 4)} if place and match.entry in agreed else {}
    shown = partial(round, ndigits=4) if match.measure in _SHARES else int
    return {
        **name_fields(match),
        "type": match.type,
        name: shown(match.score),
        **place,
        **seen,
        "view": match.view.value,
        **({} if match.strength is None else {"strength": match.strength.value, "reason": match.reason}),
        **said_fields(match),
        "false_matches": None if match.false_matches is None else asdict(match.false_matches),
        **({} if match.contradicted is None else {"contradicted": asdict(match.contradicted)}),
        **({"unconfirmed": True} if match.unconfirmed else {}),
        **({"quarantined": True} if match.quarantined else {}),
        **({} if near is None else {"benign": {"entry": near.entry, name: shown(near.score)}}),
        **({} if match.held is None else {"held": match.held.value}),
    }


def emit_result(name: str, result: CheckResult, agreed: Mapping[int, float]) -> None:
    """Print what was found as JSON."""
    bounded = {"truncated": True} if result.truncated else {}
    matches = [_match(each, agreed) for each in result.matches]
    limits = {} if result.made is None else limits_of(result.made)
    texts = {} if result.texts is None else {"texts": result.texts.hex()}
    found = {"file": name, "position": result.position, **_lag(result), "matches": matches}
    held = {"held": [_match(each, agreed) for each in result.held]} if result.held else {}
    emit({**found, **held, **bounded, **texts, **limits})


def explained(match: Match) -> str:
    """Why a match has its strength, and how often something unrelated was as near, for people."""
    rate = match.false_matches
    measured = "" if rate is None else f" Of {rate.of} unrelated comparisons {rate.found} were as near."
    return f"{named(match)} by {match.type}, {match.strength}: {match.reason}{measured}"


def _lag(result: CheckResult) -> dict[str, object]:
    """How old the copy is that a mirror has answered from."""
    return {} if result.lag is None else {"lag": asdict(result.lag)}


def age_of(result: CheckResult) -> str:
    """The same for people, if it is worth a word."""
    lag = result.lag
    if lag is None or (not lag.statements and lag.seconds < _WORTH):
        return ""
    return f", {lag.seconds} s old and {lag.statements} statements behind"


def show_result(name: str, result: CheckResult, agreed: Mapping[int, float], *, rows: bool) -> None:
    """Print what was found: a table, or with ``rows`` one line, and none if nothing was found."""
    if result.truncated:
        complain(f"{one_line(name)!r}: too much is near it to consider all; there may be further matches")
    for word, names in _held(result).items():
        complain(f"{one_line(name)!r}: held back by matching.toml ({word}): {', '.join(names)}")
    entries = result.entries
    if rows:
        if entries:
            click.echo(f"{one_line(name)}: {_line(entries, agreed)}")
        return
    count = len(entries)
    what = "no match" if not count else "1 entry" if count == 1 else f"{count} entries"
    click.echo(f"{one_line(name)}: {what} at position {result.position}{age_of(result)}")
    if entries:
        show_table(
            ("entry", "strength", "near by", "labels", "basis", "member", "for", "against"),
            ([str(cell) for cell in _cells(entry, agreed)] for entry in entries),
        )


def _held(result: CheckResult) -> dict[str, list[str]]:
    """The entries that the member's own terms hold back, by why."""
    found: dict[str, list[str]] = {}
    for match in result.held:
        names = found.setdefault(str(match.held), [])
        if named(match) not in names:
            names.append(named(match))
    return found


def _line(entries: Sequence[NearEntry], agreed: Mapping[int, float]) -> str:
    """The nearest entry, and how many others there are."""
    entry, strength, near, labels, basis, member, *_ = _cells(entries[0], agreed)
    others = "" if len(entries) == 1 else f", and {len(entries) - 1} more"
    what = "row" if entries[0].nearest.source else "entry"
    return one_line(f"{what} {entry}, {strength} by {near} ({labels}; {basis}; {member}){others}")


def _cells(entry: NearEntry, agreed: Mapping[int, float]) -> tuple[object, ...]:
    """An entry's row: the nearest match of each type, and what members say of the entry."""
    first = entry.nearest
    near: dict[str, str] = {}
    for match in entry.matches:
        score = f"{match.score:.2f}" if match.measure in _SHARES else str(int(match.score))
        if match.transform is not None and match.entry in agreed:
            score += f" ({agreed[match.entry]:.0%} at the pixels)"
        view = "" if match.view is PictureView.WHOLE else f" {match.view.value}"
        view += "" if match.benign is None else f" (benign: entry {match.benign.entry})"
        near.setdefault(match.type, view if match.measure is Measure.EQUALITY else f" {score}{view}")
    return (
        f"{named(first)}, quarantined" if first.quarantined else named(first),
        "" if entry.strength is None else entry.strength.value,
        ", ".join(f"{name}{score}" for name, score in near.items()),
        ", ".join(first.labels),
        first.basis,
        by_whom(first),
        first.endorsed_by,
        f"{first.disputed_by}, disowned" if first.disowned else first.disputed_by,
    )
