"""Builders of real signed statements, and the invariants that hold after every test that writes.

Nothing here is random: keys come from seeds, entropy from a counter, time from a clock that tests set.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from trees import Oracle

from hashpact.audit.auditor import audit_whole
from hashpact.audit.source import ledger_source
from hashpact.domain import kinds, statements
from hashpact.domain.fingerprints import (
    MINHASH,
    PARTS,
    PDQ,
    PHASH,
    SHA256,
    TYPES,
    WINNOW,
    Fingerprint,
    FingerprintType,
    PrivatePart,
    commitment,
)
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import ADMIN, AnyBody, Genesis, KeyEnrol, MemberEnrol, Policy, Submit
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.ports import Ledger, Log
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Basis, Role, State, Use
from hashpact.domain.statements import Statement
from hashpact.governance.administer import Administrators
from hashpact.log import proofs
from hashpact.member.author import Author
from hashpact.service.append import Appender
from hashpact.service.integrity import Integrity, LogKeys
from hashpact.service.sign import Cosigners, LogKey, SigningGuard

ORIGIN = "test.example/log"
NOW = 1_800_000_000
YEAR = 365 * 24 * 3600
LABELS = ("fraud", "hate", "ncii")
BOTH = frozenset(Role)


def seeded(text: str, size: int = 32) -> bytes:
    """Bytes that follow from the text alone."""
    return hashlib.shake_256(text.encode()).digest(size)


@dataclass(slots=True)
class FakeClock:
    """A clock that stands still until a test sets it."""

    now: int = NOW

    def __call__(self) -> int:
        """Unix seconds."""
        return self.now


@dataclass(slots=True)
class FakeEntropy:
    """Bytes that never repeat within one seed."""

    seed: str = "entropy"
    drawn: int = 0

    def __call__(self, size: int) -> bytes:
        """The next bytes."""
        self.drawn += 1
        return seeded(f"{self.seed} {self.drawn}", size)


@dataclass(frozen=True, slots=True)
class Identity:
    """A key with its private half: whose it is, and its name without the owner's."""

    owner: str
    name: str
    private: Ed25519PrivateKey

    @classmethod
    @cache
    def of(cls, owner: str, name: str = "1") -> Identity:
        """The identity that follows from owner and name, derived once."""
        return cls(owner, name, Ed25519PrivateKey.from_private_bytes(seeded(f"key {owner}/{name}")))

    @property
    def public(self) -> bytes:
        """The raw public key."""
        return self.private.public_key().public_bytes_raw()

    @property
    def key(self) -> NamedKey:
        """The public key under its short name."""
        return NamedKey(self.name, self.public)

    @property
    def id(self) -> bytes:
        """The key id that statements carry."""
        return self.key.id

    @property
    def signer(self) -> tuple[NamedKey, Ed25519PrivateKey]:
        """What `statements.sign` takes: the whole note name."""
        return NamedKey(statements.key_name(self.owner, self.name), self.public), self.private


