"""Leaves of any bytes, for tests of ledgers: a ledger does not read statements."""

from __future__ import annotations

import hashlib

from hashpact.domain.state import Head, Leaf
from hashpact.log import tree


def leaf_after(
    head: Head, data: bytes, member: str = "acme-video", request: bytes | None = None, time: int = 0
) -> Leaf:
    """A leaf that follows ``head``; its request id is made from the data unless it is given."""
    leaf_hash = tree.leaf_hash(data)
    nodes = tree.completed(head.size, head.edge, leaf_hash)
    request = hashlib.sha256(data).digest()[:16] if request is None else request
    return Leaf(head.size, data, leaf_hash, nodes, member, request, time)
