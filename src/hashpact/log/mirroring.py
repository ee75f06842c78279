"""Uploads of a log to a mirror, as bodies of C2SP tlog-mirror (https://c2sp.org/tlog-mirror).

The log has posted a checkpoint as to a witness. It then posts the leaves that the mirror lacks, in packages
that end at multiples of 256, each with the proof that its leaves are those of the checkpoint:

    length of the origin (2 bytes), origin, start (8), stop (8), length of the ticket (2), ticket
    for each package: its leaves, each behind its length (2), number of hashes (1), hashes of 32 bytes

Numbers are big-endian. The mirror answers with cosignature lines once it stores all leaves, or else with the
size of a checkpoint that it knows, the leaf that it lacks first, and a ticket to send along, each on a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hashpact.errors import MalformedError
from hashpact.log.lines import base64_bytes, decimal, refuse
from hashpact.log.tiles import WIDTH, encode_entries

MAX_PACKAGES: Final = 32
"""Packages in one request."""
MAX_HASHES: Final = 63
MAX_TICKET: Final = 2**16 - 1

_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class MirrorState:
    """What a mirror says that it has: a checkpoint's size, the index of the first leaf it lacks, a ticket."""

    size: int
    lacks: int
    ticket: bytes


def header(origin: str, start: int, stop: int, ticket: bytes = b"") -> bytes:
    """The beginning of a request that uploads leaves from ``start`` on of the tree of size ``stop``."""
    name = origin.encode("ascii")
    return b"".join(
        (len(name).to_bytes(2), name, start.to_bytes(8), stop.to_bytes(8), len(ticket).to_bytes(2), ticket)
    )


def package(leaves: Iterable[bytes], proof: Sequence[bytes]) -> bytes:
    """One package: leaves up to a multiple of 256, or to the end, and the proof of the subtree they end."""
    if len(proof) > MAX_HASHES:  # pragma: no cover  # a tree of 2^63 leaves has no longer ones
        msg = f"a proof of {len(proof)} hashes; the limit is {MAX_HASHES}"
        raise MalformedError(msg, field="proof")
    return encode_entries(leaves) + bytes([len(proof)]) + b"".join(proof)


def bounds(start: int, stop: int) -> tuple[int, int]:
    """Where the subtree of the package that begins at leaf ``start`` begins, and where both end."""
    first = start // WIDTH * WIDTH
    return first, min(stop, first + WIDTH)


def parse_state(data: bytes) -> MirrorState:
    """Read the body of a 202 or 409 answer. Raises MalformedError, naming the field and the line."""
    lines = data.split(b"\n", _LINES)
    if len(lines) != _LINES + 1 or lines[_LINES]:
        refuse("want a size, an index and a ticket, each with a newline", "state", 1)
    ticket = base64_bytes(lines[2], "ticket", _LINES)
    if len(ticket) > MAX_TICKET:
        refuse(f"more than {MAX_TICKET} bytes", "ticket", _LINES)
    return MirrorState(decimal(lines[0], "size", 1), decimal(lines[1], "index", 2), ticket)
