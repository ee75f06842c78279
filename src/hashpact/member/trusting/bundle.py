"""Bundles: statements with their proofs in one file, which anyone verifies without a server or a profile.

A bundle is a line that names the format, and parts one after another, each after a line of its own:

    hashpact/bundle/v1
    <kind> <index> <bytes>
    <that many bytes>, and a newline

``index`` is that of the leaf which the part belongs to, or the size of its tree. docs/formats/bundle.md lists
the kinds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hashpact.errors import MalformedError
from hashpact.log.lines import decimal, refuse

FIRST_LINE: Final = b"hashpact/bundle/v1\n"
ROOT, STATEMENT, PROOF, PRIVATE = "root", "statement", "tlog-proof", "private"
CHECKPOINT, CONSISTENCY = "checkpoint", "consistency"
KINDS: Final = frozenset({ROOT, STATEMENT, PROOF, PRIVATE, CHECKPOINT, CONSISTENCY})
MAX_SIZE: Final = 64 * 1024 * 1024
"""Bytes that a bundle may have."""

_MAX_HEAD: Final = 64
_WORDS: Final = 3


@dataclass(frozen=True, slots=True)
class BundlePart:
    """One part: its kind, the index of its leaf or size of its tree, and its bytes, none of them verified."""

    kind: str
    index: int
    data: bytes


def encode(parts: Iterable[BundlePart]) -> bytes:
    """The file of these parts."""
    pieces = (b"%s %d %d\n%s\n" % (one.kind.encode(), one.index, len(one.data), one.data) for one in parts)
    return FIRST_LINE + b"".join(pieces)


def parse(data: bytes) -> tuple[BundlePart, ...]:
    """The parts of a file. Raises MalformedError, which counts the parts from 1."""
    if len(data) > MAX_SIZE:
        msg = f"a bundle of {len(data)} bytes; the limit is {MAX_SIZE}"
        raise MalformedError(msg, field="bundle")
    if not data.startswith(FIRST_LINE):
        refuse(f"want {FIRST_LINE.decode().strip()!r}", "bundle", 1)
    parts: list[BundlePart] = []
    place = len(FIRST_LINE)
    while place < len(data):
        part, place = _part(data, place, len(parts) + 1)
        parts.append(part)
    return tuple(parts)


def _part(data: bytes, place: int, number: int) -> tuple[BundlePart, int]:
    """The part that begins at that place, and the place after it."""
    head, newline, _ = data[place : place + _MAX_HEAD].partition(b"\n")
    words = head.split(b" ")
    kind = words[0].decode("ascii", "replace")
    if not newline or len(words) != _WORDS or kind not in KINDS:
        msg = f"part {number}: want a kind ({', '.join(sorted(KINDS))}), an index and a number of bytes"
        raise MalformedError(msg, field="bundle")
    index, size = (decimal(word, f"part {number}", 1) for word in words[1:])
    start = place + len(head) + 1
    found = data[start : start + size]
    if len(found) != size or data[start + size : start + size + 1] != b"\n":
        msg = f"part {number}: want {size} bytes and a newline"
        raise MalformedError(msg, field="bundle")
    return BundlePart(kind, index, found), start + size + 1
