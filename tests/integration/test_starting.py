"""A server that replays its log: it listens, says how far it is, and can be stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import starting
from builders import fingerprint
from forking import UNMEASURED
from grpc_health.v1 import health_pb2, health_pb2_grpc
from running import BOTH, answered, found, free_port, health_port, log_size

from hashpact.domain.fingerprints import PDQ
from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.wire.server.identity import CHECK

PICTURE = [fingerprint(PDQ, "one")]
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVING = health_pb2.HealthCheckResponse.SERVING


class Start:
    """A start that is held in the middle of its replay."""

    def __init__(self, directory: Path) -> None:
        self.home = found(directory, {"acme": BOTH})
        address = f"127.0.0.1:{free_port()}"
        self.profile = Profile.load(directory / "acme").at(address)
        self.log = directory / "serve.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, starting.__file__, self.home, address],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **UNMEASURED, "HASHPACT_HEALTH": "127.0.0.1:0"},
            )
        assert self.says() == "replaying", self.log.read_text()

    def says(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()

    def go_on(self) -> None:
        """Let it replay."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def health(self) -> int:
        """What its health service answers."""
        with self.channel() as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # its methods have no types
            answer: int = stub.Check(health_pb2.HealthCheckRequest(), timeout=120).status
            return answer

    def channel(self) -> grpc.Channel:
        """A bare channel, which does not ask again."""
        tls = self.profile.endpoint.tls
        credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
        endpoint = self.profile.endpoint
        return grpc.secure_channel(f"{endpoint.host}:{endpoint.port}", credentials)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A start in the middle of its replay; it is killed if the test leaves it."""
    start = Start(tmp_path)
    yield start
    start.process.kill()
    start.process.communicate()


def test_a_server_listens_while_it_replays_and_says_how_far_it_is(start: Start) -> None:
    size = log_size(start.home)
    assert start.health() == NOT_SERVING
    assert answered(health_port(start.log.read_text()), "/readyz") == (503, b"not serving\n")
    with start.channel() as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
        with pytest.raises(grpc.RpcError, match=f"it has read 0 of the log's {size} leaves") as held:
            ask(b"", timeout=120)
        failed: Any = held.value  # it is a call, too
        assert failed.code() is grpc.StatusCode.UNAVAILABLE
    start.go_on()
    assert start.says().startswith("serving test.example/log on ")
    with Client(start.profile) as client:
        client.check(PICTURE)
    assert start.health() == SERVING


def test_a_start_can_be_stopped(start: Start) -> None:
    start.process.send_signal(signal.SIGTERM)
    # Its event loop answers only after it has seen the signal.
    assert answered(health_port(start.log.read_text()), "/healthz") == (200, b"ok\n")
    start.go_on()  # the step that is under way ends first
    assert start.says() == ""
    assert start.process.wait(120) == 0, start.log.read_text()
    assert '"event": "serving"' not in start.log.read_text()
