"""The file of a derived state: what is not as it was left is refused, and so is what is something else."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

import apsw
import apsw.sqlite_extra
import pytest

from hashpact.domain.state import Entry, LayeredState, Member, Role
from hashpact.errors import ConfigError, UnavailableError
from hashpact.storage import schema
from hashpact.storage.derived import file, summed
from hashpact.storage.derived.file import DerivedFile
from hashpact.storage.derived.guarded import StateFileError
from hashpact.storage.derived.summed import summing

PAGE = 4096
FORMATS = Path(__file__).resolve().parents[3] / "docs" / "formats"
_NO_ENTRY = """
INSERT INTO entries (idx, member, labels, basis, jurisdictions, removed_at, shared_at, items, key)
VALUES (5, 'acme', 'fraud', 'no basis', '', 0, 0, 1, x'00')
"""


def member(number: int) -> Member:
    """One of many members."""
    return Member(f"member-{number:06}", frozenset({Role.CHECK}), number)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with some thousand members, closed."""
    place = tmp_path / "state"
    with closing(DerivedFile.create(place)) as opened:
        for number in range(4000):
            opened.state.take(number, ("admin", number.to_bytes(16)), [member(number)])
        opened.commit()
    return place


def read(path: Path) -> int:
    """Open a file and read everything; how many members it has."""
    with closing(DerivedFile.open(path)) as opened:
        for number in range(4000):
            assert opened.state.request("admin", number.to_bytes(16)) == number
        return len(list(opened.records(Member)))


@pytest.mark.parametrize(("page", "tables"), [("home.md", schema), ("monitor.md", file)])
def test_the_page_of_a_format_names_the_version_of_its_tables(page: str, tables: ModuleType) -> None:
    named = f"{tables.APPLICATION_ID:#x}.*`user_version` {tables.VERSION}[;,]"
    assert re.search(named, (FORMATS / page).read_text("utf-8"))


def test_what_is_committed_is_there_and_nothing_else(path: Path) -> None:
    assert read(path) == 4000
    with closing(DerivedFile.open(path)) as opened:
        opened.state.take(4000, ("admin", b"x" * 16), [member(4000)])
        opened.flush()
        assert opened.count(Member) == 4001
    assert read(path) == 4000
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_byte_of_any_page_can_be_changed_unseen(path: Path) -> None:
    """Each page is changed at one place; every page is read by what reads everything."""
    whole = path.read_bytes()
    assert len(whole) > 50 * PAGE
    refused = 0
    for start in range(0, len(whole), PAGE):
        place = start + 100 + start // PAGE * 53 % (PAGE - 108)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert read(path) == 4000  # a page of a table that is not read, or is free
        except (StateFileError, ConfigError):
            refused += 1
    assert refused > len(whole) // PAGE - 30  # the empty tables and indexes
    path.write_bytes(whole)
    assert read(path) == 4000


def test_a_row_that_another_program_has_written_is_refused_when_it_is_read(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE members SET enrolled_index = 7 WHERE id = 'member-003000'")
    with closing(DerivedFile.open(path)) as opened, pytest.raises(StateFileError, match="another checksum"):
        opened.state.member("member-003000")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("PRAGMA user_version = 99", "version 99 of the state's tables"),
        ("PRAGMA application_id = 7", "is not the state of a monitor"),
    ],
)
def test_a_file_of_another_version_or_program_is_refused(path: Path, sql: str, message: str) -> None:
    with closing(apsw.Connection(str(path), vfs=summing())) as connection:
        connection.execute(sql)
    with pytest.raises(ConfigError, match=message):
        DerivedFile.open(path)


def test_a_file_that_is_no_database_or_not_there_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "text"
    with pytest.raises(ConfigError, match="there is no file"):
        DerivedFile.open(place)
    place.write_text("not a database, but a text that is long enough to be taken for one\n" * 99)
    with pytest.raises(ConfigError, match="is not a Hashpact database"):
        DerivedFile.open(place)
    with pytest.raises(ConfigError, match="cannot create"):
        DerivedFile.create(place)


def test_tables_that_were_added_and_pages_without_checksums_are_refused(path: Path) -> None:
    with closing(apsw.Connection(str(path), vfs=summing())) as connection:
        connection.execute("CREATE TABLE more (x)")
    with pytest.raises(StateFileError, match="is not part of a Hashpact database"):
        DerivedFile.open(path)
    path.unlink()
    with closing(apsw.Connection(str(path), vfs="unix")) as connection:
        connection.execute(f"{file._TABLES} PRAGMA journal_mode = WAL")  # those of the file
        connection.pragma("application_id", file.APPLICATION_ID)
        connection.pragma("user_version", file.VERSION)
    with pytest.raises(StateFileError, match="no checksums"):
        DerivedFile.open(path)


def test_two_processes_do_not_use_one_file(path: Path) -> None:
    with closing(DerivedFile.open(path)), pytest.raises(UnavailableError, match="locked"):
        DerivedFile.open(path)


def test_a_disk_that_is_full_is_no_fault_of_the_log(path: Path) -> None:
    with closing(DerivedFile.open(path)) as opened:
        opened._run("PRAGMA max_page_count = 1")  # none but those that it has: a full disk

        def fill() -> None:
            for number in range(4000, 9000):
                opened.state.take(number, ("admin", number.to_bytes(16)), [member(number)])
            opened.commit()

        with pytest.raises(StateFileError, match="full"):
            fill()
    assert read(path) == 4000


def test_an_apsw_without_the_extension_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cksmvfs" in apsw.vfs_names() or summing()
    assert apsw.vfs_names()[0] != "cksmvfs"  # other files have no checksums

    def missing(_connection: apsw.Connection, _name: str) -> None:
        raise apsw.sqlite_extra.NotAvailable

    monkeypatch.setattr(apsw.sqlite_extra, "load", missing)
    with pytest.raises(ConfigError, match="from PyPI"):
        summed.summing.__wrapped__()


def test_lines_wait_until_they_are_delivered(path: Path) -> None:
    with closing(DerivedFile.open(path)) as opened:
        for number in (1, 2, 3):
            opened.queue(number, b"line %d" % number)
        opened.keep("name", b"value")
        opened.commit()
        opened.delivered(2)
        opened.keep("name", None)
        assert (opened.queued(), opened.kept("name")) == ([(3, b"line 3")], None)
        opened.rollback()
        assert (len(opened.queued()), opened.kept("name")) == (3, b"value")


@pytest.fixture
def layered() -> LayeredState:
    """A state on top of one with two members."""
    below = LayeredState()
    for number in (1, 2):
        below.put(member(number))
    return LayeredState(below=below)


def test_a_layered_state_drains_what_was_put_since(layered: LayeredState) -> None:
    layered.put(member(3))
    layered.take(9, ("b", b"1"), [])
    layered.take(8, ("a", b"2"), [member(1)])
    assert layered.member("member-000002") == member(2)
    drained = layered.drain()
    assert drained.records == (member(3), member(1))
    assert drained.requests == (("a", b"2", 8), ("b", b"1", 9))
    assert layered.drain().records == ()


def test_errors_of_the_file_are_told_apart_from_those_of_the_rules(path: Path) -> None:
    with closing(DerivedFile.open(path)) as opened:
        opened.state.take(4000, ("acme", b"x" * 16), [])
        opened.flush()
        opened._run(_NO_ENTRY)  # a row that nothing of ours writes
        with pytest.raises(StateFileError, match="cannot be read"):
            opened.state.entry(5)
        with pytest.raises(StateFileError, match="the row 5 of entries"):
            list(opened.records(Entry))
