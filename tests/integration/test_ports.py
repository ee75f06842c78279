"""Two homes never answer on one port; two processes of one home do."""

from __future__ import annotations

from pathlib import Path

from commands import apart
from running import BOTH, RunningServer, found, free_port

from hashpact.member.clients import Client


def test_stumble_4_two_homes_on_one_port(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one = found(tmp_path / "one", {"acme-video": BOTH})
    two = found(tmp_path / "two", {"acme-video": BOTH})
    port = free_port()
    with RunningServer(one, port=port) as first:
        refused = apart("serve", two, "--listen", f"127.0.0.1:{port}")
        assert refused.status == 2
        (line,) = refused.err.splitlines()
        assert line.startswith(f"hashpact: port {port} of 127.0.0.1 is in use by another program or another")
        assert refused.out == ""
        with RunningServer(one, port=port) as second:
            first.kill()
            with Client(second.profile("acme-video")) as client:
                client.checkpoint()
            second.kill()
    with RunningServer(two, port=port) as third, Client(third.profile("acme-video")) as client:
        client.checkpoint()
