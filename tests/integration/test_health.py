"""A real server answers an orchestrator that has no certificate, if it is asked to."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest
from running import RunningServer, found


def answered(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


def test_stumble_10_health_without_a_certificate(tmp_path: Path) -> None:
    home = found(tmp_path, {})
    with RunningServer(home, HASHPACT_HEALTH="127.0.0.1:0") as server:
        (line,) = [line for line in server.log.splitlines() if json.loads(line)["event"] == "health"]
        port = int(json.loads(line)["address"].rpartition(":")[2])
        assert answered(port, "/healthz") == (200, b"ok\n")
        assert answered(port, "/readyz") == (200, b"serving\n")
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            answered(port, "/healthz")


def test_stumble_10_no_health_port_unless_it_is_configured(tmp_path: Path) -> None:
    with RunningServer(found(tmp_path, {})) as server:
        events = [json.loads(line)["event"] for line in server.log.splitlines()]
    assert "serving" in events
    assert "health" not in events
