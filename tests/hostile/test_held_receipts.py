"""An operator who takes back what it gave receipts for: the audit of the member who has them says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from builders import fingerprint
from running import BOTH, RunningServer, found

from hashpact.cli.main import run
from hashpact.domain.fingerprints import PDQ
from hashpact.member.clients import Client


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two members."""
    return found(tmp_path, {"acme-video": BOTH, "lotus-forum": BOTH})


def submit(home: Path, *names: str) -> None:
    """Serve, submit as acme, and stop in order."""
    with RunningServer(home) as server, Client(server.profile("acme-video")) as client:
        for name in names:
            client.submit([fingerprint(PDQ, name)], labels=["other"])
        assert server.stop() == 0


def audited(home: Path, capsys: pytest.CaptureFixture[str], *, status: int) -> dict[str, Any]:
    """The audit of the server, as acme."""
    capsys.readouterr()
    with RunningServer(home) as server:
        assert (
            run(["audit", server.address, "--profile", str(home.parent / "acme-video"), "--json"]) == status
        )
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def restore(home: Path, copy: Path) -> None:
    """Put an older state of the home in its place, and of what it had published."""
    for name in ("hashpact.db", "log", "segments"):
        there = home / name
        if there.is_dir():
            shutil.rmtree(there)
        else:
            there.unlink(missing_ok=True)
        if (copy / name).is_dir():
            shutil.copytree(copy / name, there)
        elif (copy / name).exists():
            shutil.copy2(copy / name, there)
    for leftover in home.glob("hashpact.db-*"):
        leftover.unlink()


def test_76_an_audit_holds_kept_receipts_against_the_log(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(home, "one")
    shutil.copytree(home, tmp_path / "copy")
    submit(home, "two", "three")
    assert audited(home, capsys, status=0)["faults"] == []
    receipts = home.parent / "acme-video" / "receipts"
    names = sorted(int(path.stem) for path in receipts.glob("*.tlog-proof"))
    (home.parent / "acme-video" / "audited-checkpoint").unlink()  # the receipts alone have to do

    restore(home, tmp_path / "copy")
    faults = audited(home, capsys, status=1)["faults"]
    assert {fault["topic"] for fault in faults} == {"held"}
    assert all("it was rolled back" in fault["message"] for fault in faults)
    assert sum(f"{name}.tlog-proof" in fault["message"] for fault in faults for name in names[1:]) == 2

    with RunningServer(home) as server, Client(server.profile("lotus-forum")) as client:
        for name in ("other", "pictures", "instead"):
            client.submit([fingerprint(PDQ, name)], labels=["other"])
        assert server.stop() == 0
    faults = audited(home, capsys, status=1)["faults"]
    messages = [fault["message"] for fault in faults]
    assert f"leaf {names[1]} is not the statement of" in " ".join(messages)
    assert any(
        f"the first {names[1] + 1} leaves are not those that the log signed" in one for one in messages
    )
    assert list((home.parent / "acme-video" / "evidence").glob("*/*-held"))