@dataclass(slots=True)
class World:
    """A log with two administrators, and the members that a test adds."""

    origin: str = ORIGIN
    clock: FakeClock = field(default_factory=FakeClock)
    entropy: FakeEntropy = field(default_factory=FakeEntropy)
    admins: tuple[Identity, ...] = (Identity.of(ADMIN, "alice"), Identity.of(ADMIN, "bob"))
    log_keys: tuple[bytes, ...] = (Identity.of("log").public,)

    def statement(
        self,
        body: AnyBody,
        by: Identity,
        *,
        log: str | None = None,
        member: str | None = None,
        request: bytes | None = None,
    ) -> Statement:
        """A statement of the identity's owner, naming its key."""
        return Statement(
            log=self.origin if log is None else log,
            member=by.owner if member is None else member,
            key=by.id,
            request=self.entropy(16) if request is None else request,
            time=self.clock(),
            body=body,
        )

    def leaf(self, body: AnyBody, by: Identity, *others: Identity) -> bytes:
        """A statement signed by the identity that makes it, and by others."""
        return sign(self.statement(body, by), by, *others)

    def by_admins(self, body: AnyBody, *others: Identity) -> bytes:
        """A statement signed by every administrator, and by others."""
        first, *rest = self.admins
        return self.leaf(body, first, *rest, *others)

    def genesis(self, threshold: int = 2) -> bytes:
        """Leaf 0."""
        return self.by_admins(Genesis(tuple(admin.key for admin in self.admins), threshold, self.log_keys))

    def policy(self, version: int = 1, labels: tuple[str, ...] = LABELS) -> bytes:
        """The policy."""
        return self.by_admins(Policy(version, labels))

    def member(self, member_id: str, roles: frozenset[Role] = BOTH) -> bytes:
        """A member's enrolment."""
        return self.by_admins(MemberEnrol(member_id, roles))

    def key(self, who: Identity, expires: int = NOW + YEAR, use: Use = Use.SIGN) -> bytes:
        """A key's enrolment, signed by the key too."""
        return self.by_admins(KeyEnrol(who.owner, who.name, who.public, use, expires), who)

    def rotate(
        self, old: Identity, new: Identity, by: Identity | None = None, *, overlap: int = 0, life: int = YEAR
    ) -> bytes:
        """A key in the place of another, by that one or by a recovery key."""
        expires = self.clock() + life
        return self.leaf(kinds.KeyRotate(old.id, new.name, new.public, expires, overlap), by or old, new)

    def suspend(self, target: Identity, *by: Identity) -> bytes:
        """A key's suspension."""
        return self.leaf(kinds.KeySuspend(target.owner, target.id, "stolen"), *by)

    def revoke(self, target: Identity, cutoff: int, *by: Identity) -> bytes:
        """A key's revocation; by the administrators if no signer is named."""
        return self.leaf(kinds.KeyRevoke(target.owner, target.id, cutoff, "stolen"), *(by or self.admins))

    def founding(self, *members: str) -> list[bytes]:
        """The leaves of a log with a policy and these members, each with its key ``1``."""
        leaves = [self.genesis(), self.policy()]
        for member_id in members:
            leaves += [self.member(member_id), self.key(Identity.of(member_id))]
        return leaves

    @property
    def log_key(self) -> LogKey:
        """The key that signs the checkpoints."""
        who = Identity.of("log")
        return LogKey(self.origin, who.public, who.private)

    @property
    def pinned(self) -> PinnedLog:
        """What members know the log by."""
        return PinnedLog(self.origin, self.log_keys)

    def integrity(self, ledger: Log) -> Integrity:
        """What compares that ledger with itself."""
        return Integrity(ledger, self.origin, LogKeys(ledger))

    def guard(self, ledger: Log, cosigners: Cosigners | None = None) -> SigningGuard:
        """What signs the checkpoints of that ledger."""
        return SigningGuard(ledger, self.log_key, cosigners)

    def appender(self, ledger: Ledger) -> Appender:
        """The writer of that ledger, at this world's clock."""
        return Appender(ledger, self.clock)

    def administrators(self, ledger: Ledger) -> Administrators:
        """Both administrators, at the home."""
        signers = [(admin.key, admin.private) for admin in self.admins]
        append = partial(self.appender(ledger).append_all, None)
        return Administrators(self.origin, signers, append, self.clock, self.entropy)

    def found(self, ledger: Ledger, *members: str) -> None:
        """Write the founding leaves into an empty ledger, through the services."""
        administrators = self.administrators(ledger)
        administrators.found(2, self.log_keys, LABELS)
        for member_id in members:
            who = Identity.of(member_id)
            administrators.enrol(member_id, BOTH, who.key, who.private)

    def author(self, member_id: str) -> Author:
        """The member, with its key ``1``."""
        who = Identity.of(member_id)
        return Author(self.origin, member_id, who.key, who.private, self.clock, self.entropy)


def sign(statement: Statement, *signers: Identity) -> bytes:
    """The leaf's bytes, signed by exactly these."""
    return statements.sign(statement, [who.signer for who in signers])


def submit(*items: bytes, labels: tuple[str, ...] = ("ncii",), **fields: object) -> Submit:
    """The body of an ordinary submission, with one item if none is given; ``fields`` replace the rest."""
    values: dict[str, object] = {
        "labels": labels,
        "basis": Basis.GUIDELINE,
        "authority": None,
        "article": None,
        "jurisdictions": (),
        "removed": NOW - 60,
        "items": items or (seeded("item"),),
    }
    return Submit(**(values | fields))  # type: ignore[arg-type]  # tests pass each field with its own type


