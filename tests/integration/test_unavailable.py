"""A server that is killed while clients check: what they get, and when they ask it again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from clearinghouse import Caller, Clearinghouse, Connect
from running import BOTH, RunningServer, found
from waits import until

from hashpact import AsyncClient, CircuitState, Client, Fingerprint, InvalidInputError, UnavailableError
from hashpact.member.checking.circuit import FAILURES
from hashpact.member.checking.either import CHANNELS

CODE = [Fingerprint("sha256/1", bytes(32))]
OPEN, CLOSED, HALF_OPEN = CircuitState.OPEN, CircuitState.CLOSED, CircuitState.HALF_OPEN


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the member acme-video."""
    return found(tmp_path, {"acme-video": BOTH})


@pytest.fixture(params=[Client, AsyncClient], ids=["blocking", "awaiting"])
def kind(request: pytest.FixtureRequest) -> type[Client | AsyncClient]:
    """Either client."""
    client: type[Client | AsyncClient] = request.param
    return client


def port_of(server: RunningServer) -> int:
    return int(server.address.rsplit(":", 1)[1])


async def test_a_killed_server_opens_the_circuit_and_a_new_one_closes_it(
    home: Path, kind: type[Client | AsyncClient]
) -> None:
    with RunningServer(home) as first:
        caller = Caller(kind(first.profile("acme-video"), on_unavailable="open", timeout=0.5))
        circuit, port = caller.client.circuit, port_of(first)
        assert (await caller("check", CODE, timeout=120)).checked
        first.kill()
    waits = []
    while circuit.state is CLOSED:
        began = time.monotonic()
        answer = await caller("check", CODE)
        waits.append(time.monotonic() - began)
        assert not answer.checked
        assert "does not answer" in answer.error.message
    assert len(waits) == CHANNELS
    # It does not ask any more: a hundred of these would have taken fifty seconds.
    began = time.monotonic()
    answers = [await caller("check", CODE) for _ in range(100)]
    with pytest.raises(UnavailableError, match="not asked"):
        await caller("check", CODE, on_unavailable="closed")
    assert time.monotonic() - began < 10
    assert sum("not asked" in answer.error.message for answer in answers) >= 90
    with RunningServer(home, port=port):
        async with asyncio.timeout(120):
            await until(lambda: circuit.state is HALF_OPEN)
            while not (await caller("check", CODE)).checked:
                await until(lambda: circuit.state is HALF_OPEN)
        assert circuit.state is CLOSED
        assert all([(await caller("check", CODE, timeout=120)).checked for _ in range(10)])
        await caller("close")


async def test_a_server_that_hangs_opens_the_circuit_by_its_deadlines(
    home: Path, kind: type[Client | AsyncClient]
) -> None:
    with RunningServer(home) as server:
        caller = Caller(kind(server.profile("acme-video"), channels=1))
        assert (await caller("check", CODE)).checked
        server.pause()
        for _ in range(3):
            answer = await caller("check", CODE, timeout=0.2, on_unavailable="open")
            assert answer.error.code == "DEADLINE"
        assert caller.client.circuit.state is OPEN
        os.kill(server.process.pid, signal.SIGCONT)
        async with asyncio.timeout(120):
            await until(lambda: caller.client.circuit.state is HALF_OPEN)
            assert (await caller("check", CODE)).checked
        assert caller.client.circuit.state is CLOSED
        await caller("close")


async def test_a_trial_that_is_cancelled_does_not_keep_the_others_out(home: Path) -> None:
    with RunningServer(home) as server:
        client = AsyncClient(server.profile("acme-video"), channels=1)
        assert (await client.check(CODE)).checked
        server.pause()
        while client.circuit.state is CLOSED:
            await client.check(CODE, timeout=0.1, on_unavailable="open")
        await until(lambda: client.circuit.state is HALF_OPEN)
        trial = asyncio.create_task(client.check(CODE, timeout=120))
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="another check tries again now"):
            await client.check(CODE)
        trial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trial
        os.kill(server.process.pid, signal.SIGCONT)
        assert (await client.check(CODE)).checked
        await client.close()


@pytest.mark.parametrize("wrong", [0, -1, "soon", float("nan")])
async def test_a_wrong_timeout_does_not_move_the_circuit(
    house: Clearinghouse, connect: Connect, wrong: object
) -> None:
    caller = connect(house.profile("acme"), channels=1)
    circuit, away = caller.client.circuit, UnavailableError("away")
    for _ in range(FAILURES - 1):
        with pytest.raises(UnavailableError), circuit.asking():
            raise away
    checks = (("check", CODE), ("check_many", CODE), ("check_bytes", b"x"), ("check_files", [b"x"]))
    for method, given in checks:
        with pytest.raises(InvalidInputError, match="timeout is a number"):
            await caller(method, given, timeout=wrong)
    assert circuit.state is CLOSED
    with pytest.raises(UnavailableError), circuit.asking():
        raise away
    assert circuit.state is OPEN


def test_statements_are_sent_however_many_checks_have_failed(home: Path) -> None:
    with RunningServer(home) as first:
        port = port_of(first)
        client = Client(first.profile("acme-video"), timeout=120)
        first.kill()
    while client.circuit.state is CLOSED:
        client.check(CODE, timeout=0.1, on_unavailable="open")
    receipts = []
    shared = [Fingerprint("md5/1", bytes(16))]
    sending = threading.Thread(target=lambda: receipts.append(client.submit(shared, labels=["other"])))
    sending.start()
    with RunningServer(home, port=port):
        sending.join(120)
        assert len(receipts) == 1
        client.close()


FORKED = """
import os, sys, time
from hashpact import CircuitState, Client, Fingerprint, Profile
codes = [Fingerprint("sha256/1", bytes(32))]
client = Client(Profile.load(sys.argv[1]).at(sys.argv[2]), timeout=120, on_unavailable="open")
client.check(codes)
print("connected", flush=True)
sys.stdin.readline()
while client.circuit.state is CircuitState.CLOSED:
    client.check(codes, timeout=0.2)
child = os.fork()
if child == 0:
    print(f"child {client.circuit.state.value}", flush=True)
    sys.stdin.readline()
else:
    os.wait()
while not client.check(codes).checked:
    time.sleep(0.05)
print(f"{'parent' if child else 'child'} {client.circuit.state.value}", flush=True)
os._exit(0)
"""


def test_a_circuit_survives_a_fork(home: Path) -> None:
    with RunningServer(home) as server:
        profile = str(home.parent / "acme-video")
        command = [sys.executable, "-c", FORKED, profile, server.address]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdin is not None

            def goes_on() -> None:
                assert program.stdin is not None
                program.stdin.write("go on\n")
                program.stdin.flush()

            assert program.stdout.readline() == "connected\n"
            server.pause()
            goes_on()
            assert program.stdout.readline() == "child open\n"
            os.kill(server.process.pid, signal.SIGCONT)
            goes_on()
            assert program.stdout.readline() == "child closed\n"
            assert program.stdout.readline() == "parent closed\n"
