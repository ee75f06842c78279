"""Uploads of a log to a mirror, as bodies of C2SP tlog-mirror (https://c2sp.org/tlog-mirror).

The log has posted a checkpoint as to a witness. It then posts the leaves that the mirror lacks, in packages
that end at multiples of 256, each with the proof that its leaves are those of the checkpoint:

    length of the origin (2 bytes), origin, start (8), stop (8), length of the ticket (2), ticket
    for each package: its leaves, each behind its length (2), number of hashes (1), hashes of 32 bytes

Numbers are big-endian. The mirror answers with cosignature lines once it stores all leaves, or else with the
size of a checkpoint that it knows, the leaf that it lacks first, and a ticket to send along, each on a line.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hashpact.errors import MalformedError
from hashpact.log.lines import HASH_SIZE, MAX_INTEGER, base64_bytes, decimal, refuse
from hashpact.log.tiles import WIDTH, encode_entries

MAX_PACKAGES: Final = 32
"""Packages in one request."""
MAX_HASHES: Final = 63
MAX_TICKET: Final = 2**16 - 1
STATE_TYPE: Final = "text/x.tlog.mirror-info"
"""The content type of a mirror's state."""

_LINES: Final = 3
_LENGTH: Final = 2
_NUMBER: Final = 8


@dataclass(frozen=True, slots=True)
class MirrorState:
    """What a mirror says that it has: a checkpoint's size, the index of the first leaf it lacks, a ticket."""

    size: int
    lacks: int
    ticket: bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """What a request says that it uploads: leaves from ``start`` on of the tree of size ``stop``."""

    origin: str
    start: int
    stop: int
    ticket: bytes = b""


@dataclass(frozen=True, slots=True)
class Package:
    """Leaves from ``start`` on, none of them verified, and the proof of the subtree that they end."""

    start: int
    leaves: tuple[bytes, ...]
    proof: tuple[bytes, ...]

    @property
    def stop(self) -> int:
        """The index after its last leaf."""
        return self.start + len(self.leaves)


class UploadReader:
    """Reads a request of which the bytes come piece by piece: at most one package of them is held.

    No leaf is read twice, in however small pieces it comes.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0
        self._leaves: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the request."""
        self._data += data

    def header(self) -> Upload | None:
        """The request's beginning, None before all of it is here. Raises MalformedError."""
        try:
            self._at = 0
            origin = self._counted()
            start, stop = (int.from_bytes(self._take(_NUMBER)) for _ in range(2))
            ticket = self._counted()
        except EOFError:
            return None
        if not origin.isascii():
            msg = "an origin is printable ASCII without spaces or plus signs"
            raise MalformedError(msg, field="origin")
        if not start <= stop <= MAX_INTEGER:
            msg = f"an upload from leaf {start} to {stop}: want start <= stop < 2^63"
            raise MalformedError(msg, field="start")
        self._drop()
        return Upload(origin.decode("ascii"), start, stop, ticket)

    def package(self, start: int, stop: int) -> Package | None:
        """The package that begins at leaf ``start`` of a tree of size ``stop``, None before it is here.

        Raises MalformedError for a proof that is too long.
        """
        self._at, wanted = 0, bounds(start, stop)[1] - start
        try:
            while len(self._leaves) < wanted:
                self._leaves.append(self._counted())
                self._drop()
            count = self._take(1)[0]
            if count > MAX_HASHES:
                msg = f"a proof of {count} hashes; the limit is {MAX_HASHES}"
                raise MalformedError(msg, field="proof")
            proof = tuple([self._take(HASH_SIZE) for _ in range(count)])
        except EOFError:
            return None
        self._drop()
        leaves, self._leaves = tuple(self._leaves), []
        return Package(start, leaves, proof)

    def _counted(self) -> bytes:
        return self._take(int.from_bytes(self._take(_LENGTH)))

    def _take(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        if self._at > len(self._data):
            raise EOFError
        return bytes(self._data[start : self._at])

    def _drop(self) -> None:
        del self._data[: self._at]
        self._at = 0


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


def encode_state(state: MirrorState) -> bytes:
    """The body of a 202 or 409 answer."""
    return b"%d\n%d\n%s\n" % (state.size, state.lacks, base64.b64encode(state.ticket))


def parse_state(data: bytes) -> MirrorState:
    """Read the body of a 202 or 409 answer. Raises MalformedError, naming the field and the line."""
    lines = data.split(b"\n", _LINES)
    if len(lines) != _LINES + 1 or lines[_LINES]:
        refuse("want a size, an index and a ticket, each with a newline", "state", 1)
    ticket = base64_bytes(lines[2], "ticket", _LINES)
    if len(ticket) > MAX_TICKET:
        refuse(f"more than {MAX_TICKET} bytes", "ticket", _LINES)
    return MirrorState(decimal(lines[0], "size", 1), decimal(lines[1], "index", 2), ticket)
