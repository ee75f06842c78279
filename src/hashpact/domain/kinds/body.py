"""The base class of statement kinds, and what a kind declares.

A kind is a frozen dataclass derived from `Body`. It declares its fields, each annotated with the line that
carries it; who makes it and how many sign (`Signers`); a one-line summary and a description for people; its
effect on a state (`Case`), and which entries that reaches (`Touches`). Everything else that depends on the
kind is derived from that.
"""

from __future__ import annotations

import datetime as dt
import enum
import functools
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Self

from hashpact.domain.grammar import Field, Lines
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds.lines import Yes
from hashpact.domain.state import Charter, RecentTimes, Record, View
from hashpact.errors import MissingSignatureError

ADMIN: Final = "admin"
"""The member id under which administrators make statements; no member can be enrolled with it."""
RESERVED: Final = {ADMIN: "the administrators", "all": "all members together"}
"""The ids that no member can have, each with whom it stands for."""


class Signers(enum.Flag):
    """Who makes statements of a kind, and how many of them sign. A kind has one or two of these.

    The key that the header names always signs, and so does each member's key that the statement adds.
    """

    THRESHOLD = enum.auto()
    """The administrators: at least the charter's threshold of them."""
    ONE_ADMINISTRATOR = enum.auto()
    """The administrators: one signature is enough."""
    MEMBER = enum.auto()
    """A member, with one key."""
    ITSELF = enum.auto()
    """A member, with one key, but only about itself: the kind's ``id`` is the member's."""
    ADMINISTRATORS = THRESHOLD | ONE_ADMINISTRATOR
    MEMBERS = MEMBER | ITSELF


class Touches(enum.Enum):
    """The entries about which statements of a kind change something."""

    NOTHING = "nothing"
    """None: a check answers as before."""
    MADE = "made"
    """The entry that it makes, and no earlier one."""
    OPINIONS = "opinions"
    """The members' opinions of the entry that its line ``entry`` names."""
    STANDING = "standing"
    """The entry that its line ``entry`` names, which may stand no longer, and the opinions of it."""
    SIGNED = "signed"
    """All that a member's keys have signed: more or less of it may stand."""
    MATCHING = "matching"
    """No entry, but the terms on which all of them match."""


@dataclass(frozen=True, slots=True)
class Case:
    """A statement before the rules: the state it meets, the index it would have, and its moment.

    ``member``, ``key`` and ``time`` are those of its header. ``signed_by`` takes a member's id, a key's name
    and its raw public key, and returns whether that key signed it; it raises BadSignatureError for a
    signature of that key that does not verify. For a genesis, ``charter`` is the one that it proposes.
    """

    view: View
    charter: Charter
    index: int
    moment: int
    member: str
    key: bytes
    time: int
    signed_by: Callable[[str, str, bytes], bool]

    def signed_among(self, admins: Iterable[NamedKey]) -> frozenset[bytes]:
        """The raw public keys among these administrators' that have signed: a key counts once."""
        return frozenset(admin.public for admin in admins if self.signed_by(ADMIN, admin.name, admin.public))


def check_threshold(signed: frozenset[bytes], threshold: int) -> None:
    """Raise MissingSignatureError if fewer than ``threshold`` administrators have signed."""
    if len(signed) < threshold:
        msg = f"signed by {len(signed)} administrators, {threshold} must sign"
        raise MissingSignatureError(msg)


