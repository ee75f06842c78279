"""The tree's root, straight from the definition in RFC 6962, section 2.1."""

from __future__ import annotations

from hashlib import sha256


def root(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of a list of leaves."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return sha256(b"\1" + root(leaves[:left]) + root(leaves[left:])).digest()
