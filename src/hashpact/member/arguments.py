"""Arguments: what callers of a client hand over becomes values, or InvalidInputError."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import Fingerprint
from hashpact.errors import InvalidInputError

if TYPE_CHECKING:
    from datasketch import MinHash  # type: ignore[import-untyped]  # ships no type information
    from imagehash import ImageHash

Fingerprintable: TypeAlias = "Fingerprint | ImageHash | MinHash"
"""A fingerprint, or an object of a library from which one can be made."""

Choice = TypeVar("Choice", bound=enum.Enum)


def adopted(item: Fingerprintable) -> Fingerprint:
    """The fingerprint, or the one that is made of another library's object."""
    if isinstance(item, Fingerprint):
        return item
    from hashpact.fingerprint.adopt import adopt  # noqa: PLC0415  # imported only for such an object

    return adopt(item)


def query(item: Fingerprintable | Query) -> Query:
    """The query, or that of a fingerprint."""
    return item if isinstance(item, Query) else Query(adopted(item))


def names(values: Iterable[str]) -> frozenset[str]:
    """The names in an iterable; a string is one name, not its letters."""
    return frozenset((values,) if isinstance(values, str) else values)


def chosen(choices: type[Choice], value: Choice | str, field: str) -> Choice:
    """The one of the choices that a caller names."""
    try:
        return choices(value)
    except ValueError:
        msg = f"{field} is one of {', '.join(each.value for each in choices)}"
        raise InvalidInputError(msg, field=field) from None
