"""Clients where programs put them: under timeouts, behind proxies, in forks, in several event loops."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import here
from pausing import pauses
from running import BOTH, RunningServer, found

import hashpact
from hashpact import AsyncClient, Client, Fingerprint, InvalidInputError, Profile, UnavailableError
from hashpact.wire.client.attempts import Probe

CODE = Fingerprint("sha256/1", bytes(32))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the member acme-video."""
    home = found(tmp_path_factory.mktemp("settings"), {"acme-video": BOTH})
    with RunningServer(home) as running:
        yield running


@pytest.fixture
def profile(server: RunningServer) -> Profile:
    """The profile of its member."""
    return server.profile("acme-video")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens, and that nobody else gets meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, 86_401, "5"])
def test_a_timeout_that_is_none_is_refused_in_our_words(profile: Profile, timeout: float) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(InvalidInputError, match="timeout is a number of seconds above 0") as refused:
            kind(profile, timeout=timeout)
        assert refused.value.details == {"field": "timeout"}
    with Client(profile) as client:
        for call in (
            lambda: client.check([CODE], timeout=timeout),
            lambda: client.submit([CODE], labels="ncii", timeout=timeout),
            lambda: client.withdraw(5, "mistake", timeout=timeout),
            lambda: client.opinion(5, "seen", timeout=timeout),
        ):
            with pytest.raises(InvalidInputError, match="timeout"):
                call()


def test_a_refused_connection_is_told_at_once_by_the_command(
    server: RunningServer, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = server.log_path.parent / "acme-video"
    steps = pauses(monkeypatch)
    done = here("entry", "5", "--profile", profile, "--address", f"127.0.0.1:{closed_port}")
    assert [type(step) for step in steps] == [Probe]  # it waits for no second try
    assert f"127.0.0.1:{closed_port} does not answer; is a server running there?" in done.error
    assert "refused" in done.error


ASKING = """
import sys
from hashpact import Client, Fingerprint, Profile
client = Client(Profile.load(sys.argv[1]).at(sys.argv[2]), timeout=120)
print("asking", flush=True)
print(client.check([Fingerprint("sha256/1", bytes(32))]).matches, flush=True)
"""


def test_a_program_waits_for_a_server_that_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with RunningServer(home) as first:
        profile = first.profile("acme-video")
        port = int(first.address.rsplit(":", 1)[1])
    asking = [sys.executable, "-c", ASKING, str(tmp_path / "acme-video"), f"127.0.0.1:{port}"]
    with subprocess.Popen(asking, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "asking\n"
        with RunningServer(home, port=port):
            assert program.stdout.readline() == "()\n"
    assert profile.member == "acme-video"
    steps = pauses(monkeypatch)
    with Client(profile, timeout=120, retry_refused=False) as hasty, pytest.raises(UnavailableError):
        hasty.check([CODE])
    assert [type(step) for step in steps] == [Probe]


def test_an_awaiting_client_serves_one_event_loop_after_another(profile: Profile) -> None:
    client = AsyncClient(profile)
    for _ in range(3):
        assert asyncio.run(client.check([CODE])).matches == ()
    asyncio.run(client.close())


FORKED = """
import asyncio, gc, os, sys
from hashpact import AsyncClient, Client, Fingerprint, Profile, UnavailableError
profile, how = Profile.load(sys.argv[1]).at(sys.argv[2]), sys.argv[3]
codes = [Fingerprint("sha256/1", bytes(32))]
client = Client(profile)
client.check(codes)
stream = None
if how == "busy":
    stream = client.leaves()
    next(stream)
if how == "awaiting":
    other = AsyncClient(profile)
    asyncio.run(other.check(codes))
if os.fork() == 0:
    try:
        found = client.check(codes), Client(profile).check(codes)
        print("child:", len(found), flush=True)
    except UnavailableError as error:
        print("child:", error, flush=True)
    other = None
    gc.collect()
    sys.exit()
os.wait()
print("parent:", len(client.check(codes).matches), flush=True)
"""


@pytest.mark.parametrize(
    ("how", "support", "said"),
    [
        ("idle", "", "child: 2"),
        ("idle", "1", "child: 2"),
        ("idle", "0", "start it by spawn"),
        ("busy", "", "start it by spawn"),
        ("awaiting", "", "start it by spawn"),
    ],
)
def test_a_client_that_was_forked_works_or_says_what_to_do(
    server: RunningServer, how: str, support: str, said: str
) -> None:
    environ = {**os.environ, **({"GRPC_ENABLE_FORK_SUPPORT": support} if support else {})}
    profile = server.log_path.parent / "acme-video"
    done = subprocess.run(
        [sys.executable, "-c", FORKED, profile, server.address, how],
        env=environ, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    child, parent = done.stdout.splitlines()
    assert said in child
    assert parent == "parent: 0"


def test_a_proxy_that_does_not_answer_is_named_and_can_be_passed_by(
    server: RunningServer, closed_port: int
) -> None:
    profile = server.log_path.parent / "acme-video"
    proxy = {"https_proxy": f"http://user:secret@127.0.0.1:{closed_port}"}
    command = ("check", __file__, "--profile", profile, "--address", server.address)

    def run(*more: str, **environ: str) -> str:
        done = here(*command, *more, **proxy, **environ)
        assert (done.status == 1) == (": no match" in done.out), done.err
        return done.out + done.err

    refused = run()
    assert f"does not answer through the proxy 127.0.0.1:{closed_port}, which https_proxy" in refused
    assert "set no_proxy=127.0.0.1" in refused
    assert "secret" not in refused
    for passed in (run("--no-proxy"), run(no_proxy="127.0.0.1"), run(NO_PROXY="*")):
        assert ": no match" in passed


def test_the_version_is_that_of_the_package() -> None:
    assert here("--version").out == f"hashpact {hashpact.__version__}\n"
