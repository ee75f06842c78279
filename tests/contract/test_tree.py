"""What domain/ports.py promises of a Tree and of Checkpoints, asked of each ledger's."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest
from leaves import leaf_after
from memory import MemoryLedger
from trees import merkle_root, right_edge

from hashpact.domain.ports import Checkpoints, Tree
from hashpact.domain.state import KeptCheckpoint, Leaf
from hashpact.errors import ConflictError, CorruptError, NotFoundError
from hashpact.storage.sqlite import SqliteLedger

AnyLedger: TypeAlias = MemoryLedger | SqliteLedger

LEAVES = 133
LONG = 120.0


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyLedger]:
    """An empty ledger."""
    memory = request.param == "memory"
    opened: AnyLedger = MemoryLedger() if memory else SqliteLedger.create(tmp_path / "hashpact.db")
    with closing(opened):
        yield opened


def append(ledger: AnyLedger, count: int) -> list[Leaf]:
    """Append so many leaves in one transaction."""
    head, leaves = ledger.head(), []
    with ledger.begin() as transaction:
        for index in range(head.size, head.size + count):
            leaf = leaf_after(head, b"leaf %d" % index)
            transaction.append(leaf, (), ())
            head = head.after(leaf)
            leaves.append(leaf)
    return leaves


def kept(size: int) -> KeptCheckpoint:
    return KeptCheckpoint(size, b"note %d\n" % size)


def test_every_node_and_edge_is_that_of_the_definition(ledger: AnyLedger) -> None:
    hashes = [leaf.hash for leaf in append(ledger, LEAVES)]
    tree: Tree = ledger.tree
    asked = 0
    for level in range(LEAVES.bit_length()):
        width = 1 << level
        for number in range(LEAVES // width):
            wanted = merkle_root(hashes[number * width : (number + 1) * width])
            assert tree.node(level, number) == wanted, (level, number)
            asked += 1
    assert asked > 2 * LEAVES - LEAVES.bit_length()
    for size in range(LEAVES + 1):
        assert tree.edge(size) == right_edge(hashes[:size])


@pytest.mark.parametrize(
    ("level", "number"),
    [(0, LEAVES), (1, LEAVES // 2), (7, 1), (8, 0), (60, 0), (0, -1), (3, -1), (0, 2**40)],
)
def test_a_node_past_the_leaves_is_not_found(ledger: AnyLedger, level: int, number: int) -> None:
    append(ledger, LEAVES)
    with pytest.raises(NotFoundError):
        ledger.tree.node(level, number)


def test_an_edge_past_the_leaves_is_not_found(ledger: AnyLedger) -> None:
    assert ledger.tree.edge(0) == ()
    for size in (1, 2, 2**40, -1):
        with pytest.raises(NotFoundError):
            ledger.tree.edge(size)


def test_the_extent_is_the_size_when_nobody_has_meddled(ledger: AnyLedger) -> None:
    assert ledger.tree.extent() == 0
    append(ledger, 3)
    assert ledger.tree.extent() == 3


def test_no_checkpoint_is_kept_at_first(ledger: AnyLedger) -> None:
    checkpoints: Checkpoints = ledger.checkpoints
    assert checkpoints.latest() is None
    assert list(checkpoints.since(0)) == []


def test_checkpoints_come_back_by_size(ledger: AnyLedger) -> None:
    append(ledger, 600)
    sizes = [*range(1, 300), 400, 599, 600]
    for size in sizes:
        ledger.checkpoints.keep(kept(size))
    assert ledger.checkpoints.latest() == kept(600)
    for start in (-1, 0, 1, 2, 299, 300, 400, 401, 600, 601, 2**40):
        found = [checkpoint.size for checkpoint in ledger.checkpoints.since(start)]
        assert found == [size for size in sizes if size >= start]
    assert next(ledger.checkpoints.since(300)) == kept(400)


@pytest.mark.parametrize("size", [1, 4, 5])
def test_a_checkpoint_is_never_replaced_nor_put_before_another(ledger: AnyLedger, size: int) -> None:
    append(ledger, 6)
    ledger.checkpoints.keep(kept(5))
    with pytest.raises(ConflictError):
        ledger.checkpoints.keep(KeptCheckpoint(size, b"other"))
    assert list(ledger.checkpoints.since(0)) == [kept(5)]
    ledger.checkpoints.keep(kept(6))


def test_a_checkpoint_of_more_than_the_log_is_refused(ledger: AnyLedger) -> None:
    append(ledger, 2)
    with pytest.raises(CorruptError) as caught:
        ledger.checkpoints.keep(kept(3))
    assert caught.value.details["index"] == "2"
    assert ledger.checkpoints.latest() is None
    append(ledger, 1)
    ledger.checkpoints.keep(kept(3))


def test_a_checkpoint_is_kept_with_the_leaves_that_it_signs_or_not_at_all(ledger: AnyLedger) -> None:
    append(ledger, 2)
    ledger.checkpoints.keep(kept(1))
    leaf = leaf_after(ledger.head(), b"a leaf")
    with ledger.begin() as transaction:
        with pytest.raises(CorruptError):
            transaction.keep(kept(3))
        with pytest.raises(ConflictError):
            transaction.keep(kept(1))
        with contextlib.suppress(ZeroDivisionError), transaction.savepoint():
            transaction.append(leaf, (), ())
            transaction.keep(kept(3))
            raise ZeroDivisionError
    with contextlib.suppress(ZeroDivisionError), ledger.begin() as transaction:
        transaction.append(leaf, (), ())
        transaction.keep(kept(3))
        raise ZeroDivisionError
    assert (ledger.head().size, ledger.checkpoints.latest()) == (2, kept(1))
    with ledger.begin() as transaction:
        transaction.append(leaf, (), ())
        transaction.keep(kept(3))
        with pytest.raises(ConflictError):
            transaction.keep(kept(3))
    assert (ledger.head().size, ledger.checkpoints.latest()) == (3, kept(3))


def test_an_iteration_over_checkpoints_ends_where_they_ended(ledger: AnyLedger) -> None:
    append(ledger, 3)
    ledger.checkpoints.keep(kept(1))
    ledger.checkpoints.keep(kept(2))
    iteration = ledger.checkpoints.since(0)
    assert next(iteration) == kept(1)
    ledger.checkpoints.keep(kept(3))
    assert list(iteration) == [kept(2)]


def test_of_two_that_keep_the_same_size_one_is_told(ledger: AnyLedger) -> None:
    append(ledger, 50)
    together = threading.Barrier(2)

    def keep(name: bytes) -> int:
        refused = 0
        for size in range(1, 51):
            together.wait(LONG)
            try:
                ledger.checkpoints.keep(KeptCheckpoint(size, name))
            except ConflictError:
                refused += 1
        return refused

    with ThreadPoolExecutor(2) as pool:
        refused = sum(pool.map(keep, [b"one", b"two"]))
    assert refused == 50
    assert [checkpoint.size for checkpoint in ledger.checkpoints.since(0)] == list(range(1, 51))


def test_only_the_last_two_saved_indexes_are_registered(ledger: AnyLedger) -> None:
    assert ledger.indexes.known() == ()
    digests = [bytes([number]) * 32 for number in range(5)]
    for number, digest in enumerate(digests):
        ledger.indexes.keep(digest)
        assert ledger.indexes.known() == tuple(digests[max(0, number - 1) : number + 1])
    ledger.indexes.keep(digests[-1])
    assert ledger.indexes.known() == (digests[-1], digests[-1])
    assert ledger.head().size == 0
