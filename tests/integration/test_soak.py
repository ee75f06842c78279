"""Several processes under every kind of load, while they are killed and replaced one by one."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import check_log
from running import BOTH, RunningServer, found, free_port
from soaking import Answered, History, Queries, Shared, Soak

from hashpact.domain.state import Receipt, Role
from hashpact.home.opening import open_home

SECONDS = pytest.mark.parametrize("seconds", [8, pytest.param(1800, marks=pytest.mark.slow)])
KILL = 20.0
"""Seconds between two kills."""
ROTATIONS = 24
"""Times that each writer replaces its key, at most: a member may 32 times."""
GROWTH = 1.05
"""How much larger memory may be in the end than after a quarter of the time."""


def events(server: RunningServer, name: str) -> list[dict[str, object]]:
    """What the processes have logged under that name, in whole lines."""
    lines = server.log.rpartition("\n")[0].splitlines()
    named = (json.loads(line) for line in lines if name in line)
    return [event for event in named if event["event"] == name]


def processes(server: RunningServer) -> dict[str, int]:
    """The process that was started last in each place."""
    return {str(one["name"]): int(str(one["pid"])) for one in events(server, "started a process")}


def memory(server: RunningServer) -> int:
    """Bytes that the processes have for themselves, together, as the kernel shares out what they share."""
    total = 0
    for pid in (server.process.pid, *processes(server).values()):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total * 1024


def test_the_oracle_sees_what_is_wrong() -> None:
    receipt = Receipt(5, bytes(32), 6, bytes(32), (), b"")
    history = History({1: 5, 2: 7}, {7: 9}, [bytes(32)] * 10)
    shared = [Shared(1, 1.0), Shared(2, 1.0, 3.0)]

    def faults(value: int, position: int, entries: set[int], received: float = 2.0, least: int = 0) -> int:
        answer = Answered(bytes(32), value, received, least, position, frozenset(entries))
        soak = Soak(Path(), "", shared=shared, receipts=[(1, receipt)], answers=[answer])
        return len(list(history.faults(soak)))

    assert faults(1, 6, {5}) == faults(1, 5, {5}) == faults(1, 5, set()) == faults(3, 9, set()) == 0
    assert faults(1, 6, set()) == faults(1, 6, {7}) == faults(3, 9, {5}) == faults(1, 6, {5}, least=7) == 1
    assert faults(1, 5, {5}, received=0.5) == 1
    assert faults(2, 9, {7}) == faults(2, 9, set(), received=3.5) == faults(2, 10, set()) == 0
    assert faults(2, 9, set()) == faults(2, 10, {7}) == 1
    lost = Soak(Path(), "", receipts=[(1, replace(receipt, index=6)), (9, receipt)])
    assert len(list(history.faults(lost))) == 2


def test_a_query_is_found_in_a_file_wherever_it_is() -> None:
    values = np.frombuffer(random.Random(1).randbytes(32 * 20), np.uint8).reshape(-1, 32)
    one, occurrences = bytes(values[7]), Queries(values).occurrences
    for before in range(9):
        assert occurrences(b"x" * before + one + b"y") == 1
        assert occurrences(b"x" * before + one.hex().upper().encode()) == 1
    assert occurrences(one[:-1]) == occurrences(b"") == occurrences(one[1:] * 9) == 0


def disturb(server: RunningServer, soak: Soak, random_: random.Random, seconds: float) -> tuple[int, int]:
    """Kill a process, or reload all, every so often for so long; how many kills and reloads that were."""
    killed, reloads, end = 0, 0, time.monotonic() + seconds
    while not soak.over.is_set() and time.monotonic() < end:
        name = random_.choice(["worker-1", "worker-2", "keeper", "reload"])
        if name == "reload":
            server.process.send_signal(signal.SIGHUP)
            reloads += 1
        else:
            os.kill(processes(server)[name], signal.SIGKILL)
            killed += 1
        soak.over.wait(max(0.0, min(KILL, end - time.monotonic())))
    return killed, reloads


@SECONDS
def test_every_answer_is_what_the_log_says_while_processes_are_killed(tmp_path: Path, seconds: int) -> None:
    home = found(tmp_path, {"writer-0": BOTH, "writer-1": BOTH, "checker": frozenset({Role.CHECK})})
    port, random_ = free_port(), random.Random(seconds)
    for member in ("writer-0", "writer-1", "checker"):
        config = tmp_path / member / "profile.toml"
        config.write_text(config.read_text().replace(":8443", f":{port}"))
    with RunningServer(home, "--workers", "2", port=port) as server:
        soak = Soak(tmp_path, server.address, between=seconds / ROTATIONS)
        threads = soak.threads(["writer-0", "writer-1"], "checker")
        for thread in threads:
            thread.start()
        soak.over.wait(seconds / 4)
        warm = memory(server)
        killed, reloads = disturb(server, soak, random_, seconds * 3 / 4)
        cold = memory(server)
        soak.over.set()
        for thread in threads:
            thread.join()
        assert server.stop() == 0
    assert soak.failures == []
    with open_home(home) as opened:
        check_log(opened.ledger)
        history = History.of(opened.ledger)
    assert list(itertools.islice(history.faults(soak), 5)) == []
    assert killed + reloads > seconds / KILL / 2
    assert len(events(server, "a process ended and is replaced")) >= killed
    assert min(soak.rotations, len(soak.withdrawn), len(soak.receipts), len(soak.answers) / 10) > seconds / 60
    asked = b"".join(answer.query for answer in soak.answers)
    queries = Queries(np.frombuffer(asked, np.uint8).reshape(-1, 32))
    for path in (server.log_path, *home.rglob("*")):
        if path.is_file():
            assert queries.occurrences(path.read_bytes()) == 0, path
    print(  # noqa: T201 - the figures of a long run
        f"{seconds} s: {len(soak.answers)} answers, {len(soak.receipts)} items, "
        f"{len(soak.withdrawn)} withdrawals, {soak.rotations} rotations, {killed} kills, {reloads} reloads, "
        f"{soak.unavailable} calls unavailable, memory {warm >> 20} then {cold >> 20} MiB"
    )
    if seconds >= 600:
        assert cold <= GROWTH * warm
