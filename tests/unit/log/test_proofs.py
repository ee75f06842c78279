"""Proofs, against the recursive definitions of RFC 6962: every proof of many sizes, or of all up to 300."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import subtrees
from builders import seeded
from hypothesis import given
from hypothesis import strategies as st
from trees import Oracle, root_by_inclusion, roots_by_consistency

from hashpact.errors import InvalidInputError, ProofError
from hashpact.log import proofs, tree

SIZE = 300
SIZES = pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([*range(1, 131), 255, 256, 257, SIZE], id="some"),
        pytest.param(range(1, SIZE + 1), id="all", marks=pytest.mark.slow),
    ],
)
ORACLE = Oracle([tree.leaf_hash(seeded(f"leaf {number}")) for number in range(SIZE)])


def root(size: int) -> bytes:
    """The root of the first leaves."""
    return ORACLE.root(0, size)


@SIZES
def test_every_inclusion_proof_of_a_size(sizes: Sequence[int]) -> None:
    for size in sizes:
        for index in range(size):
            proof = proofs.inclusion(index, size, ORACLE.node)
            assert proof == tuple(ORACLE.path(index, 0, size))
            proofs.verify_inclusion(ORACLE.hashes[index], index, size, proof, root(size))


@SIZES
def test_every_consistency_proof_to_a_size(sizes: Sequence[int]) -> None:
    for new in sizes:
        for old in range(1, new + 1):
            proof = proofs.consistency(old, new, ORACLE.node)
            assert proof == tuple(ORACLE.proof(old, new))
            proofs.verify_consistency(old, root(old), new, root(new), proof)


def test_every_subtree_proof_up_to_size_130_has_the_verdict_of_the_draft() -> None:
    for size in (*range(1, 66), 127, 128, 129, 130):
        for start in range(size):
            for stop in range(start + 1, size + 1):
                if start % (1 << (stop - start - 1).bit_length()):
                    continue
                proof = proofs.subtree(start, stop, size, ORACLE.node)
                subtree = ORACLE.root(start, stop)
                assert subtrees.proves(start, stop, size, proof, subtree, root(size))
                assert not subtrees.proves(start, stop, size, proof, seeded("other"), root(size))
                assert not subtrees.proves(start, stop, size, (*proof, subtree), subtree, root(size))
                assert not subtrees.proves(start, stop, size, proof[:-1], subtree, root(size)) or not proof


@SIZES
def test_proofs_of_subtrees_from_the_first_leaf_and_of_one_leaf_are_the_known_ones(
    sizes: Sequence[int],
) -> None:
    for size in sizes:
        for place in range(size):
            assert proofs.subtree(0, place + 1, size, ORACLE.node) == tuple(ORACLE.proof(place + 1, size))
            assert proofs.subtree(place, place + 1, size, ORACLE.node) == tuple(ORACLE.path(place, 0, size))


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (1, 1), (2, 1), (1, 3), (0, 301), (4, 9), (300, 301)])
def test_leaves_that_are_no_subtree_have_no_proof(start: int, stop: int) -> None:
    with pytest.raises(InvalidInputError, match="are no subtree of a tree of size 300"):
        proofs.subtree(start, stop, SIZE, ORACLE.node)


def test_a_proof_in_the_largest_tree_there_can_be() -> None:
    size = 2**63 - 1
    assert len(proofs.inclusion(0, size, lambda level, number: seeded(f"{level} {number}"))) == 63
    assert len(proofs.inclusion(size - 1, size, lambda level, number: seeded(f"{level} {number}"))) == 62


NODES = st.sampled_from([seeded("one"), seeded("two"), *ORACLE.hashes[:8], *(root(n) for n in range(1, 9))])


@given(
    first=st.integers(0, 12),
    second=st.integers(0, 12),
    nodes=st.lists(NODES, max_size=5),
    place=st.integers(0, 12),
    honest=st.booleans(),
)
def test_any_proof_gets_the_verdict_of_the_recursive_verifier(
    first: int, second: int, nodes: list[bytes], place: int, *, honest: bool
) -> None:
    size = max(second, 1)
    wanted = root_by_inclusion(ORACLE.hashes[first], first, second, nodes)
    if wanted is None:
        with pytest.raises(ProofError):
            proofs.verify_inclusion(ORACLE.hashes[first], first, second, nodes, root(size))
    else:
        proofs.verify_inclusion(ORACLE.hashes[first], first, second, nodes, wanted)
    if honest and 0 < first < second:
        nodes = list(proofs.consistency(first, second, ORACLE.node))
        nodes[place % len(nodes)] = ORACLE.hashes[place]
    both = roots_by_consistency(first, second, nodes, root(first))
    if both == (root(first), root(size)):
        proofs.verify_consistency(first, root(first), second, root(size), nodes)
    else:
        with pytest.raises(ProofError):
            proofs.verify_consistency(first, root(first), second, root(size), nodes)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (8, 7), (0, -1)])
def test_there_is_no_inclusion_proof_beyond_the_tree(index: int, size: int) -> None:
    with pytest.raises(InvalidInputError):
        proofs.inclusion(index, size, ORACLE.node)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1), (2, 1), (-1, 1)])
def test_there_is_no_consistency_proof_from_nothing_or_backwards(old: int, new: int) -> None:
    with pytest.raises(InvalidInputError):
        proofs.consistency(old, new, ORACLE.node)


def test_a_subtree_proof_is_verified_as_the_draft_does() -> None:
    for size in range(1, 40):
        for start in range(size):
            for stop in range(start + 1, size + 1):
                if start % (1 << (stop - start - 1).bit_length()):
                    continue
                proof = proofs.subtree(start, stop, size, ORACLE.node)
                subtree = ORACLE.root(start, stop)
                proofs.verify_subtree(start, stop, subtree, size, root(size), proof)
                others = [(*proof, subtree), proof[:-1], proof[1:], proof[::-1]]
                others += [(*proof[:at], seeded("other"), *proof[at + 1 :]) for at in range(len(proof))]
                others += [tuple(one[:31] for one in proof)]
                for other in map(tuple, others):
                    if subtrees.proves(start, stop, size, other, subtree, root(size)):
                        assert other == proof
                        continue
                    with pytest.raises(ProofError):
                        proofs.verify_subtree(start, stop, subtree, size, root(size), other)
                with pytest.raises(ProofError):
                    proofs.verify_subtree(start, stop, seeded("other"), size, root(size), proof)


@pytest.mark.parametrize(("start", "stop", "size"), [(1, 3, 8), (0, 9, 8), (3, 3, 8), (4, 9, 16)])
def test_what_is_no_subtree_is_not_verified(start: int, stop: int, size: int) -> None:
    with pytest.raises(InvalidInputError, match="are no subtree"):
        proofs.verify_subtree(start, stop, bytes(32), size, bytes(32), ())
