"""Inclusion and consistency proofs: how they are made from stored subtrees, and how they are verified.

Rules of the verifiers:

1. Every hash has 32 bytes: leaf, roots and each node of the proof.
2. A proof has exactly the nodes that its sizes demand; none is left over.
3. Inclusion: 0 <= index < size, and leaf and proof fold to the root.
4. Consistency: 0 < old <= new. Every tree extends the empty one, so a proof from size 0 proves nothing.
5. Equal sizes have equal roots and an empty proof; nothing else is checked.
6. A consistency proof folds to both roots.

Sources: RFC 6962 section 2.1.1 and 2.1.2; the iterative form of transparency-dev/merkle ``proof/verify.go``.
Proofs of subtrees: draft-ietf-plants-merkle-tree-certs, "Subtree Consistency Proofs".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from hashpact.errors import InvalidInputError, ProofError
from hashpact.log.lines import HASH_SIZE
from hashpact.log.tree import node_hash

Node: TypeAlias = Callable[[int, int], bytes]
"""``node(level, number)``: the 32-byte root of the perfect subtree of the 2^level leaves that start at
number * 2^level. It is called only for subtrees that lie wholly inside the tree."""


def inclusion(index: int, size: int, node: Node) -> tuple[bytes, ...]:
    """The proof that the leaf at ``index`` is in the tree of ``size``: siblings, the lowest first.

    Raises InvalidInputError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        msg = f"there is no leaf {index} in a tree of size {size}"
        raise InvalidInputError(msg, field="index")
    return _path(0, index, size, node)


def consistency(old: int, new: int, node: Node) -> tuple[bytes, ...]:
    """The proof that the tree of size ``new`` starts with the tree of size ``old``.

    Raises InvalidInputError unless 0 < old <= new.
    """
    if not 0 < old <= new:
        msg = f"there is no consistency proof from size {old} to size {new}"
        raise InvalidInputError(msg, field="size")
    if old == new:
        return ()
    shift = _trailing_zeros(old)
    number = (old >> shift) - 1
    # If the old tree is exactly this subtree, the verifier has its root already.
    seed = () if number == 0 else (node(shift, number),)
    return (*seed, *_path(shift, number, new, node))


def subtree(start: int, stop: int, size: int, node: Node) -> tuple[bytes, ...]:
    """The proof that the tree of ``size`` has, from leaf ``start`` up to ``stop``, the leaves of a subtree.

    From 0 on that is a consistency proof, of one leaf an inclusion proof. Raises InvalidInputError unless
    0 <= start < stop <= size and ``start`` is a multiple of the smallest power of two that is not less than
    stop - start.
    """
    _check_subtree(start, stop, size)
    return _within(start, stop, 0, size, node, known=True)


