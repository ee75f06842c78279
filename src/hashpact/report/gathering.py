"""What a report is made of: a log's leaves folded, each statement with its moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hashpact.domain.kinds import AnyBody, moment
from hashpact.domain.rules.replay import Replay
from hashpact.domain.state import State
from hashpact.log import tree


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement that keeps the rules: its leaf's index, its moment in Unix seconds, its member and body.

    ``key`` is the id of the key that signed it.
    """

    index: int
    moment: int
    member: str
    key: bytes
    body: AnyBody


@dataclass(slots=True)
class Gathered:
    """The first leaves of a log: what they state, and the state that they add up to.

    ``root`` is the RFC 6962 root of their tree. A leaf that breaks a rule is in the tree, and counts for
    nothing.
    """

    origin: str = ""
    size: int = 0
    edge: tuple[bytes, ...] = ()
    state: State = field(default_factory=State)
    stated: list[Stated] = field(default_factory=list)

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        return tree.root(self.edge)

    def root_with(self, more: Iterable[bytes]) -> bytes:
        """The root of the tree with these leaves after the others; what they state counts for nothing."""
        edge = self.edge
        for index, leaf in enumerate(more, self.size):
            edge = tree.extend(index, edge, tree.leaf_hash(leaf))
        return tree.root(edge)

    @property
    def newest(self) -> int:
        """The moment of the newest statement."""
        return moment.newest(self.state.times())


def gather(leaves: Iterable[bytes]) -> Gathered:
    """Fold the leaves of a log, from leaf 0 on."""
    folded = Replay()
    found = Gathered(state=folded.state)
    for index, leaf in enumerate(leaves):
        faults = len(folded.faults)
        statement = folded.apply(leaf)
        found.edge = tree.extend(index, found.edge, tree.leaf_hash(leaf))
        found.size = index + 1
        if statement is not None and len(folded.faults) == faults:
            found.origin = found.origin or statement.log
            said = moment.newest(folded.state.times())
            found.stated.append(Stated(index, said, statement.member, statement.key, statement.body))
    return found
