"""A real server answers an orchestrator that has no certificate, if it is asked to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import RunningServer, answered, found, health_port


def test_stumble_10_health_without_a_certificate(tmp_path: Path) -> None:
    home = found(tmp_path, {})
    with RunningServer(home, HASHPACT_HEALTH="127.0.0.1:0") as server:
        port = health_port(server.log)
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
