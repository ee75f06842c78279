"""What can be said of a leaf without any state: its statement, and whether the key it names has signed it.

That is most of the work of a fold, and it can be done anywhere, in any order. Nothing is taken on trust from
it but that a signature verifies; which keys must have signed a statement is decided by the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from hashpact.domain import keys, statements
from hashpact.domain.kinds import KINDS
from hashpact.domain.rules import judge
from hashpact.domain.state import Record, View
from hashpact.domain.statements import Statement
from hashpact.errors import HashpactError, MalformedError
from hashpact.keys.verifying import BatchVerifier, KeySignature
from hashpact.log import note

Named: TypeAlias = tuple[str, bytes]
"""The name under which a key signs notes, and the raw public key."""
Known: TypeAlias = Mapping[bytes, Named]
"""Keys by their ids."""
Packed: TypeAlias = (
    "MalformedError | tuple[tuple[str, str, bytes, bytes, int], str, tuple[Any, ...], Named | None] | None"
)
"""A `JudgedLeaf` on its way from one process to another."""
KNOWN: Final = 1024
"""Keys that are remembered as those that sign now."""


@dataclass(frozen=True, slots=True)
class JudgedLeaf:
    """A leaf's statement, or why it is none; ``signed`` is the key that has signed it, if it is known."""

    statement: Statement | None
    error: MalformedError | None = None
    signed: Named | None = None


def judged(leaves: Iterable[bytes], known: Known, verifier: BatchVerifier) -> list[JudgedLeaf]:
    """Read each leaf, and verify the signature of the key that its statement names if that key is known."""
    found: list[JudgedLeaf] = []
    claims: list[tuple[int, Named, KeySignature]] = []
    for leaf in leaves:
        try:
            signed = statements.parse(leaf)
        except MalformedError as error:
            found.append(JudgedLeaf(None, error))
            continue
        named = known.get(signed.statement.key)
        values = () if named is None else note.signatures(signed.note, *named)
        if named is not None and len(values) == 1:  # of several, the rules try each
            claims.append((len(found), named, KeySignature(named[1], values[0], signed.note.text)))
        found.append(JudgedLeaf(signed.statement))
    verified = verifier.verify([claim for _, _, claim in claims])
    for (place, named, _), good in zip(claims, verified, strict=True):
        if good:
            found[place] = replace(found[place], signed=named)
    return found


def packed(found: JudgedLeaf) -> Packed:
    """What is found, as plain values that are pickled in little time."""
    statement = found.statement
    if statement is None:
        return found.error
    body = statement.body
    values = tuple([getattr(body, name) for name in body.__match_args__])
    head = (statement.log, statement.member, statement.key, statement.request, statement.time)
    return head, body.kind, values, found.signed


def unpacked(found: Packed) -> JudgedLeaf:
    """What was packed."""
    if not isinstance(found, tuple):
        return JudgedLeaf(None, found)
    head, kind, values, signed = found
    return JudgedLeaf(Statement(*head, KINDS[kind](*values)), None, signed)


@dataclass(frozen=True, slots=True)
class Judge:
    """Applies the rules to leaves that were judged alone; ``known`` are the keys that have signed lately."""

    known: dict[bytes, Named] = field(default_factory=dict)

    def records(
        self, view: View, index: int, data: bytes, found: JudgedLeaf
    ) -> tuple[tuple[Record, ...], HashpactError | None]:
        """The records that a leaf puts on the state in ``view``; none, and why, if it breaks a rule."""

        def signed(member: str, name: str, public: bytes) -> bool:
            named = (statements.key_name(member, name), public)
            verified = signed_by(data, found, named)
            if verified and found.signed != named:
                self._learn(named)
            return verified

        if found.statement is None:
            return (), found.error
        try:
            return judge(view, index, found.statement, signed), None
        except HashpactError as error:
            return (), error

    def _learn(self, named: Named) -> None:
        """Remember a key that signs, in the place of the one that was learned first."""
        if len(self.known) >= KNOWN:
            del self.known[next(iter(self.known))]
        self.known[keys.key_id(named[1])] = named


def signed_by(leaf: bytes, found: JudgedLeaf, named: Named) -> bool:
    """Whether that key has signed a leaf; False if no line names it.

    Raises BadSignatureError if lines name the key and none of them verifies.
    """
    if found.signed == named:
        return True
    return note.verify(note.parse(leaf, statements.MAX_LEAF), *named, keys.verify)
