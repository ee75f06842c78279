"""The saved index of a private list: used, brought up to date, sealed, and made anew if it is not right."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import apsw
import pytest
from builders import fingerprint, near

from hashpact.domain.checks import Filter, Query
from hashpact.domain.fingerprints import MD5, MINHASH, PDQ, SHA256, Fingerprint, FingerprintType
from hashpact.errors import ConfigError, NotFoundError
from hashpact.lists import index_file, indexed
from hashpact.lists.blocks import ROWS, Block, Kept
from hashpact.lists.indexed import OpenList, index_path
from hashpact.lists.local import PrivateLists
from hashpact.lists.table import RowTable

TYPES = (PDQ, SHA256, MINHASH, MD5)
MANY = 20


@pytest.fixture(autouse=True)
def _worth_saving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have small lists saved, block by block."""
    monkeypatch.setattr(indexed, "_WORTH", 1)
    monkeypatch.setattr(indexed, "_AT_ONCE", 2048)


@pytest.fixture
def lists(tmp_path: Path) -> PrivateLists:
    """Lists in a directory."""
    return reopened(tmp_path / "lists")


def reopened(directory: Path) -> PrivateLists:
    """The lists of a directory, as another process opens them."""
    return PrivateLists(directory, unencrypted=True)


def codes(number: int) -> tuple[Fingerprint, ...]:
    """The fingerprints of the row of that number; two of one type in some."""
    kinds: list[FingerprintType] = [PDQ, TYPES[number % len(TYPES)], *([PDQ] if number % 3 == 0 else [])]
    return tuple(fingerprint(kind, f"{number} {at}") for at, kind in enumerate(kinds))


def write(lists: PrivateLists, numbers: range, name: str = "kept") -> None:
    """Add rows to a list, in a block of their own."""
    with lists.table(name, make=True) as table, table.writing():
        for number in numbers:
            table.append(Kept(f"key-{number}", codes(number), ("ncii",), number))
        table.flush()


def kill(lists: PrivateLists, *places: int) -> None:
    """Take the rows in these places back."""
    with lists.table("kept") as table, table.writing():
        table.sql.executemany("INSERT OR IGNORE INTO dead VALUES (?)", [(place,) for place in places])


def found(lists: PrivateLists, numbers: range = range(3 * MANY)) -> list[list[str]]:
    """The keys that are found for each of the rows."""
    return [
        sorted(match.key for match in lists.search([Query(near(codes(number)[0], 3))], Filter(), 9))
        for number in numbers
    ]


def searched(lists: PrivateLists) -> list[list[tuple[str, str, float]]]:
    """All that is found for each value of each row."""
    return [
        sorted((match.key, match.type, match.score) for match in lists.search([Query(code)], Filter(), 99))
        for number in range(3 * MANY)
        for code in codes(number)
    ]


def saved(lists: PrivateLists) -> Path:
    """The file of the saved index."""
    return index_path(lists.file("kept"))


