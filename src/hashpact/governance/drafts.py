"""Drafts: files of statements that several people sign in turn, each on their own machine.

A file holds one or more statements, each with the signature lines that it has so far. A statement without
signatures is its text alone; once signed it is the note that becomes a leaf. So
the file has no format of its own, and signers read exactly what they sign.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hashpact.domain import keys, statements
from hashpact.domain.grammar import Field, Form
from hashpact.domain.keys import NamedKey, Signer
from hashpact.domain.kinds import ADMIN, KINDS, AnyBody, fields_of
from hashpact.domain.messages import Submission
from hashpact.domain.state import Charter
from hashpact.domain.statements import FIRST_LINE, Statement, key_name
from hashpact.errors import BadSignatureError, InvalidInputError, MalformedError
from hashpact.log import note

MAX_FILE: Final = 1024 * 1024
"""Bytes that a file of statements may have."""
MAX_STATEMENTS: Final = 256
"""Statements that are proposed together: they are appended in one transaction, and other appends wait."""
MAX_WAITING: Final = 64
"""Proposals that wait at the same time."""

_START: Final = re.compile(b"(?m)^(?=" + re.escape(FIRST_LINE.encode()) + b"\n)")


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement with the signature lines that it has so far; ``text`` is what each of them signs."""

    text: bytes
    statement: Statement
    lines: tuple[note.NoteSignature, ...] = ()

    @classmethod
    def of(cls, statement: Statement) -> Draft:
        """A statement without signatures."""
        return cls(statement.text(), statement)

    @property
    def data(self) -> bytes:
        """Its bytes in a file; once it is signed, the leaf's."""
        return note.join(self.text, (line.line() for line in self.lines)) if self.lines else self.text

    def signed(self, name: str, public: bytes, signer: Signer) -> Draft:
        """The draft with a signature line of that key, in its whole note name; once is enough."""
        short = note.short_id(name, public)
        if any((line.name, line.key_id) == (name, short) for line in self.lines):
            return self
        if len(self.lines) == note.MAX_SIGNATURES:
            msg = f"the statement has {note.MAX_SIGNATURES} signatures; it can have no more"
            raise InvalidInputError(msg, field="signature")
        line = note.NoteSignature(name, short, signer.sign(self.text))
        return replace(self, lines=(*self.lines, line))

    def name_of(self, public: bytes) -> str | None:
        """The note name under which a key signs, if the statement itself enrols that key."""
        brought = self.statement.body.brings(self.statement.member)
        names = (key_name(holder, key.name) for holder, key in brought if key.public == public)
        return next(names, None)


@dataclass(frozen=True, slots=True)
class Signature:
    """The signer that a line names, and whether its signature verifies; None if the key is not known."""

    name: str
    valid: bool | None


def parse(data: bytes) -> list[Draft]:
    """The statements of a file, in order. Raises MalformedError unless it holds nothing else."""
    if len(data) > MAX_FILE:
        msg = f"a file of {len(data)} bytes; the limit is {MAX_FILE}"
        raise MalformedError(msg, field="file")
    first, *rest = _START.split(data)
    if first or not rest:
        msg = f"not a file of statements: its first line is not {FIRST_LINE!r}"
        raise MalformedError(msg, field="file")
    drafts = []
    for part in rest:
        if b"\n\n" in part:
            opened = statements.parse(part)
            drafts.append(Draft(opened.note.text, opened.statement, opened.note.signatures))
        else:
            drafts.append(Draft(part, statements.read(part)))
    return drafts


def write(drafts: Iterable[Draft]) -> bytes:
    """The file of some statements."""
    return b"".join(draft.data for draft in drafts)


def name_of(drafts: Sequence[Draft]) -> str:
    """The name of a file of statements, the same with any signatures: the SHA-256 of the texts, in hex."""
    return hashlib.sha256(b"".join(draft.text for draft in drafts)).hexdigest()


def merge(files: Sequence[Sequence[Draft]]) -> list[Draft]:
    """The statements of several copies of a file, with all their signatures.

    Raises InvalidInputError unless all of them hold the same statements.
    """
    merged = list(files[0])
    for other in files[1:]:
        if [draft.text for draft in other] != [draft.text for draft in merged]:
            msg = "the files are not copies of one: they hold different statements"
            raise InvalidInputError(msg, field="file")
        merged = [
            replace(ours, lines=tuple(dict.fromkeys((*ours.lines, *theirs.lines))))
            for ours, theirs in zip(merged, other, strict=True)
        ]
    return merged


def submissions(proposal: Sequence[Draft], documents: Sequence[bytes] = ()) -> list[Submission]:
    """What is appended: each statement, with those of the documents that it names.

    Raises InvalidInputError for a document that none of them names.
    """
    given = {hashlib.sha256(document).digest(): document for document in documents}
    named = [draft.statement.body.documents() for draft in proposal]
    unknown = given.keys() - {digest for digests in named for digest in digests}
    if unknown:
        msg = f"none of the statements names the document with the SHA-256 {min(unknown).hex()}"
        raise InvalidInputError(msg, field="documents")
    return [
        Submission(draft.data, documents=tuple(given[digest] for digest in digests if digest in given))
        for draft, digests in zip(proposal, named, strict=True)
    ]


def compose(kind: str, values: Mapping[str, Sequence[str]]) -> AnyBody:
    """The body of a kind from the values of its lines, in any order.

    Raises MalformedError for an impossible value, or an unknown field or kind.
    """
    if kind not in KINDS:
        msg = f"there is no kind {kind!r}; known are {', '.join(KINDS)}"
        raise MalformedError(msg, field="kind")
    fields = fields_of(kind)
    unknown = sorted(values.keys() - {field.name for field in fields})
    if unknown:
        msg = f"{kind} has no field {unknown[0]!r}; it has {', '.join(field.name for field in fields)}"
        raise MalformedError(msg, field=unknown[0])
    text = f"{kind}\n"
    for field in fields:
        given = values.get(field.name, ())
        _check_spelt(field, given)
        text += "".join(f"{field.name} {value}\n" for value in (sorted(given) if field.ascending else given))
    try:
        data = text.encode("ascii")
    except UnicodeEncodeError as error:
        msg = "a value is not ASCII text"
        raise MalformedError(msg, field="text") from error
    return KINDS[kind].of(Form(kind, *fields).read(data))


def _check_spelt(field: Field[Any], values: Sequence[str]) -> None:
    """Refuse a value that is misspelt, and quote it: what administrators state is public."""
    for value in values:
        try:
            field.spelling.read(value)
        except ValueError as error:
            msg = f"{field.name}={value!r}: {error}"
            raise MalformedError(msg, field=field.name) from error


def signatures(draft: Draft, charter: Charter | None) -> list[Signature]:
    """Who has signed a draft, judged by the keys that it names itself and those of the charter."""
    known = {(key.name, note.short_id(key.name, key.public)): key.public for key in _named(draft, charter)}
    found = []
    for line in draft.lines:
        public = known.get((line.name, line.key_id))
        found.append(Signature(line.name, None if public is None else _verifies(public, line, draft.text)))
    return found


def _named(draft: Draft, charter: Charter | None) -> Iterable[NamedKey]:
    for admin in charter.admins if charter is not None else ():
        yield NamedKey(key_name(ADMIN, admin.name), admin.public)
    for holder, key in draft.statement.body.brings(draft.statement.member):
        yield NamedKey(key_name(holder, key.name), key.public)


def _verifies(public: bytes, line: note.NoteSignature, text: bytes) -> bool:
    try:
        keys.verify(public, line.value, text)
    except BadSignatureError:
        return False
    return True
