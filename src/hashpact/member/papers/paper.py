"""The checks that a paper is complete."""

from __future__ import annotations

import hashlib

from hashpact.domain.kinds import (
    AnyBody,
)
from hashpact.domain.kinds.conduct.words import normalised
from hashpact.domain.messages import MAX_DOCUMENT
from hashpact.errors import InvalidInputError
from hashpact.member.author import Paper


def plain(body: AnyBody) -> Paper:
    """A statement that nothing goes with."""
    return Paper(lambda _, __: body)


def digest(document: bytes) -> bytes:
    """The SHA-256 of a document. Raises InvalidInputError for one that is too large."""
    if not 0 < len(document) <= MAX_DOCUMENT:
        msg = f"a document of {len(document)} bytes; want 1 to {MAX_DOCUMENT}"
        raise InvalidInputError(msg, field="document")
    return hashlib.sha256(document).digest()


def texts(**texts: str | None) -> dict[str, str]:
    """The texts that there are, as words hold them."""
    return {name: normalised(text) for name, text in texts.items() if text is not None}


def complete(what: str, **fields: object) -> dict[str, str]:
    """The fields that are texts, once all are there. Raises InvalidInputError, naming those missing."""
    missing = [
        name for name, value in fields.items() if not value or (isinstance(value, str) and not value.strip())
    ]
    if missing:
        names = ", ".join(missing)
        msg = f"the {what} is incomplete, and was not sent: it lacks {names}"
        raise InvalidInputError(msg, field=missing[0], missing=names)
    return texts(**{name: value for name, value in fields.items() if isinstance(value, str)})
