"""Proving: that an entry is what its contributor signed, and is in the log, without trust in the server.

Of an entry are fetched and verified: its statement, the proof that it is in a tree which the client believes,
its private parts against what the statement commits to, and the signature by a key of its member. That key is
followed to the statement that enrolled it, which a threshold of the administrators of that time must have
signed; or to the rotation by another key of the member, which is followed in turn. Each of these statements
is proved to be in the same tree.

What no proof of single leaves shows is that something else is *not* in the log: whether a key was suspended
or revoked, and whether the entry was withdrawn. An audit does (`hashpact audit`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from hashpact.domain import keys, statements
from hashpact.domain.checks import Match, Query
from hashpact.domain.fingerprints import Fingerprint, Measure, parse_private
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import ADMIN, KeyEnrol, KeyRotate, Submit
from hashpact.domain.messages import MAX_PAGE, EntryDetail, LeafDetail, MemberDetail, PageRequest
from hashpact.domain.statements import SignedStatement, Statement
from hashpact.errors import BadSignatureError, MalformedError, NotPermittedError, ProofError
from hashpact.log import tiles
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.log.tiles import WIDTH, Tile
from hashpact.member.checking.steps import Steps
from hashpact.member.trusting.roots import RootChain, check_included
from hashpact.wire.client import calls

_MAX_CHAIN: Final = 64
"""Rotations that are followed from a key to its enrolment."""


@dataclass(frozen=True, slots=True)
class ProvedEntry:
    """An entry that is proved to be in the tree of ``signed``: its statement and its fingerprints.

    ``stands`` is what the server states, and is not proved.
    """

    index: int
    statement: Statement
    fingerprints: tuple[Fingerprint, ...]
    signed: SignedCheckpoint
    stands: bool

    def check(self, match: Match, query: Query) -> None:
        """Raise ProofError unless a match says what the entry's statement does, and is as near as it says.

        How near a part of a text or of a picture is depends on the whole index, so of those types only the
        fingerprint's presence is checked.
        """
        body = self.statement.body
        assert isinstance(body, Submit)  # noqa: S101 - it was proved
        said = (match.member, match.labels, match.basis, match.jurisdictions, match.shared_at)
        if said != (
            self.statement.member,
            body.labels,
            body.basis.value,
            body.jurisdictions,
            self.statement.time,
        ):
            self._refuse("the match says something else than the entry's statement")
        scores = [
            _score(query.fingerprint, mine) for mine in self.fingerprints if mine.type.name == match.type
        ]
        if not scores:
            self._refuse(f"it has no {match.type} fingerprint")
        if match.measure in {Measure.CONTAINMENT, Measure.POINTS}:
            return
        nearest = max(scores) if match.measure.larger_is_nearer else min(scores)
        if nearest != match.score:
            self._refuse(f"by {match.type} it is not as near as the match says")

    def _refuse(self, why: str) -> None:
        msg = f"the match with entry {self.index} is not proved: {why}"
        raise ProofError(msg)


@dataclass(slots=True)
class EntryProver:
    """Proves entries in one tree. What was proved once is not asked for again.

    ``checkpoint`` makes the steps of getting the newest checkpoint, ``roots`` those of following the root
    statements.
    """

    checkpoint: Callable[[], Steps[SignedCheckpoint]]
    roots: Callable[[], Steps[RootChain]]
    _signed: SignedCheckpoint | None = field(default=None, init=False)
    _chain: RootChain | None = field(default=None, init=False)
    _members: dict[str, MemberDetail] = field(default_factory=dict, init=False)
    _keys: dict[bytes, NamedKey] = field(default_factory=dict, init=False)

    def prove(self, index: int) -> Steps[ProvedEntry]:
        """The steps of proving an entry.

        Raises ProofError if it is not proved, NotFoundError if there is none, and NotPermittedError if the
        member may not read its private parts.
        """
        # A submission, with the private parts that it commits to: anything else is corrupt.
        detail: EntryDetail = yield calls.entry(index)
        if self._signed is None or self._signed.checkpoint.size <= index:
            self._signed = yield from self.checkpoint()
        size = self._signed.checkpoint.size
        if size <= index:
            msg = f"entry {index} is not in the log's signed tree of {size} leaves yet; try again"
            raise ProofError(msg)
        signed = yield from self._included(index, detail.statement)
        if detail.withheld:
            msg = f"entry {index} cannot be proved: its private parts are for members that check or audit"
            raise NotPermittedError(msg)
        key = yield from self._key(signed.statement.member, signed.statement.key)
        _check_signed(signed, signed.statement.member, key, index)
        found = tuple(parse_private(part).fingerprint for part in detail.private)
        return ProvedEntry(index, signed.statement, found, self._signed, detail.stands)

    def matches(self, matches: Sequence[Match], queries: Sequence[Query]) -> Steps[tuple[ProvedEntry, ...]]:
        """The steps of proving each match of an answer to these queries, and the entry that it is of."""
        proved = {}
        for match in matches:
            if match.entry not in proved:
                proved[match.entry] = yield from self.prove(match.entry)
            proved[match.entry].check(match, queries[match.query])
        return tuple(proved.values())

    def _key(self, member: str, key_id: bytes) -> Steps[NamedKey]:
        """The steps of proving that a key is the member's."""
        chain: list[tuple[int, SignedStatement, NamedKey]] = []
        wanted = key_id
        while wanted not in self._keys:
            index = yield from self._enrolled_index(member, wanted)
            signed = yield from self._leaf(index)
            key = _brought(signed, member, wanted, index)
            _check_signed(signed, member, key, index)
            if isinstance(signed.statement.body, KeyEnrol):
                yield from self._check_administrators(signed, index)
                self._keys[wanted] = key
                break
            chain.append((index, signed, key))
            wanted = signed.statement.key
            if len(chain) > _MAX_CHAIN:
                msg = f"a key of {member!r} goes back over more than {_MAX_CHAIN} rotations"
                raise ProofError(msg)
        for index, signed, key in reversed(chain):
            _check_signed(signed, member, self._keys[signed.statement.key], index)
            self._keys[key.id] = key
        return self._keys[key_id]

    def _check_administrators(self, signed: SignedStatement, index: int) -> Steps[None]:
        """The steps of checking that enough administrators of that time have signed a statement."""
        if self._chain is None:
            self._chain = yield from self.roots()
        charter = self._chain.charter_at(index)
        try:
            named = {
                admin.public
                for admin in charter.admins
                if statements.verify(signed, statements.key_name(ADMIN, admin.name), admin.public)
            }
        except BadSignatureError as error:
            msg = f"leaf {index}: {error}"
            raise ProofError(msg) from error
        if signed.statement.member != ADMIN or len(named) < charter.threshold:
            msg = f"leaf {index}, which enrols a key, has {len(named)} of {charter.threshold} signatures"
            raise ProofError(msg)

    def _enrolled_index(self, member: str, key_id: bytes) -> Steps[int]:
        """The steps of finding the leaf that brought a key; where it is said to be is verified there."""
        page = PageRequest(size=MAX_PAGE)
        after = ""
        while member not in self._members:
            found = yield calls.members(page, after)
            self._members |= {one.member.id: one for one in found.members}
            if not found.next_token:
                break
            after = found.members[-1].member.id
            page = PageRequest(found.next_token, MAX_PAGE)
        detail = self._members.get(member)
        at = {} if detail is None else {key.id: key.enrolled_index for key in detail.keys}
        if key_id not in at:
            msg = f"the server does not say by which leaf the key of {member!r} came into the log"
            raise ProofError(msg)
        return at[key_id]

    def _leaf(self, index: int) -> Steps[SignedStatement]:
        """The steps of getting any leaf, proved to be in the tree."""
        assert self._signed is not None  # noqa: S101 - it is there before any leaf is asked for
        size, number = self._signed.checkpoint.size, index // WIDTH
        if index >= size:
            msg = f"leaf {index} is said to enrol a key, and the tree has {size} leaves"
            raise ProofError(msg)
        tile = Tile(None, number, min(WIDTH, size - number * WIDTH))
        data = yield calls.tile(tile.path)
        try:
            leaf = tiles.parse_entries(tile, data)[index % WIDTH]
        except MalformedError as error:
            raise ProofError(error.message) from error
        return (yield from self._included(index, leaf))

    def _included(self, index: int, leaf: bytes) -> Steps[SignedStatement]:
        """The steps of proving that a leaf is in the tree at that index."""
        assert self._signed is not None  # noqa: S101 - as above
        tree: Checkpoint = self._signed.checkpoint
        _, proof = yield calls.inclusion(index, tree.size)
        check_included(LeafDetail(index, leaf), tree, proof)
        try:
            return statements.parse(leaf)
        except MalformedError as error:
            msg = f"leaf {index} is no statement: {error}"
            raise ProofError(msg) from error


