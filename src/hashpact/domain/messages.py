"""Requests and answers between a member and the clearinghouse, as values that both sides share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from hashpact.domain.fingerprints import Fingerprint, parse_private
from hashpact.domain.state import ConductTerms, Entry, Key, MatchTerms, Member, Opinion, Receipt

MAX_DOCUMENT: Final = 256 * 1024
"""Bytes of a document that a statement names."""
MAX_DOCUMENTS: Final = 2
"""Documents that go with one statement, or with one proposal."""
MAX_ROOTS: Final = 100
"""Root statements of one answer, each of at most 32 KiB."""
DEFAULT_PAGE: Final = 100
MAX_PAGE: Final = 1000
"""Members of one page."""
DEFAULT_CHANGES: Final = 256
MAX_CHANGES: Final = 1000
"""Entries of one page of changes."""
MAX_FOLLOWED: Final = 256
"""Leaves of one message of a stream that follows the log."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A signed statement to append: the leaf's bytes, the private parts in the order of its commitments.

    ``documents`` are those that it names, unless the server has them already.
    """

    statement: bytes
    private: Sequence[bytes] = ()
    documents: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """A statement that is in the log, as the leaf's bytes, and its receipt."""

    statement: bytes
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class LeafDetail:
    """A leaf's index and bytes, and its private parts in item order if they were asked for."""

    index: int
    statement: bytes
    private: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class EntryDetail:
    """An entry with its leaf's bytes, its private parts in item order, and the opinions that stand.

    ``stands`` is whether it is matched: a withdrawal may be undone, and a submission too, by the revocation
    of the key that signed it. The private parts are ``withheld`` from a member that may not read them.
    """

    entry: Entry
    statement: bytes
    private: Sequence[bytes]
    opinions: tuple[Opinion, ...]
    stands: bool
    withheld: bool = False

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """Its fingerprints in item order; none without the private parts. Raises MalformedError."""
        return tuple(parse_private(part).fingerprint for part in self.private)


@dataclass(frozen=True, slots=True)
class MemberDetail:
    """A member with its keys in the order in which they were enrolled."""

    member: Member
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The page of at most ``size`` members that a token names; "" names the first.

    The server's token is the last member id before the page; clients must not interpret it.
    """

    token: str = ""
    size: int = DEFAULT_PAGE


@dataclass(frozen=True, slots=True)
class Page:
    """Some members in the order of their ids, and the token of the next page; "" on the last."""

    members: tuple[MemberDetail, ...]
    next_token: str = ""


@dataclass(frozen=True, slots=True)
class EntriesRequest:
    """The entries from log index ``start`` up to ``stop``, 0 for all that there are."""

    start: int = 0
    stop: int = 0


@dataclass(frozen=True, slots=True)
class ChangesRequest:
    """A page of at most ``size`` entries about which leaves from ``since`` on have changed something.

    Of those that the leaf at ``since`` touches, it goes on after the entry ``after``, None for all of them.
    """

    since: int = 0
    after: int | None = None
    size: int = DEFAULT_CHANGES
    with_private: bool = False


@dataclass(frozen=True, slots=True)
class ChangedEntries:
    """A page of changes: entries as they stand at the tree size ``position``, each once.

    Their private parts are there if they were asked for and the entry stands. ``next`` is where to go on:
    all that the leaves below it have changed was given. If ``next_after`` is not None, a part of what the
    leaf at ``next`` has changed was given too, up to that entry. ``moment`` is the log's (`kinds.moment`).
    """

    entries: tuple[EntryDetail, ...]
    next: int
    next_after: int | None
    position: int
    moment: int

    @property
    def last(self) -> bool:
        """Whether nothing more has changed up to the page's position."""
        return self.next == self.position

    def following(self, asked: ChangesRequest) -> ChangesRequest:
        """The request of the page after this one, which was ``asked``."""
        return replace(asked, since=self.next, after=self.next_after)


@dataclass(frozen=True, slots=True)
class LeavesRequest:
    """The leaves from index ``start`` up to ``stop``, 0 for all that are signed."""

    start: int = 0
    stop: int = 0
    with_private: bool = False


@dataclass(frozen=True, slots=True)
class FollowRequest:
    """The leaves from index ``start`` on, as they are signed, until the stream ends."""

    start: int = 0
    with_private: bool = False


@dataclass(frozen=True, slots=True)
class Followed:
    """One message of a stream that follows the log: a signed checkpoint, or leaves, or only a sign of life.

    ``start`` is the index of the first of the ``leaves``, or of the next one. ``proof`` is the RFC 6962
    consistency proof from the tree that ends with them to that of the checkpoint which was sent last.
    """

    start: int
    checkpoint: bytes | None = None
    leaves: tuple[LeafDetail, ...] = ()
    proof: tuple[bytes, ...] = ()

    @property
    def stop(self) -> int:
        """The index after the last leaf."""
        return self.start + len(self.leaves)


@dataclass(frozen=True, slots=True)
class PolicyDetail:
    """The policy: its version (0 before the first), its labels, and the seconds that new keys wait.

    ``allowed`` are pairs of an opt-in fingerprint type and a label under which it may be shared;
    ``private_quota`` is how many private parts of others a member reads in a day, None for any number;
    ``rates`` are kinds of statements, or ``check``, each with how many a member makes in a minute.
    ``terms`` is what it states about the code of conduct, with every clock class, and ``matching`` what it
    states about matches.
    """

    version: int
    labels: tuple[str, ...]
    key_delay: int
    allowed: tuple[tuple[str, str], ...] = ()
    private_quota: int | None = None
    rates: tuple[tuple[str, int], ...] = ()
    terms: ConductTerms = field(default_factory=ConductTerms)
    matching: MatchTerms = field(default_factory=MatchTerms)
