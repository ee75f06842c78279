"""The witness's database: what is none, and what a disk that refuses leaves."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from hashpact.domain.state import Evidence, KeptCheckpoint
from hashpact.errors import ConfigError, CorruptError, UnavailableError
from hashpact.storage.connection import run
from hashpact.storage.cosigned import SqliteCosigned
from hashpact.storage.sqlite import SqliteLedger

ORIGIN = "test.example/log"


def test_another_database_is_refused(tmp_path: Path) -> None:
    SqliteLedger.create(tmp_path / "hashpact.db").close()
    with pytest.raises(ConfigError, match="not the database of a witness"):
        SqliteCosigned(tmp_path / "hashpact.db")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "witness.db").write_bytes(b"text" * 2000)
    with pytest.raises((ConfigError, CorruptError)):
        SqliteCosigned(tmp_path / "witness.db")
    with pytest.raises(ConfigError, match="cannot open"):
        SqliteCosigned(tmp_path / "nothing.db")


def test_an_existing_one_is_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "witness.db"
    with closing(SqliteCosigned.create(path)) as cosigned:
        cosigned.advance(ORIGIN, None, KeptCheckpoint(3, b"note"))
    with pytest.raises(ConfigError, match="cannot make"):
        SqliteCosigned.create(path)
    with closing(SqliteCosigned(path)) as cosigned:
        assert cosigned.latest(ORIGIN) == KeptCheckpoint(3, b"note")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_changes_nothing_and_does_not_last(tmp_path: Path) -> None:
    large = KeptCheckpoint(9, bytes(200_000))
    with closing(SqliteCosigned.create(tmp_path / "witness.db")) as cosigned:
        cosigned.advance(ORIGIN, None, KeptCheckpoint(3, b"note"))
        pages = run(cosigned._connection, "PRAGMA page_count")[0][0]
        run(cosigned._connection, f"PRAGMA max_page_count = {pages}")
        with pytest.raises(UnavailableError):
            cosigned.advance(ORIGIN, KeptCheckpoint(3, b"note"), large)
        with pytest.raises(UnavailableError):
            cosigned.keep_evidence(ORIGIN, Evidence(b"text", bytes(200_000), b"", certain=True))
        assert cosigned.latest(ORIGIN) == KeptCheckpoint(3, b"note")
        assert cosigned.evidence(ORIGIN) == []
        run(cosigned._connection, f"PRAGMA max_page_count = {pages + 1000}")
        cosigned.advance(ORIGIN, KeptCheckpoint(3, b"note"), large)
        assert cosigned.latest(ORIGIN) == large
