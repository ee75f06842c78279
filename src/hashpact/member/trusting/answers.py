"""Kept answers: attested checks on disk, encrypted, because they hold what was checked.

A directory has a key pair of its own (X25519). Its private key is in PEM, under the passphrase; an answer is
kept with the public key alone, so that a service which checks needs no passphrase to keep its answers.

    hashpact/answer/v1
    <32 bytes: an ephemeral X25519 public key> <AES-256-GCM ciphertext and tag>

The AES key and nonce (32 and 12 bytes) are HKDF-SHA256 of the shared secret, with both public keys as salt
and the first line as info. The plaintext is an ``AttestedCheck`` of proto/hashpact/wire/v1/check.proto.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hashpact.config import MAX_SIZE
from hashpact.domain.attestation import AttestedAnswer
from hashpact.durable import alone, read_bytes, read_private, write_private
from hashpact.errors import ConfigError, InvalidInputError, ProofError
from hashpact.keys import pkcs8
from hashpact.keys.passphrase import Passphrases
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import Profile
from hashpact.wire import attested as kept
from hashpact.wire.client import forks

FIRST_LINE: Final = b"hashpact/answer/v1\n"
MAX_KEPT: Final = 10_000
"""Answers of a directory; the oldest go first."""

_SLACK: Final = 100
"""So many more may lie there before the oldest are removed: the directory is not listed each time."""
_KEY_SIZE: Final = 32
_NONCE_SIZE: Final = 12
_MAX_FILE: Final = 9 * 1024 * 1024
"""Bytes of a kept answer: a request and a response, each within its limit."""
_SUFFIX: Final = ".answer"


@dataclass(slots=True, eq=False, weakref_slot=True)
class AnswerStore:
    """The attested answers that are kept in a directory. Any number of threads and processes may keep some.

    ``passphrases`` are asked for when the directory is made and when answers are read (None: from the
    environment). With ``unencrypted`` the private key of a new directory lies there open.
    """

    directory: Path
    passphrases: Passphrases = field(default_factory=Passphrases, repr=False)
    unencrypted: bool = False
    _public: X25519PublicKey | None = field(default=None, init=False, repr=False)
    _count: int = field(default=-1, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @classmethod
    def of(
        cls, profile: Profile, directory: Path | None = None, passphrases: Passphrases | None = None
    ) -> Self:
        """The answers of a profile: in ``answers/`` there, or in another directory.

        Their key lies open if the profile's channel key does. Raises ConfigError for a profile without files.
        """
        if profile.directory is None:
            msg = "this profile has no directory to keep answers in"
            raise ConfigError(msg)
        paths = ProfilePaths(profile.directory)
        unencrypted = b"ENCRYPTED" not in read_private(paths.tls, MAX_SIZE)
        return cls(directory or paths.answers, passphrases or Passphrases(), unencrypted)

    def __post_init__(self) -> None:
        """Survive a fork."""
        forks.remember(self)

    def forked(self) -> None:
        """In a forked process: a thread that is gone may have held the lock."""
        self._lock = threading.Lock()

    @property
    def private_key(self) -> Path:
        """The private key by which answers are read."""
        return self.directory / "answers.key"

    def keep(self, attested: AttestedAnswer) -> Path:
        """Keep an answer, in a file that is named by the time of its attestation; returns the file.

        Raises ConfigError if there is no passphrase for a new directory, or the file cannot be written.
        """
        public = self._recipient()
        _, stated = attested.opened()
        digest = hashlib.sha256(attested.note).hexdigest()
        path = self.directory / f"{stated.time:010d}-{digest[:16]}{_SUFFIX}"
        write_private(path, _sealed(kept.to_file(attested), public))
        with self._lock:
            self._count = self._count + 1 if self._count >= 0 else sum(1 for _ in self.files())
            full = self._count > MAX_KEPT + _SLACK
        if full:
            self._remove_oldest()
        return path

    def files(self) -> Iterator[Path]:
        """The files of answers, in no order."""
        return self.directory.glob(f"*{_SUFFIX}")

    def answers(self) -> Iterator[tuple[Path, AttestedAnswer]]:
        """Each answer with its file, the oldest first.

        Raises ConfigError if the key cannot be opened, and ProofError for a file that is no kept answer.
        """
        if not self.private_key.exists():
            msg = f"{self.directory} holds no kept answers: it has no {self.private_key.name}"
            raise ConfigError(msg)
        key = self._opened_key()
        for path in sorted(self.files()):
            yield path, _opened(path, key)

    def _recipient(self) -> X25519PublicKey:
        """The public key under which answers are kept; the directory and its keys are made if need be."""
        with self._lock:
            if self._public is not None:
                return self._public
            public = self.directory / "answers.pub"
            if not public.exists():
                self._make(public)
            try:
                self._public = X25519PublicKey.from_public_bytes(
                    bytes.fromhex(read_bytes(public, 128).decode())
                )
            except ValueError as error:
                msg = f"{public} is not a public key in hex"
                raise ConfigError(msg) from error
            return self._public

    def _make(self, public: Path) -> None:
        self.directory.mkdir(mode=0o700, exist_ok=True)
        with alone(self.directory):
            if public.exists():
                return
            if not self.private_key.exists():
                passphrase = self.passphrases.for_new_keys(unencrypted=self.unencrypted, as_before=True)
                pkcs8.write_key(self.private_key, pkcs8.to_pem(X25519PrivateKey.generate()), passphrase)
            write_private(public, self._opened_key().public_key().public_bytes_raw().hex().encode())

    def _opened_key(self) -> X25519PrivateKey:
        data = read_private(self.private_key, _MAX_FILE)
        key = load_pem_private_key(pkcs8.decrypt(data, str(self.private_key), self.passphrases), None)
        if not isinstance(key, X25519PrivateKey):
            msg = f"{self.private_key} is not an X25519 key"
            raise ConfigError(msg)
        return key

    def _remove_oldest(self) -> None:
        found = sorted(self.files())
        for path in found[: max(0, len(found) - MAX_KEPT)]:
            path.unlink(missing_ok=True)
        with self._lock:
            self._count = min(len(found), MAX_KEPT)


def _sealed(plain: bytes, recipient: X25519PublicKey) -> bytes:
    ephemeral = X25519PrivateKey.from_private_bytes(secrets.token_bytes(_KEY_SIZE))
    public = ephemeral.public_key().public_bytes_raw()
    cipher, nonce = _cipher(ephemeral.exchange(recipient), public + recipient.public_bytes_raw())
    return FIRST_LINE + public + cipher.encrypt(nonce, plain, FIRST_LINE)


def _opened(path: Path, key: X25519PrivateKey) -> AttestedAnswer:
    data = read_bytes(path, _MAX_FILE)
    rest = data.removeprefix(FIRST_LINE)
    public, sealed = rest[:_KEY_SIZE], rest[_KEY_SIZE:]
    try:
        if len(rest) == len(data):
            raise ValueError  # noqa: TRY301 - the same as any other file that is none
        secret = key.exchange(X25519PublicKey.from_public_bytes(public))
        cipher, nonce = _cipher(secret, public + key.public_key().public_bytes_raw())
        return kept.from_file(cipher.decrypt(nonce, sealed, FIRST_LINE))
    except (InvalidTag, ValueError, InvalidInputError) as error:
        msg = f"{path} is not an answer that this key has kept, or it was altered"
        raise ProofError(msg) from error


def _cipher(secret: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    """The cipher and the nonce of one answer: its ephemeral key is used once, and so are these."""
    derived = HKDF(SHA256(), _KEY_SIZE + _NONCE_SIZE, salt, FIRST_LINE).derive(secret)
    return AESGCM(derived[:_KEY_SIZE]), derived[_KEY_SIZE:]
