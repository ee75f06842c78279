"""Several channels of one client: over the processes of a server, past a broken one, and past GOAWAYs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import fingerprint
from clearinghouse import Caller, Clearinghouse, Connect
from running import BOTH, RunningServer, found, free_port
from waits import wait_until

from hashpact import AsyncClient, Client, DeadlineError, Fingerprint, InvalidInputError, UnavailableError
from hashpact.domain.fingerprints import PDQ
from hashpact.service.check import Checker

CODE = [Fingerprint("sha256/1", bytes(32))]


def connections(pid: int, port: int) -> int:
    """How many connections to a port a process holds."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            inodes.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
    count = 0
    for table in ("tcp", "tcp6"):  # gRPC's sockets are of both families
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            local, state, inode = fields[1], fields[3], fields[9]
            count += inode in inodes and state == "01" and int(local.rpartition(":")[2], 16) == port
    return count


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the member acme-video."""
    return found(tmp_path, {"acme-video": BOTH})


@pytest.fixture(params=[Client, AsyncClient], ids=["blocking", "awaiting"])
def kind(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401  # either class
    """Either client."""
    return request.param


@pytest.fixture
def pair(home: Path) -> Iterator[tuple[RunningServer, RunningServer, int]]:
    """Two processes of one server on one port."""
    port = free_port()
    with RunningServer(home, port=port) as first, RunningServer(home, port=port) as second:
        yield first, second, port


async def test_channels_reach_both_processes_and_one_that_is_killed_fails_no_call(
    pair: tuple[RunningServer, RunningServer, int],
    kind: Any,  # noqa: ANN401  # either class
) -> None:
    first, second, port = pair
    # The kernel chooses the process of each connection, so that with 16 both have some but once in 32 000.
    caller = Caller(kind(first.profile("acme-video"), channels=16))
    for _ in range(16):
        await caller("check", CODE)

    def of_each() -> tuple[int, int]:
        return connections(first.process.pid, port), connections(second.process.pid, port)

    wait_until(lambda: sum(of_each()) == 16)  # one that its client has left may be there a little longer
    assert min(of_each()) > 0
    answers: list[bool] = []
    some = asyncio.Event()

    async def checking() -> None:
        while len(answers) < 300:
            answers.append((await caller("check", CODE, timeout=120)).checked)
            if len(answers) == 50:
                some.set()

    async def killing() -> None:
        await some.wait()
        await asyncio.to_thread(second.kill)

    await asyncio.gather(killing(), *(checking() for _ in range(8)))
    assert all(answers)
    await caller("close")


async def test_calls_avoid_a_process_that_hangs(
    pair: tuple[RunningServer, RunningServer, int],
    kind: Any,  # noqa: ANN401  # either class
) -> None:
    first, second, port = pair
    caller = Caller(kind(first.profile("acme-video"), channels=16, on_unavailable="open"))
    for _ in range(16):
        await caller("check", CODE)
    hung = connections(second.process.pid, port)
    assert 0 < hung < 16
    second.pause()
    try:
        answers = [(await caller("check", CODE, timeout=0.1)).checked for _ in range(100)]
    finally:
        os.kill(second.process.pid, signal.SIGCONT)
    # Each of its channels costs a call at first, and once more now and then when it is tried again.
    assert answers.count(False) <= 4 * hung
    assert answers.count(True) >= 30
    await caller("close")


@pytest.mark.parametrize(("method", "given"), [("check_stream", [CODE]), ("entries", 0)])
async def test_a_stream_that_hangs_is_a_failure_of_its_channel_and_one_that_is_read_ends_that(
    home: Path,
    kind: Any,  # noqa: ANN401  # either class
    method: str,
    given: Any,  # noqa: ANN401  # what the method takes
) -> None:
    with RunningServer(home) as server:
        client = kind(server.profile("acme-video"), channels=2, timeout=0.5)
        caller = Caller(client)
        await caller("submit", CODE, labels=["other"], timeout=120)
        await caller("check", CODE, timeout=120)
        lanes = client._connection._spread._lanes
        assert [lane.until for lane in lanes] == [0, 0]
        server.pause()
        try:
            with pytest.raises((UnavailableError, DeadlineError)):
                await caller(method, given)
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        assert sum(lane.until > 0 for lane in lanes) == 1
        for lane in lanes:
            lane.until, lane.period = time.monotonic() + 120, 16
        client.timeout = 30
        assert len(await caller(method, given)) == 1
        assert sorted((lane.until > 0, lane.period) for lane in lanes) == [(False, 1), (True, 16)]
        await caller("close")


@pytest.mark.parametrize("channels", [1, 3])
async def test_connections_that_end_of_age_fail_no_call(
    founded: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    # Every seventh takes longer than a connection lasts: it ends with that, and is sent again.
    founded.limits = replace(founded.limits, connection_age=0.2, connection_grace=0.05)
    check, asked = Checker.check, []

    def slow(self: Checker, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as they are
        wait: Callable[[], None] = args[-1]
        wait()  # in a thread that may
        asked.append(time.monotonic())
        time.sleep(0.01 if len(asked) % 7 else 0.35)
        return check(self, *args, **options)

    monkeypatch.setattr(Checker, "check", slow)
    await founded.start()
    caller = connect(founded.profile("acme"), channels=channels)
    answers: list[bool] = []
    began = time.monotonic()

    async def checking() -> None:
        # Until some were sent again: more were asked than were answered or are under way.
        while (len(answers) <= 30 or len(asked) <= len(answers) + 6) and time.monotonic() - began < 60:
            answers.append((await caller("check", [fingerprint(PDQ, "one")], timeout=120)).checked)

    await asyncio.gather(*(checking() for _ in range(6)))
    assert all(answers)
    assert len(answers) > 30
    assert len(asked) > len(answers)


@pytest.mark.parametrize("channels", [0, -1, 65, "2"])
async def test_a_number_of_channels_that_is_none(
    house: Clearinghouse, connect: Connect, channels: int
) -> None:
    with pytest.raises(InvalidInputError, match="channels is a number from 1 to 64"):
        connect(house.profile("acme"), channels=channels)


def test_threads_find_the_channel_that_works(pair: tuple[RunningServer, RunningServer, int]) -> None:
    first, second, _ = pair
    failed: list[UnavailableError] = []
    with Client(first.profile("acme-video"), channels=8) as client:
        for _ in range(8):
            client.check(CODE)
        second.kill()

        def run() -> None:
            try:
                for _ in range(20):
                    client.check(CODE, timeout=120)
            except UnavailableError as error:
                failed.append(error)

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