def fingerprint(kind: FingerprintType, seed: str) -> Fingerprint:
    """An ordinary fingerprint: half of the bits of a code are set, or it has 40 keypoints or 64 hashes."""
    if kind is PARTS:
        return Fingerprint(kind, seeded(f"{kind.name} {seed}", 40 * kind.size))
    if kind is WINNOW:
        return winnowed(struct.unpack(">64I", seeded(f"{kind.name} {seed}", 64 * kind.size)))
    half = seeded(f"{kind.name} {seed}", kind.size // 2)
    other = bytes(byte ^ 255 for byte in half) if kind.popcount else seeded(f"rest {seed}", kind.size // 2)
    return Fingerprint(kind, half + other)


def winnowed(hashes: Iterable[int]) -> Fingerprint:
    """The winnow/1 fingerprint of these hashes."""
    ascending = sorted(set(hashes))
    return Fingerprint(WINNOW, struct.pack(f">{len(ascending)}I", *ascending))


def near(shared: Fingerprint, steps: int) -> Fingerprint:
    """That fingerprint with ``steps`` bits flipped, or for minhash with so many of its 128 words changed."""
    value = bytearray(shared.value)
    for step in range(steps):
        if shared.type is MINHASH:
            value[4 * step] ^= 255
        else:
            # Flip bits of the two halves in turn, so that about as many are set as before.
            half, bit = step % 2, step // 2
            value[half * len(value) // 2 + bit // 8] ^= 1 << (bit % 8)
    return Fingerprint(shared.type, bytes(value), shared.quality)


def private_part(shared: Fingerprint, seed: str = "nonce") -> bytes:
    """The bytes of a private part."""
    return PrivatePart(shared, seeded(seed)).text()


ALL_TYPES = (PDQ, PHASH, MINHASH, WINNOW, SHA256, TYPES["md5/1"], TYPES["sha1/1"], TYPES["sha512/1"])


def check_log(ledger: Log) -> Replay:
    """Derive everything that a ledger holds from its leaves' bytes alone, and compare.

    Hashes, edges, roots, commitments, the naming key's signature, checkpoints, inclusion proofs, and the
    state by replay without faults; an auditor agrees. Returns the replay.
    """
    head = ledger.head()
    leaves = list(ledger.leaves(0, head.size))
    assert [leaf.index for leaf in leaves] == list(range(head.size))
    hashes = [hashlib.sha256(b"\0" + leaf.data).digest() for leaf in leaves]
    oracle = Oracle(hashes)
    assert head.edge == oracle.edge(head.size)
    private = {index: tuple(parts) for index, parts in ledger.private(0, head.size)}
    for leaf, digest in zip(leaves, hashes, strict=True):
        assert leaf.hash == digest
        end, widths = leaf.index + 1, [1 << level for level in range(1, 63)]
        assert leaf.nodes == tuple(oracle.root(end - width, end) for width in widths if end % width == 0)
        signed = statements.parse(leaf.data)
        statement = signed.statement
        assert (statement.member, statement.request, statement.time) == (leaf.member, leaf.request, leaf.time)
        items = statement.body.items if isinstance(statement.body, Submit) else ()
        assert tuple(commitment(part) for part in private.get(leaf.index, ())) == items
    check_checkpoints(ledger, oracle)
    folded = replay(leaf.data for leaf in leaves)
    assert folded.faults == []
    for leaf in leaves:
        _check_signature(folded.state, leaf.data)
    check_state(ledger, folded.state)
    check_audit(ledger)
    return folded


def check_audit(ledger: Log) -> None:
    """An auditor, to whom the ledger is a stranger's, finds nothing wrong with it."""
    with ledger_source(ledger) as source:
        report = audit_whole(source, FakeClock(), lambda _done, _total: None)
    assert (report.findings, report.size) == ((), ledger.head().size)


def check_checkpoints(ledger: Log, oracle: Oracle) -> None:
    """Compare every kept checkpoint, and the proofs of some leaves in them, with the leaves' hashes."""
    with ledger.snapshot() as view:
        charters = view.charters()
    publics = {key for charter in charters for key in charter.log_keys}
    kept = list(ledger.checkpoints.since(0))
    assert kept == sorted(set(kept), key=lambda one: one.size)
    for one in kept:
        text, _, signature = one.note.rpartition(b"\n\n")
        origin, size, root, *_ = text.decode().split("\n")
        assert (origin, size) == (charters[0].origin, str(one.size))
        assert base64.b64decode(root) == oracle.root(0, one.size)
        dash, name, encoded = signature.decode().split("\n")[0].split(" ")
        assert (dash, name) == ("\u2014", charters[0].origin)
        value = base64.b64decode(encoded)[4:]
        assert any(_verifies(public, value, text + b"\n") for public in publics)
    for index in range(0, len(oracle.hashes), max(1, len(oracle.hashes) // 64)):
        for one in itertools.islice(ledger.checkpoints.since(index + 1), 1):
            proof = proofs.inclusion(index, one.size, ledger.tree.node)
            assert list(proof) == oracle.path(index, 0, one.size)


def check_state(ledger: Ledger, state: State) -> None:
    """Compare the state that a ledger reports with that state, record by record."""
    with ledger.snapshot() as view:
        assert view.charter() == state.charter()
        assert view.charters() == state.charters()
        told = list(view.records())
        assert told[: len(state.charters())] == list(state.charters())
        assert sorted(map(repr, told)) == sorted(map(repr, state.records()))
        assert view.times() == state.times()
        assert view.waiting(0) == state.waiting(0)
        members = view.members("", 1_000_000)
        assert {member.id: member for member in members} == state.members
        assert [key for member in members for key in view.keys(member.id)] == sorted(
            state.registry.values(), key=lambda key: (key.member, key.enrolled_index)
        )
        for key_id, key in state.registry.items():
            assert view.key(key_id) == key
        for index in range(ledger.head().size):
            assert view.entry(index) == state.entry(index)
            assert view.opinions(index) == state.opinions(index)
        for (member_id, request), index in state.requests.items():
            assert view.request(member_id, request) == index


def _check_signature(state: State, data: bytes) -> None:
    """Verify the signature of the key that a statement names, with nothing but `cryptography`."""
    signed = statements.parse(data)
    publics = {admin.id: admin.public for charter in state.charters() for admin in charter.admins}
    publics |= {key.id: key.public for key in state.registry.values()}
    public = publics[signed.statement.key]
    text, _, lines = data.rpartition(b"\n\n")
    values = (line.value for line in signed.note.signatures if line.name.startswith(signed.statement.member))
    assert lines
    assert any(_verifies(public, value, text + b"\n") for value in values)


@lru_cache(4096)  # one log is checked several times
def _verifies(public: bytes, value: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(value, text)
    except InvalidSignature:
        return False
    return True
