"""Requests and answers between log and witness, as bodies of C2SP tlog-witness (https://c2sp.org/tlog-witness).

The log posts a checkpoint with the proof that it extends the one the witness cosigned last:

    old <size>
    <base64 of a hash>          one line for each node of the consistency proof

    <the checkpoint>

The witness answers with cosignature lines, or with the size that it cosigned last and a newline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hashpact.errors import MalformedError
from hashpact.log import checkpoint
from hashpact.log.lines import decimal, hash_bytes, hash_line, refuse

MAX_NODES: Final = 63
MAX_SIZE: Final = checkpoint.MAX_SIZE + 4096
"""Bytes that a request may have."""

_OLD: Final = b"old "


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A checkpoint and the proof that it extends the tree of ``old`` leaves; neither is verified yet."""

    old: int
    proof: tuple[bytes, ...]
    signed: checkpoint.SignedCheckpoint


def encode(old: int, proof: tuple[bytes, ...], signed: bytes) -> bytes:
    """The body of a request. ``signed`` are the checkpoint's bytes with its signature lines."""
    return b"%s%d\n" % (_OLD, old) + b"".join(map(hash_line, proof)) + b"\n" + signed


def parse(data: bytes) -> AddCheckpoint:
    """Read the body of a request. Raises MalformedError, naming the field and the line."""
    if len(data) > MAX_SIZE:
        msg = f"a request of {len(data)} bytes; the limit is {MAX_SIZE}"
        raise MalformedError(msg, field="request")
    head, blank, signed = data.partition(b"\n\n")
    if not blank:
        msg = "no empty line between the proof and the checkpoint"
        raise MalformedError(msg, field="request")
    old, *hashes = head.split(b"\n", MAX_NODES + 1)
    if not old.startswith(_OLD):
        refuse("want the old size", "old", 1)
    if len(hashes) > MAX_NODES:
        refuse(f"more than {MAX_NODES} nodes", "proof", MAX_NODES + 2)
    return AddCheckpoint(
        decimal(old.removeprefix(_OLD), "old", 1),
        tuple(hash_bytes(one, "proof", line) for line, one in enumerate(hashes, 2)),
        checkpoint.parse(signed),
    )


def size_body(size: int) -> bytes:
    """The body of a 409 answer: the size that the witness cosigned last."""
    return b"%d\n" % size


def parse_size(data: bytes) -> int:
    """Read the body of a 409 answer. Raises MalformedError."""
    if not data.endswith(b"\n"):
        refuse("want a size and a newline", "size", 1)
    return decimal(data[:-1], "size", 1)
