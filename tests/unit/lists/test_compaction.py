"""A list that changes often is written anew; one that is removed leaves nothing to the next of its name."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apsw
import pytest
from builders import fingerprint

from hashpact.domain.checks import Filter, Hits, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.errors import CorruptError, UnavailableError
from hashpact.exchange.formats import FORMATS
from hashpact.exchange.mapping import ClassMap
from hashpact.exchange.rows import Delete, Listed, Put, Row
from hashpact.lists import compaction, indexed, staging
from hashpact.lists import table as table_module
from hashpact.lists.blocks import Kept
from hashpact.lists.local import PrivateLists
from hashpact.lists.staging import ImportReport, Staging, Taking
from hashpact.lists.table import listed
from hashpact.lookup.native import NativeIndex

NAME = "kept"
TAKING = Taking(FORMATS["csv"], ClassMap(), mapped=False)


@pytest.fixture
def lists(tmp_path: Path) -> PrivateLists:
    """A directory for lists."""
    return PrivateLists(tmp_path / "lists", unencrypted=True)


def put(number: int, version: int = 0) -> Put:
    """A record, in one of its versions."""
    return Put(str(number), (fingerprint(PDQ, f"{number} {version}"),), ("ncii",), version)


def change(lists: PrivateLists, rows: Iterable[Row]) -> None:
    """An import of these records."""
    with lists.table(NAME, make=True) as table, table.writing():
        for _ in Staging(table, "test", TAKING, ImportReport()).take(rows):
            pass
        staging.apply(table, "test")


def found(lists: PrivateLists, rows: Sequence[Put]) -> list[str]:
    """The keys of the records that are found by their own code."""
    queries = [Query(row.fingerprints[0]) for row in rows]
    return [match.key for query in queries for match in lists.search([query], Filter(), 9)]


def held(lists: PrivateLists) -> list[Listed]:
    """Every record of the list."""
    with lists.table(NAME) as table:
        return list(listed(table))


def blocks(lists: PrivateLists) -> int:
    """How many blocks the file has."""
    with lists.table(NAME) as table:
        return len(table.numbers())


def beside(lists: PrivateLists) -> set[str]:
    """What the files of the list are called."""
    return {path.name for path in lists.directory.iterdir()} - {"lists.key"}


def often(lists: PrivateLists, times: int) -> None:
    """Records of which one is changed again and again, and one is taken back."""
    change(lists, [put(number) for number in range(5)])
    change(lists, [Delete("3", 1)])
    for version in range(1, times):
        change(lists, [put(0, version)])


def test_a_list_that_changes_often_is_written_anew_with_the_same_content(lists: PrivateLists) -> None:
    often(lists, 68)
    reader = PrivateLists(lists.directory, unencrypted=True)
    kept, asked = held(lists), [put(0, 67), put(0, 68), *(put(number) for number in range(5))]
    assert (found(reader, asked), blocks(lists)) == (["0", "1", "2", "4"], 68)
    change(lists, [put(0, 68)])
    assert (blocks(lists), beside(lists)) == (1, {"kept.list", "kept.list-wal", "kept.list-shm"})
    # In their order, the one that was taken back included.
    assert [row.key for row in held(lists)] == [*"1234", "0"]
    assert [row for row in held(lists) if row.key != "0"] == [row for row in kept if row.key != "0"]
    assert [row.key for row in held(lists) if row.deleted] == ["3"]
    # It is found by who has had the list open, and goes on from there: what is known already is known.
    assert found(reader, asked) == ["0", "1", "2", "4"]
    change(lists, [put(0, 68), put(1), put(3), put(4, 1)])
    assert found(reader, [put(3), put(4, 1), put(4)]) == ["3", "4"]
    assert not any(row.deleted for row in held(lists))


def test_many_rows_fill_their_blocks_again(lists: PrivateLists, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (compaction, indexed, table_module):
        monkeypatch.setattr(module, "ROWS", 4)
    draw = random.Random(1)
    known: dict[int, Put] = {}
    most = 0
    for version in range(200):
        some = {number: put(number, version) for number in draw.sample(range(40), draw.randint(1, 9))}
        gone = draw.sample(range(40), 2)
        change(lists, [*some.values(), *(Delete(str(number), version) for number in gone)])
        known = {number: row for number, row in (known | some).items() if number not in gone}
        most = max(most, blocks(lists))
        if version % 10 == 0:
            assert sorted(found(lists, list(known.values()))) == sorted(map(str, known))
    assert most <= 64 + 4 * 10
    with lists.table(NAME) as table:
        assert table.generation() > 1


def test_a_search_while_the_list_is_written_anew_is_made_again(lists: PrivateLists) -> None:
    often(lists, 68)
    asked = [put(number) for number in range(1, 5)]
    assert found(lists, asked) == ["1", "2", "4"]
    search, changes = NativeIndex.search, [partial(change, lists, [put(0, 68)])]

    def searched(index: NativeIndex, *arguments: Any) -> Hits:  # noqa: ANN401 - as of `search`
        hits = search(index, *arguments)
        while changes:
            changes.pop()()
        return hits

    with patch.object(NativeIndex, "search", searched):
        assert found(lists, asked) == ["1", "2", "4"]
    assert (changes, blocks(lists)) == ([], 1)


def test_a_list_that_is_written_anew_again_and_again_is_to_be_asked_later(lists: PrivateLists) -> None:
    change(lists, [put(0)])
    (opened,) = lists._current()
    with lists.table(NAME) as table, table.writing():
        table.rewind()
        table.append(Kept("0", put(0).fingerprints, (), 0))
        table.end()
    with pytest.raises(UnavailableError, match="written anew while it was read"):
        opened.search([Query(put(0).fingerprints[0])], 9)
    with pytest.raises(UnavailableError, match="written anew while it was read"):
        opened.row(4096)
    assert found(lists, [put(0)]) == ["0"]


def test_an_altered_block_is_named_and_nothing_is_changed(lists: PrivateLists) -> None:
    often(lists, 68)
    with lists.table(NAME) as table, table.writing():
        table.sql.execute("UPDATE block SET sealed = zeroblob(99) WHERE number = 1")
    with pytest.raises(CorruptError, match="block 1 was altered"):
        change(lists, [put(0, 68)])
    assert blocks(lists) == 68


def test_a_list_is_not_removed_while_it_is_changed(
    lists: PrivateLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(lists, [put(0)])
    monkeypatch.setattr(table_module, "_WAIT", 1)
    with (
        lists.table(NAME) as table,
        table.writing(),
        pytest.raises(UnavailableError, match="another process is changing"),
    ):
        lists.remove(NAME)
    lists.remove(NAME)
    assert beside(lists) == set()


def test_a_removed_list_leaves_nothing_to_the_next_of_its_name(lists: PrivateLists) -> None:
    change(lists, [put(0)])
    reader = PrivateLists(lists.directory, unencrypted=True)
    assert found(reader, [put(0)]) == ["0"]
    change(lists, [put(1)])  # beside the file, because somebody has it open
    assert lists.file(NAME).with_name("kept.list-wal").stat().st_size
    lists.remove(NAME)
    assert beside(lists) == set()
    change(lists, [put(2)])
    assert [row.key for row in held(lists)] == ["2"]
    assert found(reader, [put(0), put(1), put(2)]) == ["2"]


def test_what_a_killed_removal_has_left_is_not_taken_for_the_new_lists(lists: PrivateLists) -> None:
    change(lists, [put(0)])
    with closing(apsw.Connection(str(lists.file(NAME)))) as reader:
        reader.execute("SELECT count(*) FROM row").fetchall()
        change(lists, [put(1)])
        lists.file(NAME).unlink()
        change(lists, [put(2)])
    assert [row.key for row in held(lists)] == ["2"]


def test_a_list_that_was_removed_since_it_was_opened_is_not_written_to(lists: PrivateLists) -> None:
    for again in (False, True):
        change(lists, [put(0)])
        with lists.table(NAME) as late:
            lists.remove(NAME)
            if again:
                change(lists, [put(1)])
            with pytest.raises(UnavailableError, match="removed or replaced"), late.writing():
                pytest.fail("it would be lost")
