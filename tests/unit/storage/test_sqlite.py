"""The SQLite ledger: what it asks of SQLite, and which files it refuses to open."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from leaves import leaf_after

from hashpact.domain.state import Leaf, Member, Opinion, Stance
from hashpact.errors import ConfigError, CorruptError, HashpactError, UnavailableError
from hashpact.storage import schema
from hashpact.storage.connection import translated
from hashpact.storage.rows.view import RowView
from hashpact.storage.sqlite import SqliteLedger

from .appender import APPENDER, ENVIRON, append, check


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger may be made."""
    return tmp_path / "hashpact.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    """An empty ledger."""
    with closing(SqliteLedger.create(path)) as made:
        yield made


@pytest.fixture
def filled(path: Path) -> Path:
    """The file of a ledger of five leaves that nobody has open."""
    with closing(SqliteLedger.create(path)) as ledger:
        for _ in range(5):
            append(ledger)
    return path


def run(path: Path, sql: str) -> None:
    """Do to the file what its owner should not."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(sql)


def refusal(path: Path, kind: type[HashpactError]) -> HashpactError:
    """Why the file is not opened: one line that names it."""
    with pytest.raises(kind) as caught:
        SqliteLedger.open(path)
    assert "\n" not in caught.value.message
    assert str(path) in caught.value.message
    return caught.value


# The promises that rest on SQLite's settings.


def test_every_connection_waits_for_the_disk_at_commit(ledger: SqliteLedger) -> None:
    with ledger.snapshot():
        readers = [ledger._readers.take() for _ in range(2)]
    for connection in [ledger._writer, *readers]:
        assert connection.pragma("journal_mode") == "wal"
        assert connection.pragma("synchronous") == 2  # FULL
        assert connection.pragma("foreign_keys") == 1
    for connection in readers:
        ledger._readers.give(connection)


def test_a_reader_cannot_write(ledger: SqliteLedger) -> None:
    reader = ledger._readers.take()
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("UPDATE head SET size = 9")
    ledger._readers.give(reader)


def test_a_members_opinions_are_found_without_reading_those_of_others(ledger: SqliteLedger) -> None:
    """Any member can ask for them, over a revocation (`ListChanges`)."""
    others = [Opinion(entry, "bravo", Stance.SEEN, entry, bytes(32)) for entry in range(20_000)]
    mine = [replace(others[at], member="acme") for at in (7, 19_000)]
    with ledger.begin() as transaction:
        transaction.append(leaf_after(ledger.head(), b"one"), [], [*others, *mine])
    ticks: list[int] = []

    def tick() -> bool:
        ticks.append(1)
        return False  # go on

    with ledger.snapshot() as view:
        assert isinstance(view, RowView)
        connection = view._connection
        connection.set_progress_handler(tick, 10)
        try:
            assert view.opinions_of("acme", 7, 9) == (mine[1],)
            assert view.opinions_of("acme", -1, 1) == (mine[0],)
        finally:
            connection.set_progress_handler(None)
    assert 0 < len(ticks) < 100  # 1000 of SQLite's instructions


def test_a_leaf_cannot_be_removed_from_under_its_private_parts(filled: Path) -> None:
    with (
        closing(SqliteLedger.open(filled)) as ledger,
        pytest.raises(apsw.ConstraintError, match="FOREIGN KEY"),
    ):
        ledger._writer.execute("DELETE FROM leaves WHERE idx = 4")


def test_only_the_owner_can_read_the_files(ledger: SqliteLedger, path: Path) -> None:
    append(ledger)
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(["hashpact.db", "hashpact.db-wal", "hashpact.db-shm"], 0o600)


def test_iterations_and_snapshots_that_are_left_do_not_hold_the_log_file_back(ledger: SqliteLedger) -> None:
    for _ in range(70):
        append(ledger)
    leaves, private = ledger.leaves(0, 70), ledger.private(0, 70)
    next(leaves)
    next(private)
    with ledger.snapshot() as view:
        view.charter()
    append(ledger)
    _, frames, copied = ledger._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
    assert (frames, copied) == (0, 0)  # nobody kept it from copying all and starting anew


def test_readers_share_connections(ledger: SqliteLedger) -> None:
    append(ledger)
    for _ in range(20):
        ledger.head()
        list(ledger.leaves(0, 1))
        with ledger.snapshot() as view:
            view.charter()
    assert len(ledger._readers._idle) == 1


