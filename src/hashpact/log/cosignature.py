"""Witness cosignatures, byte for byte as C2SP tlog-cosignature v1 (https://c2sp.org/tlog-cosignature).

A cosignature is a signature line on a checkpoint by which a witness states that, at this time, this was
the largest consistent tree of the log that it had seen. Both types of the specification are here: Ed25519,
and ML-DSA-44 (FIPS 204), which quantum computers do not break.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from hashpact.errors import BadSignatureError, MalformedError
from hashpact.log import note
from hashpact.log.lines import MAX_INTEGER, decimal, hash_bytes

ED25519: Final = b"\x04"
"""The signature type byte of timestamped Ed25519 cosignatures."""
MLDSA44: Final = b"\x06"
"""The signature type byte of timestamped ML-DSA-44 cosignatures."""
NO_TIME: Final = 0
"""The time in an ML-DSA-44 signature that does not say that this was the largest tree then."""

_KEY_SIZES: Final = {ED25519: 32, MLDSA44: 1312}
_SIGNATURE_SIZES: Final = {ED25519: 64, MLDSA44: 2420}
_TIME_SIZE: Final = 8
_LABEL: Final = b"subtree/v1\n\0"
_HEAD: Final = 3


@dataclass(frozen=True, slots=True)
class Witness:
    """The name under which a witness cosigns, its public key, and the type of its cosignatures.

    The key has 32 bytes if it is an Ed25519 one, 1312 if it is an ML-DSA-44 one.
    """

    name: str
    public: bytes
    kind: bytes = ED25519

    @classmethod
    def parse(cls, text: str) -> Self:
        """The witness of a verifier key (C2SP vkey).

        Raises MalformedError for another spelling, and for a key that makes no cosignatures.
        """
        name, kind, public = note.parse_verifier_key(text)
        if kind not in _KEY_SIZES:
            msg = f"{name} is no key for cosignatures: those are of type 4 (Ed25519) or 6 (ML-DSA-44)"
            raise MalformedError(msg, field="witness")
        if len(public) != _KEY_SIZES[kind]:
            msg = f"the key of {name} has {len(public)} bytes, not {_KEY_SIZES[kind]}"
            raise MalformedError(msg, field="witness")
        return cls(name, public, kind)

    @classmethod
    def mldsa(cls, name: str, public: bytes) -> Self:
        """The ML-DSA-44 key of that name."""
        return cls(name, public, MLDSA44)

    @property
    def key(self) -> str:
        """The verifier key, which has the name."""
        return note.verifier_key(self.name, self.public, self.kind)


def message(text: bytes, witness: Witness, time: int) -> bytes:
    """The bytes that a witness signs for a checkpoint's ``text``; ``time`` is in Unix seconds.

    Ed25519: a header, the time and the text. ML-DSA-44: the ``cosigned_message`` of the whole tree, which
    has the witness's name in it, and no extension lines. Raises MalformedError for a text that is no
    checkpoint's, or a name or origin of more than 255 bytes.
    """
    if witness.kind == ED25519:
        return b"cosignature/v1\ntime %d\n" % time + text
    lines = text.split(b"\n", _HEAD)
    if len(lines) <= _HEAD:
        msg = "a checkpoint has at least an origin, a size and a root"
        raise MalformedError(msg, field="checkpoint")
    origin, size, root, _ = lines
    who, log = _counted(witness.name.encode(), "witness"), _counted(origin, "origin")
    tree = bytes(8) + decimal(size, "size", 2).to_bytes(8) + hash_bytes(root, "root", _HEAD)
    return _LABEL + who + time.to_bytes(8) + log + tree


def sign(text: bytes, witness: Witness, time: int, signer: note.Sign) -> bytes:
    """The cosignature line of a checkpoint's text. Raises MalformedError for a time that has no spelling."""
    if not 0 <= time <= MAX_INTEGER:
        msg = "the time of a cosignature is at least 0 and below 2^63"
        raise MalformedError(msg, field="time")
    value = time.to_bytes(_TIME_SIZE) + signer(message(text, witness, time))
    return note.signature_line(witness.name, witness.public, value, witness.kind)


def verify(opened: note.Note, witness: Witness, check: note.Verify) -> int | None:
    """The time of the witness's newest cosignature of this checkpoint; None if no line names the witness.

    Raises BadSignatureError if lines name the witness and none of them verifies.
    """
    values = note.signatures(opened, witness.name, witness.public, witness.kind)
    times = []
    for value in values:
        time = int.from_bytes(value[:_TIME_SIZE])
        if len(value) == _TIME_SIZE + _SIGNATURE_SIZES[witness.kind] and time <= MAX_INTEGER:
            try:
                check(witness.public, value[_TIME_SIZE:], message(opened.text, witness, time))
            except BadSignatureError:
                continue
            times.append(time)
    if values and not times:
        msg = f"the cosignature of {witness.name!r} does not verify"
        raise BadSignatureError(msg)
    return max(times, default=None)


def _counted(data: bytes, field: str) -> bytes:
    """A byte string after its length in one byte, which is from 1 to 255."""
    if not 1 <= len(data) <= 255:  # noqa: PLR2004 - of opaque <1..2^8-1>, RFC 8446
        msg = f"in an ML-DSA-44 cosignature the {field} has at most 255 bytes, not {len(data)}"
        raise MalformedError(msg, field=field)
    return bytes([len(data)]) + data