def _brought(signed: SignedStatement, member: str, key_id: bytes, index: int) -> NamedKey:
    """The key of that id which a statement brings for the member. Raises ProofError if it brings none."""
    body, author = signed.statement.body, signed.statement.member
    if isinstance(body, KeyEnrol | KeyRotate):
        for holder, key in body.brings(author):
            if holder == member and keys.key_id(key.public) == key_id:
                return key
    msg = f"leaf {index} does not bring the key of {member!r} that it is said to"
    raise ProofError(msg)


def _check_signed(signed: SignedStatement, member: str, key: NamedKey, index: int) -> None:
    """Raise ProofError unless that key of the member has signed the statement."""
    try:
        is_signed = statements.verify(signed, statements.key_name(member, key.name), key.public)
    except BadSignatureError as error:
        msg = f"leaf {index}: the signature of {member}/{key.name} does not verify"
        raise ProofError(msg) from error
    if not is_signed:
        msg = f"leaf {index} is not signed by {member}/{key.name}"
        raise ProofError(msg)


def _score(query: Fingerprint, mine: Fingerprint) -> float:
    """How near two fingerprints of one type are: a distance, or a similarity of signatures."""
    if query.type is not mine.type:
        return float("inf")
    match query.type.measure:
        case Measure.HAMMING:
            return (int.from_bytes(query.value) ^ int.from_bytes(mine.value)).bit_count()
        case Measure.JACCARD:
            places = range(0, query.type.size, 4)
            same = sum(query.value[at : at + 4] == mine.value[at : at + 4] for at in places)
            return same / len(places)
        case _:
            return 0.0 if query.value == mine.value else float("inf")