def test_a_snapshot_may_be_left_by_an_exception(ledger: SqliteLedger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.snapshot():
        raise ZeroDivisionError
    append(ledger)
    assert ledger.head().size == 1  # read by the connection that the snapshot had


def test_a_ledger_is_used_from_threads_that_come_and_go(ledger: SqliteLedger) -> None:
    together = threading.Barrier(6)

    def work() -> int:
        together.wait(120)
        with ledger.snapshot() as view:
            view.charter()
            together.wait(120)
        return append(ledger)

    for _ in range(3):
        with ThreadPoolExecutor(6) as pool:
            futures = [pool.submit(work) for _ in range(6)]
        assert all(future.result() is not None for future in futures)
    assert len(ledger._readers._idle) == 6  # as many as were in use at one time, however many threads
    assert ledger.head().size == 18


def test_a_transaction_that_has_ended_stages_nothing(ledger: SqliteLedger) -> None:
    with ledger.begin() as transaction:
        pass
    with pytest.raises(UnavailableError, match="has ended"):
        transaction.append(leaf_after(ledger.head(), b"late"), [], [])
    assert ledger.head().size == 0


def test_a_leaf_that_fails_half_way_is_not_staged(ledger: SqliteLedger) -> None:
    leaf = leaf_after(ledger.head(), b"one")
    with ledger.begin() as transaction:
        with pytest.raises(OverflowError):
            transaction.append(leaf, [b"p"], [Member("m", frozenset(), 2**64)])
        assert transaction.request(leaf.member, leaf.request) is None
        transaction.append(leaf, [], [])
    assert list(ledger.leaves(0, 9)) == [leaf]
    assert list(ledger.private(0, 9)) == []


# Making and opening.


def test_a_ledger_comes_back_as_it_was(filled: Path) -> None:
    assert check(filled) == 5
    with closing(SqliteLedger.open(filled)) as ledger:
        assert append(ledger) == 5
    assert check(filled) == 6


def test_a_log_file_that_was_turned_off_is_turned_on(filled: Path) -> None:
    run(filled, "PRAGMA journal_mode = DELETE")
    with closing(SqliteLedger.open(filled)) as ledger:
        assert ledger._writer.pragma("journal_mode") == "wal"


def test_a_closed_ledger_leaves_one_file_and_answers_no_more(ledger: SqliteLedger, path: Path) -> None:
    append(ledger)
    with ledger.snapshot():
        ledger.head()
    ledger.close()
    assert [file.name for file in path.parent.iterdir()] == ["hashpact.db"]
    with pytest.raises(UnavailableError):
        ledger.head()
    with pytest.raises(UnavailableError):
        append(ledger)
    ledger.close()


def test_a_snapshot_outlives_the_close_by_another_thread(path: Path) -> None:
    ledger = SqliteLedger.create(path)
    append(ledger)
    with ledger.snapshot() as view:
        ledger.close()
        assert view.entry(0) is not None
    assert ledger._readers._idle == []


def test_create_never_touches_what_is_there(path: Path) -> None:
    path.write_bytes(b"precious")
    with pytest.raises(ConfigError, match="exists already"):
        SqliteLedger.create(path)
    assert path.read_bytes() == b"precious"


def test_create_in_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory"):
        SqliteLedger.create(tmp_path / "absent" / "hashpact.db")


def test_a_create_that_fails_leaves_no_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_TABLES", "CREATE TABLE head (one INTEGER) STRICT; nonsense")
    with pytest.raises(CorruptError, match="nonsense"):
        SqliteLedger.create(path)
    assert list(path.parent.iterdir()) == []


def test_what_is_not_there_is_not_made(path: Path) -> None:
    refusal(path, ConfigError)
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"a text\n" * 1000, b"SQLite format 3\0" + b"\xff" * 4000],
    ids=["empty", "text", "header"],
)
def test_another_kind_of_file_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert "is not a Hashpact database" in refusal(path, ConfigError).message
    assert path.read_bytes() == content


def test_another_programmes_database_is_refused_and_left_alone(path: Path) -> None:
    run(path, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
    before = path.read_bytes()
    assert "is not a Hashpact database" in refusal(path, ConfigError).message
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [0, schema.VERSION + 1])
def test_another_schema_is_refused(filled: Path, version: int) -> None:
    run(filled, f"PRAGMA user_version = {version}")
    message = refusal(filled, ConfigError).message
    assert f"schema version {version}" in message
    assert "newer" in message


def test_a_directory_is_refused(tmp_path: Path) -> None:
    refusal(tmp_path, ConfigError)


