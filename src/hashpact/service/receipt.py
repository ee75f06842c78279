"""Receipt: what a member checks before it believes that a statement is in the log."""

from __future__ import annotations

from hashpact.domain.errors import ProofError
from hashpact.domain.state import Receipt
from hashpact.log import tree


def check_receipt(statement: bytes, receipt: Receipt) -> None:
    """Raise ProofError unless the receipt is of these very bytes, and of the tree that ends with them.

    Without this a server could answer with the receipt of another statement (CVE-2026-22703).
    """
    if receipt.leaf_hash != tree.leaf_hash(statement):
        msg = "the receipt is for another statement than the one that was sent"
        raise ProofError(msg)
    if receipt.tree_size != receipt.index + 1:
        msg = f"a receipt of leaf {receipt.index} in a tree of size {receipt.tree_size}"
        raise ProofError(msg)
