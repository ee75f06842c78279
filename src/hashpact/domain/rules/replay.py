"""Replay: folds a log's leaves into its state, and collects the leaves that break a rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hashpact.domain import statements
from hashpact.domain.rules import decide
from hashpact.domain.state import State
from hashpact.domain.statements import Statement
from hashpact.errors import HashpactError


@dataclass(frozen=True, slots=True)
class Fault:
    """A leaf in the log that breaks a rule, as evidence against the operator. It has no effect."""

    index: int
    data: bytes
    error: HashpactError


@dataclass(slots=True)
class Replay:
    """The state that a log adds up to, and its leaves that break a rule."""

    state: State = field(default_factory=State)
    faults: list[Fault] = field(default_factory=list)
    size: int = 0

    def apply(self, leaf: bytes) -> Statement | None:
        """Fold one more leaf. Returns its statement, even one without effect; None if it is malformed."""
        index = self.size
        self.size += 1
        statement = None
        try:
            signed = statements.parse(leaf)
            statement = signed.statement
            records = decide(self.state, index, signed)
        except HashpactError as error:
            self.faults.append(Fault(index, leaf, error))
        else:
            self.state.take(index, (statement.member, statement.request), records)
        return statement


def replay(leaves: Iterable[bytes]) -> Replay:
    """The fold of a whole log, from leaf 0."""
    folded = Replay()
    for leaf in leaves:
        folded.apply(leaf)
    return folded
