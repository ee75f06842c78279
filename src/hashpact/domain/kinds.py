"""The kinds of statements: for each, the fields that follow the header, in the order of their lines.

A body declares each field once, with its line; reading and writing follow from that. What a statement of a
kind does is for the rules (`hashpact.domain.rules`); the bytes are in docs/formats/statement.md.
"""

from __future__ import annotations

import enum
import re
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias, TypeVar

from hashpact.domain.grammar import SLUG, Decimal, Field, Hex, Spelling, Word
from hashpact.domain.keys import NamedKey
from hashpact.domain.state import Basis, Role, Stance, Use
from hashpact.errors import MalformedError
from hashpact.log import note

MAX_ITEMS: Final = 256
MAX_LABELS: Final = 8
MAX_ADMINS: Final = note.MAX_SIGNATURES - 1
"""All of them can sign a key's enrolment beside the key itself."""
MAX_OVERLAP: Final = 30 * 24 * 3600
"""Seconds for which a key that is replaced may go on beside its successor."""
MAX_DELAY: Final = 30 * 24 * 3600
"""Seconds for which a policy may keep a newly enrolled key waiting."""
ADMIN: Final = "admin"
"""The member id under which administrators make statements; nobody can be enrolled with it."""

Choice = TypeVar("Choice", bound=enum.Enum)


@dataclass(frozen=True, slots=True)
class _OneOf(Spelling[Choice]):
    """One of an enumeration's values."""

    choices: type[Choice]

    @property
    def pattern(self) -> str:
        return "|".join(re.escape(choice.value) for choice in self.choices)

    @property
    def wanted(self) -> str:
        return f"one of {', '.join(choice.value for choice in self.choices)}"

    def value(self, text: str) -> Choice:
        return self.choices(text)

    def write(self, value: Choice) -> str:
        return str(value.value)


class NamedKeyLine(Spelling[NamedKey]):
    """A key's name, a space, and the raw public key in hex."""

    pattern = r"(?=[^ ]{1,32} )" + SLUG.pattern + " [0-9a-f]{64}"
    wanted = "a name (1 to 32 lower-case letters, digits and single hyphens), a space and 64 hex digits"

    def value(self, text: str) -> NamedKey:
        """The key."""
        name, _, public = text.partition(" ")
        return NamedKey(name, bytes.fromhex(public))

    def write(self, value: NamedKey) -> str:
        """Its one spelling."""
        return f"{_NAME.write(value.name)} {HASH.write(value.public)}"


HASH: Final = Hex(32)
SECONDS: Final = Decimal()
_INDEX: Final = Decimal()
_NAME: Final = Word(
    "(?=.{1,32}$)" + SLUG.pattern,
    "1 to 32 lower-case letters, digits and single hyphens",
)
TERM: Final = Word(
    "(?=.{1,64}$)" + SLUG.pattern,
    "1 to 64 lower-case letters, digits and single hyphens",
)
MEMBER_ID: Final = Word("[a-z0-9-]{3,32}", "a member id: 3 to 32 lower-case letters, digits and hyphens")

ADMINS: Final = Field("admin", NamedKeyLine(), 1, MAX_ADMINS)
THRESHOLD: Final = Field("threshold", Decimal(1, MAX_ADMINS))
LOG_KEYS: Final = Field("log-key", HASH, 1, 4)
VERSION: Final = Field("version", Decimal(1))
TAXONOMY: Final = Field("label", TERM, 1, 64, ascending=True)
KEY_DELAY: Final = Field("key-delay", Decimal(1, MAX_DELAY), 0, 1)
ID: Final = Field("id", MEMBER_ID)
ROLES: Final = Field("role", _OneOf(Role), 1, len(Role), ascending=True)
NAME: Final = Field("name", _NAME)
PUBLIC: Final = Field("public", HASH)
USE: Final = Field("use", _OneOf(Use))
EXPIRES: Final = Field("expires", SECONDS)
OLD: Final = Field("old", HASH)
OVERLAP: Final = Field("overlap", Decimal(0, MAX_OVERLAP))
TARGET: Final = Field("target", HASH)
CUTOFF: Final = Field("cutoff", _INDEX)
LABELS: Final = Field("label", TERM, 1, MAX_LABELS, ascending=True)
BASIS: Final = Field("basis", _OneOf(Basis))
AUTHORITY: Final = Field("authority", MEMBER_ID, 0, 1)
ARTICLE: Final = Field("article", TERM, 0, 1)
JURISDICTIONS: Final = Field(
    "jurisdiction", Word("[A-Z]{2}", "two capital letters (ISO 3166-1)"), 0, 64, ascending=True
)
REMOVED: Final = Field("removed", SECONDS)
ITEMS: Final = Field("item", HASH, 1, MAX_ITEMS)
ENTRY: Final = Field("entry", _INDEX)
REASON: Final = Field("reason", TERM)
STANCE: Final = Field("stance", _OneOf(Stance))


