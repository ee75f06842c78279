"""Receipts as files: C2SP tlog-proof texts (https://c2sp.org/tlog-proof, a draft).

A receipt gives a leaf's place and proves it offline: an index, an inclusion proof, and the checkpoint that
the proof leads to, verbatim. A verifier with the leaf's bytes and the log's public key needs nothing else:

    c2sp.org/tlog-proof@v1
    index <index>
    <base64 of a hash>          one line for each node of the proof, from the leaf's sibling upwards

    <the checkpoint>

Narrower than C2SP: there is no ``extra`` line, because no signature covers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hashpact.errors import MalformedError
from hashpact.log import checkpoint
from hashpact.log.lines import decimal, hash_bytes, hash_line, refuse

FIRST_LINE: Final = b"c2sp.org/tlog-proof@v1"
MAX_NODES: Final = 63
"""Nodes of the longest proof: the tree has fewer than 2^63 leaves."""
MAX_SIZE: Final = checkpoint.MAX_SIZE + 4096

_INDEX: Final = b"index "


@dataclass(frozen=True, slots=True)
class LoggedProof:
    """An index, its inclusion proof and the checkpoint it leads to; neither is verified yet."""

    index: int
    proof: tuple[bytes, ...]
    signed: checkpoint.SignedCheckpoint


def encode(index: int, proof: tuple[bytes, ...], signed: bytes) -> bytes:
    """The text of a receipt. ``signed`` are the checkpoint's bytes with its signature lines."""
    return b"%s\n%s%d\n" % (FIRST_LINE, _INDEX, index) + b"".join(map(hash_line, proof)) + b"\n" + signed


def parse(data: bytes) -> LoggedProof:
    """Read a receipt. Raises MalformedError, naming the field and the line."""
    if len(data) > MAX_SIZE:
        msg = f"a receipt of {len(data)} bytes; the limit is {MAX_SIZE}"
        raise MalformedError(msg, field="receipt")
    head, blank, signed = data.partition(b"\n\n")
    if not blank:
        msg = "no empty line between the proof and its checkpoint"
        raise MalformedError(msg, field="receipt")
    first, *rest = head.split(b"\n", MAX_NODES + 2)
    if first != FIRST_LINE:
        refuse(f"want {FIRST_LINE.decode()!r}", "receipt", 1)
    if not rest or not rest[0].startswith(_INDEX):
        refuse("want the index", "index", 2)
    index, *hashes = rest
    if len(hashes) > MAX_NODES:
        refuse(f"more than {MAX_NODES} nodes", "proof", MAX_NODES + 3)
    return LoggedProof(
        decimal(index.removeprefix(_INDEX), "index", 2),
        tuple(hash_bytes(one, "proof", line) for line, one in enumerate(hashes, 3)),
        checkpoint.parse(signed),
    )