class Body(ABC):
    """The fields of one kind, in the order of their lines, and their effect.

    A line that occurs once is a value, one that occurs at most once a value or None (a `Yes` True or False),
    and one that may occur more often a tuple; a set is written in the order of its spellings.
    """

    __slots__ = ()
    kind: ClassVar[str]
    signers: ClassVar[Signers]
    touches: ClassVar[Touches] = Touches.NOTHING
    """What its effect reaches among the entries."""
    is_incident: ClassVar[bool] = False
    """Whether the quarterly report counts its statements as incidents."""
    texts: ClassVar[frozenset[str]] = frozenset()
    """The texts that the words of such a statement must have (`kinds.conduct.words`)."""
    published: ClassVar[bool] = False
    """Whether the documents that it names are for everybody, and so published beside the tiles."""

    @abstractmethod
    def summary(self) -> str:
        """One line for a list of statements, which shows the kind beside it."""

    @abstractmethod
    def describe(self) -> list[str]:
        """A description in plain words for a person who is about to sign it, one sentence a line."""

    @abstractmethod
    def effect(self, case: Case) -> tuple[Record, ...]:
        """The records that the statement puts. Raises the HashpactError of the rule that it breaks.

        The signatures have been checked already, except those of keys that the statement itself adds.
        """

    def changes(self, charter: Charter) -> list[str]:
        """The changes to the charter in force, described in the style of `describe`."""
        del charter
        return []

    def brings(self, member: str) -> tuple[tuple[str, NamedKey], ...]:
        """The keys that it adds, each after its holder's id; ``member`` makes the statement."""
        del member
        return ()

    def touched(self, index: int) -> int | None:
        """The one entry that the statement at that index makes, ends or gives an opinion of; None without.

        A revocation touches any number of entries, see `hashpact.domain.state.touching`.
        """
        if self.touches is Touches.MADE:
            return index
        named: int | None = getattr(self, "entry", None)
        return named if self.touches in {Touches.OPINIONS, Touches.STANDING} else None

    def fingerprints(self) -> tuple[bytes, ...]:
        """The commitments to the fingerprints that go with it, in order."""
        return ()

    def commitments(self) -> tuple[bytes, ...]:
        """The commitments to its private parts, in order: the fingerprints, and then the words if any."""
        words: bytes | None = getattr(self, "words", None)
        return self.fingerprints() if words is None else (*self.fingerprints(), words)

    def documents(self) -> tuple[bytes, ...]:
        """The SHA-256 of each document that it names: they are kept beside the log."""
        return ()

    def counted(self, times: RecentTimes, time: int) -> RecentTimes:
        """The times that count for this statement and after it, of those before it; ``time`` is its own."""
        del time
        return times

    def check(self) -> None:  # noqa: B027 - most kinds have nothing to check
        """Raise MalformedError if fields that are well formed by themselves contradict each other."""

    @classmethod
    def lacking(cls, lines: Lines) -> list[str]:
        """What a text with these lines lacks besides those that the kind must have anyway."""
        del lines
        return []

    @classmethod
    def administrators(cls, charter: Charter) -> int:
        """How many administrators must sign a statement of this kind that they make."""
        return 1 if Signers.ONE_ADMINISTRATOR in cls.signers else charter.threshold

    @classmethod
    def of(cls, values: Iterable[tuple[Any, ...]]) -> Self:
        """The body of the values on its lines. Raises MalformedError if they contradict each other."""
        parts = zip(_lines(cls), values, strict=True)
        body = cls(*[_value(line, some, as_set) for (_, line, as_set), some in parts])
        body.check()
        return body

    def write(self) -> str:
        """The lines of the fields. Raises MalformedError if a value has no spelling."""
        self.check()
        return "".join(line.write(_values(line, getattr(self, name))) for name, line, _ in _lines(type(self)))


def lines_of(body: type[Body]) -> tuple[Field[Any], ...]:
    """The lines of a kind, in order."""
    return tuple(line for _, line, _ in _lines(body))


def utc(unix: int) -> str:
    """A time in Unix seconds, formatted for people."""
    try:
        return dt.datetime.fromtimestamp(unix, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):  # past the year 9999
        return f"at Unix time {unix}"


def short(digest: bytes) -> str:
    """The first hex digits of a key's id: enough to tell keys apart by eye."""
    return digest.hex()[:16]


def why(reason: str) -> str:
    """The sentence that names a reason."""
    return f"Reason given: {reason}."


@functools.cache
def _lines(body: type[Body]) -> tuple[tuple[str, Field[Any], bool], ...]:
    """``(attribute, line, whether it is a set)`` of each field, in order."""
    hints = typing.get_type_hints(body, include_extras=True)
    found = [(name, hint) for name, hint in hints.items() if typing.get_origin(hint) is Annotated]
    return tuple(
        (name, hint.__metadata__[0], typing.get_origin(hint.__origin__) is frozenset) for name, hint in found
    )


def _values(line: Field[Any], value: Any) -> tuple[Any, ...]:  # noqa: ANN401  # of any field
    if isinstance(value, frozenset):
        return tuple(sorted(value, key=line.spelling.write))
    if line.high > 1:
        return tuple(value)
    return () if value is None or value is False else (value,)


def _value(line: Field[Any], values: tuple[Any, ...], as_set: bool) -> Any:  # noqa: ANN401, FBT001  # of any field
    if line.high > 1:
        return frozenset(values) if as_set else values
    if values:
        return values[0]
    return False if isinstance(line.spelling, Yes) else None
