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
                head = Head(leaf.index + 1, leaf.edge)
        yield opened


@pytest.fixture
def meddle(tmp_path: Path) -> Callable[[str], None]:
    """Runs SQL on the database behind the ledger's back."""

    def run(sql: str) -> None:
        with closing(apsw.Connection(str(tmp_path / "hashpact.db"))) as connection:
            connection.execute(sql)

    return run


@pytest.mark.parametrize(
    ("gone", "level", "number"), [(3, 0, 3), (7, 1, 3), (6, 1, 3), (7, 3, 0), (6, 3, 0), (0, 0, 0)]
)
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


@pytest.mark.parametrize("edge", ["zeroblob(32)", "zeroblob(33)", "zeroblob(128)"])
def test_an_edge_of_another_length_is_named(
    ledger: SqliteLedger, meddle: Callable[[str], None], edge: str
) -> None:
    sql = f"UPDATE leaves SET edge = {edge} WHERE idx = 6"  # noqa: S608  # of this test's own values
    meddle("PRAGMA ignore_check_constraints = ON; " + sql)
    with pytest.raises(CorruptError) as caught:
        ledger.tree.edge(7)
    assert caught.value.details["index"] == "6"


def test_an_edge_too_short_for_a_node_is_named(ledger: SqliteLedger, meddle: Callable[[str], None]) -> None:
    meddle("UPDATE leaves SET edge = zeroblob(64) WHERE idx = 6")
    with pytest.raises(CorruptError) as caught:
        ledger.tree.node(3, 0)
    assert caught.value.details["index"] == "6"


def test_a_leaf_past_the_head_is_seen(ledger: SqliteLedger, meddle: Callable[[str], None]) -> None:
    meddle(
        "INSERT INTO leaves SELECT 9, 'x', request, time, hash, root, edge, data FROM leaves WHERE idx = 8"
    )
    assert ledger.tree.extent() == LEAVES + 1
    assert ledger.head().size == LEAVES
