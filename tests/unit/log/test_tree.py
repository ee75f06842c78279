"""The tree, against published roots and against the recursive definition of RFC 6962."""

from __future__ import annotations

import hashlib

import pytest
from builders import seeded
from trees import merkle_root, right_edge

from hashpact.log import tree

# The leaves and roots of the reference implementations (certificate-transparency, transparency-dev/merkle).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def edge_of(hashes: list[bytes]) -> tuple[bytes, ...]:
    """The right edge, leaf by leaf."""
    edge: tuple[bytes, ...] = ()
    for size, leaf in enumerate(hashes):
        edge = tree.extend(size, edge, leaf)
    return edge


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    edge = edge_of([tree.leaf_hash(leaf) for leaf in LEAVES[:size]])
    assert tree.root(edge).hex() == ROOTS[size]


def test_every_size_up_to_300_by_the_recursive_definition() -> None:
    hashes = [tree.leaf_hash(seeded(f"leaf {number}")) for number in range(300)]
    edge: tuple[bytes, ...] = ()
    for size, leaf in enumerate(hashes):
        assert tree.root(edge) == merkle_root(hashes[:size])
        assert edge == right_edge(hashes[:size])
        edge = tree.extend(size, edge, leaf)
    assert tree.root(edge) == merkle_root(hashes)


def test_leaves_and_nodes_are_hashed_apart() -> None:
    left, right = seeded("left"), seeded("right")
    assert tree.leaf_hash(b"leaf") == hashlib.sha256(b"\0leaf").digest()
    assert tree.node_hash(left, right) == hashlib.sha256(b"\1" + left + right).digest()
    # Were they not, the interior node could be offered as a leaf of its 64 bytes.
    assert tree.node_hash(left, right) != tree.leaf_hash(left + right)


def test_the_order_of_leaves_is_in_the_root() -> None:
    first, second = seeded("first"), seeded("second")
    assert tree.root(edge_of([first, second])) != tree.root(edge_of([second, first]))


def test_a_tree_beyond_any_that_fits_in_memory() -> None:
    size = 2**62 - 1
    edge = tuple(seeded(f"subtree {power}") for power in range(61, -1, -1))
    assert tree.extend(size, edge, seeded("leaf")) == (tree.root((*edge, seeded("leaf"))),)


@pytest.mark.parametrize(("size", "hashes"), [(0, 1), (1, 0), (2, 2), (3, 1), (7, 4), (8, 0)])
def test_an_edge_of_another_size_is_refused(size: int, hashes: int) -> None:
    with pytest.raises(ValueError, match=f"not {hashes}$"):
        tree.extend(size, (bytes(32),) * hashes, bytes(32))
