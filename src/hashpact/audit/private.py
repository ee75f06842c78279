"""Private parts as a source gives them, compared with the commitments of their statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hashpact.audit.records import Difference
from hashpact.domain import standing
from hashpact.domain.fingerprints import commitment
from hashpact.domain.kinds import Submit
from hashpact.domain.state import Entry, State
from hashpact.log import tree
from hashpact.log.lines import HASH_SIZE
from hashpact.service.read import READERS


@dataclass(frozen=True, slots=True)
class GivenEntry:
    """What a source gives beside the record of an entry: its statement, and its private parts in item order.

    ``commitments`` are those of ``statement``. ``reader`` is the member who asked, and ``withheld`` is set if
    the private parts were left out because that member may not read them. ``refusal`` is why the source gave
    nothing of this entry, its record included. ``stands`` is whether it says that the entry is matched.
    """

    entry: int
    statement: bytes = b""
    commitments: Sequence[bytes] = ()
    private: Sequence[bytes] = ()
    reader: str = ""
    withheld: bool = False
    refusal: str | None = None
    stands: bool | None = None


def wrong_parts(commitments: Sequence[bytes], parts: Sequence[bytes]) -> str | None:
    """What is wrong with the private parts of a leaf, None if they are what it commits to."""
    derived, wanted = [*map(commitment, parts)], [*commitments]
    if derived == wanted:
        return None
    if len(derived) < len(wanted):
        return f"{len(wanted) - len(derived)} of its {len(wanted)} private parts are missing"
    if len(derived) > len(wanted):
        return f"it has {len(derived)} private parts and commits to {len(wanted)}"
    altered = ", ".join(str(place) for place, one in enumerate(wanted) if derived[place] != one)
    return f"private part {altered} of {len(wanted)}, counted from 0, is not what it commits to"


class LeafHashes:
    """The hashes of the leaves from ``start`` on, which are added in order."""

    def __init__(self, start: int = 0) -> None:
        self._start = start
        self._hashes = bytearray()

    def add(self, leaf_hash: bytes) -> None:
        """Add that of the next leaf."""
        self._hashes += leaf_hash

    def of(self, index: int) -> bytes | None:
        """The hash of a leaf; None of one that an earlier audit has read."""
        place = (index - self._start) * HASH_SIZE
        return bytes(self._hashes[place : place + HASH_SIZE]) if place >= 0 else None


class GivenEntries:
    """What is given beside the records of entries, compared with their leaves.

    ``hashes`` are those of the leaves that were read. ``wrong`` holds a difference for an entry's index,
    ``refused`` the entries of which nothing was given. ``placed`` holds those of which the source says
    otherwise than the log whether they stand; one whose record differs as well is reported once.
    ``withheld`` is set once private parts were left out that the reader may not have, which is no difference.
    """

    def __init__(self, state: State, hashes: LeafHashes) -> None:
        self._state = state
        self._hashes = hashes
        self.wrong: dict[int, Difference] = {}
        self.placed: dict[int, Difference] = {}
        self.refused: set[int] = set()
        self.withheld = False

    def add(self, given: GivenEntry) -> None:
        """Compare one. An entry that no leaf made is left to the comparison of records."""
        entry = self._state.entry(given.entry)
        if entry is None:
            return
        stands = standing.entry_stands(self._state, entry)
        if given.stands not in {None, stands}:
            says = ("it is reported as one that stands", "it is reported as one that does not stand")[stands]
            self.placed[entry.index] = _difference("state", entry, says)
        topic, wrong = "private", None
        if given.refusal is not None:
            self.refused.add(entry.index)
            wrong = f"its entry is withheld: {given.refusal}"
        elif self._hashes.of(entry.index) not in {None, tree.leaf_hash(given.statement)}:
            topic, wrong = "state", "its entry comes with another statement"
        elif not given.withheld:
            wrong = wrong_parts(given.commitments, given.private)
        elif self._may_read(given.reader, entry):
            wrong = f"its private parts are withheld from {given.reader}, which may read them"
        else:
            self.withheld = True
        if wrong is not None:
            self.wrong[entry.index] = _difference(topic, entry, wrong)

    def _may_read(self, reader: str, entry: Entry) -> bool:
        """Whether a member may read an entry's private parts: its own, or with a role that reads all."""
        member = self._state.member(reader)
        return reader == entry.member or (member is not None and not member.roles.isdisjoint(READERS))


def _difference(topic: str, entry: Entry, wrong: str) -> Difference:
    message = f"leaf {entry.index}, a {Submit.kind} of {entry.member}: {wrong}"
    return Difference(message, entry.index, entry.index, topic, Submit.kind, entry.member)
