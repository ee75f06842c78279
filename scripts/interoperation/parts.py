"""Cuts files of ours into parts that others can read; nothing of ours is imported.

Written from docs/formats/bundle.md and C2SP tlog-proof alone, because no package reads a format of ours, or a
draft.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator


def bundle_parts(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Kind, number and bytes of each part of a bundle. Raises ValueError."""
    first, _, rest = data.partition(b"\n")
    if first != b"hashpact/bundle/v1":
        raise ValueError(first)
    while rest:
        head, _, rest = rest.partition(b"\n")
        kind, number, size = head.split(b" ")
        part, end, rest = rest[: int(size)], rest[int(size) : int(size) + 1], rest[int(size) + 1 :]
        if end != b"\n":
            raise ValueError(head)
        yield kind.decode(), int(number), part


def proof_parts(data: bytes) -> tuple[int, list[bytes], bytes]:
    """Index, nodes and signed checkpoint of a tlog-proof. Raises ValueError."""
    head, _, signed = data.partition(b"\n\n")
    first, index, *nodes = head.split(b"\n")
    if first != b"c2sp.org/tlog-proof@v1" or not index.startswith(b"index "):
        raise ValueError(first, index)
    return int(index.split(b" ")[1]), hashes(nodes), signed


def hashes(lines: list[bytes]) -> list[bytes]:
    """The hashes that lines of base64 spell."""
    return [base64.b64decode(line, validate=True) for line in lines]