class Body:
    """The fields of one kind: a frozen dataclass, each of its fields annotated with the line that carries it.

    A line that occurs once is a value, one that occurs at most once a value or None, and one that may occur
    more often a tuple; a set is written in the order of its spellings.
    """

    __slots__ = ()
    kind: ClassVar[str]

    def write(self) -> str:
        """The lines of the fields. Raises MalformedError if a value has no spelling."""
        self.check()
        return "".join(line.write(_values(line, getattr(self, name))) for name, line, _ in _LINES[self.kind])

    @classmethod
    def of(cls, values: Iterable[tuple[Any, ...]]) -> Self:
        """The body of the values on its lines. Raises MalformedError if they do not go together."""
        parts = zip(_LINES[cls.kind], values, strict=True)
        body = cls(*[_value(line, some, as_set) for (_, line, as_set), some in parts])
        body.check()
        return body

    def check(self) -> None:
        """Raise MalformedError if fields that are each well formed do not go together."""


def _values(line: Field[Any], value: Any) -> tuple[Any, ...]:  # noqa: ANN401  # of any field
    if isinstance(value, frozenset):
        return tuple(sorted(value, key=line.spelling.write))
    if line.high > 1:
        return tuple(value)
    return () if value is None else (value,)


def _value(line: Field[Any], values: tuple[Any, ...], as_set: bool) -> Any:  # noqa: ANN401, FBT001  # of any field
    if line.high > 1:
        return frozenset(values) if as_set else values
    return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Genesis(Body):
    """Leaf 0: the administrators' keys, how many must sign, and the log's keys."""

    kind: ClassVar[str] = "genesis"
    admins: Annotated[tuple[NamedKey, ...], ADMINS]
    threshold: Annotated[int, THRESHOLD]
    log_keys: Annotated[tuple[bytes, ...], LOG_KEYS]


@dataclass(frozen=True, slots=True)
class Root(Body):
    """The administrators, the threshold and the log's keys from here on; the genesis is version 1."""

    kind: ClassVar[str] = "root"
    version: Annotated[int, VERSION]
    admins: Annotated[tuple[NamedKey, ...], ADMINS]
    threshold: Annotated[int, THRESHOLD]
    log_keys: Annotated[tuple[bytes, ...], LOG_KEYS]


@dataclass(frozen=True, slots=True)
class Policy(Body):
    """The labels that entries may have, and how long a newly enrolled key waits, in seconds.

    A new version replaces the one before.
    """

    kind: ClassVar[str] = "policy"
    version: Annotated[int, VERSION]
    labels: Annotated[tuple[str, ...], TAXONOMY]
    key_delay: Annotated[int | None, KEY_DELAY] = None


@dataclass(frozen=True, slots=True)
class MemberEnrol(Body):
    """A platform or team joins, with what it may do. Its keys are enrolled separately."""

    kind: ClassVar[str] = "member-enrol"
    id: Annotated[str, ID]
    roles: Annotated[frozenset[Role], ROLES]


@dataclass(frozen=True, slots=True)
class MemberSuspend(Body):
    """A member says nothing more, until it is resumed. What it has said stands."""

    kind: ClassVar[str] = "member-suspend"
    id: Annotated[str, ID]
    reason: Annotated[str, REASON]


@dataclass(frozen=True, slots=True)
class MemberResume(Body):
    """The end of a member's suspension."""

    kind: ClassVar[str] = "member-resume"
    id: Annotated[str, ID]
    reason: Annotated[str, REASON]


@dataclass(frozen=True, slots=True)
class KeyEnrol(Body):
    """A member's key, signed by that key itself and by a threshold of administrators."""

    kind: ClassVar[str] = "key-enrol"
    id: Annotated[str, ID]
    name: Annotated[str, NAME]
    public: Annotated[bytes, PUBLIC]
    use: Annotated[Use, USE]
    expires: Annotated[int, EXPIRES]