def inclusion_root(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root of the tree in which a proof shows that leaf hash at ``index``. Raises ProofError."""
    if not 0 <= index < size:
        msg = f"there is no leaf {index} in a tree of size {size}"
        raise ProofError(msg)
    inner, border = _lengths(0, index, size)
    _check_hashes(proof, inner + border)
    _check_hashes((leaf_hash,), 1)
    return _fold(leaf_hash, proof, index, inner)


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise ProofError unless the proof shows that leaf hash at ``index`` of the tree."""
    if inclusion_root(leaf_hash, index, size, proof) != root:
        msg = f"the inclusion proof of leaf {index} does not lead to the root of size {size}"
        raise ProofError(msg)


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ProofError unless the proof shows that the new tree starts with the old one."""
    if not 0 < old_size <= new_size:
        msg = f"nothing proves that a tree of size {new_size} extends one of size {old_size}"
        raise ProofError(msg)
    if old_size == new_size:
        _check_hashes(proof, 0)
        if old_root != new_root:
            msg = f"two roots for one tree of size {old_size}"
            raise ProofError(msg)
        return
    _check_hashes((old_root, new_root), 2)
    shift = _trailing_zeros(old_size)
    number = (old_size >> shift) - 1
    inner, border = _lengths(shift, number, new_size)
    _check_hashes(proof, (number > 0) + inner + border)
    seed, path = (proof[0], proof[1:]) if number else (old_root, proof)
    # In the old tree the path has only its left siblings.
    left = [one for level, one in enumerate(path[:inner]) if number >> level & 1]
    if _fold(seed, [*left, *path[inner:]], 0, 0) != old_root:
        msg = f"the consistency proof does not lead to the root of size {old_size}"
        raise ProofError(msg)
    if _fold(seed, path, number, inner) != new_root:
        msg = f"the consistency proof does not lead to the root of size {new_size}"
        raise ProofError(msg)


def verify_subtree(  # noqa: PLR0913, PLR0917  # a subtree and a tree
    start: int, stop: int, subtree_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ProofError unless the proof shows that a tree has that subtree, from ``start`` up to ``stop``.

    Raises InvalidInputError for what is no subtree, as `subtree`.
    """
    _check_subtree(start, stop, size)
    hashes = list(proof)
    _check_hashes((subtree_root, root, *hashes), 2 + len(hashes))
    if _rebuilt(start, stop, 0, size, hashes, subtree_root) != (subtree_root, root) or hashes:
        msg = f"the proof of the leaves {start} to {stop - 1} does not lead to the root of size {size}"
        raise ProofError(msg)


def _check_subtree(start: int, stop: int, size: int) -> None:
    if not 0 <= start < stop <= size or start % (1 << (stop - start - 1).bit_length()):
        msg = f"the leaves {start} to {stop - 1} are no subtree of a tree of size {size}"
        raise InvalidInputError(msg, field="start")


def _path(level: int, number: int, size: int, node: Node) -> tuple[bytes, ...]:
    """The siblings from a perfect subtree up to the root's child, lowest first."""
    path = []
    while number or 1 << level < size:
        sibling = number ^ 1
        start = sibling << level
        if (sibling + 1) << level <= size:
            path.append(node(level, sibling))
        elif start < size:
            path.append(_rest(start, size, node))
        level, number = level + 1, number >> 1
    return tuple(path)


def _within(start: int, stop: int, low: int, high: int, node: Node, *, known: bool) -> tuple[bytes, ...]:  # noqa: PLR0913  # two ranges
    """The proof of a subtree within the leaves from ``low`` to ``high``; SUBTREE_SUBPROOF of the draft.

    ``known`` is whether the verifier has the subtree's hash, and not only leaves to its left.
    """
    if (start, stop) == (low, high):
        return () if known else (_rest(low, high, node),)
    middle = low + (1 << (high - low - 1).bit_length() - 1)
    if stop <= middle:
        return (*_within(start, stop, low, middle, node, known=known), _rest(middle, high, node))
    if middle <= start:
        return (*_within(start, stop, middle, high, node, known=known), _rest(low, middle, node))
    return (*_within(middle, stop, middle, high, node, known=False), _rest(low, middle, node))


def _rebuilt(  # noqa: PLR0913, PLR0917  # two ranges, and what is known of them
    start: int, stop: int, low: int, high: int, hashes: list[bytes], found: bytes | None
) -> tuple[bytes, bytes]:
    """The roots of a subtree and of the leaves from ``low`` to ``high``, by what `_within` has left of them.

    ``found`` is the subtree's root if it is known. Hashes are taken from the end of the list. Raises
    ProofError if there are too few.
    """
    if (start, stop) == (low, high) and found is not None:
        return found, found
    if not hashes:
        msg = f"a proof of the leaves {start} to {stop - 1} with too few nodes"
        raise ProofError(msg)
    rest = hashes.pop()
    if (start, stop) == (low, high):
        return rest, rest
    middle = low + (1 << (high - low - 1).bit_length() - 1)
    if stop <= middle:
        inner, whole = _rebuilt(start, stop, low, middle, hashes, found)
        return inner, node_hash(whole, rest)
    if middle <= start:
        inner, whole = _rebuilt(start, stop, middle, high, hashes, found)
        return inner, node_hash(rest, whole)
    inner, whole = _rebuilt(middle, stop, middle, high, hashes, None)
    return node_hash(rest, inner), node_hash(rest, whole)


def _rest(start: int, size: int, node: Node) -> bytes:
    """The root over the leaves from ``start`` to the end: its perfect subtrees, folded from the right."""
    subtrees = []
    while start < size:
        level = (size - start).bit_length() - 1
        subtrees.append(node(level, start >> level))
        start += 1 << level
    root = subtrees.pop()
    while subtrees:
        root = node_hash(subtrees.pop(), root)
    return root


def _lengths(level: int, number: int, size: int) -> tuple[int, int]:
    """How many nodes of a path stand below where it meets the tree's right edge, and how many above.

    Below, each level has a sibling; above, only a level whose bit is one, and it stands on the left.
    """
    inner = (number ^ ((size - 1) >> level)).bit_length()
    return inner, (number >> inner).bit_count()


def _fold(node: bytes, path: Sequence[bytes], number: int, inner: int) -> bytes:
    """The root over a node and its path. From ``inner`` on, every sibling stands on the left."""
    for level, sibling in enumerate(path):
        left = level >= inner or number >> level & 1
        node = node_hash(sibling, node) if left else node_hash(node, sibling)
    return node


def _check_hashes(hashes: Sequence[bytes], count: int) -> None:
    if len(hashes) != count:
        msg = f"a proof of {len(hashes)} nodes where the sizes demand {count}"
        raise ProofError(msg)
    if any(len(one) != HASH_SIZE for one in hashes):
        msg = f"a hash does not have {HASH_SIZE} bytes"
        raise ProofError(msg)


def _trailing_zeros(value: int) -> int:
    return (value & -value).bit_length() - 1
