"""Statements: what members sign, in the exact bytes that are signed.

A statement's text is a header and the fields of its kind; with its signature lines it is a C2SP signed note,
and those bytes are the leaf. Reading is strict: `parse` refuses all that `Statement.text` would not write.
The bytes are described in docs/formats/statement.md.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final, NoReturn

from hashpact.domain import keys
from hashpact.domain.grammar import Field, FieldReader, Form, Hex, Word
from hashpact.domain.keys import NamedKey, Signer
from hashpact.domain.kinds import HASH, KINDS, MEMBER_ID, SECONDS, TERM, AnyBody, fields_of
from hashpact.errors import MalformedError
from hashpact.log import note

FIRST_LINE: Final = "hashpact/statement/v1"
MAX_LEAF: Final = 32 * 1024
REQUEST_SIZE: Final = 16

_ORIGIN: Final = Word(
    # A checkpoint's first line is the origin: it must not be the first line of a format of Hashpact's own.
    "(?!hashpact/)[a-z0-9](?:[a-z0-9._/-]{0,126}[a-z0-9])?",
    "an origin such as example.org/log: at most 128 of a-z 0-9 . _ / -, and not beginning with hashpact/",
)

LOG: Final = Field("log", _ORIGIN)
KIND: Final = Field("kind", TERM)
MEMBER: Final = Field("member", MEMBER_ID)
KEY: Final = Field("key", HASH)
REQUEST: Final = Field("request", Hex(REQUEST_SIZE))
TIME: Final = Field("time", SECONDS)

HEADER: Final = (LOG, KIND, MEMBER, KEY, REQUEST, TIME)
_KIND_LINE: Final = re.compile(rb"[^\n]*\n[^\n]*\nkind ([a-z-]+)\n")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of one member, before it is signed.

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
    return note.verify(signed.note, name, public, keys.verify)


def parse(data: bytes) -> SignedStatement:
    """Read a signed statement. Raises MalformedError, naming the field and the line."""
    opened = note.parse(data, MAX_LEAF)
    return SignedStatement(data, opened, read(opened.text))


def kind_of(data: bytes) -> str:
    """The kind that a statement names in its third line, of which nothing else is read; "" if it is none."""
    found = _KIND_LINE.match(data)
    kind = "" if found is None else found[1].decode("ascii")
    return kind if kind in KINDS else ""


def read(text: bytes) -> Statement:
    """Read the text of a statement. Raises MalformedError, naming the field and the line."""
    found = _KIND_LINE.match(text)
    body = None if found is None else KINDS.get(found[1].decode("ascii"))
    if body is None:
        _refuse_kind(text)
    (log,), _, (member,), (key,), (request,), (time,), *values = _form(body.kind).read(text)
    statement = Statement(log, member, key, request, time, body.of(values))
    # As `Statement.text`, but that the header's values are known to have a spelling: they were just read.
    header = (
        f"{FIRST_LINE}\nlog {log}\nkind {body.kind}\nmember {member}\n"
        f"key {key.hex()}\nrequest {request.hex()}\ntime {time}\n"
    )
    if (header + statement.body.write()).encode("ascii") != text:
        msg = "the text is not the one spelling of its statement"
        raise MalformedError(msg, field="text")
    return statement


@functools.cache
def _form(kind: str) -> Form:
    return Form(FIRST_LINE, *HEADER, *fields_of(kind), lacking=KINDS[kind].lacking)


def _refuse_kind(text: bytes) -> NoReturn:
    """Raise the error for a bad line up to the kind, or for an unknown kind."""
    reader = FieldReader(text, FIRST_LINE)
    reader.one(LOG)
    reader.one(KIND)
    msg = f"line 3, kind: want one of {', '.join(KINDS)}"
    raise MalformedError(msg, field="kind", line="3")
