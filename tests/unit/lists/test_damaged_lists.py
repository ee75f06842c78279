"""Lists whose files are damaged, copied, changed or gone: an error that names the file, or what was in it."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import Mock

import apsw
import pytest
from builders import fingerprint

from hashpact.domain.checks import Filter, Match, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.errors import ConfigError, CorruptError, UnavailableError
from hashpact.lists import table as table_module
from hashpact.lists.blocks import ROWS as BLOCK_ROWS
from hashpact.lists.blocks import Kept
from hashpact.lists.indexed import OpenList
from hashpact.lists.local import PrivateLists
from hashpact.lists.table import RowTable, listed

ROWS = 300
CODE = fingerprint(PDQ, "7")


@pytest.fixture
def lists(tmp_path: Path) -> PrivateLists:
    """A list, in a file that is closed."""
    made = PrivateLists(tmp_path / "lists", unencrypted=True)
    with made.table("kept", make=True) as table, table.writing():
        for number in range(ROWS):
            place = table.append(Kept(str(number), (fingerprint(PDQ, str(number)),), ("ncii",), number))
            name = table.sealer.name(b"test", str(number).encode())
            table.sql.execute("INSERT INTO row VALUES (?, 'test', x'', ?, 0)", (name, place))
        table.flush()
    return made


def keys(lists: PrivateLists) -> list[str]:
    """The keys that a search finds, and those of every row."""
    searched = PrivateLists(lists.directory, unencrypted=True)
    found = [match.key for match in searched.search([Query(CODE)], Filter(), 9)]
    with lists.table("kept") as table:
        return found + [row.key for row in listed(table)]


def test_a_damaged_file_is_an_error_that_names_it_or_gives_all_rows(lists: PrivateLists) -> None:
    file = lists.file("kept")
    whole, good = keys(lists), file.read_bytes()
    size = 4096
    damaged = 0
    for start in range(0, len(good), size):
        for wrong in (bytes(size), b"\xa5" * size):
            file.write_bytes(good[:start] + wrong + good[start + size :])
            with contextlib.suppress(CorruptError):
                assert keys(lists) == whole
                continue
            damaged += 1
    assert damaged >= len(good) // size
    file.write_bytes(good)
    assert keys(lists) == whole


def test_a_file_that_is_damaged_while_it_is_open_is_an_error_that_names_it(lists: PrivateLists) -> None:
    assert [match.key for match in lists.search([Query(CODE)], Filter(), 9)] == ["7"]
    with contextlib.closing(apsw.Connection(str(lists.file("kept")))) as other:
        other.execute("DROP TABLE dead")
    with pytest.raises(CorruptError, match=r"kept\.list is damaged"):
        lists.counts()


def test_a_disk_that_is_full_is_named_with_the_file_and_changes_nothing(lists: PrivateLists) -> None:
    before, table = keys(lists), lists.table("kept")
    table.sql.pragma("max_page_count", table.sql.pragma("page_count"))
    with pytest.raises(UnavailableError, match=r"/kept\.list; check the disk"), table, table.writing():
        table.sql.execute("INSERT INTO block VALUES (99, zeroblob(1000000))")
    assert keys(lists) == before


def test_a_disk_that_cannot_be_read_is_not_taken_for_damage(lists: PrivateLists) -> None:
    """SQLite ends a transaction in which it cannot read."""

    def failing(table: RowTable) -> None:
        table.sql.execute("ROLLBACK")
        raise apsw.IOError

    table = lists.table("kept")
    with pytest.raises(UnavailableError, match=r"/kept\.list; check the disk"), table, table.reading():
        failing(table)


def test_a_list_that_another_process_changes_is_named(
    lists: PrivateLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "_WAIT", 1)
    with (
        lists.table("kept") as table,
        table.writing(),
        pytest.raises(UnavailableError, match=r"another process is changing .*/kept\.list"),
        lists.table("kept") as other,
        other.writing(),
    ):
        raise AssertionError


def test_a_place_where_nothing_can_be_written_is_named(
    lists: PrivateLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apsw, "Connection", Mock(side_effect=apsw.CantOpenError("unable to open")))
    with pytest.raises(ConfigError, match=r"cannot open .*/kept\.list to write; check its owner and mode"):
        lists.table("kept")


def test_an_error_of_our_own_stays_what_it_is(lists: PrivateLists) -> None:
    with lists.table("kept") as table, pytest.raises(apsw.BindingsError), table.sound():
        table.one("SELECT ?")


def changed(lists: PrivateLists) -> None:
    """Change the list."""
    with lists.table("kept") as table, table.writing():
        table.sql.execute("INSERT INTO dead VALUES (?)", (BLOCK_ROWS,))  # the first row of the first block


@pytest.mark.parametrize("change", [changed, lambda lists: lists.remove("kept")])
def test_a_search_ends_although_another_thread_finds_the_list_changed_or_gone(
    lists: PrivateLists, monkeypatch: pytest.MonkeyPatch, change: Callable[[PrivateLists], None]
) -> None:
    search = OpenList.search

    def overtaken(self: OpenList, queries: Sequence[Query], limit: int) -> list[Match]:
        change(lists)
        lists.counts()  # as another thread does
        return search(self, queries, limit)

    lists.counts()
    with monkeypatch.context() as patched:
        patched.setattr(OpenList, "search", overtaken)
        assert [match.key for match in lists.search([Query(CODE)], Filter(), 9)] == ["7"]


def test_a_list_that_is_being_made_is_none_yet(lists: PrivateLists, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def salt(size: int) -> bytes:
        seen.append(list(lists.counts()))
        return bytes(size)

    monkeypatch.setattr(secrets, "token_bytes", salt)
    lists.table("second", make=True).close()
    assert seen
    assert all(names == ["kept"] for names in seen)
    assert list(lists.counts()) == ["kept", "second"]


def test_a_list_that_is_removed_while_it_is_opened_is_left_out(
    lists: PrivateLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    master = PrivateLists._master

    def overtaken(self: PrivateLists) -> bytes:
        found = master(self)
        lists.file("kept").unlink()
        return found

    monkeypatch.setattr(PrivateLists, "_master", overtaken)
    assert lists.counts() == {}
    assert not lists.file("kept").exists()


@pytest.mark.parametrize("name", ["kept (copy)", "KEPT", ".kept", "kept_2"])
def test_a_file_whose_name_no_list_can_have_is_none(lists: PrivateLists, name: str) -> None:
    shutil.copy(lists.file("kept"), lists.directory / f"{name}.list")
    assert list(lists.counts()) == lists.names() == ["kept"]


@pytest.mark.parametrize("left", ["kept.list", "shared.ledger"])
def test_a_key_that_is_missing_beside_lists_is_not_made_anew(lists: PrivateLists, left: str) -> None:
    lists.file("kept").rename(lists.directory / left)
    key = lists.directory / "lists.key"
    key.unlink()
    with pytest.raises(
        ConfigError, match=rf"lists\.key is missing, and no other key opens .*/{left}: restore"
    ):
        lists.table("another", make=True)
    assert not key.exists()
