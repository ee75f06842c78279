"""Records: the values that the state consists of, each put in place of the one with the same identity."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from hashpact.domain.keys import NamedKey
from hashpact.domain.state.terms import ConductTerms, MatchTerms
from hashpact.log.cosignature import Witness


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log stands: its size, and the RFC 6962 right edge (32-byte subtree hashes, largest first)."""

    size: int
    edge: tuple[bytes, ...]

    def after(self, leaf: Leaf) -> Head:
        """The head once the leaf, which must be the next, is appended."""
        last = (leaf.hash, *leaf.nodes)[-1]
        return Head(leaf.index + 1, (*self.edge[: len(self.edge) - len(leaf.nodes)], last))


@dataclass(frozen=True, slots=True)
class Leaf:
    """One committed statement with its signatures.

    ``data`` are the bytes that were received, ``hash`` their RFC 6962 leaf hash, ``nodes`` the roots of the
    perfect subtrees of 2, 4, 8 ... leaves that end with it (`log.tree.completed`). A retry finds it by
    ``member`` and ``request``. ``time`` is the statement's, in Unix seconds.
    """

    index: int
    data: bytes
    hash: bytes
    nodes: tuple[bytes, ...]
    member: str
    request: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Enclosed:
    """What is kept beside a leaf that is a filing: private parts and documents.

    The parts are ``confidential``: the members whom the statement concerns read them, and not all that check.
    ``documents`` are kept by their SHA-256.
    """

    confidential: Sequence[bytes] = ()
    documents: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a member gets for a statement: its place in the log, and the proof that it is there.

    ``proof`` leads from ``leaf_hash`` to ``root``, that of the first ``tree_size`` leaves, as in RFC 6962.
    ``checkpoint`` has the bytes of that tree's: the first kept one with the leaf, so a receipt never changes.
    """

    index: int
    leaf_hash: bytes
    tree_size: int
    root: bytes
    proof: tuple[bytes, ...]
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A signed checkpoint as it is stored: the size of the tree that it is of, and the note's bytes."""

    size: int
    note: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two checkpoints of one log that are not proved consistent, as a witness keeps them.

    ``text`` is the offered checkpoint's; ``cosigned`` the checkpoint that was cosigned last and ``offered``
    the request, with their signatures. ``certain``: both are of one size, so the log has signed two trees.
    Otherwise the request had no valid consistency proof; anybody can send such with a real checkpoint.
    """

    text: bytes
    cosigned: bytes
    offered: bytes
    certain: bool


class Role(enum.Enum):
    """What a member may do; opinions are open to every member.

    Members with the role check or audit read the private parts of all entries, every member those of its own.
    An authority may be named by entries and notices with basis law. A member that represents the people whom
    content harms may withdraw any entry under a label with priority.
    """

    CHECK = "check"
    CONTRIBUTE = "contribute"
    AUDIT = "audit"
    AUTHORITY = "authority"
    NOTIFY = "notify"
    REPRESENT = "represent"

    @property
    def power(self) -> str:
        """What a member with the role may do, after "may"."""
        return _POWERS.get(self, self.value)


_POWERS: Final = {
    Role.AUTHORITY: "be named as an authority",
    Role.NOTIFY: "give notice",
    Role.REPRESENT: "withdraw entries for the people whom they harm",
}


class Use(enum.Enum):
    """What a key is for. A recovery key only replaces keys of its member, and is best kept offline."""

    SIGN = "sign"
    RECOVERY = "recovery"


class Stance(enum.Enum):
    """A member's position on another's entry. Only the authority that an entry names disowns it."""

    ENDORSE = "endorse"
    DISPUTE = "dispute"
    SEEN = "seen"
    DISOWN = "disown"


class Basis(enum.Enum):
    """The ground on which the content was removed; BENIGN of content that is known to be harmless.

    An entry with basis benign is of the negative collection: it is never a match itself, and says of a match
    that something harmless is no farther away.
    """

    GUIDELINE = "guideline"
    LAW = "law"
    BENIGN = "benign"


CATEGORIES: Final = ("avatar", "form", "logo", "meme", "screenshot")
"""The labels of entries with basis benign, in the place of the policy's."""