def is_used(lists: PrivateLists, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a process opens the list without reading a block of it."""
    read: list[int] = []
    block = RowTable.block

    def reading(table: RowTable, number: int) -> Block:
        read.append(number)
        return block(table, number)

    with monkeypatch.context() as patch:
        patch.setattr(RowTable, "block", reading)
        assert reopened(lists.directory).held()
    return not read


def test_a_list_is_opened_from_its_saved_index(lists: PrivateLists, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lists, range(MANY))
    expected = searched(lists)
    assert any(expected)
    assert saved(lists).stat().st_mode & 0o777 == 0o600
    assert is_used(lists, monkeypatch)
    assert searched(reopened(lists.directory)) == expected
    assert reopened(lists.directory).held() == {PDQ, SHA256, MINHASH, MD5}


def test_what_has_changed_since_is_taken_in(lists: PrivateLists, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(20)
    first = 0
    for _ in range(6):
        write(lists, range(first, first + MANY // 2))
        first += MANY // 2
        with lists.table("kept") as table:
            blocks = table.numbers()
        kill(lists, *(block * ROWS + draw.randrange(MANY // 2) for block in draw.choices(blocks, k=2)))
        expected = searched(reopened(lists.directory))
        assert is_used(lists, monkeypatch)
        saved(lists).unlink()
        assert searched(reopened(lists.directory)) == expected
    assert [] in found(lists)
    assert ["key-1"] in found(lists)


def test_without_the_key_neither_file_shows_a_hash(lists: PrivateLists) -> None:
    write(lists, range(MANY))
    lists.held()
    files = [path.read_bytes() for path in (lists.file("kept"), saved(lists))]
    assert len(files[1]) > 4096
    for number in range(MANY):
        for code in codes(number):
            for form in (code.value, code.value[:16], code.value.hex().encode(), code.value[:16][::-1]):
                assert not any(form in data for data in files)
    assert not any(f"key-{number}".encode() in data for number in range(MANY) for data in files)


def test_a_damaged_index_is_made_anew(lists: PrivateLists, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lists, range(MANY))
    expected = searched(lists)
    good = saved(lists).read_bytes()
    draw = random.Random(7)
    places = [0, 21, 22, 37, 38, 41, 42, 60, len(good) - 1, *draw.sample(range(len(good)), 12)]
    damaged = [good[:at] + bytes([good[at] ^ 1 << draw.randrange(8)]) + good[at + 1 :] for at in places]
    damaged += [b"", good[:30], good[: len(good) // 2], good[:-1], b"hashpact list index 2\n" + good[22:]]
    for data in damaged:
        saved(lists).write_bytes(data)
        assert not is_used(lists, monkeypatch)
        assert is_used(lists, monkeypatch)
    saved(lists).unlink()
    saved(lists).symlink_to("/dev/zero")
    assert searched(reopened(lists.directory)) == expected
    assert is_used(lists, monkeypatch)


def test_an_index_of_another_list_is_not_used(lists: PrivateLists, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lists, range(MANY))
    write(lists, range(MANY), "second")
    lists.held()
    assert is_used(lists, monkeypatch)
    shutil.copy(saved(lists), index_path(lists.file("second")))
    assert not is_used(lists, monkeypatch)


def test_an_older_copy_of_the_list_is_not_searched_by_a_newer_index(lists: PrivateLists) -> None:
    write(lists, range(MANY))
    restored = lists.directory.with_name("restored")
    restored.mkdir()
    shutil.copy(lists.directory / "lists.key", restored)
    with apsw.Connection(str(restored / "kept.list")) as copy, lists.table("kept") as table:
        copy.backup("main", table.sql, "main").step()
    write(lists, range(MANY, 2 * MANY))
    lists.held()
    for rewritten in (False, True):  # as it is, and with another second block
        shutil.copy(saved(lists), restored)
        if rewritten:
            write(reopened(restored), range(2 * MANY, 3 * MANY))
        keys = found(reopened(restored))
        assert (keys[0], keys[MANY]) == (["key-0"], [])
        assert keys[2 * MANY] == ([f"key-{2 * MANY}"] if rewritten else [])


def test_an_index_that_cannot_be_saved_is_only_made_again(
    lists: PrivateLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[object] = []

    def refuse(path: Path, *_: object) -> None:
        refused.append(path)
        msg = "the disk is full"
        raise ConfigError(msg)

    monkeypatch.setattr(index_file, "save", refuse)
    write(lists, range(MANY))
    assert found(lists, range(2)) == [["key-0"], ["key-1"]]
    assert refused == [saved(lists)]
    assert not saved(lists).exists()


def test_a_damaged_index_and_drafts_are_removed_and_none_is_saved_of_a_list_that_is_gone(
    lists: PrivateLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lists, range(MANY))
    left = lists.directory / ".kept.index.0123.new"
    left.touch()
    found(lists, range(1))
    assert not left.exists()
    saved(lists).write_bytes(b"damaged")
    monkeypatch.setattr(indexed, "_WORTH", 1 << 16)
    assert found(reopened(lists.directory), range(1)) == [["key-0"]]
    assert not saved(lists).exists()
    monkeypatch.setattr(indexed, "_WORTH", 1)
    with lists.table("kept") as table:
        lists.file("kept").unlink()
        OpenList.read("kept", table, 0)
    assert not saved(lists).exists()


def test_a_small_list_needs_no_saved_index(lists: PrivateLists, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexed, "_WORTH", 1 << 16)
    write(lists, range(MANY))
    assert found(lists, range(1)) == [["key-0"]]
    assert not saved(lists).exists()


def test_a_list_is_removed_with_its_index(lists: PrivateLists) -> None:
    write(lists, range(MANY))
    progress: list[tuple[int, int]] = []
    lists.index("kept", lambda done, total: progress.append((done, total)))
    assert progress == [(1, 1)]
    assert saved(lists).exists()
    lists.remove("kept")
    assert list(lists.directory.glob("kept.*")) == []
    with pytest.raises(NotFoundError):
        lists.index("kept", lambda _done, _total: None)
