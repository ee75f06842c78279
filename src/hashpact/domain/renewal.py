"""Renewal: a member's request for a new channel certificate, signed by its statement key.

A certificate alone does not renew itself, so a stolen channel key is useless after the certificate expires.
The statement key signs a note with this text, which cannot be mistaken for any other format:

    hashpact/renewal/v1
    log <origin>
    member <id>
    key <the key's id>
    time <Unix seconds>
    request <SHA-256 of the certificate request's bytes>
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from hashpact.domain.grammar import Field, FieldReader, Hex
from hashpact.domain.keys import NamedKey, Signer
from hashpact.domain.statements import KEY, LOG, MEMBER, TIME, key_name
from hashpact.log import note

FIRST_LINE: Final = "hashpact/renewal/v1"
MAX_PROOF: Final = 2048
"""Bytes that a proof may have."""

_REQUEST: Final = Field("request", Hex(32))


@dataclass(frozen=True, slots=True)
class Renewal:
    """A certificate request (PEM), and the note by which a member's key vouches for it."""

    request: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Voucher:
    """What a proof states: ``key`` of ``member`` vouches at ``time`` for the request with that SHA-256."""

    origin: str
    member: str
    key: bytes
    time: int
    digest: bytes

    @classmethod
    def of(cls, origin: str, member: str, key: NamedKey, time: int, request: bytes) -> Voucher:
        """The voucher for a certificate request (PEM)."""
        return cls(origin, member, key.id, time, hashlib.sha256(request).digest())

    @classmethod
    def read(cls, text: bytes) -> Voucher:
        """The voucher in a note's text. Raises MalformedError."""
        reader = FieldReader(text, FIRST_LINE)
        voucher = cls(
            reader.one(LOG), reader.one(MEMBER), reader.one(KEY), reader.one(TIME), reader.one(_REQUEST)
        )
        reader.end()
        return voucher

    def sign(self, key: NamedKey, signer: Signer) -> bytes:
        """The note with the signature of the key, whose ``name`` is without the member's."""
        text = (
            f"{FIRST_LINE}\n"
            + LOG.write((self.origin,))
            + MEMBER.write((self.member,))
            + KEY.write((self.key,))
            + TIME.write((self.time,))
            + _REQUEST.write((self.digest,))
        ).encode("ascii")
        name = key_name(self.member, key.name)
        return note.join(text, [note.signature_line(name, key.public, signer.sign(text))])
