"""Checks of message fields: each function returns a valid value or raises InvalidInputError.

``details["field"]`` is the path of the field, as ``queries[3].fingerprint.value``. No error repeats bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Sized
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from hashpact.domain.fingerprints import FingerprintType, Measure
from hashpact.domain.grammar import Spelling
from hashpact.domain.kinds import ENTRY, MEMBER_ID
from hashpact.errors import InvalidInputError

MAX_NAMED: Final = 64
"""The most values in one list of names."""

HASH_SIZE: Final = 32
_ENTRIES: Final = "entries/"
_MEMBERS: Final = "members/"

FIELDS_OF: Final = {
    Measure.HAMMING: ("max_distance", "distance"),
    Measure.EQUALITY: ("max_distance", "distance"),
    Measure.JACCARD: ("min_similarity", "similarity"),
    Measure.CONTAINMENT: ("min_share", "share"),
    Measure.POINTS: ("min_points", "points"),
}
"""The fields of a query and of a match that hold a measure's threshold and its score."""

Value = TypeVar("Value")


class within:  # noqa: N801  # used as a statement, like contextlib.suppress
    """Puts ``path`` before the field that an InvalidInputError of the block names."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        """There is nothing to set up."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Name the field from further up."""
        if isinstance(error, InvalidInputError):
            field = error.details.get("field")
            error.details["field"] = self._path if field is None else f"{self._path}.{field}"


def each(field: str, messages: Iterable[Message], read: Callable[[Any], Value]) -> tuple[Value, ...]:
    """What is read of each message; an InvalidInputError names the one that it is of."""
    found = []
    for number, message in enumerate(messages):
        try:
            found.append(read(message))
        except InvalidInputError:
            with within(f"{field}[{number}]"):
                raise
    return tuple(found)


def named(name: str, collection: str, spelling: Spelling[Value], field: str) -> Value:
    """The part of a resource name after its collection, such as ``entries/``."""
    if not name.startswith(collection):
        msg = f"{field}: want a resource name that begins with {collection}"
        raise InvalidInputError(msg, field=field)
    return spelled(field, name.removeprefix(collection), spelling)


def entry_to_name(index: int) -> str:
    """The resource name of the entry at that log index."""
    return _ENTRIES + str(index)


def entry_from_name(name: str, field: str = "name") -> int:
    """The log index in ``entries/{index}``."""
    return named(name, _ENTRIES, ENTRY.spelling, field)


def member_to_name(member_id: str) -> str:
    """The resource name of a member."""
    return _MEMBERS + member_id


def member_from_name(name: str, field: str = "name") -> str:
    """The member id in ``members/{id}``."""
    return named(name, _MEMBERS, MEMBER_ID, field)


def spelled(field: str, text: str, spelling: Spelling[Value]) -> Value:
    """The value that a text is the one spelling of."""
    try:
        return spelling.read(text)
    except ValueError as error:
        msg = f"{field}: {error}"
        raise InvalidInputError(msg, field=field) from None


def some(field: str, texts: Sequence[str], spelling: Spelling[Value]) -> list[Value]:
    """The values of at most 64 texts."""
    count(field, texts, 0, MAX_NAMED)
    return [spelled(field, text, spelling) for text in texts]


def count(field: str, values: Sized, low: int, high: int) -> None:
    """Refuse a list with fewer than ``low`` or more than ``high`` values."""
    if not low <= len(values) <= high:
        msg = f"{field}: want {low} to {high}, not {len(values)}"
        raise InvalidInputError(msg, field=field)


def sized(field: str, value: bytes, size: int) -> bytes:
    """Bytes of that size."""
    if len(value) != size:
        msg = f"{field}: want {size} bytes, not {len(value)}"
        raise InvalidInputError(msg, field=field)
    return value


def optional_whole(message: Message, field: str) -> int | None:
    """A number that is not negative, or None if the field is not set."""
    return whole(field, getattr(message, field)) if message.HasField(field) else None


def optional_id(message: Message, field: str) -> bytes | None:
    """A 32-byte key id, or None if the field is not set."""
    return sized(field, getattr(message, field), HASH_SIZE) if message.HasField(field) else None


def limited(field: str, value: bytes, limit: int) -> bytes:
    """Bytes, at least one and at most that many."""
    if not 0 < len(value) <= limit:
        msg = f"{field}: want 1 to {limit} bytes, not {len(value)}"
        raise InvalidInputError(msg, field=field)
    return value


def whole(field: str, value: int) -> int:
    """A number that is not negative."""
    if value < 0:
        msg = f"{field} must not be negative"
        raise InvalidInputError(msg, field=field)
    return value


def threshold_from_wire(kind: FingerprintType, message: Message) -> float | None:
    """The threshold that a message sets for a type, if it does."""
    given = message.WhichOneof("threshold")
    if given is None:
        return None
    wanted, _ = FIELDS_OF[kind.measure]
    if given != wanted:
        msg = f"the threshold of {kind.name} is {wanted}, not {given}"
        raise InvalidInputError(msg, field=given)
    return float(getattr(message, given))


def number_in(field: str, value: float) -> float:
    """A threshold or a score as that field holds it: distances and points are whole numbers."""
    return int(value) if field.endswith(("distance", "points")) else value
