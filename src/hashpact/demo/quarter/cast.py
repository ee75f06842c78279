"""The cast of the played quarter: a log, its administrators and members, and a clock that the play sets.

Keys, nonces and times follow from a seed, so that a play of the same seed makes the same log, byte for byte.
Nothing here may be used for a real log: who knows the seed has every key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import AnyBody, Contact, Policy
from hashpact.domain.kinds.conduct.spelling import Point
from hashpact.domain.kinds.conduct.words import Words
from hashpact.domain.messages import Submission
from hashpact.domain.state import Leaf, Role
from hashpact.governance.administer import Administrators
from hashpact.keys.pkcs8 import named
from hashpact.member.author import Author
from hashpact.service.append import Appender
from hashpact.service.publishing.publish import Publisher
from hashpact.service.sign import LogKey, SigningGuard
from hashpact.storage.ledgers import create_ledger
from hashpact.storage.published import PublishedLog

ORIGIN: Final = "demo.example/quarter"
LABELS: Final = ("fraud", "hate", "incitement", "minors", "ncii", "terrorism")
PLATFORMS: Final = ("acme-video", "lotus-forum", "river-social", "delta-chat", "pine-photo", "coral-market")
AUTHORITIES: Final = ("cyber-office", "youth-office")
NOTIFIERS: Final = ("rights-watch", "safe-child-line", "fraud-alert")
PANEL: Final = ("lotus-forum", "pine-photo", "river-social")
DAY: Final = 24 * 3600
YEAR: Final = 365 * DAY

POLICY: Final = Policy(
    1,
    LABELS,
    priorities=(("minors", "vulnerable"), ("ncii", "vulnerable")),
    panel=PANEL,
    quorum=2,
    tally_step=100,
)
ROLES: Final[Mapping[str, frozenset[Role]]] = {
    **dict.fromkeys(PLATFORMS, frozenset({Role.CHECK, Role.CONTRIBUTE})),
    **dict.fromkeys(AUTHORITIES, frozenset({Role.AUTHORITY, Role.NOTIFY})),
    **dict.fromkeys(NOTIFIERS, frozenset({Role.NOTIFY})),
    "safe-child-line": frozenset({Role.NOTIFY, Role.REPRESENT}),
}


@dataclass(slots=True)
class Seeded:
    """Bytes that follow from a seed, none of them twice."""

    seed: str
    drawn: int = 0

    def __call__(self, size: int) -> bytes:
        """The next bytes."""
        self.drawn += 1
        return self.of(f"drawn {self.drawn}", size)

    def of(self, name: str, size: int = 32) -> bytes:
        """The bytes of that name."""
        return hashlib.shake_256(f"hashpact demo, {self.seed}: {name}".encode()).digest(size)

    def key(self, name: str) -> Ed25519PrivateKey:
        """The key of that name."""
        return Ed25519PrivateKey.from_private_bytes(self.of(f"key {name}"))


@dataclass(slots=True)
class SimulatedClock:
    """A clock that only the play sets, in Unix seconds."""

    now: int

    def __call__(self) -> int:
        """The time."""
        return self.now


@dataclass(slots=True)
class Cast:
    """Everybody who makes statements; ``keys`` is how many keys a member has had."""

    appender: Appender
    guard: SigningGuard
    publisher: Publisher
    administrators: Administrators
    clock: SimulatedClock
    seeded: Seeded
    authors: dict[str, Author] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)

    def enrol(self, member: str) -> None:
        """Enrol a member with its first key, and name its contact points if it is a platform."""
        key, private = self._next_key(member)
        self.administrators.enrol(member, ROLES[member], key, private)
        self._takes(member, key, private)
        if member in PLATFORMS:
            for point in (Point.NOTICES, Point.APPEALS):
                self.contact(member, point)

    def contact(self, member: str, point: Point) -> Leaf:
        """Name a contact point, which is valid for half a year."""
        words = self.words(address=f"{point.value}@{member}.example")
        now = self.clock()
        procedure = (
            f"How to submit a notice to {member}: name the content, the rule and the reason.\n".encode()
        )
        body = Contact(
            point,
            now,
            now + YEAR // 2,
            ("en", "vi"),
            ("always",),
            hashlib.sha256(procedure).digest(),
            hashlib.sha256(words).digest(),
        )
        return self.says(member, body, [words], [procedure])

    def rotate(self, member: str) -> Leaf:
        """Replace a member's key, with an overlap of a day."""
        key, private = self._next_key(member)
        author = self.authors[member]
        leaf = self.append(member, author.rotate(author.key.id, key, private, DAY))
        self._takes(member, key, private)
        return leaf

    def replace_stolen(self, member: str) -> None:
        """Enrol a new key in the place of one that was revoked."""
        key, private = self._next_key(member)
        self.administrators.enrol_key(member, key, private)
        self._takes(member, key, private)

    def words(self, **texts: str) -> bytes:
        """Words with a nonce of their own."""
        return Words(self.seeded(32), **texts).text()

    def says(
        self,
        member: str,
        body: AnyBody,
        private: Sequence[bytes] = (),
        documents: Sequence[bytes] = (),
    ) -> Leaf:
        """Append a statement of a member."""
        said = self.authors[member].say(body)
        return self.append(member, Submission(said.statement, private, documents))

    def append(self, member: str, submission: Submission) -> Leaf:
        """Append a submission of a member."""
        return self.appender.append(member, submission)

    def seal(self) -> int:
        """Sign and publish what there is; returns the size of the log."""
        self.guard.sign()
        return self.publisher.publish()

    def _next_key(self, member: str) -> tuple[NamedKey, Ed25519PrivateKey]:
        self.keys[member] = number = self.keys.get(member, 0) + 1
        private = self.seeded.key(f"{member}/{number}")
        return named(str(number), private), private

    def _takes(self, member: str, key: NamedKey, private: Ed25519PrivateKey) -> None:
        self.authors[member] = Author(ORIGIN, member, key, private, self.clock, self.seeded)


@contextmanager
def founded(directory: Path, seed: int, start: int) -> Iterator[Cast]:
    """A log in ``directory`` with its policy and members, founded at that Unix time.

    The ledger is ``hashpact.db``; what is published lies in ``log``.
    """
    seeded, clock = Seeded(str(seed)), SimulatedClock(start)
    ledger = create_ledger(directory / "hashpact.db")
    try:
        appender = Appender(ledger, clock)
        log_key = seeded.key("log")
        signers = [(named(name, key), key) for name in ("1", "2") for key in [seeded.key(f"admin/{name}")]]
        append = partial(appender.append_all, None)
        administrators = Administrators(ORIGIN, signers, append, clock, seeded)
        public = log_key.public_key().public_bytes_raw()
        guard = SigningGuard(ledger, LogKey(ORIGIN, public, log_key))
        publisher = Publisher(ledger, ORIGIN, PublishedLog(directory / "log"))
        cast = Cast(appender, guard, publisher, administrators, clock, seeded)
        administrators.found_by(2, (public,), POLICY)
        for member in ROLES:
            clock.now += 60
            cast.enrol(member)
        yield cast
    finally:
        ledger.close()
