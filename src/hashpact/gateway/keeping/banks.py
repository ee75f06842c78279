"""Banks and contents as values.

A bank is *local*, and holds what was added to it; or *shared*, and what is added becomes an entry of the
member; or a *view* of the clearinghouse, and has the entries that its filter keeps; or a private *list* of
the member, whose rows it has.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Self

from hashpact.domain.checks import Filter, Match
from hashpact.domain.fingerprints import TYPES, Fingerprint, Measure
from hashpact.domain.grammar import Field
from hashpact.domain.kinds import GROUND, JURISDICTIONS
from hashpact.errors import InvalidInputError, NotFoundError, NotPermittedError

FIRST_LOCAL: Final = 1 << 52
"""Contents of local banks are numbered from here, below 2^53."""
FIRST_LISTED: Final = 1 << 51
"""Rows of private lists are numbered from here, below 2^52; smaller ids are the log's indexes."""
ENABLED: Final = 1
DISABLED: Final = 0
MAX_NAME: Final = 255

MAX_NAMED: Final = 64
"""Bases and jurisdictions that a filter names, as in a check."""

LISTED: Final = "LIST_"
"""What the names of the banks of private lists begin with."""

_PLACE: Final = 28
"""Bits of the id of a list's row for its place in the list; the 23 bits above are its bank's number."""
_MOST: Final = (1 << 31) - 1
"""The largest number that a check takes."""
_DISTANCE: Final = "max_distance"
_UNDISPUTED: Final = "without_disputed"
_NAME: Final = re.compile("[A-Z_][A-Z0-9_]*", re.ASCII)


class BankKind(enum.StrEnum):
    """What a bank holds."""

    LOCAL = "local"
    SHARED = "shared"
    VIEW = "view"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class ViewFilter:
    """Which entries a view has: empty sets keep every entry, as in `Filter`. ``max_distance`` is in bits."""

    labels: frozenset[str] = frozenset()
    bases: frozenset[str] = frozenset()
    jurisdictions: frozenset[str] = frozenset()
    min_endorsed_by: int = 0
    without_disputed: bool = False
    members: frozenset[str] = frozenset()
    max_distance: int | None = None

    def keeps(self, match: Match) -> bool:
        """Whether the view has the entry of a match, at that distance.

        An entry of a member that is always believed counts as endorsed by as many as are demanded.
        """
        return (
            (not self.labels or not self.labels.isdisjoint(match.labels))
            and (not self.bases or match.basis in self.bases)
            and (not self.jurisdictions or not self.jurisdictions.isdisjoint(match.jurisdictions))
            and (match.believed or match.endorsed_by >= self.min_endorsed_by)
            and not (self.without_disputed and match.disputed_by)
            and (not self.members or match.member in self.members)
            and (self.max_distance is None or distance_of(match) <= self.max_distance)
        )

    def fields(self) -> dict[str, Any]:
        """The filter as JSON, without what does not narrow."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        narrowed = {name: value for name, value in found.items() if value or name == _DISTANCE}
        return {name: _plain(value) for name, value in narrowed.items() if value is not None}

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> Self:
        """The filter in a JSON object; other fields are ignored. Raises InvalidInputError."""
        found: dict[str, Any] = {}
        for name in ("labels", "bases", "jurisdictions", "members"):
            value = given.get(name) or []
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise _unusable(name, "a list of strings")
            found[name] = frozenset(value)
        for name, line in (("bases", GROUND), ("jurisdictions", JURISDICTIONS)):
            if len(found[name]) > MAX_NAMED:
                raise _unusable(name, f"at most {MAX_NAMED} strings")
            for one in found[name]:
                _check_spelt(name, one, line)
        for name, least in (("min_endorsed_by", 0), (_DISTANCE, None)):
            value = given.get(name)
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST
            if value is not None and not whole:
                raise _unusable(name, f"a whole number from 0 to {_MOST}")
            found[name] = least if value is None else value
        disputed = given.get(_UNDISPUTED) or False
        if not isinstance(disputed, bool):
            raise _unusable(_UNDISPUTED, "true or false")
        return cls(**found, without_disputed=disputed)


EVERYTHING_SHARED: Final = ViewFilter()


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank: ``ratio``, from 0 to 1, is the share of lookups that it answers; ``view`` is for views only.

    A view that is not ``enabled`` matches nothing.
    """

    number: int
    name: str
    kind: BankKind
    ratio: float = 1.0
    view: ViewFilter = EVERYTHING_SHARED
    enabled: bool = True

    def answers(self, draw: float | None) -> bool:
        """Whether it takes part in a lookup that drew this number from [0, 1); None asks every bank."""
        if not self.enabled:
            return False
        return draw is None or (self.ratio > 0 and self.ratio >= draw)

    def fields(self) -> dict[str, Any]:
        """The bank as HMA shows it."""
        return {"matching_enabled_ratio": self.ratio, "name": self.name}


