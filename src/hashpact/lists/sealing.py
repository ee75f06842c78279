"""The key of a profile's lists: what it encrypts, and what it names.

`lists.key` is an X25519 private key in PEM, under the passphrase of the profile's other keys; only its 32
bytes are used. A list has a salt, and from both HKDF-SHA256 makes a key for AES-256-GCM and one for
HMAC-SHA256. docs/formats/private-list.md has the bytes.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hashpact.errors import CorruptError

SALT_SIZE: Final = 16
MAC_SIZE: Final = 16
_INFO: Final = b"hashpact/private-list/v1\n"
_KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12


@dataclass(frozen=True, slots=True)
class Sealer:
    """The keys of one list."""

    cipher: AESGCM
    naming: bytes

    @classmethod
    def of(cls, master: bytes, salt: bytes) -> Self:
        """The keys that follow from a profile's key and the salt of a list."""
        derived = HKDF(SHA256(), 2 * _KEY_SIZE, salt, _INFO).derive(master)
        return cls(AESGCM(derived[:_KEY_SIZE]), derived[_KEY_SIZE:])

    def name(self, *parts: bytes) -> bytes:
        """The 16 bytes by which a list's file names what these bytes are, and shows nothing of them."""
        whole = b"".join(len(part).to_bytes(4) + part for part in parts)
        return hmac.digest(self.naming, whole, "sha256")[:MAC_SIZE]

    def seal(self, number: int, plain: bytes) -> bytes:
        """The bytes of the block of that number, encrypted."""
        nonce = secrets.token_bytes(NONCE_SIZE)
        return nonce + self.cipher.encrypt(nonce, plain, _bound(number))

    def unseal(self, number: int, sealed: bytes, file: Path) -> bytes:
        """The bytes of a block. Raises CorruptError, naming the file, if they were altered or moved."""
        try:
            return self.cipher.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], _bound(number))
        except (InvalidTag, ValueError) as error:
            msg = f"{file}: block {number} was altered, or is another key's; import the list anew"
            raise CorruptError(msg) from error


def _bound(number: int) -> bytes:
    return _INFO + number.to_bytes(8)
