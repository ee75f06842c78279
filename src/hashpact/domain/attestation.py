"""Attestations: what the answer to one check was, signed under a key that the log's root statements name.

An attestation is a C2SP signed note with one signature line, under the log's origin and ``/attestation`` as
the key's name. Its text cannot be mistaken for any other format:

    hashpact/attestation/v1
    log <origin>
    request <SHA-256 of the request's bytes, as they were sent>
    answer <SHA-256 of the answer's bytes, as they were sent>
    position <the tree size that the answer reflects>
    root <the root of that tree>
    time <Unix seconds>

docs/formats/attestation.md says which bytes these are, and what an attestation proves.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from hashpact.domain import keys
from hashpact.domain.grammar import Decimal, Field, FieldReader, Hex
from hashpact.domain.keys import Signer
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.statements import LOG, TIME
from hashpact.errors import BadSignatureError, LogKeyError, MalformedError, ProofError
from hashpact.log import note
from hashpact.log.note import Note

FIRST_LINE: Final = "hashpact/attestation/v1"
NONCE_SIZE: Final = 16
"""Random bytes of a request, without which the digest of a request could be guessed from the note."""
MAX_NOTE: Final = 2048
"""Bytes that an attestation may have."""
MAX_SKEW: Final = 600
"""Seconds by which the time of an attestation may differ from the clock of who receives it."""

_REQUEST: Final = Field("request", Hex(32))
_ANSWER: Final = Field("answer", Hex(32))
_POSITION: Final = Field("position", Decimal(1))
_ROOT: Final = Field("root", Hex(32))


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a note states: at ``time`` the log ``origin`` answered a request, at a position, with an answer.

    ``request`` and ``answer`` are SHA-256 digests, ``root`` that of the tree of ``position`` leaves.
    """

    origin: str
    request: bytes
    answer: bytes
    position: int
    root: bytes
    time: int

    @classmethod
    def read(cls, text: bytes) -> Self:
        """The attestation in a note's text. Raises MalformedError."""
        reader = FieldReader(text, FIRST_LINE)
        one = reader.one
        found = cls(one(LOG), one(_REQUEST), one(_ANSWER), one(_POSITION), one(_ROOT), one(TIME))
        reader.end()
        return found

    def text(self) -> bytes:
        """The bytes that are signed: written out, because each attested answer has them."""
        return (
            f"{FIRST_LINE}\n{LOG.name} {self.origin}\n{_REQUEST.name} {self.request.hex()}\n"
            f"{_ANSWER.name} {self.answer.hex()}\n{_POSITION.name} {self.position}\n"
            f"{_ROOT.name} {self.root.hex()}\n{TIME.name} {self.time}\n"
        ).encode("ascii")

    def sign(self, public: bytes, signer: Signer) -> bytes:
        """The note, signed by that key."""
        text = self.text()
        before, short = _line_of(self.origin, public)
        return text + before + b2a_base64(short + signer.sign(text))


@dataclass(frozen=True, slots=True, repr=False)
class AttestedAnswer:
    """A request, its answer and the attestation of both: the bytes as they were sent, not verified yet."""

    request: bytes
    answer: bytes
    note: bytes

    def opened(self) -> tuple[Note, Attestation]:
        """The note and what it states of this request and this answer.

        Raises ProofError if it is no attestation, or one of another request or another answer.
        """
        try:
            parsed = note.parse(self.note, MAX_NOTE)
            stated = Attestation.read(parsed.text)
        except MalformedError as error:
            msg = f"not an attestation: {error}"
            raise ProofError(msg) from error
        for what, data, digest in (
            ("request", self.request, stated.request),
            ("answer", self.answer, stated.answer),
        ):
            if hashlib.sha256(data).digest() != digest:
                msg = f"the attestation is of another {what}"
                raise ProofError(msg)
        return parsed, stated

    def verify(self, log: PinnedLog) -> Attestation:
        """What is attested, by a key that the log's newest root statement names.

        Raises ProofError unless it is an attestation of this log, this request and this answer, at a position
        that has that statement; LogKeyError if another key signed it.
        """
        parsed, stated = self.opened()
        if stated.origin != log.origin:
            msg = f"an attestation of {stated.origin!r}, not of {log.origin!r}"
            raise ProofError(msg)
        check_signed(parsed, log.origin, log.attestation_keys)
        if stated.position <= log.since:
            msg = f"attested at position {stated.position} by a key for those of more than {log.since}"
            raise ProofError(msg)
        return stated

    def __repr__(self) -> str:
        """Name neither the request nor the answer."""
        return "<AttestedAnswer>"


@lru_cache(16)
def _line_of(origin: str, public: bytes) -> tuple[bytes, bytes]:
    """What stands before the base64 of a key's signature, and the key's id, which is encoded with it."""
    name = key_name(origin)
    return note.join(b"", (note.line_start(name),)), note.short_id(name, public)


def key_name(origin: str) -> str:
    """The name under which the attestation keys of a log sign."""
    return f"{origin}/attestation"


def check_signed(parsed: Note, origin: str, publics: tuple[bytes, ...]) -> None:
    """Raise LogKeyError unless one of the keys signed the note, ProofError for a signature that is wrong."""
    name = key_name(origin)
    try:
        signed = [note.verify(parsed, name, public, keys.verify) for public in publics]
    except BadSignatureError as error:
        msg = f"the attestation was forged or altered: {error}"
        raise ProofError(msg) from error
    if not any(signed):
        msg = "no attestation key that the log's root statements name signed the answer"
        raise LogKeyError(msg)
