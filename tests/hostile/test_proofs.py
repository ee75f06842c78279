"""Numbers 21, 22, 23 and 25 of the hostile inputs: what a Merkle proof must not be able to show."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import seeded
from trees import Oracle

from hashpact.errors import ProofError
from hashpact.log import proofs, tree

SIZE = 24
ORACLE = Oracle([tree.leaf_hash(seeded(f"leaf {number}")) for number in range(SIZE + 1)])
PAIRS = [(low, high) for high in range(1, SIZE + 1) for low in range(high)]


def root(size: int) -> bytes:
    """The root of the first leaves."""
    return ORACLE.root(0, size)


def refused_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], end: bytes) -> None:
    """Fail unless the verifier refuses."""
    with pytest.raises(ProofError):
        proofs.verify_inclusion(leaf, index, size, proof, end)


def refused_consistency(old: int, first: bytes, new: int, second: bytes, proof: list[bytes]) -> None:
    """Fail unless the verifier refuses."""
    with pytest.raises(ProofError):
        proofs.verify_consistency(old, first, new, second, proof)


def vectors(kind: str) -> list[Path]:
    """The files of the reference implementation's vectors, from the first ``shared`` beside or above us."""
    for place in Path(__file__).resolve().parents:
        found = sorted((place / "shared" / "vectors" / "rfc6962" / kind).rglob("*.json"))
        if found:
            return found
    pytest.skip(f"there is no shared/vectors/rfc6962/{kind} beside the project")


def verdicts(kind: str) -> Iterator[tuple[dict[str, object], list[bytes], dict[str, bytes]]]:
    """Each vector with its proof and its other hashes."""
    for path in vectors(kind):
        vector = json.loads(path.read_text(encoding="utf-8"))
        proof = [base64.b64decode(node) for node in vector["proof"] or []]
        hashes = {
            name: base64.b64decode(vector[name] or "")
            for name in ("root", "leafHash", "root1", "root2")
            if name in vector
        }
        yield vector, proof, hashes


def test_21_every_published_inclusion_vector_gets_its_verdict() -> None:
    count = 0
    for vector, proof, hashes in verdicts("inclusion"):
        leaf, index, size = hashes["leafHash"], int(str(vector["leafIdx"])), int(str(vector["treeSize"]))
        if vector["wantErr"]:
            refused_inclusion(leaf, index, size, proof, hashes["root"])
        else:
            proofs.verify_inclusion(leaf, index, size, proof, hashes["root"])
        count += 1
    assert count == 98


def test_21_every_published_consistency_vector_gets_its_verdict() -> None:
    count = 0
    for vector, proof, hashes in verdicts("consistency"):
        old, new = int(str(vector["size1"])), int(str(vector["size2"]))
        if vector["wantErr"]:
            refused_consistency(old, hashes["root1"], new, hashes["root2"], proof)
        else:
            proofs.verify_consistency(old, hashes["root1"], new, hashes["root2"], proof)
        count += 1
    assert count == 98


def spoiled(proof: list[bytes]) -> Iterator[list[bytes]]:
    """A proof with one node empty, too short, too long, changed, missing, added, or moved."""
    for place in range(len(proof) + 1):
        before, after = proof[:place], proof[place:]
        for extra in (b"", bytes(31), bytes(32), bytes(33), seeded("extra"), *proof):
            yield [*before, extra, *after]
        if after:
            node, *rest = after
            for wrong in (b"", node[:31], node[1:], node + b"\0", bytes([node[0] ^ 1]) + node[1:], bytes(32)):
                yield [*before, wrong, *rest]
            yield [*before, *rest]
    if len(set(proof)) > 1:
        yield proof[::-1]
        yield [*proof[1:], proof[0]]


def test_22_a_spoiled_inclusion_proof_is_refused() -> None:
    for index, size in PAIRS:
        for wrong in spoiled(ORACLE.path(index, 0, size)):
            refused_inclusion(ORACLE.hashes[index], index, size, wrong, root(size))


def test_22_a_spoiled_consistency_proof_is_refused() -> None:
    for old, new in PAIRS:
        for wrong in spoiled(ORACLE.proof(old, new)) if old else ():
            refused_consistency(old, root(old), new, root(new), wrong)


