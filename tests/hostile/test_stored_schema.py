"""Number 53 of the hostile inputs: a database whose tables, indices, triggers or views are not Hashpact's."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest
from builders import World, fingerprint
from tampering import Forger

from hashpact.domain.fingerprints import PDQ
from hashpact.errors import CorruptError
from hashpact.home.backup import back_up, restore
from hashpact.member.author import Reason
from hashpact.storage import schema
from hashpact.storage.sqlite import SqliteLedger

REDEFINED = (
    "PRAGMA writable_schema = ON; "
    "UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (length(hash) = 32)', '')"
)
CHANGES = [
    ("CREATE TRIGGER hide AFTER INSERT ON keys BEGIN DELETE FROM keys; END", "trigger 'hide' is not part"),
    ("CREATE VIEW shown AS SELECT * FROM private", "view 'shown' is not part"),
    ("CREATE INDEX more ON leaves (time)", "index 'more' is not part"),
    ("CREATE UNIQUE INDEX one ON entries (member)", "index 'one' is not part"),
    ("CREATE TABLE more (x)", "table 'more' is not part"),
    ("ALTER TABLE members ADD COLUMN note TEXT", "table 'members' is not defined as"),
    ("DROP INDEX keys_of_member", "index 'keys_of_member' is missing"),
    ("DROP INDEX keys_of_member; CREATE INDEX keys_of_member ON keys (member)", "is not defined as"),
    ("DROP TABLE times; CREATE VIEW times AS SELECT * FROM entries", "table 'times' is missing"),
    ("ANALYZE", "table 'sqlite_stat1' is not part"),
    (f"CREATE TABLE {'x' * 5000} (x)", f"table '{'x' * 64}' is not part"),
    (REDEFINED, "table 'leaves' is not defined as"),
]  # fmt: skip


def silent(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def home(tmp_path: Path, world: World) -> Path:
    """The ledger of a home that nobody serves."""
    (tmp_path / "home").mkdir()
    with closing(SqliteLedger.create(tmp_path / "home" / "hashpact.db")) as ledger:
        world.found(ledger, "acme")
    return tmp_path / "home"


@pytest.mark.parametrize(("sql", "named"), CHANGES)
def test_53_a_changed_definition_is_named_at_open_at_backup_and_at_restore(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, named: str
) -> None:
    with closing(apsw.Connection(str(home / "hashpact.db"))) as connection:
        connection.execute(sql)
    for check_head in (True, False):
        with pytest.raises(CorruptError, match="restore a backup that was made before") as caught:
            SqliteLedger.open(home / "hashpact.db", check_head=check_head)
        assert named in caught.value.message
    with pytest.raises(CorruptError) as caught:
        back_up(home, tmp_path / "refused.tar", silent, keys=False, now=7)
    assert named in caught.value.message
    assert str(home / "hashpact.db") in caught.value.message
    with monkeypatch.context() as careless:
        careless.setattr(schema, "check_definitions", lambda *_: None)
        back_up(home, tmp_path / "careless.tar", silent, keys=False, now=7)
    with pytest.raises(CorruptError) as caught:
        restore(tmp_path / "careless.tar", tmp_path / "again", silent, lambda _: None)
    assert named in caught.value.message
    assert str(tmp_path / "careless.tar") in caught.value.message
    assert {path.name for path in tmp_path.iterdir()} == {"home", "careless.tar"}


def test_53_another_encoding_is_named(home: Path, tmp_path: Path) -> None:
    with closing(apsw.Connection(str(home / "hashpact.db"))) as old:
        (tmp_path / "other.db").touch()
        with closing(apsw.Connection(str(tmp_path / "other.db"))) as new:
            new.execute("PRAGMA encoding = 'UTF-16le'")
            new.execute(schema._TABLES)
            new.pragma("application_id", old.pragma("application_id"))
            new.pragma("user_version", old.pragma("user_version"))
    with pytest.raises(CorruptError, match="encoding is UTF-16le"):
        SqliteLedger.open(tmp_path / "other.db")


def test_53_a_trigger_that_is_added_beside_a_server_does_not_run(home: Path, world: World) -> None:
    with closing(SqliteLedger.open(home / "hashpact.db")) as ledger:
        Forger(home / "hashpact.db").sql(
            "CREATE TRIGGER erase AFTER INSERT ON leaves "
            "BEGIN UPDATE head SET size = 0; DELETE FROM leaves; END"
        )
        submission = world.author("acme").submit([fingerprint(PDQ, "1")], Reason(frozenset({"ncii"})))
        index = world.appender(ledger).append("acme", submission).index
        with ledger.snapshot() as view:
            assert view.entry(index) is not None
        assert len(list(ledger.leaves(0, 99))) == ledger.head().size
    with pytest.raises(CorruptError, match="trigger 'erase'"):
        SqliteLedger.open(home / "hashpact.db")
