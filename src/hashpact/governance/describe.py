"""A whole statement in plain words, for a person who is about to sign it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from hashpact.domain.kinds import ADMIN, utc
from hashpact.domain.state import Charter
from hashpact.domain.statements import Statement

FEW: Final = 5
"""So many statements are read one by one; more begin with a summary."""


def summary(statements: Sequence[Statement]) -> list[str]:
    """How many statements there are, and of which kinds, if they are more than `FEW`; else nothing."""
    if len(statements) <= FEW:
        return []
    kinds = Counter(each.body.kind for each in statements)
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return [f"{len(statements)} statements: {counted}."]


def describe(statement: Statement, charter: Charter | None = None) -> list[str]:
    """What the statement does, a sentence a line; its author, its log and its time come last.

    With the charter in force, also what it changes there.
    """
    body, author = statement.body, statement.member
    return [
        *body.describe(),
        *(body.changes(charter) if charter is not None else ()),
        f"Stated by the administrators of the log {statement.log}."
        if author == ADMIN
        else f"Stated by the member {author}.",
        f"Written {utc(statement.time)}.",
    ]


def needed(statement: Statement, charter: Charter) -> int:
    """How many administrators must sign a statement of theirs, at least."""
    return statement.body.administrators(charter)
