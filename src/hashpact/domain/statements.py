"""Statements: what members sign, in the exact bytes that are signed.

A statement's text is a header and the fields of its kind; with its signature lines it is a C2SP signed note,
and those bytes are the leaf. Reading is strict: `parse` refuses whatever `Statement.text` would not write.
The bytes are described in docs/formats/statement.md.
"""

from __future__ import annotations

import contextlib
import enum
import re
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, Protocol, Self, TypeAlias, TypeVar

from hashpact.domain import keys
from hashpact.domain.errors import BadSignatureError, MalformedError
from hashpact.domain.grammar import SLUG, Decimal, Field, Hex, Reader, Word
from hashpact.domain.keys import NamedKey, Signer
from hashpact.domain.state import Basis, Role, Stance
from hashpact.log import note

FIRST_LINE: Final = "hashpact/statement/v1"
MAX_LEAF: Final = 32 * 1024
MAX_ITEMS: Final = 256
MAX_LABELS: Final = 8
MAX_ADMINS: Final = note.MAX_SIGNATURES - 1
"""All of them can sign a key's enrolment beside the key itself."""
ADMIN: Final = "admin"
"""The member id under which administrators make statements; nobody can be enrolled with it."""

Choice = TypeVar("Choice", bound=enum.Enum)


@dataclass(frozen=True, slots=True)
class _OneOf(Generic[Choice]):
    """One of an enumeration's values."""

    choices: type[Choice]

    def read(self, text: str) -> Choice:
        for choice in self.choices:
            if choice.value == text:
                return choice
        msg = f"want one of {', '.join(choice.value for choice in self.choices)}"
        raise ValueError(msg)

    def write(self, value: Choice) -> str:
        return str(value.value)


class _NamedKeyLine:
    """A key's name, a space, and the raw public key in hex."""

    def read(self, text: str) -> NamedKey:
        name, _, public = text.partition(" ")
        return NamedKey(_NAME.read(name), _HASH.read(public))

    def write(self, value: NamedKey) -> str:
        return f"{_NAME.write(value.name)} {_HASH.write(value.public)}"


_HASH: Final = Hex(32)
_TIME: Final = Decimal()
_INDEX: Final = Decimal()
_NAME: Final = Word(
    re.compile(r"(?=.{1,32}\Z)" + SLUG.pattern.pattern),
    "1 to 32 lower-case letters, digits and single hyphens",
)
_TERM: Final = Word(
    re.compile(r"(?=.{1,64}\Z)" + SLUG.pattern.pattern),
    "1 to 64 lower-case letters, digits and single hyphens",
)
_MEMBER: Final = Word(
    re.compile("[a-z0-9-]{3,32}"), "a member id: 3 to 32 lower-case letters, digits and hyphens"
)
_ORIGIN: Final = Word(
    # A checkpoint's first line is the origin: it must not be the first line of a format of Hashpact's own.
    re.compile(r"(?!hashpact/)[a-z0-9](?:[a-z0-9._/-]{0,126}[a-z0-9])?"),
    "an origin such as example.org/log: at most 128 of a-z 0-9 . _ / -, and not beginning with hashpact/",
)

LOG: Final = Field("log", _ORIGIN)
KIND: Final = Field("kind", _TERM)
MEMBER: Final = Field("member", _MEMBER)
KEY: Final = Field("key", _HASH)
REQUEST: Final = Field("request", Hex(16))
TIME: Final = Field("time", _TIME)

ADMINS: Final = Field("admin", _NamedKeyLine(), 1, MAX_ADMINS)
THRESHOLD: Final = Field("threshold", Decimal(1, MAX_ADMINS))
LOG_KEYS: Final = Field("log-key", _HASH, 1, 4)
VERSION: Final = Field("version", Decimal(1))
TAXONOMY: Final = Field("label", _TERM, 1, 64, ascending=True)
ID: Final = Field("id", _MEMBER)
ROLES: Final = Field("role", _OneOf(Role), 1, len(Role), ascending=True)
NAME: Final = Field("name", _NAME)
PUBLIC: Final = Field("public", _HASH)
EXPIRES: Final = Field("expires", _TIME)
LABELS: Final = Field("label", _TERM, 1, MAX_LABELS, ascending=True)
BASIS: Final = Field("basis", _OneOf(Basis))
AUTHORITY: Final = Field("authority", _MEMBER, 0, 1)
ARTICLE: Final = Field("article", _TERM, 0, 1)
JURISDICTIONS: Final = Field(
    "jurisdiction", Word(re.compile("[A-Z]{2}"), "two capital letters (ISO 3166-1)"), 0, 64, ascending=True
)
REMOVED: Final = Field("removed", _TIME)
ITEMS: Final = Field("item", _HASH, 1, MAX_ITEMS)
ENTRY: Final = Field("entry", _INDEX)
REASON: Final = Field("reason", _TERM)
STANCE: Final = Field("stance", _OneOf(Stance))


