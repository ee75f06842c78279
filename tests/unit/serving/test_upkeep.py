"""Upkeep: a defect in one of its tasks ends the process, which would go on with what is out of date."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import structlog
from running import found
from structlog.testing import LogCapture

from hashpact.clock import unix_time
from hashpact.errors import UnavailableError
from hashpact.home.opening import open_home
from hashpact.home.trust import ServerTrust
from hashpact.keys.uses import LastUses
from hashpact.serving.upkeep import Stop, Upkeep


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
        async with asyncio.timeout(30):
            with upkeep.running():
                await stop.event.wait()
        with pytest.raises(UnavailableError, match="ValueError"):
            await upkeep.finish()
    (crash,) = [event for event in events.entries if event["event"] == "upkeep crashed"]
    assert crash["reason"] == "ValueError"
    assert "fingerprint" not in str(events.entries)
