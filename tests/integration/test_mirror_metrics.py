"""What a mirror that has lost its source tells Prometheus."""

from __future__ import annotations

from pathlib import Path

from mirrored import RunningMirror
from promql import rules, selectors, series
from running import BOTH, RunningServer, answered, found, plain_port
from waits import wait_until

METRICS = 'metrics = "127.0.0.1:0"\n'


def test_its_metrics_have_what_its_alert_asks_for(tmp_path: Path) -> None:
    home, profile = found(tmp_path, {"acme-video": BOTH}), tmp_path / "acme-video"
    asked = {one.name for rule in rules() for one in selectors(rule["expr"]) if "mirror" in one.name}
    assert asked
    with RunningServer(home, "--workers", "1") as server:
        address = server.address
        with RunningMirror(address, tmp_path / "mirror", profile) as mirror:
            pass
    file = mirror.home / "mirror.toml"
    kept = [line for line in file.read_text().splitlines(keepends=True) if "metrics = " not in line]
    file.write_text("".join([METRICS, *kept]))
    with RunningMirror(address, mirror.home, profile) as mirror:
        port = plain_port(mirror.log_path.read_text(), "metrics")

        def told() -> bool:
            status, body = answered(port, "/metrics")
            return status == 200 and asked <= {name for name, _, _ in series(body.decode())}

        wait_until(told)