class Body(Protocol):
    """The fields of one kind."""

    kind: ClassVar[str]

    def write(self) -> str:
        """The lines of the fields. Raises MalformedError if a value has no spelling."""
        ...

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The fields that come next in ``reader``. Raises MalformedError."""
        ...


@dataclass(frozen=True, slots=True)
class Genesis:
    """Leaf 0: the administrators' keys, how many must sign, and the log's keys."""

    kind: ClassVar[str] = "genesis"
    admins: tuple[NamedKey, ...]
    threshold: int
    log_keys: tuple[bytes, ...]

    def write(self) -> str:
        """The lines of the fields."""
        return ADMINS.write(self.admins) + THRESHOLD.write((self.threshold,)) + LOG_KEYS.write(self.log_keys)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The fields that come next."""
        return cls(reader.take(ADMINS), reader.one(THRESHOLD), reader.take(LOG_KEYS))


@dataclass(frozen=True, slots=True)
class Policy:
    """The taxonomy: the labels that entries may have. A new version replaces the one before."""

    kind: ClassVar[str] = "policy"
    version: int
    labels: tuple[str, ...]

    def write(self) -> str:
        """The lines of the fields."""
        return VERSION.write((self.version,)) + TAXONOMY.write(self.labels)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The fields that come next."""
        return cls(reader.one(VERSION), reader.take(TAXONOMY))


@dataclass(frozen=True, slots=True)
class MemberEnrol:
    """A platform or team joins, with what it may do. Its keys are enrolled separately."""

    kind: ClassVar[str] = "member-enrol"
    id: str
    roles: frozenset[Role]

    def write(self) -> str:
        """The lines of the fields."""
        return ID.write((self.id,)) + ROLES.write(tuple(sorted(self.roles, key=lambda role: role.value)))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The fields that come next."""
        return cls(reader.one(ID), frozenset(reader.take(ROLES)))


@dataclass(frozen=True, slots=True)
class KeyEnrol:
    """A member's key, signed by that key itself and by a threshold of administrators."""

    kind: ClassVar[str] = "key-enrol"
    id: str
    name: str
    public: bytes
    expires: int

    def write(self) -> str:
        """The lines of the fields."""
        return (
            ID.write((self.id,))
            + NAME.write((self.name,))
            + PUBLIC.write((self.public,))
            + EXPIRES.write((self.expires,))
        )

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The fields that come next."""
        return cls(reader.one(ID), reader.one(NAME), reader.one(PUBLIC), reader.one(EXPIRES))


@dataclass(frozen=True, slots=True)
class Submit:
    """Fingerprints of one removed piece of content, each as the commitment of its private part."""

    kind: ClassVar[str] = "submit"
    labels: tuple[str, ...]
    basis: Basis
    authority: str | None
    article: str | None
    jurisdictions: tuple[str, ...]
    removed: int
    items: tuple[bytes, ...]

    def write(self) -> str:
        """The lines of the fields."""
        self._check_basis()
        return (
            LABELS.write(self.labels)
            + BASIS.write((self.basis,))
            + AUTHORITY.write(() if self.authority is None else (self.authority,))
            + ARTICLE.write(() if self.article is None else (self.article,))
            + JURISDICTIONS.write(self.jurisdictions)
            + REMOVED.write((self.removed,))
            + ITEMS.write(self.items)
        )

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The fields that come next."""
        submit = cls(
            reader.take(LABELS),
            reader.one(BASIS),
            reader.optional(AUTHORITY),
            reader.optional(ARTICLE),
            reader.take(JURISDICTIONS),
            reader.one(REMOVED),
            reader.take(ITEMS),
        )
        submit._check_basis()
        return submit

    def _check_basis(self) -> None:
        by_law = self.basis is Basis.LAW
        if (self.authority is not None) is not by_law or (self.article is not None) is not by_law:
            msg = "basis law, and only it, names an authority and an article"
            raise MalformedError(msg, field="basis")


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The contributor takes its entry back; it stops matching and stays in the log."""

    kind: ClassVar[str] = "withdraw"
    entry: int
    reason: str

    def write(self) -> str:
        """The lines of the fields."""
        return ENTRY.write((self.entry,)) + REASON.write((self.reason,))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The fields that come next."""
        return cls(reader.one(ENTRY), reader.one(REASON))