@pytest.mark.parametrize(("file_mode", "directory_mode"), [(0o666, 0o555), (0o444, 0o777)])
def test_a_home_that_may_not_be_written_is_refused(file_mode: int, directory_mode: int) -> None:
    with ExitStack() as stack:
        # Not below tmp_path, into which only its owner can look: the child gives up being root.
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = home / "hashpact.db"
        SqliteLedger.create(path).close()
        path.chmod(file_mode)
        home.chmod(directory_mode)
        stack.callback(home.chmod, 0o755)
        command = [sys.executable, str(APPENDER), "open", str(path)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=ENVIRON
        )  # our own file
    assert done.stdout.startswith("refused ")
    assert str(path) in done.stdout
    assert done.stdout.count("\n") == 1


# Damage.


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        ("UPDATE head SET size = 4", 4),
        ("UPDATE head SET size = 7", 5),
        ("UPDATE head SET size = 0, edge = x''", 0),
        ("UPDATE head SET edge = zeroblob(64)", 4),
        ("UPDATE leaves SET hash = zeroblob(32) WHERE idx = 4", 4),
        ("UPDATE leaves SET nodes = zeroblob(64) WHERE idx = 4", 4),
        ("UPDATE leaves SET nodes = zeroblob(32) WHERE idx = 3", 3),
        ("DELETE FROM leaves WHERE idx = 4", 4),
        ("DELETE FROM leaves", 0),
    ],
)
def test_a_head_that_is_not_the_last_leafs_is_refused(filled: Path, sql: str, index: int) -> None:
    run(filled, sql)
    assert refusal(filled, CorruptError).details == {"index": str(index)}


def test_a_log_without_a_head_is_refused(filled: Path) -> None:
    run(filled, "DELETE FROM head")
    assert "no head" in refusal(filled, CorruptError).message


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_missing_leaf_is_named_when_it_is_read(filled: Path, gone: int) -> None:
    run(filled, f"DELETE FROM leaves WHERE idx = {gone}")  # noqa: S608  # a number of this test
    with closing(SqliteLedger.open(filled)) as ledger:
        with pytest.raises(CorruptError) as caught:
            list(ledger.leaves(0, 5))
        assert caught.value.details == {"index": str(gone)}
        with pytest.raises(CorruptError):
            list(ledger.leaves(gone, gone + 1))
        assert len(list(ledger.leaves(gone + 1, 5))) == 4 - gone


@pytest.mark.parametrize("value", ["basis = 'whim'", "labels = char(10)", "labels = 'fraud' || char(10)"])
def test_a_row_that_we_never_write_is_damage(filled: Path, value: str) -> None:
    run(filled, f"UPDATE entries SET {value} WHERE idx = 2")  # noqa: S608  # a value of this test
    with closing(SqliteLedger.open(filled)) as ledger, ledger.snapshot() as view:
        with pytest.raises(CorruptError):
            view.entry(2)
        assert view.entry(1) is not None


def test_revoked_certificates_that_we_never_write_are_damage(filled: Path) -> None:
    run(filled, "INSERT INTO members VALUES ('odd', '', 1, NULL, x'00')")
    with (
        closing(SqliteLedger.open(filled)) as ledger,
        ledger.snapshot() as view,
        pytest.raises(CorruptError, match="a multiple of 36 bytes"),
    ):
        view.member("odd")


def test_damaged_pages_are_damage(filled: Path) -> None:
    with filled.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (filled.stat().st_size - 4096))
    refusal(filled, CorruptError)


@pytest.mark.parametrize("field", ["hash", "nodes"])
def test_a_leaf_with_a_hash_of_another_size_is_refused(ledger: SqliteLedger, field: str) -> None:
    leaf = leaf_after(ledger.head(), b"one")
    values = {name: getattr(leaf, name) for name in Leaf.__dataclass_fields__}
    values[field] = (b"\x01" * 31,) if field == "nodes" else b"\x01" * 31
    with ledger.begin() as transaction:
        with pytest.raises(CorruptError, match="leaf 0"):
            transaction.append(Leaf(**values), [b"p"], [])
        transaction.append(leaf, [], [])
    assert list(ledger.private(0, 1)) == []


def test_every_failure_of_sqlite_has_an_error_of_ours() -> None:
    kinds = [kind for kind in vars(apsw).values() if isinstance(kind, type) and issubclass(kind, apsw.Error)]
    assert len(kinds) > 30
    for kind in kinds:
        error = translated(kind("reason"), "/home/hashpact.db")
        assert type(error) in {UnavailableError, ConfigError, CorruptError}
        assert "/home/hashpact.db" in error.message
