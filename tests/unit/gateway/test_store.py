"""The file of a gateway's banks: what is put there is there again; nothing that was altered is believed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import apsw
import pytest

from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.errors import ConfigError, CorruptError, UnavailableError
from hashpact.gateway.keeping.banks import FIRST_LOCAL, Bank, BankKind, Content, ViewFilter
from hashpact.gateway.keeping.folder import open_banks
from hashpact.gateway.keeping.store import BankStore, Unreceipted
from hashpact.gateway.matching import BankIndex
from hashpact.gateway.signals import Signals
from hashpact.keys.passphrase import Passphrases

MASTER = bytes(range(32))
CODE = "f0" * 32
LOCAL = Bank(0, "ONE", BankKind.LOCAL, 0.5)
VIEW = Bank(
    0,
    "TWO",
    BankKind.VIEW,
    view=ViewFilter(frozenset({"hate"}), min_endorsed_by=2, max_distance=0, members=frozenset({"a"})),
    enabled=False,
)
KEPT = Content(FIRST_LOCAL, 1, {"pdq": CODE}, "note", {"json": {"a": ["\ud800", 1]}}, 7)


def anything(_number: int) -> bool:
    """Every content is wanted."""
    return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "banks.db"


@pytest.fixture
def store(path: Path) -> Iterator[BankStore]:
    """An empty one."""
    with BankStore(path, MASTER) as opened:
        yield opened


def test_there_and_back(store: BankStore, path: Path) -> None:
    one, two = store.put(LOCAL), store.put(VIEW)
    assert (one.number, two.number) == (1, 2)
    store.add(KEPT)
    other = Content(7, 1, {"video_md5": "ab" * 16})
    store.wait(Unreceipted("subject", 1, Content(0, 1, {"pdq": CODE})))
    store.wait(Unreceipted("subject", 1, other))
    store.switch(KEPT.id, 0, kept=True)
    store.switch(99, 5, kept=False)
    store.switch(98, 5, kept=False)
    store.switch(98, 1, kept=False)
    store.seen("hate")
    with BankStore(path, MASTER) as again:
        assert again.banks() == [one, two]
        assert list(again.contents()) == [[Content(KEPT.id, 1, KEPT.signals, "note", KEPT.metadata, 7, 0)]]
        assert again.content(FIRST_LOCAL + 1) is None
        assert again.off() == {99: 5}
        assert (again.is_new("hate"), again.is_new("ncii")) == (False, True)
        assert again.waits() == [Unreceipted("subject", 1, other)]
        assert again.next_id() == FIRST_LOCAL + 1
        again.add(other, "subject")
        assert again.waits() == []
        again.remove(KEPT.id)
        assert again.next_id() == FIRST_LOCAL + 1
        again.drop(one)
        assert (again.banks(), list(again.contents())) == ([two], [])
        assert again.put(LOCAL).number == 3


def test_what_was_altered_is_not_believed(store: BankStore, path: Path) -> None:
    for each in (LOCAL, VIEW):
        store.put(each)
    with contextlib.closing(apsw.Connection(str(path))) as sql:
        sql.execute("UPDATE bank SET sealed = (SELECT sealed FROM bank WHERE number = 1) WHERE number = 2")
    with pytest.raises(CorruptError, match="was altered"):
        store.banks()


def test_another_key_and_another_file(path: Path, tmp_path: Path, store: BankStore) -> None:
    store.put(LOCAL)
    with BankStore(path, bytes(32)) as other, pytest.raises(CorruptError):
        other.banks()
    (tmp_path / "text").write_text("no database at all, but long enough to be looked at" * 20)
    (tmp_path / "text").chmod(0o600)
    with pytest.raises(CorruptError, match="is not a gateway's"):
        BankStore(tmp_path / "text", MASTER)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(ConfigError, match="cannot open"):
        BankStore(tmp_path / "link", MASTER)


def test_a_damaged_file_is_an_error_that_names_it_or_gives_all_it_had(path: Path) -> None:
    kept = [Content(FIRST_LOCAL + at, 1, {"pdq": CODE}, "n" * 500) for at in range(20)]
    with BankStore(path, MASTER) as store:
        bank = store.put(LOCAL)
        for each in kept:
            store.add(each)
    good, size, damaged = path.read_bytes(), 4096, 0
    for start in range(0, len(good), size):
        path.write_bytes(good[:start] + bytes(size) + good[start + size :])
        with contextlib.suppress(CorruptError), BankStore(path, MASTER) as store:
            assert (store.banks(), list(chain(*store.contents()))) == ([bank], kept)
            assert store.put(replace(bank, ratio=0.5)).number == 1
            continue
        damaged += 1
    assert damaged


def test_a_key_that_is_missing_beside_banks_is_not_made_anew(path: Path) -> None:
    with open_banks(path.parent, Passphrases({}), unencrypted=True):
        pass
    (path.parent / "gateway.key").unlink()
    with (
        pytest.raises(ConfigError, match=r"gateway\.key is missing, and no other key opens .*banks\.db"),
        open_banks(path.parent, Passphrases({}), unencrypted=True),
    ):
        raise AssertionError
    assert not (path.parent / "gateway.key").exists()


def test_a_disk_that_is_full(store: BankStore) -> None:
    store.put(LOCAL)
    store._sql.pragma("max_page_count", 20)
    with pytest.raises(UnavailableError, match="check the disk"):
        store.add(Content(FIRST_LOCAL, 1, {}, "n" * 200_000))
    store._sql.pragma("max_page_count", 10_000)
    assert list(store.contents()) == []
    store.add(KEPT)
    assert list(store.contents()) == [[KEPT]]


def test_the_index_of_many_contents_is_that_of_each() -> None:
    one, two = BankIndex(Signals.named(["pdq"])), BankIndex(Signals.named(["pdq"]))
    contents = [
        Content(FIRST_LOCAL + at, 1, {"pdq": f"{at:02x}" + CODE[2:], "video_md5": f"{at:032x}"})
        for at in range(20)
    ]
    for index in (one, two):
        index.put(Bank(1, "ONE", BankKind.LOCAL))
    one.load([*contents, Content(7, 1, {"pdq": CODE}), Content(FIRST_LOCAL + 50, 1, {"gone": "x"})])
    for each in contents:
        two.add(each)
    wanted = Fingerprint(PDQ, bytes.fromhex(CODE))
    assert one.near(wanted, anything) == two.near(wanted, anything) != ([], False)
    for index in (one, two):
        index.remove(contents[3].id)
        index.remove(10**6)
    assert one.near(wanted, anything) == two.near(wanted, anything)
    assert (one.contents, two.contents, one.size("md5/1"), two.size("md5/1")) == (20, 19, 19, 19)
    two.drop(Bank(1, "ONE", BankKind.LOCAL))
    assert (two.near(wanted, anything), two.contents, two.banks) == (([], False), 0, {})
    two.drop(Bank(1, "ONE", BankKind.LOCAL))


def test_a_directory_whose_lock_is_none(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(ConfigError, match="cannot open"),
        open_banks(tmp_path, Passphrases({}), unencrypted=True),
    ):
        raise AssertionError


def test_an_entry_that_was_switched_before_it_was_kept(store: BankStore, path: Path) -> None:
    store.switch(7, 0, kept=False)
    store.add(Content(7, 1, {"pdq": CODE}))
    store.switch(7, 1, kept=True)
    with BankStore(path, MASTER) as again:
        assert again.off() == {}
        assert [each.disabled for some in again.contents() for each in some] == [1]


def test_metadata_in_many_levels(store: BankStore) -> None:
    metadata: dict[str, object] = {}
    for _ in range(900):
        metadata = {"in": metadata}
    waiting = Unreceipted("subject", 1, Content(0, 1, {"pdq": CODE}, metadata=metadata))
    store.wait(waiting)
    store.add(Content(7, 1, {"pdq": CODE}, metadata=metadata))
    assert store.waits() == [waiting]
