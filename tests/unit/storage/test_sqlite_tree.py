"""The stored tree of a database that somebody has changed by hand: what is asked names the leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from leaves import leaf_after

from hashpact.domain.state import Head
from hashpact.errors import CorruptError
from hashpact.storage.sqlite import SqliteLedger

LEAVES = 9


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """A ledger with a few leaves."""
    with closing(SqliteLedger.create(tmp_path / "hashpact.db")) as opened:
        with opened.begin() as transaction:
            head = Head(0, ())
            for index in range(LEAVES):
                leaf = leaf_after(head, b"leaf %d" % index)
                transaction.append(leaf, (), ())
                head = head.after(leaf)
        yield opened


@pytest.fixture
def meddle(tmp_path: Path) -> Callable[[str], None]:
    """Runs SQL on the database behind the ledger's back."""

    def run(sql: str) -> None:
        with closing(apsw.Connection(str(tmp_path / "hashpact.db"))) as connection:
            connection.execute(sql)

    return run


@pytest.mark.parametrize(("gone", "level", "number"), [(3, 0, 3), (7, 1, 3), (7, 3, 0), (0, 0, 0)])
def test_a_missing_leaf_is_named(
    ledger: SqliteLedger, meddle: Callable[[str], None], gone: int, level: int, number: int
) -> None:
    meddle(f"DELETE FROM leaves WHERE idx = {gone}")  # noqa: S608  # a number of this test
    with pytest.raises(CorruptError) as caught:
        ledger.tree.node(level, number)
    assert caught.value.details["index"] == str(gone)
    with pytest.raises(CorruptError) as caught:
        ledger.tree.edge(gone + 1)
    assert caught.value.details["index"] == str(gone)


@pytest.mark.parametrize("index", [3, 6])
@pytest.mark.parametrize("nodes", ["zeroblob(32)", "zeroblob(33)", "zeroblob(128)"])
def test_nodes_of_another_length_are_named(
    ledger: SqliteLedger, meddle: Callable[[str], None], nodes: str, index: int
) -> None:
    sql = f"UPDATE leaves SET nodes = {nodes} WHERE idx = {index}"  # noqa: S608  # of this test's own values
    meddle("PRAGMA ignore_check_constraints = ON; " + sql)
    with pytest.raises(CorruptError) as caught:
        ledger.tree.edge(7)
    assert caught.value.details["index"] == str(index)
    with pytest.raises(CorruptError) as caught:
        ledger.tree.node(2 if index == 3 else 0, 0 if index == 3 else 6)
    assert caught.value.details["index"] == str(index)


def test_a_leaf_that_ends_a_subtree_further_back_is_named(
    ledger: SqliteLedger, meddle: Callable[[str], None]
) -> None:
    meddle("DELETE FROM leaves WHERE idx = 3")
    with pytest.raises(CorruptError) as caught:
        ledger.tree.edge(7)
    assert caught.value.details["index"] == "3"


def test_a_leaf_past_the_head_is_seen(ledger: SqliteLedger, meddle: Callable[[str], None]) -> None:
    meddle("INSERT INTO leaves SELECT 9, 'x', request, time, hash, nodes, data FROM leaves WHERE idx = 8")
    assert ledger.tree.extent() == LEAVES + 1
    assert ledger.head().size == LEAVES