@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(32), bytes(33), root(7)[:31], root(7) + b"\0"])
def test_22_a_leaf_or_root_that_is_no_hash_or_another_is_refused(wrong: bytes) -> None:
    path, proof = ORACLE.path(3, 0, 7), ORACLE.proof(3, 7)
    refused_inclusion(wrong, 3, 7, path, root(7))
    refused_inclusion(ORACLE.hashes[3], 3, 7, path, wrong)
    refused_inclusion(wrong, 0, 1, [], ORACLE.hashes[0])
    refused_consistency(3, wrong, 7, root(7), proof)
    refused_consistency(3, root(3), 7, wrong, proof)
    if len(wrong) != len(root(7)):
        refused_inclusion(wrong, 0, 1, [], wrong)


def test_22_an_index_at_or_past_the_size_or_another_is_refused() -> None:
    for index, size in PAIRS:
        path = ORACLE.path(index, 0, size)
        for other in {*range(SIZE + 2), -1, -size, index + 2**32, index + 2**64} - {index}:
            refused_inclusion(ORACLE.hashes[index], other, size, path, root(size))


def test_22_a_size_that_demands_another_number_of_nodes_is_refused() -> None:
    """Sizes that demand as many are told apart by the checkpoint, which signs size and root together."""
    for index, size in PAIRS:
        path = ORACLE.path(index, 0, size)
        for other in (-1, 0, index, size + 2**64):
            refused_inclusion(ORACLE.hashes[index], index, other, path, root(size))
        for other in range(index + 1, SIZE + 1):
            if len(ORACLE.path(index, 0, other)) != len(path):
                refused_inclusion(ORACLE.hashes[index], index, other, path, root(size))


def test_23_an_interior_node_offered_as_a_leaf_is_refused() -> None:
    """Its path is the end of the path of any leaf below it, so only the size can tell it from a leaf."""
    for index, size in PAIRS:
        path = ORACLE.path(index, 0, size)
        for level in range(1, len(path) + 1):
            number = index >> level
            start, stop = number << level, (number + 1) << level
            if stop > size:
                continue
            for claimed in {number, index, start, stop - 1}:
                refused_inclusion(ORACLE.root(start, stop), claimed, size, path[level:], root(size))


def test_23_no_leaf_hashes_to_an_interior_node() -> None:
    left, right = ORACLE.hashes[:2]
    assert tree.leaf_hash(left + right) != tree.node_hash(left, right) == root(2)
    assert tree.leaf_hash(b"\x01" + left + right) != root(2)


def test_25_a_tree_does_not_extend_a_larger_one() -> None:
    for new, old in PAIRS:
        for proof in ([], ORACLE.proof(new, old) if new else [], [root(new)], [root(old)]):
            refused_consistency(old, root(old), new, root(new), proof)


def test_25_one_size_has_one_root() -> None:
    for size in range(1, SIZE + 1):
        proofs.verify_consistency(size, root(size), size, root(size), [])
        for other in (root(size - 1), root(size + 1), bytes(32), seeded("root")):
            for proof in ([], [root(size)], [other], [root(size), other]):
                refused_consistency(size, root(size), size, other, proof)
                refused_consistency(size, other, size, root(size), proof)
        refused_consistency(size, root(size), size, root(size), [root(size)])


def test_25_nothing_is_proven_from_size_0() -> None:
    for new in range(SIZE + 1):
        for proof in ([], [root(new)], [tree.EMPTY_ROOT]):
            refused_consistency(0, tree.EMPTY_ROOT, new, root(new), proof)
    refused_consistency(-1, tree.EMPTY_ROOT, 1, root(1), [])


def test_25_two_trees_that_part_have_no_proof() -> None:
    """The second log forked after ``common`` leaves; no mixture of both logs' proofs joins them."""
    for common in range(8):
        fork = Oracle([*ORACLE.hashes[:common], *(seeded(f"fork {number}") for number in range(16))])
        for old in range(common + 1, 12):
            for new in range(old, 16):
                mine, theirs = ORACLE.proof(old, new), fork.proof(old, new)
                mixed = [[*mine[:cut], *theirs[cut:]] for cut in range(len(mine) + 1)]
                for proof in [*mixed, *([*theirs[:cut], *mine[cut:]] for cut in range(len(mine) + 1))]:
                    refused_consistency(old, root(old), new, fork.root(0, new), proof)
                    refused_consistency(old, fork.root(0, old), new, root(new), proof)
