"""Submissions after the checks that do not need the log: their form, their caller, and what is enclosed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from hashpact.domain import statements
from hashpact.domain.fingerprints import Fingerprint, commitment, parse_private
from hashpact.domain.kinds import KINDS, AnyBody, Submit
from hashpact.domain.kinds.conduct.words import WORDS_BEGIN, Words, parse_words
from hashpact.domain.messages import MAX_DOCUMENT, Submission
from hashpact.domain.ports import ALONE
from hashpact.domain.state import Enclosed
from hashpact.domain.statements import SignedStatement
from hashpact.errors import (
    InvalidInputError,
    MalformedError,
    NotPermittedError,
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A submission after the checks that do not need the log.

    ``private`` are an entry's private parts and ``fingerprints`` those in them. What goes with a statement of
    another kind is ``enclosed``.
    """

    signed: SignedStatement
    private: tuple[bytes, ...]
    fingerprints: tuple[Fingerprint, ...]
    enclosed: Enclosed = ALONE


Unit: TypeAlias = Sequence[Opened]
"""Statements that are appended together: all of them, or none."""

Pause: TypeAlias = Callable[[], object]
"""Called between two pieces of work of a fraction of a millisecond each: it may let others go first."""

_PIECE: Final = 32
"""Private parts that are read between two pauses: 0.2 ms of work."""

_Part = TypeVar("_Part")


def no_pause() -> None:
    """Go on at once."""


def opened(caller: str | None, submissions: Sequence[Submission], pause: Pause = no_pause) -> Unit:
    """The parsed statements, after the checks that do not need the log; raises as `Appender.append`."""
    return [_open(caller, submission, pause) for submission in submissions]


def _open(caller: str | None, submission: Submission, pause: Pause) -> Opened:
    try:
        signed = statements.parse(submission.statement)
    except MalformedError as error:
        raise _with_words(error, submission) from error
    member = signed.statement.member
    if caller is not None and member != caller:
        msg = f"the statement is by {member!r}, the channel is of {caller!r}"
        raise NotPermittedError(msg)
    body = signed.statement.body
    wanted = body.commitments()
    if len(submission.private) != len(wanted):
        msg = f"{len(submission.private)} private parts for {len(wanted)} commitments"
        raise InvalidInputError(msg, field="private")
    pairs = zip(wanted, submission.private, strict=True)
    for number, (item, private) in enumerate(_in_pieces(pairs, pause)):
        if commitment(private) != item:
            msg = f"private part {number} is not what item {number} commits to"
            raise MalformedError(msg, field="private")
    shared = submission.private[: len(body.fingerprints())]
    fingerprints = tuple(parse_private(part).fingerprint for part in _in_pieces(shared, pause))
    if isinstance(body, Submit):
        return Opened(signed, tuple(submission.private), fingerprints)
    for words in submission.private[len(shared) :]:
        _check_complete(body, parse_words(words))
    enclosed = Enclosed(tuple(submission.private), _named(body, submission.documents))
    return Opened(signed, (), (), enclosed)


def _in_pieces(parts: Iterable[_Part], pause: Pause) -> Iterator[_Part]:
    for number, part in enumerate(parts):
        if not number % _PIECE:
            pause()
        yield part


def _with_words(error: MalformedError, submission: Submission) -> MalformedError:
    """The error of a statement that lacks lines, with the texts that its words lack as well."""
    lines, kind = error.details.get("missing"), statements.kind_of(submission.statement)
    if lines is None or not kind:
        return error
    words = next((part for part in submission.private if part.startswith(WORDS_BEGIN)), None)
    try:
        given = frozenset[str]() if words is None else parse_words(words).given()
    except MalformedError:
        return error
    names = ", ".join([lines, *sorted(KINDS[kind].texts - given)])
    msg = f"the {kind} is incomplete: it lacks {names}"
    return MalformedError(msg, field=error.details["field"], missing=names)


def _check_complete(body: AnyBody, words: Words) -> None:
    """Refuse words that are not those of the statement's kind, and name each text that is missing."""
    missing, foreign = sorted(body.texts - words.given()), sorted(words.given() - body.texts)
    if missing:
        msg = f"the {body.kind} is incomplete: it lacks {', '.join(missing)}"
        raise MalformedError(msg, field=missing[0], missing=", ".join(missing))
    if foreign:
        msg = f"the words of a {body.kind} have no {foreign[0]}"
        raise MalformedError(msg, field=foreign[0])


def _named(body: AnyBody, documents: Sequence[bytes]) -> tuple[bytes, ...]:
    """The documents, each of which the statement names."""
    digests = body.documents()
    for document in documents:
        if len(document) > MAX_DOCUMENT:
            msg = f"a document of {len(document)} bytes; the limit is {MAX_DOCUMENT}"
            raise InvalidInputError(msg, field="documents")
        if hashlib.sha256(document).digest() not in digests:
            msg = "a document is enclosed that the statement does not name"
            raise InvalidInputError(msg, field="documents")
    return tuple(documents)
