"""What a caller with a time goes on from: nothing is passed over, and it is known after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import apsw
import pytest

from hashpact.errors import CorruptError, UnavailableError
from hashpact.gateway.keeping.moments import PassedMoments
from hashpact.gateway.keeping.store import BankStore

MASTER = bytes(32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BankStore]:
    """A gateway's file."""
    with BankStore(tmp_path / "banks.db", MASTER) as opened:
        yield opened


async def test_a_moment_is_never_passed(store: BankStore) -> None:
    """More may have happened at the moment that a caller has, so it goes on from before it."""
    moments = PassedMoments(store, "ncii")
    assert moments.before(100) == 0
    for moment, position in ((50, 5), (60, 6), (60, 7)):
        await moments.note(moment, position)
    assert [moments.before(moment) for moment in (50, 51, 60, 61)] == [0, 5, 5, 6]
    with patch.object(store, "keep_passed"):
        for number in range(1100):
            await moments.note(100 + number, 10 + number)
    assert (moments.before(100), moments.before(10**6)) == (0, 1109)


async def test_a_clock_that_was_mended_passes_nothing(store: BankStore) -> None:
    """The log's moment goes back at position 9: who has 100 knows the log up to 5, and who has 60, to 12."""
    moments = PassedMoments(store, "ncii")
    for moment, position in ((90, 4), (100, 5), (50, 9), (60, 12), (110, 20)):
        await moments.note(moment, position)
    assert [moments.before(moment) for moment in (50, 60, 90, 100)] == [0, 9, 0, 4]
    assert [moments.before(moment) for moment in (95, 110, 111)] == [4, 12, 20]


async def test_moments_of_a_scope_are_kept(store: BankStore) -> None:
    moments = PassedMoments(store, "ncii")
    await moments.note(50, 5)
    with patch.object(store, "keep_passed", side_effect=UnavailableError("the disk is full")):
        await moments.note(60, 6)
    assert moments.before(61) == 6
    assert PassedMoments(store, "ncii").before(61) == 5
    assert PassedMoments(store, "hate ncii").before(61) == 0
    await PassedMoments(store, "hate ncii").note(70, 7)
    assert PassedMoments(store, "ncii").before(61) == 0


async def test_moments_that_were_altered(store: BankStore) -> None:
    await PassedMoments(store, "ncii").note(50, 5)
    with apsw.Connection(str(store.path)) as sql:
        sql.execute("UPDATE meta SET value = x'00' WHERE name = 'moments'")
    with pytest.raises(CorruptError):
        PassedMoments(store, "ncii")
