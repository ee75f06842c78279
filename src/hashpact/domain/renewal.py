"""Renewal: a member's request for a new channel certificate, signed by its statement key.

A certificate alone does not renew itself, so a stolen channel key is useless after the certificate expires.
The statement key signs a note with this text, which cannot be mistaken for any other format:

    hashpact/renewal/v1
    log <origin>
    member <id>
    key <the key's id>
    time <Unix seconds>
    request <SHA-256 of the certificate request's bytes>
    days <for how many the certificate is valid, 1 to 30>
    check-only yes   (if its holder may only check)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hashpact.domain.grammar import Decimal, Field, FieldReader, Hex
from hashpact.domain.keys import NamedKey, Signer
from hashpact.domain.kinds.lines import Yes
from hashpact.domain.statements import KEY, LOG, MEMBER, TIME, key_name
from hashpact.log import note

FIRST_LINE: Final = "hashpact/renewal/v1"
MAX_PROOF: Final = 2048
"""Bytes that a proof may have."""

MAX_DAYS: Final = 30
"""Days for which a member's certificate is valid at most."""

_REQUEST: Final = Field("request", Hex(32))
_DAYS: Final = Field("days", Decimal(1, MAX_DAYS))
_CHECK_ONLY: Final = Field("check-only", Yes(), 0, 1)


@dataclass(frozen=True, slots=True)
class Renewal:
    """A certificate request (PEM), and the note by which a member's key vouches for it."""

    request: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Voucher:
    """What a proof states: ``key`` of ``member`` vouches at ``time`` for the request with that SHA-256.

    The certificate is valid for ``days``. With ``check_only`` its holder may check and nothing else.
    """

    origin: str
    member: str
    key: bytes
    time: int
    digest: bytes
    days: int = MAX_DAYS
    check_only: bool = False

    @classmethod
    def read(cls, text: bytes) -> Voucher:
        """The voucher in a note's text. Raises MalformedError."""
        reader = FieldReader(text, FIRST_LINE)
        voucher = cls(
            reader.one(LOG),
            reader.one(MEMBER),
            reader.one(KEY),
            reader.one(TIME),
            reader.one(_REQUEST),
            reader.one(_DAYS),
            bool(reader.take(_CHECK_ONLY)),
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
            + _DAYS.write((self.days,))
            + _CHECK_ONLY.write((True,) if self.check_only else ())
        ).encode("ascii")
        name = key_name(self.member, key.name)
        return note.join(text, [note.signature_line(name, key.public, signer.sign(text))])
