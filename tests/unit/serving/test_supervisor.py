"""The supervisor's decisions, over processes that are none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import ORIGIN, found
from waits import until

from hashpact.errors import ConfigError, HashpactError, UnavailableError
from hashpact.home.opening import Home, open_home
from hashpact.keys.passphrase import Passphrases
from hashpact.serving import supervisor
from hashpact.serving.child import Order
from hashpact.serving.supervisor import KEEPER, _Supervisor


class FakeChild:
    """A process that becomes ready, and ends, when the test says so."""

    all: list[FakeChild]
    refused: int

    def __init__(self, order: Order) -> None:
        if FakeChild.refused:
            FakeChild.refused -= 1
            raise BlockingIOError(11, "Resource temporarily unavailable")
        self.order = order
        self.ready, self.ended = asyncio.Event(), asyncio.Event()
        self.failure: HashpactError | None = None
        self.status: int | None = None
        self.retired = False
        self.pid = len(FakeChild.all) + 1
        self.born = asyncio.get_running_loop().time()
        FakeChild.all.append(self)

    async def settled(self) -> None:
        """As a child's."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self.ready, self.ended)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def stop(self) -> None:
        """End in order."""
        self.end()

    def end(self, failure: HashpactError | None = None) -> None:
        """End."""
        self.failure = failure
        self.status = -9
        self.ended.set()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home, whose processes are fakes and are replaced soon."""
    FakeChild.all, FakeChild.refused = [], 0
    monkeypatch.setattr(supervisor, "Child", FakeChild)
    monkeypatch.setattr(supervisor, "_PAUSES", (0.001, 0.002))
    with open_home(found(tmp_path, {})) as opened:
        yield opened


def started(name: str) -> list[FakeChild]:
    return [child for child in FakeChild.all if child.order.duty.name == name]


class Run:
    """A supervisor of two workers that runs."""

    def __init__(self, home: Home, *, verify: bool = False) -> None:
        self.ready: list[tuple[str, str]] = []
        watched = _Supervisor(home, "127.0.0.1:1", Passphrases({}), verify=verify)
        self.supervisor = watched
        self.task = asyncio.create_task(watched.run(2, lambda *told: self.ready.append(told)))

    async def begun(self) -> None:
        """All become ready."""
        await until(lambda: len(FakeChild.all) == 3)
        for child in FakeChild.all:
            child.ready.set()
        await until(lambda: self.ready)

    async def stop(self) -> None:
        """As at SIGTERM."""
        self.supervisor._over.set()
        await self.task


async def test_it_is_ready_when_all_are_and_ends_with_all(home: Home) -> None:
    run = Run(home)
    await until(lambda: len(FakeChild.all) == 3)
    for child in FakeChild.all[:2]:
        child.ready.set()
    for _ in range(100):
        await asyncio.sleep(0)
    assert run.ready == []
    FakeChild.all[2].ready.set()
    await until(lambda: run.ready)
    assert run.ready == [(ORIGIN, "127.0.0.1:1")]
    await run.stop()
    assert all(child.ended.is_set() for child in FakeChild.all)


async def test_what_the_system_cannot_start_now_is_started_later(home: Home) -> None:
    run = Run(home)
    await run.begun()
    FakeChild.refused = 3
    started("worker-1")[0].end()
    await until(lambda: len(started("worker-1")) == 2)
    assert FakeChild.refused == 0
    assert not started("worker-1")[1].order.duty.early
    await run.stop()


async def test_a_reload_that_cannot_start_a_process_leaves_all_as_they_are(home: Home) -> None:
    run = Run(home)
    await run.begun()
    FakeChild.refused = 1
    await run.supervisor._reload()
    assert len(FakeChild.all) == 3
    assert not any(child.ended.is_set() for child in FakeChild.all)
    await run.stop()


async def test_a_check_of_the_whole_log_that_is_cut_short_begins_again_before_anybody_starts(
    home: Home,
) -> None:
    run = Run(home, verify=True)
    await until(lambda: FakeChild.all)
    (keeper,) = FakeChild.all
    assert keeper.order.verify
    keeper.end()
    await until(lambda: len(FakeChild.all) == 2)
    assert [child.order.duty.name for child in FakeChild.all] == [KEEPER, KEEPER]
    assert FakeChild.all[1].order.verify
    FakeChild.all[1].ready.set()
    await until(lambda: len(FakeChild.all) == 4)
    assert not any(child.order.verify for child in FakeChild.all[2:])
    for child in FakeChild.all[2:]:
        child.ready.set()
    await until(lambda: run.ready)
    FakeChild.all[1].end()
    await until(lambda: len(started(KEEPER)) == 3)
    assert not started(KEEPER)[2].order.verify
    await run.stop()


@pytest.mark.parametrize("begun", [False, True])
async def test_what_the_next_process_would_meet_as_well_ends_all(home: Home, *, begun: bool) -> None:
    run = Run(home)
    if begun:
        await run.begun()
    else:
        await until(lambda: len(FakeChild.all) == 3)
    started("worker-2")[0].end(ConfigError("taken"))
    with pytest.raises(ConfigError, match="taken"):
        await run.task
    assert all(child.ended.is_set() for child in FakeChild.all)


async def test_a_failed_commit_replaces_its_process_only(home: Home) -> None:
    run = Run(home)
    await run.begun()
    started("worker-2")[0].end(UnavailableError("the disk refused"))
    await until(lambda: len(started("worker-2")) == 2)
    assert not run.task.done()
    await run.stop()