@dataclass(frozen=True, slots=True)
class GiveOpinion:
    """A member endorses or disputes another's entry, or says that it has seen the content."""

    kind: ClassVar[str] = "opinion"
    entry: int
    stance: Stance

    def write(self) -> str:
        """The lines of the fields."""
        return ENTRY.write((self.entry,)) + STANCE.write((self.stance,))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The fields that come next."""
        return cls(reader.one(ENTRY), reader.one(STANCE))


AnyBody: TypeAlias = Genesis | Policy | MemberEnrol | KeyEnrol | Submit | Withdraw | GiveOpinion

_BODIES: Final[tuple[type[AnyBody], ...]] = (
    Genesis,
    Policy,
    MemberEnrol,
    KeyEnrol,
    Submit,
    Withdraw,
    GiveOpinion,
)
KINDS: Final[dict[str, type[AnyBody]]] = {body.kind: body for body in _BODIES}


@dataclass(frozen=True, slots=True)
class Statement:
    """What one member says, before it is signed.

    ``log`` is the origin that keeps it from being replayed into another log; ``key`` the 32-byte id of the
    key that signs; ``request`` 16 random bytes that make a retry safe; ``time`` in Unix seconds, advisory.
    """

    log: str
    member: str
    key: bytes
    request: bytes
    time: int
    body: AnyBody

    def text(self) -> bytes:
        """The bytes that are signed. Raises MalformedError if a value has no spelling."""
        text = (
            f"{FIRST_LINE}\n"
            + LOG.write((self.log,))
            + KIND.write((self.body.kind,))
            + MEMBER.write((self.member,))
            + KEY.write((self.key,))
            + REQUEST.write((self.request,))
            + TIME.write((self.time,))
            + self.body.write()
        )
        return text.encode("ascii")


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement with its signature lines, none of them verified. ``data`` are the leaf's bytes."""

    data: bytes
    note: note.Note
    statement: Statement


def key_name(member: str, name: str) -> str:
    """The name under which a member's key signs notes."""
    return f"{member}/{name}"


def sign(statement: Statement, signers: list[tuple[NamedKey, Signer]]) -> bytes:
    """The leaf's bytes: the statement's text with a signature line of each signer.

    ``NamedKey.name`` is the whole note name, as `key_name` makes it.
    """
    text = statement.text()
    return note.join(
        text, (note.signature_line(key.name, key.public, signer.sign(text)) for key, signer in signers)
    )


def verify(signed: SignedStatement, name: str, public: bytes) -> bool:
    """Whether the note carries a signature line of that key; False if none names it.

    Raises BadSignatureError if lines name the key and none of them verifies. Lines of other keys are passed
    over, also of one that shares name and 4-byte id with this key.
    """
    short = note.short_id(name, public)
    values = [line.value for line in signed.note.signatures if line.name == name and line.key_id == short]
    for value in values[:-1]:
        with contextlib.suppress(BadSignatureError):
            keys.verify(public, value, signed.note.text)
            return True
    for value in values[-1:]:
        keys.verify(public, value, signed.note.text)
    return bool(values)


def parse(data: bytes) -> SignedStatement:
    """Read a signed statement. Raises MalformedError, naming the field and the line."""
    opened = note.parse(data, MAX_LEAF)
    reader = Reader(opened.text, FIRST_LINE)
    log = reader.one(LOG)
    kind = reader.one(KIND)
    if kind not in KINDS:
        msg = f"line 3, kind: want one of {', '.join(KINDS)}"
        raise MalformedError(msg, field="kind", line="3")
    statement = Statement(
        log,
        reader.one(MEMBER),
        reader.one(KEY),
        reader.one(REQUEST),
        reader.one(TIME),
        KINDS[kind].read(reader),
    )
    reader.end()
    if statement.text() != opened.text:
        msg = "the text is not the one spelling of its statement"
        raise MalformedError(msg, field="text")
    return SignedStatement(data, opened, statement)
