"""What domain/ports.py promises of a transaction's savepoints, asked of each ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest
from leaves import leaf_after
from memory import MemoryLedger

from hashpact.domain.ports import Ledger, Transaction
from hashpact.domain.state import Leaf, Member
from hashpact.errors import CommitFailedError, UnavailableError
from hashpact.storage.sqlite import SqliteLedger

MEMBER = Member("acme", frozenset(), 1)


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    memory = request.param == "memory"
    made: Ledger = MemoryLedger() if memory else SqliteLedger.create(tmp_path / "hashpact.db")
    with closing(made):
        yield made


def spoil(transaction: Transaction, leaves: Sequence[Leaf], error: type[BaseException]) -> None:
    """Append in a block that ends with an error."""
    with transaction.savepoint():
        for leaf in leaves:
            transaction.append(leaf, [b"q"], [MEMBER])
        assert transaction.member("acme") == MEMBER
        raise error


def lose(ledger: SqliteLedger) -> None:
    """Append in a transaction that SQLite ends too early."""
    with ledger.begin() as transaction:
        with transaction.savepoint():
            transaction.append(leaf_after(ledger.head(), b"one"), [], [])
        transaction.stage("ROLLBACK")
        with pytest.raises(UnavailableError), transaction.savepoint():
            pytest.fail("the savepoint was opened")


def test_what_a_block_stages_is_kept(ledger: Ledger) -> None:
    first = leaf_after(ledger.head(), b"one")
    second = leaf_after(ledger.head().after(first), b"two")
    with ledger.begin() as transaction:
        with transaction.savepoint():
            transaction.append(first, [b"p"], [MEMBER])
        with transaction.savepoint():
            transaction.append(second, [], [])
    assert list(ledger.leaves(0, 9)) == [first, second]
    assert ledger.head().size == 2


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_nothing_and_the_others_go_on(
    ledger: Ledger, error: type[BaseException]
) -> None:
    first = leaf_after(ledger.head(), b"one")
    gone = [leaf_after(ledger.head().after(first), b"gone")]
    gone.append(leaf_after(ledger.head().after(first).after(gone[0]), b"too"))
    last = leaf_after(ledger.head().after(first), b"two")
    with ledger.begin() as transaction:
        with transaction.savepoint():
            transaction.append(first, [b"p"], [])
        with pytest.raises(error):
            spoil(transaction, gone, error)
        assert transaction.member("acme") is None
        assert transaction.request(gone[0].member, gone[0].request) is None
        with transaction.savepoint():
            transaction.append(last, [b"r"], [])
    assert list(ledger.leaves(0, 9)) == [first, last]
    assert dict(ledger.private(0, 9)) == {0: (b"p",), 1: (b"r",)}
    with ledger.snapshot() as view:
        assert view.member("acme") is None


def test_a_block_that_is_kept_is_gone_with_its_transaction(ledger: Ledger) -> None:
    leaf = leaf_after(ledger.head(), b"one")
    with suppress(ZeroDivisionError), ledger.begin() as transaction:
        with transaction.savepoint():
            transaction.append(leaf, [], [MEMBER])
        raise ZeroDivisionError
    assert ledger.head().size == 0


def test_after_sqlite_has_ended_the_transaction_nothing_is_committed_by_itself(tmp_path: Path) -> None:
    """As after some failures of the disk: a savepoint would then begin a transaction of its own."""
    ledger = SqliteLedger.create(tmp_path / "hashpact.db")
    with closing(ledger):
        with pytest.raises(CommitFailedError):
            lose(ledger)
        with closing(apsw.Connection(str(tmp_path / "hashpact.db"))) as other:
            assert other.execute("SELECT count(*) FROM leaves").fetchall() == [(0,)]
        with pytest.raises(CommitFailedError), ledger.begin():
            pass
