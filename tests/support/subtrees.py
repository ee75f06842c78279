"""Subtree consistency proofs, verified as draft-ietf-plants-merkle-tree-certs-04 says, section 4.4.3.

Written from the draft alone: it shares no code with what makes the proofs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962, section 2.1."""
    return hashlib.sha256(b"\0" + leaf).digest()


def parent(left: bytes, right: bytes) -> bytes:
    """RFC 6962, section 2.1."""
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """The hash of the tree over these leaf hashes, by the recursion of RFC 6962."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return parent(tree_hash(hashes[:split]), tree_hash(hashes[split:]))


@dataclass
class Way:
    """Where the subtree's ``first`` and ``last`` node are, and the tree's last, ``top``, at one level."""

    first: int
    last: int
    top: int

    def up(self) -> None:
        """Go one level up."""
        self.first, self.last, self.top = self.first >> 1, self.last >> 1, self.top >> 1


def proves(  # noqa: PLR0913, PLR0917 - what the draft's procedure takes
    start: int, end: int, size: int, proof: Sequence[bytes], subtree: bytes, root: bytes
) -> bool:
    """Whether the leaves from ``start`` up to ``end``, of that hash, are in the tree of that root."""
    full = 1
    while full < end - start:
        full *= 2
    if not 0 <= start < end <= size or start % full:
        return False
    way, nodes = Way(start, end - 1, size - 1), list(proof)
    at_the_end = way.last == way.top
    while way.first != way.last and (at_the_end or way.last & 1):
        way.up()
    if way.first == way.last:
        nodes.insert(0, subtree)
    if not nodes:
        return False
    small = large = nodes.pop(0)
    for node in nodes:
        if way.top == 0:
            return False
        if way.last & 1 or way.last == way.top:
            small = parent(node, small) if way.first < way.last else small
            large = parent(node, large)
            while way.last and not way.last & 1:
                way.up()
        else:
            large = parent(large, node)
        way.up()
    return way.top == 0 and small == subtree and large == root