@dataclass(frozen=True, slots=True)
class KeyRotate(Body):
    """A member's new key in the place of its key ``old``, which goes on for ``overlap`` seconds."""

    kind: ClassVar[str] = "key-rotate"
    old: Annotated[bytes, OLD]
    name: Annotated[str, NAME]
    public: Annotated[bytes, PUBLIC]
    expires: Annotated[int, EXPIRES]
    overlap: Annotated[int, OVERLAP]


@dataclass(frozen=True, slots=True)
class KeySuspend(Body):
    """The key ``target`` of a member signs nothing more, until it is resumed."""

    kind: ClassVar[str] = "key-suspend"
    id: Annotated[str, ID]
    target: Annotated[bytes, TARGET]
    reason: Annotated[str, REASON]


@dataclass(frozen=True, slots=True)
class KeyResume(Body):
    """The end of a key's suspension."""

    kind: ClassVar[str] = "key-resume"
    id: Annotated[str, ID]
    target: Annotated[bytes, TARGET]
    reason: Annotated[str, REASON]


@dataclass(frozen=True, slots=True)
class KeyRevoke(Body):
    """The end of a key: what it has signed at or after the index ``cutoff`` does not stand."""

    kind: ClassVar[str] = "key-revoke"
    id: Annotated[str, ID]
    target: Annotated[bytes, TARGET]
    cutoff: Annotated[int, CUTOFF]
    reason: Annotated[str, REASON]


@dataclass(frozen=True, slots=True)
class Submit(Body):
    """Fingerprints of one removed piece of content, each as the commitment of its private part."""

    kind: ClassVar[str] = "submit"
    labels: Annotated[tuple[str, ...], LABELS]
    basis: Annotated[Basis, BASIS]
    authority: Annotated[str | None, AUTHORITY]
    article: Annotated[str | None, ARTICLE]
    jurisdictions: Annotated[tuple[str, ...], JURISDICTIONS]
    removed: Annotated[int, REMOVED]
    items: Annotated[tuple[bytes, ...], ITEMS]

    def check(self) -> None:
        """Refuse a law without its authority and article, and these without a law."""
        by_law = self.basis is Basis.LAW
        if (self.authority is not None) is not by_law or (self.article is not None) is not by_law:
            msg = "basis law, and only it, names an authority and an article"
            raise MalformedError(msg, field="basis")


@dataclass(frozen=True, slots=True)
class Withdraw(Body):
    """The contributor takes its entry back; it stops matching and stays in the log."""

    kind: ClassVar[str] = "withdraw"
    entry: Annotated[int, ENTRY]
    reason: Annotated[str, REASON]


@dataclass(frozen=True, slots=True)
class GiveOpinion(Body):
    """A member endorses or disputes another's entry, or says that it has seen the content."""

    kind: ClassVar[str] = "opinion"
    entry: Annotated[int, ENTRY]
    stance: Annotated[Stance, STANCE]


@dataclass(frozen=True, slots=True)
class Void(Body):
    """The administrators strike an entry; it stops matching and stays in the log."""

    kind: ClassVar[str] = "void"
    entry: Annotated[int, ENTRY]
    reason: Annotated[str, REASON]


AnyBody: TypeAlias = (
    Genesis
    | Root
    | Policy
    | MemberEnrol
    | MemberSuspend
    | MemberResume
    | KeyEnrol
    | KeyRotate
    | KeySuspend
    | KeyResume
    | KeyRevoke
    | Submit
    | Withdraw
    | GiveOpinion
    | Void
)

KINDS: Final[dict[str, type[AnyBody]]] = {body.kind: body for body in typing.get_args(AnyBody)}


def _lines(kind: type[Body]) -> tuple[tuple[str, Field[Any], bool], ...]:
    """``(attribute, line, whether it is a set)`` of each field, in order."""
    hints = typing.get_type_hints(kind, include_extras=True)
    found = [(name, hint) for name, hint in hints.items() if typing.get_origin(hint) is Annotated]
    return tuple(
        (name, hint.__metadata__[0], typing.get_origin(hint.__origin__) is frozenset) for name, hint in found
    )


def fields_of(kind: str) -> tuple[Field[Any], ...]:
    """The lines of a kind, in order."""
    return tuple(line for _, line, _ in _LINES[kind])


_LINES: Final = {kind: _lines(body) for kind, body in KINDS.items()}