@dataclass(frozen=True, slots=True)
class Content:
    """One content of a local or shared bank, by its id.

    ``signals`` are values in hex by HMA's names. ``note`` and ``metadata`` never leave this machine. Routes
    that match leave it out while ``disabled`` is 0, or a later time than now; 1 is enabled.
    """

    id: int
    bank: int
    signals: Mapping[str, str]
    note: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    added: int = 0
    disabled: int = ENABLED

    def fields(self) -> dict[str, Any]:
        """The content as JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class Addition:
    """What is added to a bank: a fingerprint by each of HMA's names, and what is kept here beside them."""

    signals: Mapping[str, Fingerprint]
    note: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def content(self, number: int, bank: Bank, now: int) -> Content:
        """The content that it makes."""
        values = {name: one.value.hex() for name, one in self.signals.items()}
        return Content(number, bank.number, values, self.note, self.metadata, now)


def check_name(name: object) -> str:
    """The name of a bank. Raises InvalidInputError."""
    if not isinstance(name, str) or len(name) > MAX_NAME or _NAME.fullmatch(name) is None:
        msg = "Bank names must be UPPER_WITH_UNDERSCORE"
        raise InvalidInputError(msg, field="name")
    return name


def label_bank(label: str) -> str:
    """The name of the view of a label."""
    return f"LABEL_{label.upper().replace('-', '_')}"


def list_bank(name: str) -> str:
    """The name of the bank of a private list."""
    return f"{LISTED}{name.upper().replace('-', '_')}"


def list_of(bank: Bank) -> str:
    """The name of the private list that a bank is."""
    return bank.name.removeprefix(LISTED).lower().replace("_", "-")


def row_id(bank: int, place: int) -> int:
    """The id of the row at a place of the list whose bank has that number."""
    return FIRST_LISTED + (bank << _PLACE) + place


def bank_of_row(number: int) -> int | None:
    """The number of the bank that a list's row is in; None for an id of another content."""
    if FIRST_LISTED <= number < FIRST_LOCAL:
        return (number - FIRST_LISTED) >> _PLACE
    return None


def place_of(number: int) -> int:
    """The place of a list's row in its list, by its id."""
    return number & ((1 << _PLACE) - 1)


def check_not_list(bank: Bank) -> None:
    """Refuse what would change a private list. Raises NotPermittedError."""
    if bank.kind is BankKind.LIST:
        msg = (
            f"bank '{bank.name}' is a private list of this member, which only hashpact import and "
            "hashpact list-local change"
        )
        raise NotPermittedError(msg)


def no_content(number: int) -> NotFoundError:
    """The error for an id that no content has."""
    return NotFoundError(f"content '{number}' not found")


def narrowing(views: list[ViewFilter]) -> Filter:
    """What all views have in common, for the check that is made for all of them.

    Labels are not in it: the clearinghouse refuses one that its policy has dropped.
    """
    if not views:
        return Filter()
    found = Filter(
        min_endorsed_by=min(view.min_endorsed_by for view in views),
        without_disputed=all(view.without_disputed for view in views),
    )
    if all(view.bases for view in views):
        found = replace(found, bases=frozenset().union(*(view.bases for view in views)))
    places: frozenset[str] = frozenset().union(*(view.jurisdictions for view in views))
    if len(places) <= MAX_NAMED and all(view.jurisdictions for view in views):
        found = replace(found, jurisdictions=places)
    return found


def distance_of(match: Match) -> int:
    """The distance of a match in bits; 0 of an equal value."""
    return int(match.score) if TYPES[match.type].measure is Measure.HAMMING else 0


def is_enabled(until: int, now: int) -> bool:
    """Whether a content matches now, by its ``disabled``."""
    return until == ENABLED or (until != DISABLED and until <= now)


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value


def _check_spelt(name: str, text: str, line: Field[Any]) -> None:
    try:
        line.spelling.read(text)
    except ValueError as error:
        raise _unusable(name, f"a list of strings, {line.spelling.wanted}") from error


def _unusable(name: str, wanted: str) -> InvalidInputError:
    return InvalidInputError(f"Failed to parse `api_json` - {name} must be {wanted}", field=name)
