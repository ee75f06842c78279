"""Upkeep: a defect in one of its tasks ends the process, which would go on with what is out of date."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
import structlog
from builders import NOW, World, fingerprint
from memory import MemoryLedger
from running import found
from structlog.testing import LogCapture

from hashpact.clock import unix_time
from hashpact.domain.fingerprints import SHA256
from hashpact.errors import UnavailableError
from hashpact.home.opening import open_home
from hashpact.home.trust import ServerTrust
from hashpact.keys.uses import LastUses
from hashpact.member import papers
from hashpact.serving.upkeep import Stop, Upkeep, remind

DAY = 24 * 3600


class Defective:
    """A follower whose position cannot be read."""

    @property
    def position(self) -> int:
        """A defect."""
        msg = "a fingerprint, which nobody may see"
        raise ValueError(msg)


async def test_a_defect_in_a_task_ends_the_process(tmp_path: Path) -> None:
    events = LogCapture()
    log: Any = structlog.wrap_logger(None, processors=[events])
    with open_home(found(tmp_path, {})) as home:
        stop = Stop(asyncio.get_running_loop(), log, home.reserve())
        follower: Any = Defective()
        uses = LastUses(home.paths.uses, unix_time)
        upkeep = Upkeep(home, follower, ServerTrust(home, log), stop, None, None, uses, lambda: None)
        async with asyncio.timeout(120):
            with upkeep.running():
                await stop.event.wait()
        with pytest.raises(UnavailableError, match="ValueError"):
            await upkeep.finish()
    (crash,) = [event for event in events.entries if event["event"] == "upkeep crashed"]
    assert crash["reason"] == "ValueError"
    assert "fingerprint" not in str(events.entries)


async def test_what_a_server_begins_with_is_not_looked_through_for_garbage_again(tmp_path: Path) -> None:
    log: Any = structlog.wrap_logger(None, processors=[])
    with open_home(found(tmp_path, {})) as home:
        stop = Stop(asyncio.get_running_loop(), log, home.reserve())
        stop.begin()
        assert stop.serving
        assert len(gc.get_objects()) < 1000
        assert gc.get_freeze_count() > 1000


async def test_a_notice_that_waits_is_a_line_once_each(world: World) -> None:
    ledger, events = MemoryLedger(), LogCapture()
    log: Any = structlog.wrap_logger(None, processors=[events])
    world.found(ledger, "acme", "bravo")
    appender = world.appender(ledger)
    reached = papers.contact("notices", "desk", valid_from=NOW, valid_to=NOW + 99, languages=["vi"])
    given = papers.notice(
        ["acme"],
        labels=["hate"],
        explanation="secret",
        reference="secret",
        channel="flagger",
        clock="code",
        fingerprints=[fingerprint(SHA256, "sought")],
    )
    appender.append("acme", world.author("acme").file(reached))
    index = appender.append("bravo", world.author("bravo").file(given)).index
    looks = iter((NOW, NOW, NOW + DAY - 60, NOW + DAY - 59, NOW + DAY + 1, NOW + DAY + 2))
    ended = asyncio.Event()

    def clock() -> int:
        try:
            return next(looks)
        except StopIteration:
            loop.call_soon_threadsafe(ended.set)
            return NOW + DAY + 3

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(remind(ledger, clock, log, 0.001))
    async with asyncio.timeout(120):
        await ended.wait()
    task.cancel()
    lines = [(event["state"], event["notice"], event["member"]) for event in events.entries]
    assert lines == [("due-soon", index, "acme"), ("overdue", index, "acme")]
    assert "secret" not in str(events.entries)