@dataclass(frozen=True, slots=True)
class Charter:
    """Who governs the log: its origin, administrators, threshold and log keys, and the policy.

    What the policy has is as in `kinds.Policy`, and ``matching`` what it states about matches. A
    ``single_admin`` log was founded with the threshold 1, and
    only such a log may have it. ``since`` is the index of the statement that made it. ``witness_quorum`` of
    the ``witnesses`` must have cosigned each checkpoint of a tree that has the root which says so; keys of
    one name are one witness. ``attestation_keys`` sign answers to checks. Of the ``log_mldsa_keys``, if there
    are any, one signs each of these checkpoints beside a log key.
    """

    origin: str
    admins: tuple[NamedKey, ...]
    threshold: int
    log_keys: tuple[bytes, ...]
    policy_version: int = 0
    labels: tuple[str, ...] = ()
    key_delay: int | None = None
    root_version: int = 1
    single_admin: bool = False
    since: int = 0
    allowed: tuple[tuple[str, str], ...] = ()
    private_quota: int | None = None
    quotas: tuple[tuple[str, int], ...] = ()
    rates: tuple[tuple[str, int], ...] = ()
    rates_of: tuple[tuple[str, tuple[str, int]], ...] = ()
    terms: ConductTerms = field(default_factory=ConductTerms)
    witnesses: tuple[Witness, ...] = ()
    witness_quorum: int = 0
    attestation_keys: tuple[bytes, ...] = ()
    matching: MatchTerms = field(default_factory=MatchTerms)
    log_mldsa_keys: tuple[Witness, ...] = ()


SERIAL_SIZE: Final = 20  # bytes of a certificate's serial number, as RFC 5280 bounds it


class RevokedCertificate(NamedTuple):
    """A revoked certificate: its 20-byte serial, the revocation's index, when it has expired (Unix time)."""

    serial: bytes
    revoked_index: int
    until: int


@dataclass(frozen=True, slots=True)
class Member:
    """An enrolled platform or team; ``suspended_index`` is the index of the suspension that is in force.

    ``revoked`` are its certificates that were revoked, the earliest first, without those that have expired.
    """

    id: str
    roles: frozenset[Role]
    enrolled_index: int
    suspended_index: int | None = None
    revoked: tuple[RevokedCertificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A member's key. ``id`` is as `keys.key_id` makes it; ``expires`` is in Unix seconds.

    It signs from the moment ``valid_from``; once replaced, at index ``rotated_index`` by the key
    ``rotated_by``, until the moment ``retires`` (both Unix seconds). ``enrolled_by`` is the id of the key
    whose rotation added it, None if administrators did. Revoked at index ``revoked_index`` by the key
    ``revoked_by`` (None: administrators), what it signed from index ``cutoff`` on does not stand. Whether a
    rotation or a revocation stands is decided in `hashpact.domain.standing`: what the key has signed stands
    below the index ``stands_below`` (None: all of it).
    """

    id: bytes
    member: str
    name: str
    public: bytes
    expires: int
    enrolled_index: int
    use: Use = Use.SIGN
    valid_from: int = 0
    enrolled_by: bytes | None = None
    rotated_index: int | None = None
    rotated_by: bytes | None = None
    retires: int | None = None
    suspended_index: int | None = None
    revoked_index: int | None = None
    revoked_by: bytes | None = None
    cutoff: int | None = None
    stands_below: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission as it was last written: ``index`` is its leaf's, ``items`` how many fingerprints it has.

    ``shared_at`` is the statement's time and ``removed_at`` the member's removal time, in Unix seconds, both
    advisory. ``key`` signed it. ``withdrawn_index`` is that of the newest withdrawal and ``withdrawn_by`` the
    key that signed it; ``voided_index`` is that of the statement by which administrators voided it. Whether
    it stands is decided in `hashpact.domain.standing`.
    """

    index: int
    member: str
    labels: tuple[str, ...]
    basis: Basis
    authority: str | None
    article: str | None
    jurisdictions: tuple[str, ...]
    removed_at: int
    shared_at: int
    items: int
    key: bytes
    withdrawn_index: int | None = None
    withdrawn_reason: str | None = None
    withdrawn_by: bytes | None = None
    voided_index: int | None = None
    voided_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """One member's opinion of one entry, signed by ``key``; its newest opinion replaces the one before.

    ``reason`` is a slug, None if it gives none.
    """

    entry: int
    member: str
    stance: Stance
    index: int
    key: bytes
    reason: str | None = None


class SignerTime(NamedTuple):
    """A signer and the moment of its newest statement, in Unix seconds; ``signer`` is the header's member."""

    signer: str
    time: int


@dataclass(frozen=True, slots=True)
class RecentTimes:
    """The last signers, at most 11, each once; whose newest statement is the oldest comes first.

    A log has one such record, from its first statement on. `hashpact.domain.kinds.moment` reads it.
    """

    signers: tuple[SignerTime, ...] = ()


@dataclass(frozen=True, slots=True)
class Filing:
    """A statement of the code of conduct as it is kept: the fields of its kind, and what it is about.

    ``index`` is its leaf's, ``moment`` when it was made (`kinds.moment`), in Unix seconds, and ``key`` signed
    it. ``about`` is the index of the statement that it concerns, in decimal, or a word as the kind defines.
    ``lines`` are its fields as they are spelled. What follows from filings is derived, and never kept.
    """

    index: int
    kind: str
    about: str
    member: str
    key: bytes
    moment: int
    lines: bytes


Record: TypeAlias = Charter | Member | Key | Entry | Opinion | Filing | RecentTimes
