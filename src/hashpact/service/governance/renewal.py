"""Renewal: a member's new channel certificate, asked for over its old channel, proven by its statement key.

A certificate alone does not renew itself: who has stolen a channel's key has it no longer than the
certificate lasts. What the statement key signs is a note of this text, which no other format can be:

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

from hashpact.domain import keys
from hashpact.domain.errors import (
    BadSignatureError,
    ClockSkewError,
    ConflictError,
    InvalidInputError,
    NotPermittedError,
    UnknownKeyError,
)
from hashpact.domain.grammar import Field, Hex, Reader
from hashpact.domain.ports import Clock, Ledger
from hashpact.domain.rules import standing
from hashpact.domain.state import Use
from hashpact.domain.statements import KEY, LOG, MEMBER, TIME, key_name
from hashpact.log import note
from hashpact.service import certificates
from hashpact.service.append import MAX_SKEW
from hashpact.service.author import Author
from hashpact.service.certificates import Credential

FIRST_LINE: Final = "hashpact/renewal/v1"
MAX_PROOF: Final = 2048
"""Bytes that a proof may have."""

_REQUEST: Final = Field("request", Hex(32))


@dataclass(frozen=True, slots=True)
class Renewal:
    """A certificate request (PEM), and the note by which a member's key vouches for it."""

    request: bytes
    proof: bytes


def ask(author: Author, request: bytes) -> Renewal:
    """The renewal by which a member asks for a certificate for that request (PEM)."""
    text = (
        f"{FIRST_LINE}\n"
        + LOG.write((author.origin,))
        + MEMBER.write((author.member,))
        + KEY.write((author.key.id,))
        + TIME.write((author.clock(),))
        + _REQUEST.write((hashlib.sha256(request).digest(),))
    ).encode("ascii")
    name = key_name(author.member, author.key.name)
    line = note.signature_line(name, author.key.public, author.signer.sign(text))
    return Renewal(request, note.join(text, [line]))


@dataclass(frozen=True, slots=True)
class Renewer:
    """Issues members' certificates; ``authority`` is None where the authority's key is kept elsewhere."""

    origin: str
    authority: Credential | None
    ledger: Ledger
    clock: Clock

    def renew(self, caller: str, renewal: Renewal) -> bytes:
        """The new certificate, in PEM, of the member that the channel proves.

        Raises ConflictError if this server issues none, and the HashpactError of the first check that fails:
        format, log, caller, request, time, key, signature.
        """
        if self.authority is None:
            msg = "this server issues no certificates; ask an administrator for one (hashpact cert issue)"
            raise ConflictError(msg)
        opened = note.parse(renewal.proof, MAX_PROOF)
        reader = Reader(opened.text, FIRST_LINE)
        origin, member, key_id = reader.one(LOG), reader.one(MEMBER), reader.one(KEY)
        time, digest = reader.one(TIME), reader.one(_REQUEST)
        reader.end()
        if origin != self.origin:
            msg = f"the renewal is for the log {origin!r}, this one is {self.origin!r}"
            raise InvalidInputError(msg, field="log")
        if member != caller:
            msg = f"the renewal is of {member!r}, the channel is of {caller!r}"
            raise NotPermittedError(msg)
        if digest != hashlib.sha256(renewal.request).digest():
            msg = "the renewal vouches for another certificate request"
            raise InvalidInputError(msg, field="request")
        now = self.clock()
        if abs(time - now) > MAX_SKEW:
            msg = f"the renewal's time is more than {MAX_SKEW} s off; the server's clock says {now}"
            raise ClockSkewError(msg, server_time=str(now))
        self._check_signature(opened, member, key_id, now)
        return certificates.certify_member(self.authority, self.origin, member, renewal.request, self.clock)

    def _check_signature(self, opened: note.Note, member: str, key_id: bytes, now: int) -> None:
        with self.ledger.snapshot() as view:
            key = view.key(key_id)
            if key is None or key.member != member:
                msg = f"the renewal names no key of {member!r}"
                raise UnknownKeyError(msg)
            moment = max(now, view.time())
            hindrance = standing.hindrance(view, key, self.ledger.head().size, moment)
        if hindrance is None and key.use is not Use.SIGN:
            hindrance = "it is a recovery key, which only replaces keys"
        if hindrance is None and moment >= key.expires:
            hindrance = "it has expired"
        if hindrance is not None:
            msg = f"the key {member}/{key.name} vouches for no certificate: {hindrance}"
            raise NotPermittedError(msg)
        name = key_name(member, key.name)
        if not note.verify(opened, name, key.public, keys.verify):
            msg = "the key that the renewal names has not signed it"
            raise BadSignatureError(msg)
