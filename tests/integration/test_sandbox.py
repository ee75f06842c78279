"""`hashpact serve` starts, serves and ends within the limits of the shipped unit for systemd."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sandbox
from builders import fingerprint
from clones import ROOT
from forking import UNMEASURED
from running import BOTH, answered, found, plain_port, ready_line

from hashpact.domain.fingerprints import PDQ
from hashpact.member.clients import Client
from hashpact.member.profile import Profile

UNIT = ROOT / "deploy" / "hashpact.service"


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may set the limits of a unit")
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd's lists of calls are not here")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_within_the_limits_of_its_unit(tmp_path: Path, workers: str) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    log = tmp_path / "serve.log"
    serve = ["hashpact", "serve", str(home), "--listen", "127.0.0.1:0", "--workers", workers]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, sandbox.__file__, str(UNIT), str(home), *serve],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            env={
                **os.environ,
                **UNMEASURED,
                "HASHPACT_METRICS": "127.0.0.1:0",
                "HASHPACT_HEALTH": "127.0.0.1:0",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )
    try:
        try:
            address = ready_line(process, log).rsplit(" ", 1)[1]
        except AssertionError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(120)
            if process.returncode == sandbox.CANNOT:
                pytest.skip(f"this machine cannot set the limits: {log.read_text()}")
            raise
        processes = [process.pid, *children(process.pid)]
        assert len(processes) >= 3 or workers == "1"
        for pid in processes:
            limits = Path(f"/proc/{pid}/status").read_text()
            assert re.search(r"(?m)^CapBnd:\s+0{16}$", limits)
            assert re.search(r"(?m)^NoNewPrivs:\s+1$", limits)
            assert re.search(r"(?m)^Seccomp:\s+2$", limits)
        with Client(Profile.load(tmp_path / "acme-video").at(address)) as client:
            client.submit([fingerprint(PDQ, "1")], labels=["fraud"])
            assert len(client.check([fingerprint(PDQ, "1")]).matches) == 1
        port = plain_port(log.read_text(), "metrics")
        assert answered(port, "/readyz") == (200, b"serving\n")
        assert answered(port, "/metrics")[0] == 200
        process.terminate()
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert '"level": "warning"' not in log.read_text()
    assert '"level": "error"' not in log.read_text()
