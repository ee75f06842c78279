"""Merkle trees and proofs by the recursive definitions of RFC 6962, to hold the iterative ones against.

Written from the text of the RFC and of nothing else: it slices lists of leaf hashes and never counts bits.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field


def node_hash(left: bytes, right: bytes) -> bytes:
    """HASH(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@functools.cache
def split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


@dataclass
class Oracle:
    """A tree over leaf hashes; remembers the roots of the ranges that it was asked for."""

    hashes: list[bytes]
    roots: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def root(self, start: int, stop: int) -> bytes:
        """MTH(D[start:stop])."""
        if (start, stop) not in self.roots:
            self.roots[start, stop] = self._root(start, stop)
        return self.roots[start, stop]

    def _root(self, start: int, stop: int) -> bytes:
        if start == stop:
            return hashlib.sha256(b"").digest()
        if stop - start == 1:
            return self.hashes[start]
        middle = start + split(stop - start)
        return node_hash(self.root(start, middle), self.root(middle, stop))

    def node(self, level: int, number: int) -> bytes:
        """The root of a perfect subtree, as the builders of proofs ask for it."""
        start, width = number * 2**level, 2**level
        assert start + width <= len(self.hashes), "asked for a subtree that is not there"
        return self.root(start, start + width)

    def edge(self, size: int) -> tuple[bytes, ...]:
        """The roots of the perfect subtrees of D[0:size], largest first."""
        roots = []
        start = 0
        for power in range(size.bit_length() - 1, -1, -1):
            if size >> power & 1:
                roots.append(self.root(start, start + 2**power))
                start += 2**power
        return tuple(roots)

    def path(self, index: int, start: int, stop: int) -> list[bytes]:
        """PATH(m, D[start:stop]), section 2.1.1."""
        if stop - start == 1:
            return []
        middle = start + split(stop - start)
        if index < middle - start:
            return [*self.path(index, start, middle), self.root(middle, stop)]
        return [*self.path(index - (middle - start), middle, stop), self.root(start, middle)]

    def proof(self, old: int, stop: int) -> list[bytes]:
        """PROOF(m, D[0:stop]), section 2.1.2."""
        return self._subproof(old, 0, stop, known=True)

    def _subproof(self, old: int, start: int, stop: int, *, known: bool) -> list[bytes]:
        if old == stop - start:
            return [] if known else [self.root(start, stop)]
        middle = start + split(stop - start)
        if old <= middle - start:
            return [*self._subproof(old, start, middle, known=known), self.root(middle, stop)]
        rest = self._subproof(old - (middle - start), middle, stop, known=False)
        return [*rest, self.root(start, middle)]


def merkle_root(hashes: Sequence[bytes]) -> bytes:
    """MTH of a whole list of leaf hashes."""
    return Oracle(list(hashes)).root(0, len(hashes))


def right_edge(hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """The edge of the tree of a whole list of leaf hashes."""
    return Oracle(list(hashes)).edge(len(hashes))


def root_by_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that the proof leads to, taken apart from its far end; None if it has another shape."""
    if size <= 1:
        return leaf if index == 0 and size == 1 and not proof else None
    if not proof or not 0 <= index < size:
        return None
    *rest, last = proof
    half = split(size)
    if index < half:
        below = root_by_inclusion(leaf, index, half, rest)
        return below and node_hash(below, last)
    below = root_by_inclusion(leaf, index - half, size - half, rest)
    return below and node_hash(last, below)


def roots_by_consistency(
    old: int, new: int, proof: Sequence[bytes], known: bytes | None
) -> tuple[bytes, bytes] | None:
    """The old and the new root that the proof leads to; None if it has another shape.

    ``known`` is the old root as long as the old tree is the whole left part, else None.
    """
    if old == new:
        if known is not None:
            return None if proof else (known, known)
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof or not 0 < old < new:
        return None
    *rest, last = proof
    half = split(new)
    if old <= half:
        below = roots_by_consistency(old, half, rest, known)
        return below and (below[0], node_hash(below[1], last))
    below = roots_by_consistency(old - half, new - half, rest, None)
    return below and (node_hash(last, below[0]), node_hash(last, below[1]))
