"""Joining: the two files that pass between a new member and the administrators, neither with a secret in it.

`Join` is made on the member's machine: public keys, and a certificate request for its channel. `Welcome` is
the answer: the certificate, and the data that identify the log. Each is a text in the grammar of
statements, an empty line, and PEM. docs/formats/joining.md describes them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from hashpact.domain import keys
from hashpact.domain.grammar import Field, FieldReader, Hex, Word
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import EXPIRES, ID, LOG_KEYS, NamedKeyLine
from hashpact.domain.statements import LOG
from hashpact.errors import MalformedError

MAX_FILE: Final = 64 * 1024
"""Bytes that either file may have."""

_JOIN: Final = "hashpact/join/v1"
_WELCOME: Final = "hashpact/welcome/v1"
_ADDRESS: Final = Field("address", Word("[!-~]{1,260}", "HOST:PORT"))
_KEY: Final = Field("key", NamedKeyLine())
_RECOVERY: Final = Field("recovery", NamedKeyLine(), 0, 1)
_GENESIS: Final = Field("genesis", Hex(32))


@dataclass(frozen=True, slots=True)
class Join:
    """A member's statement key, its recovery key if it has one, and a certificate request (PEM).

    ``address`` is the HOST:PORT at which it will look for the clearinghouse.
    """

    log: str
    member: str
    address: str
    key: NamedKey
    recovery: NamedKey | None
    request: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the file in hex, by which both sides compare it."""
        return hashlib.sha256(self.data()).hexdigest()

    def data(self) -> bytes:
        """The file. Raises MalformedError for a value that has no spelling."""
        text = (
            f"{_JOIN}\n"
            + LOG.write((self.log,))
            + ID.write((self.member,))
            + _ADDRESS.write((self.address,))
            + _KEY.write((self.key,))
            + _RECOVERY.write(() if self.recovery is None else (self.recovery,))
        )
        return text.encode("ascii") + b"\n" + self.request

    @classmethod
    def parse(cls, data: bytes) -> Join:
        """Read the file. Raises MalformedError, or InvalidInputError for a key that must not be enrolled."""
        reader, rest = _open(data, _JOIN)
        join = cls(
            reader.one(LOG),
            reader.one(ID),
            reader.one(_ADDRESS),
            reader.one(_KEY),
            reader.optional(_RECOVERY),
            rest,
        )
        reader.end()
        for key in (join.key, join.recovery):
            if key is not None:
                keys.check_public_key(key.public)
        return join


@dataclass(frozen=True, slots=True)
class Welcome:
    """A member's certificate, the authority that signs the server's (both PEM), and the log's identity.

    ``expires`` is the end of its statement key, in Unix seconds; ``genesis`` the SHA-256 of leaf 0, which the
    member compares with what the clearinghouse has published.
    """

    log: str
    member: str
    expires: int
    genesis: bytes
    log_keys: tuple[bytes, ...]
    certificate: bytes
    authority: bytes

    def data(self) -> bytes:
        """The file. Raises MalformedError for a value that has no spelling."""
        text = (
            f"{_WELCOME}\n"
            + LOG.write((self.log,))
            + ID.write((self.member,))
            + EXPIRES.write((self.expires,))
            + _GENESIS.write((self.genesis,))
            + LOG_KEYS.write(self.log_keys)
        )
        return text.encode("ascii") + b"\n" + self.certificate + b"\n" + self.authority

    @classmethod
    def parse(cls, data: bytes) -> Welcome:
        """Read the file. Raises MalformedError."""
        reader, rest = _open(data, _WELCOME)
        certificate, _, authority = rest.partition(b"\n\n")
        welcome = cls(
            reader.one(LOG),
            reader.one(ID),
            reader.one(EXPIRES),
            reader.one(_GENESIS),
            reader.take(LOG_KEYS),
            certificate + b"\n",
            authority,
        )
        reader.end()
        return welcome


def _open(data: bytes, first_line: str) -> tuple[FieldReader, bytes]:
    """The text of a file to be read, and the PEM that follows it."""
    text, blank, rest = data.partition(b"\n\n")
    if len(data) > MAX_FILE or not blank:
        msg = f"not a {first_line.split('/')[1]} file of Hashpact"
        raise MalformedError(msg, field="file")
    return FieldReader(text + b"\n", first_line), rest
