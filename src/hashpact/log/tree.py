"""The RFC 6962 Merkle tree, kept as its right edge.

The right edge of a tree of size n is the tuple of roots of its perfect subtrees, largest first: one 32-byte
hash for each one-bit of n. It is all that is needed to append and to compute the root.
Source: RFC 6962 section 2.1.
"""

from __future__ import annotations

import hashlib
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256().digest()
"""The root of the tree of size 0."""


def leaf_hash(data: bytes) -> bytes:
    """The 32-byte hash of a leaf: SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The 32-byte hash of an interior node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def extend(size: int, edge: tuple[bytes, ...], leaf: bytes) -> tuple[bytes, ...]:
    """The right edge after the leaf hash ``leaf`` is appended to the tree of that size and edge.

    Each trailing one-bit of ``size`` is a perfect subtree that the new leaf completes into a larger one.
    """
    nodes = completed(size, edge, leaf)
    return (*edge[: len(edge) - len(nodes)], nodes[-1] if nodes else leaf)


def completed(size: int, edge: tuple[bytes, ...], leaf: bytes) -> tuple[bytes, ...]:
    """The roots of the perfect subtrees of 2, 4, 8 ... leaves that end with the leaf hash ``leaf``.

    It is appended to the tree of that size and edge. There are as many as ``size`` has trailing one-bits: one
    for each leaf, on average.
    """
    if len(edge) != size.bit_count():
        msg = f"a tree of size {size} has {size.bit_count()} hashes in its right edge, not {len(edge)}"
        raise ValueError(msg)
    nodes, node = [], leaf
    ones = (size ^ (size + 1)).bit_length() - 1
    for left in reversed(edge[len(edge) - ones :]):
        node = node_hash(left, node)
        nodes.append(node)
    return tuple(nodes)


def root(edge: tuple[bytes, ...]) -> bytes:
    """The 32-byte root of the tree with that right edge."""
    if not edge:
        return EMPTY_ROOT
    *larger, node = edge
    for subtree in reversed(larger):
        node = node_hash(subtree, node)
    return node
