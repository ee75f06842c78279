"""Checkpoints, byte for byte as C2SP tlog-checkpoint writes them (https://c2sp.org/tlog-checkpoint).

A checkpoint is the log's signed statement of its size and root: a note whose text is

    <origin>
    <size>
    <base64 of the root>

A reader takes extension lines after the root, as C2SP has it; this log writes none.

Narrower than C2SP: the log's key name is its origin, which therefore is ASCII without spaces and plus signs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from hashpact.errors import BadSignatureError, MalformedError, MissingSignatureError
from hashpact.log import cosignature, note
from hashpact.log.cosignature import Witness
from hashpact.log.lines import MAX_INTEGER, decimal, hash_bytes, hash_line, refuse
from hashpact.log.tree import EMPTY_ROOT

MAX_SIZE: Final = 64 * 1024
"""Bytes that a signed checkpoint may have."""

_ORIGIN: Final = re.compile("[!-*,-~]+")
_EXTENSION: Final = re.compile("[^\x00-\x1f]+")
_HEAD: Final = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The size and root of the log with that origin."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> bytes:
        """The bytes that are signed. Raises MalformedError if a value has no spelling."""
        if not _ORIGIN.fullmatch(self.origin):
            refuse("an origin is printable ASCII without spaces or plus signs", "origin", 1)
        if not 0 <= self.size <= MAX_INTEGER:
            refuse("a size is at least 0 and below 2^63", "size", 2)
        if self.size == 0 and self.root != EMPTY_ROOT:
            refuse("the empty tree has another root", "root", _HEAD)
        for line, extension in enumerate(self.extensions, _HEAD + 1):
            if not _EXTENSION.fullmatch(extension):
                refuse("an extension has no control characters and is not empty", "extension", line)
        lines = b"".join(extension.encode() + b"\n" for extension in self.extensions)
        return f"{self.origin}\n{self.size}\n".encode() + hash_line(self.root) + lines


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with its signature lines, none of them verified. ``data`` are the bytes it came as."""

    data: bytes
    note: note.Note
    checkpoint: Checkpoint


def sign(checkpoint: Checkpoint, public: bytes, signer: note.Sign) -> bytes:
    """The signed checkpoint with one signature line, under the origin as the key's name."""
    text = checkpoint.text()
    return note.join(text, [note.signature_line(checkpoint.origin, public, signer(text))])


def parse(data: bytes) -> SignedCheckpoint:
    """Read a signed checkpoint. Raises MalformedError, naming the field and the line."""
    opened = note.parse(data, MAX_SIZE)
    lines = opened.text[:-1].split(b"\n")
    if len(lines) < _HEAD:
        msg = "a checkpoint has at least an origin, a size and a root"
        raise MalformedError(msg, field="checkpoint")
    origin, size, root, *extensions = lines
    if not origin.isascii():
        refuse("an origin is printable ASCII without spaces or plus signs", "origin", 1)
    checkpoint = Checkpoint(
        origin.decode("ascii"),
        decimal(size, "size", 2),
        hash_bytes(root, "root", _HEAD),
        tuple(one.decode() for one in extensions),
    )
    if checkpoint.text() != opened.text:  # pragma: no cover  # each line was read by its one spelling
        msg = "the text is not the one spelling of its checkpoint"
        raise MalformedError(msg, field="checkpoint")
    return SignedCheckpoint(data, opened, checkpoint)


def verify(
    signed: SignedCheckpoint,
    origin: str,
    publics: Iterable[bytes],
    check: note.Verify,
    mldsa: Collection[Witness] = (),
) -> None:
    """Raise BadSignatureError unless one of the log's keys signed the checkpoint of the log ``origin``.

    If the log has ``mldsa`` keys, which sign as C2SP tlog-cosignature has it, one of them must have signed it
    too. If only such signatures are missing, the error is a MissingSignatureError. Those of other keys are
    passed over. One that names a key of the log and does not verify invalidates the whole checkpoint, as C2SP
    signed-note advises.
    """
    if signed.checkpoint.origin != origin:
        msg = f"a checkpoint of {signed.checkpoint.origin!r}, not of {origin!r}"
        raise BadSignatureError(msg)
    found = [note.verify(signed.note, origin, public, check) for public in publics]
    try:
        times = [cosignature.verify(signed.note, key, check) for key in mldsa]
    except BadSignatureError as error:
        msg = "the log's ML-DSA-44 signature does not verify"
        raise BadSignatureError(msg) from error
    if not any(found):
        msg = "no key of the log signed the checkpoint"
        raise MissingSignatureError(msg)
    if mldsa and all(time is None for time in times):
        msg = "no ML-DSA-44 key of the log signed the checkpoint"
        raise MissingSignatureError(msg)
