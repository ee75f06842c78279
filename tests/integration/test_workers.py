"""Several processes serve one home: all answer, each can be killed, and a reload drops no call."""

from __future__ import annotations

import json
import os
import pty
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
from builders import check_log
from forking import UNMEASURED
from running import BOTH, ORIGIN, RunningServer, answered, found, health_port, ready_line
from waits import wait_until

from hashpact.config import HomeConfig
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.state import Receipt
from hashpact.errors import HashpactError, UnavailableError
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home
from hashpact.member.clients import Client
from hashpact.member.profile import Profile

HOLDING = Path(__file__).parent.parent / "support" / "holding.py"
PROCESSES = {"keeper", "worker-1", "worker-2"}
_PAUSE = 0.01
"""Seconds between two checks of a thread, which leave the processors to the processes that start."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with a member, whose log is whole in the end."""
    home = found(tmp_path, {"acme-video": BOTH})
    yield home
    with open_home(home) as opened:
        check_log(opened.ledger)


def events(server: RunningServer, name: str) -> list[dict[str, Any]]:
    """What the processes have logged under that name, in whole lines."""
    lines = server.log.rpartition("\n")[0].splitlines()
    named = (json.loads(line) for line in lines if name in line)
    return [event for event in named if event["event"] == name]


def processes(server: RunningServer) -> dict[str, int]:
    """The process that was started last in each place."""
    return {event["name"]: event["pid"] for event in events(server, "started a process")}


def at_work(server: RunningServer) -> dict[str, int]:
    """The process that was ready last in each place."""
    ready = [*events(server, "keeping"), *events(server, "serving")]
    return {
        event["process"]: event["pid"]
        for event in sorted(ready, key=lambda event: event["timestamp"])
        if "pid" in event
    }


def replaced(server: RunningServer, name: str, killed: int) -> bool:
    """Whether another process is ready in the place of one."""
    return at_work(server)[name] != killed


