"""Witness cosignatures, byte for byte as C2SP tlog-cosignature v1 (https://c2sp.org/tlog-cosignature).

A cosignature is a signature line on a checkpoint by which a witness states that, at this time, this was
the largest consistent tree of the log that it had seen. Only the Ed25519 type of the specification is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hashpact.errors import BadSignatureError, MalformedError
from hashpact.log import note
from hashpact.log.lines import MAX_INTEGER

KIND: Final = b"\x04"
"""The signature type byte of timestamped Ed25519 cosignatures."""

_TIME_SIZE: Final = 8
_SIZE: Final = _TIME_SIZE + 64


@dataclass(frozen=True, slots=True)
class Witness:
    """The name under which a witness cosigns, and its 32-byte Ed25519 public key."""

    name: str
    public: bytes


def message(text: bytes, time: int) -> bytes:
    """The bytes that a witness signs: a header, the time in Unix seconds, the checkpoint's text."""
    return b"cosignature/v1\ntime %d\n" % time + text


def sign(text: bytes, witness: Witness, time: int, signer: note.Sign) -> bytes:
    """The cosignature line of a checkpoint's text. Raises MalformedError for a time that has no spelling."""
    if not 0 <= time <= MAX_INTEGER:
        msg = "the time of a cosignature is at least 0 and below 2^63"
        raise MalformedError(msg, field="time")
    value = time.to_bytes(_TIME_SIZE) + signer(message(text, time))
    return note.signature_line(witness.name, witness.public, value, KIND)


def verify(opened: note.Note, witness: Witness, check: note.Verify) -> int | None:
    """The time of the witness's newest cosignature of this checkpoint; None if no line names the witness.

    Raises BadSignatureError if lines name the witness and none of them verifies.
    """
    values = note.signatures(opened, witness.name, witness.public, KIND)
    times = []
    for value in values:
        time = int.from_bytes(value[:_TIME_SIZE])
        if len(value) == _SIZE and time <= MAX_INTEGER:
            try:
                check(witness.public, value[_TIME_SIZE:], message(opened.text, time))
            except BadSignatureError:
                continue
            times.append(time)
    if values and not times:
        msg = f"the cosignature of {witness.name!r} does not verify"
        raise BadSignatureError(msg)
    return max(times, default=None)
