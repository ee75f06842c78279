"""Who reads a server's connections: the thread that takes their events, and no thread of gRPC's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from builders import fingerprint
from mirrored import RunningMirror
from running import BOTH, RunningServer, found

from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import PDQ
from hashpact.member.clients import Client

TRACED: Any = {"GRPC_VERBOSITY": "DEBUG", "GRPC_TRACE": "tcp,event_engine_endpoint"}
"""The environment in which gRPC says what it reads; mypy would take it for any of the arguments."""
BY_ITSELF, BY_OTHERS = "tcp_posix.cc", "posix_endpoint.cc"
"""The files of gRPC, named in its trace, by which the thread reads that waits for events, or another."""


def answered(client: Client) -> None:
    """Have one check answered."""
    with client:
        client.check([Query(fingerprint(PDQ, "sought"))])


def test_a_server_and_a_mirror_read_by_themselves(tmp_path: Path) -> None:
    home, profile = found(tmp_path, {"acme-video": BOTH}), tmp_path / "acme-video"
    with RunningServer(home, "--workers", "1", **TRACED) as server:
        with RunningMirror(server.address, tmp_path / "mirror", profile, **TRACED) as mirror:
            answered(mirror.client())
        assert BY_ITSELF in server.log
    assert BY_ITSELF in mirror.log_path.read_text()


def test_an_operator_has_the_last_word(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with RunningServer(home, "--workers", "1", GRPC_EXPERIMENTS="event_engine_listener", **TRACED) as server:
        answered(Client(server.profile("acme-video")))
        assert BY_OTHERS in server.log
        assert BY_ITSELF not in server.log