def ended(pid: int) -> bool:
    """Whether a process is gone; a child that nobody waits for counts as gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return "State:\tZ" in status


def code(seed: int) -> Fingerprint:
    bits = random.Random(seed).sample(range(256), 128)
    return Fingerprint(PDQ, sum(1 << bit for bit in bits).to_bytes(32), 100)


def submit(client: Client, seed: int) -> Receipt:
    return client.submit([code(seed)], labels={"other"})


def on_each_worker(profile: Profile, server: RunningServer, ask: Callable[[Client], object]) -> set[str]:
    """Ask over new connections until each worker has answered a check; who did."""
    before = len(events(server, "rpc"))

    def asked() -> bool:
        with Client(profile) as client:
            ask(client)
        calls = events(server, "rpc")[before:]
        return {one["process"] for one in calls if one["rpc"].endswith("/Check")} >= PROCESSES - {"keeper"}

    wait_until(asked)
    return {one["process"] for one in events(server, "rpc")[before:]}


@dataclass
class Checks:
    """Checks one entry again and again, over connections of its own, until it is left."""

    profile: Profile
    entry: Receipt
    seed: int
    answered: int = 0
    failures: list[HashpactError] = field(default_factory=list)
    wrong: list[object] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def _run(self) -> None:
        with Client(self.profile) as client:
            while not self._over.wait(_PAUSE):
                try:
                    answer = client.check([code(self.seed)], min_position=self.entry.tree_size)
                except UnavailableError as error:
                    self.failures.append(error)
                else:
                    self.answered += 1
                    if [match.entry for match in answer.matches] != [self.entry.index]:
                        self.wrong.append(answer)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._run) for _ in range(3)]
        for thread in self._threads:
            thread.start()
        self.more()
        return self

    def more(self) -> None:
        """Wait until some more are answered."""
        before = self.answered
        wait_until(lambda: self.answered > before + 20)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def test_each_worker_answers_from_all_that_was_appended_by_any(home: Path) -> None:
    with RunningServer(home, "--workers", "2", measured=True, HASHPACT_HEALTH="127.0.0.1:0") as server:
        assert set(processes(server)) == PROCESSES
        assert answered(health_port(server.log), "/readyz") == (200, b"serving\n")
        profile = server.profile("acme-video")
        seeds = iter(range(1000))

        def ask(client: Client) -> None:
            seed = next(seeds)
            receipt = submit(client, seed)
            with Client(profile) as other:
                found = other.check([code(seed)], min_position=receipt.tree_size).matches
            assert [match.entry for match in found] == [receipt.index]

        assert on_each_worker(profile, server, ask) == PROCESSES - {"keeper"}
        assert server.stop() == 0
        assert all(map(ended, processes(server).values()))
        (saved,) = events(server, "saved the index")
        assert saved["process"] == "keeper"
    with RunningServer(home) as alone, Client(alone.profile("acme-video")) as client:
        assert len(client.check([code(0)]).matches) == 1


def test_each_process_that_is_killed_is_replaced_while_the_others_answer(home: Path) -> None:
    with RunningServer(home, "--workers", "2") as server:
        profile = server.profile("acme-video")
        with Client(profile) as client:
            receipt = submit(client, 1)
        with Checks(profile, receipt, 1) as checks:
            for name in sorted(PROCESSES):
                killed = processes(server)[name]
                os.kill(killed, signal.SIGKILL)
                wait_until(partial(replaced, server, name, killed))
                checks.more()
        assert checks.wrong == []
        lost = events(server, "a process ended and is replaced")
        assert [(one["name"], one["reason"]) for one in lost] == [
            (name, "status -9") for name in sorted(PROCESSES)
        ]
        on_each_worker(profile, server, lambda client: client.check([code(1)]))
        assert server.stop() == 0


def test_a_reload_replaces_every_process_and_drops_no_call(home: Path) -> None:
    with RunningServer(home, "--workers", "2") as server:
        profile, before = server.profile("acme-video"), processes(server)
        with Client(profile) as client:
            receipt = submit(client, 1)
        config = home / "hashpact.toml"
        config.write_text(config.read_text().replace('"calls"', '"off"'))
        with Checks(profile, receipt, 1) as checks:
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(events(server, "reloaded")) == 1)
            checks.more()
        assert (checks.failures, checks.wrong) == ([], [])
        after = processes(server)
        assert set(after) == PROCESSES
        assert all(before[name] != after[name] and ended(before[name]) for name in PROCESSES)
        calls = len(events(server, "rpc"))
        with Client(profile) as client:
            assert len(client.check([code(1)]).matches) == 1
        assert server.stop() == 0
        assert len(events(server, "rpc")) == calls, "the new processes read hashpact.toml anew"


def test_a_reload_with_a_broken_configuration_leaves_all_as_it_was(home: Path) -> None:
    with RunningServer(home, "--workers", "2") as server:
        before, config = processes(server), home / "hashpact.toml"
        text = config.read_text()
        config.write_text(text + "junk = 1\n")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: bool(events(server, "cannot reload; the other processes go on as they are")))
        (refused,) = events(server, "cannot reload; the other processes go on as they are")
        assert "junk" in refused["reason"]
        assert not any(map(ended, before.values()))
        with Client(server.profile("acme-video")) as client:
            submit(client, 1)
        config.write_text(text)
        assert server.stop() == 0


def test_when_the_supervisor_is_killed_all_end_and_the_next_start_has_everything(home: Path) -> None:
    with RunningServer(home, "--workers", "2") as server:
        with Client(server.profile("acme-video")) as client:
            receipts = {seed: submit(client, seed) for seed in range(5)}
        all_of_them = processes(server)
        server.kill()
        wait_until(lambda: all(map(ended, all_of_them.values())))
    port = int(server.address.rpartition(":")[2])
    with RunningServer(home, port=port) as again:
        with Client(again.profile("acme-video")) as client:
            for seed, receipt in receipts.items():
                assert [match.entry for match in client.check([code(seed)]).matches] == [receipt.index]
        assert again.stop() == 0


@pytest.mark.parametrize("place", ["save", "merge"])
def test_a_keeper_that_is_killed_in_the_middle_of_its_work_leaves_the_index_whole(
    home: Path, place: str
) -> None:
    held = home.parent / "held"
    with RunningServer(
        home,
        "--workers",
        "2",
        program=(str(HOLDING),),
        HASHPACT_TEST_HELD=str(held),
        HASHPACT_TEST_HOLD=place,
    ) as server:
        with Client(server.profile("acme-video")) as client:
            receipts = {seed: submit(client, seed) for seed in range(5)}
            server.process.send_signal(signal.SIGHUP)
            wait_until(held.exists)
            pid = int(held.read_text())
            assert pid == processes(server)["keeper"]
            assert not events(server, "saved the index")
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: processes(server)["keeper"] != pid)
            for seed, receipt in receipts.items():
                assert [match.entry for match in client.check([code(seed)]).matches] == [receipt.index]
            wait_until(lambda: len(events(server, "reloaded")) == 1)
            receipts[5] = submit(client, 5)
        assert server.stop() == 0
        assert len(events(server, "saved the index")) == 1
    before = len(events(server, "opened the index"))
    with RunningServer(home) as again:
        assert len(events(again, "opened the index")) == before + 1, "it is not made again"
        with Client(again.profile("acme-video")) as client:
            for seed, receipt in receipts.items():
                assert [match.entry for match in client.check([code(seed)]).matches] == [receipt.index]


def test_an_index_that_is_made_again_is_shared_by_all(home: Path) -> None:
    with RunningServer(home) as alone, Client(alone.profile("acme-video")) as client:
        receipt = submit(client, 1)
    with RunningServer(home, "--workers", "2", "--verify") as server:
        profile = server.profile("acme-video")

        def ask(client: Client) -> None:
            assert [match.entry for match in client.check([code(1)]).matches] == [receipt.index]

        on_each_worker(profile, server, ask)
        (event,) = events(server, "the index is made again from the log")
        assert event["process"] == "keeper"


def test_a_passphrase_is_typed_once_for_all_processes(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "serve.log"
    create_home(home, HomeConfig(ORIGIN), admins=2, threshold=2, passphrase=b"correct horse")
    ours, theirs = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if "PASSPHRASE" not in name}
    command = [
        sys.executable,
        "-m",
        "hashpact",
        "serve",
        str(home),
        "--listen",
        "127.0.0.1:0",
        "--workers",
        "2",
    ]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            env={**environ, **UNMEASURED},
        ) as server,
    ):
        try:
            wait_until(lambda: "Passphrase of" in log.read_text())
            os.write(ours, b"correct horse\n")
            assert ready_line(server, log).startswith(f"serving {ORIGIN} on ")
        finally:
            server.terminate()
            os.close(ours)
            os.close(theirs)
    assert server.returncode == 0
    assert "correct horse" not in log.read_text()


@pytest.mark.parametrize("listen", ["203.0.113.1:0", "no-such-host.invalid:0"])
def test_an_address_that_cannot_be_used_is_one_line(
    home: Path, listen: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from hashpact.cli.main import run  # noqa: PLC0415 - it forbids core dumps of the process that calls main

    assert run(["serve", str(home), "--workers", "2", "--listen", listen]) != 0
    out, err = capfd.readouterr()
    assert out == ""
    assert len([line for line in err.splitlines() if not line.startswith("{")]) == 1
