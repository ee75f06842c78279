"""Rows: what every reader of a list yields, and what every writer of one takes.

A reader yields one `Put`, `Delete` or `Skip` for each record, in the order of the file. A skipped record
never stops a file; a broken document raises MalformedError, which names no value.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from hashpact.domain.fingerprints import Fingerprint, FingerprintType
from hashpact.errors import InvalidInputError, UnusableFingerprintError

MAX_KEY: Final = 1024
"""Characters of a key."""
MAX_FINGERPRINTS: Final = 256
"""Fingerprints of one record, as of one entry."""
MAX_LABELS: Final = 8
HIDDEN: Final = "…"
"""Stands in a key for a value that must be printed nowhere."""

UNSUPPORTED_TYPE: Final = "unsupported-type"
UNUSABLE: Final = "unusable-fingerprint"
MALFORMED: Final = "malformed-fingerprint"
MALFORMED_RECORD: Final = "malformed-record"
NO_FINGERPRINT: Final = "no-usable-fingerprint"
UNMAPPED_CLASS: Final = "unmapped-classification"
UNMAPPED_LABEL: Final = "unmapped-label"
UNCATEGORISED: Final = "uncategorised"
BELOW_CATEGORY: Final = "below-category"
NEGATIVE: Final = "negative"
DISABLED: Final = "disabled"
NOT_OWN: Final = "not-own"
UNKNOWN_STATUS: Final = "unknown-status"
CASE_FILE: Final = "case-file"


@dataclass(frozen=True, slots=True)
class Put:
    """A record of one content: its key in the list, and its fingerprints, 1 to 256.

    ``classes`` are what the list says of it, to be made labels by a map. ``updated`` is the record's own time
    and ``removed`` that of a removal, in Unix seconds. ``dropped`` names the fingerprints that were left out,
    as the format calls them. ``affirmed`` and ``disputed`` count those of other organisations' opinions.
    ``source`` is the list's own id of who contributed the record.
    """

    key: str
    fingerprints: tuple[Fingerprint, ...]
    classes: tuple[str, ...] = ()
    updated: int | None = None
    removed: int | None = None
    dropped: tuple[str, ...] = ()
    affirmed: int = 0
    disputed: int = 0
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """A record that the list has taken back."""

    key: str
    updated: int | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """A record that is not taken, and why: one of the reasons above. Its key is fit to be printed."""

    key: str
    reason: str


Row: TypeAlias = Put | Delete | Skip

ClassOf: TypeAlias = Callable[[Iterable[str]], str | None]
"""The class that a map makes one of these labels, for a writer; None if it makes none of them."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A row to write: of a private list or of the log. ``deleted``: it does not stand any more."""

    key: str
    fingerprints: tuple[Fingerprint, ...]
    labels: tuple[str, ...] = ()
    updated: int = 0
    deleted: bool = False


def fingerprint(kind: FingerprintType, text: object, prefix: str = "") -> Fingerprint | str:
    """The fingerprint that hexadecimal digits of either case spell, or the reason why there is none."""
    try:
        return Fingerprint(kind, bytes.fromhex(_hex(text, prefix)))
    except UnusableFingerprintError:
        return UNUSABLE
    except (ValueError, InvalidInputError):
        return MALFORMED


def _hex(text: object, prefix: str) -> str:
    digits = text.strip().removeprefix(prefix) if isinstance(text, str) else ""
    if not digits.isascii() or not digits.isalnum():  # fromhex passes over blanks
        raise ValueError
    return digits


def chosen(
    key: str, candidates: Iterable[tuple[str, FingerprintType, object]]
) -> tuple[tuple[Fingerprint, ...], tuple[str, ...], str | None]:
    """The fingerprints of a record, the names of those that are unfit, and why it has none.

    ``candidates`` are ``(name, type, hex digits)``. A record whose only fingerprint is unfit has that reason.
    """
    found: dict[Fingerprint, None] = {}
    unfit: list[tuple[str, str]] = []
    for name, kind, text in candidates:
        made = fingerprint(kind, text)
        if isinstance(made, str):
            unfit.append((name, made))
        else:
            found[made] = None
    reason = None
    if not found:
        reason = unfit[0][1] if len(unfit) == 1 else NO_FINGERPRINT
    elif len(found) > MAX_FINGERPRINTS or not is_key(key):
        reason = MALFORMED_RECORD
    return tuple(found), tuple(name for name, _ in unfit), reason


def single(  # noqa: PLR0913 - the fields of a record
    name: str,
    kind: FingerprintType,
    value: str,
    *,
    classes: tuple[str, ...] = (),
    updated: int | None = None,
    affirmed: int = 0,
    disputed: int = 0,
    source: str | None = None,
) -> Put | Skip:
    """The row of a list whose key is a type and a value: the value is printed only if it is a hash."""
    made = fingerprint(kind, value)
    if isinstance(made, str):
        return Skip(f"{name}:{HIDDEN}", made)
    key = value_key(name, value)
    return Put(key, (made,), classes, updated, affirmed=affirmed, disputed=disputed, source=source)


def typed(
    name: object, value: object, types: Mapping[str, FingerprintType]
) -> tuple[str, FingerprintType, str] | Skip:
    """Name, type and value of such a record, by the ``types`` of its list; the skipped row if it has none."""
    if not isinstance(name, str) or not isinstance(value, str):
        return Skip("", MALFORMED_RECORD)
    kind = types.get(name)
    if kind is None:
        return Skip(f"{name if name.isidentifier() else ''}:{HIDDEN}", UNSUPPORTED_TYPE)
    return name, kind, value


def taken_back(name: str, kind: FingerprintType, value: str, updated: int | None) -> Delete | Skip:
    """The row of such a record that the list has taken back."""
    if fingerprint(kind, value) == MALFORMED:
        return Skip(f"{name}:{HIDDEN}", MALFORMED)
    return Delete(value_key(name, value), updated)


def value_key(name: str, value: str) -> str:
    """The key of a record that is known by its type and value."""
    return f"{name}:{value.strip().lower()}"


def is_key(text: object) -> bool:
    """Whether a text can be a record's key."""
    return isinstance(text, str) and 0 < len(text) <= MAX_KEY and text.isprintable()


def moment(text: object) -> int | None:
    """A time in Unix seconds, from a number of them or from RFC 3339; None if it is neither."""
    try:
        if isinstance(text, int | float):
            seconds = int(text)
        else:
            parsed = dt.datetime.fromisoformat(str(text))
            seconds = int((parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < 1 << 48 else None


def rfc3339(unix: int) -> str:
    """A time in Unix seconds in UTC, such as 2026-03-01T10:00:00Z."""
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=unix)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
