"""What servers and commands write to stderr: their own lines, and as many as the operator asks for."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import fingerprint
from running import BOTH, RunningServer, found

from hashpact.domain.fingerprints import PDQ
from hashpact.errors import BehindError, DeadlineError
from hashpact.member.clients import Client


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the member acme-video."""
    return found(tmp_path_factory.mktemp("stderr"), {"acme-video": BOTH})


def events(server: RunningServer) -> list[dict[str, Any]]:
    """What the servers of a home have logged; every line must be one of ours."""
    return [json.loads(line) for line in server.log.splitlines()]


def test_stumble_9_no_line_of_grpc_reaches_stderr(home: Path) -> None:
    with RunningServer(home) as server:
        host, _, port = server.address.rpartition(":")
        with socket.create_connection((host, int(port))) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(OSError):
                plain.recv(100)
        unverified = ssl.create_default_context()
        unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
        with contextlib.suppress(OSError), unverified.wrap_socket(socket.socket()) as nameless:
            nameless.connect((host, int(port)))
            nameless.recv(100)  # without a client certificate
        profile = server.log_path.parent / "acme-video"
        command = [sys.executable, "-m", "hashpact", "check", "--profile", str(profile), __file__]
        for address in ("127.0.0.1:1", "localhost:1"):
            environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
            done = subprocess.run(
                [*command, "--address", address, "--timeout", "2"],
                env=environment, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 4
            (line,) = done.stderr.splitlines()
            assert line.startswith("hashpact: ")
        assert server.stop() == 0
        assert {"serving", "stopping"} <= {event["event"] for event in events(server)}


@pytest.mark.parametrize(
    ("level", "checks", "refusals", "named"),
    [("off", 0, 0, 0), ("errors", 0, 1, 0), ("calls", 1, 1, 0), ("members", 1, 1, 1)],
)
def test_stumble_9_the_access_log_has_a_level(
    home: Path, level: str, checks: int, refusals: int, named: int
) -> None:
    with RunningServer(home, HASHPACT_ACCESS_LOG=level) as server:
        before = len(server.log)
        with Client(server.profile("acme-video")) as client:
            client.check([fingerprint(PDQ, "1")])
            with pytest.raises((BehindError, DeadlineError)):  # it is asked again until then
                client.check([fingerprint(PDQ, "1")], min_position=10**6, timeout=0.5)
            with pytest.raises(Exception, match="no entry"):
                client.entry(99)
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.log[before:].splitlines()]
    calls = [line for line in lines if line["event"] == "rpc"]
    checked = [line for line in calls if line["rpc"].endswith("/Check") and line["code"] == "OK"]
    assert len(checked) == checks
    assert sum(line["code"] == "NOT_FOUND" for line in calls) == refusals
    assert sum("member" in line for line in checked) == named
    assert not [line for line in lines if line["event"] == "rpc failed"]
    assert (level == "off") is (not calls)
    assert all(line["member"] == "acme-video" for line in calls if not line["rpc"].endswith("/Check"))
