"""Numbers 29 and 30 of the hostile inputs: a kill, or a failing disk, at every call that an append makes.

A killed process is a crash of the process, not a power cut: what the kernel has, it keeps. That a write is
synced before it is answered follows from the faults in place of the syncs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import strace
from builders import fingerprint
from campaign import Campaign
from forking import UNMEASURED
from running import BOTH, RunningServer, found
from strace import KILL, KINDS

from hashpact.domain.fingerprints import PDQ
from hashpact.member.clients import Client

TESTS = Path(__file__).resolve().parents[1]
ERRORS = tuple(kind for kind in KINDS if kind != KILL)
ALL = pytest.param(1, marks=pytest.mark.slow)
"""All faults, instead of a sample of them."""
SERVED = 20
REASON = strace.missing()

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def campaign(directory: Path, kinds: tuple[str, ...], step: int) -> list[dict[str, Any]]:
    """What came of each fault."""
    command = [sys.executable, "-m", "campaign", str(directory), ",".join(kinds), str(step)]
    paths = os.pathsep.join([str(TESTS / "support"), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": paths, **UNMEASURED}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(outcomes: list[dict[str, Any]]) -> None:
    """Every fault fired, no answer is lost, every tree is whole, and a retry gets the one receipt."""
    for outcome in outcomes:
        assert outcome["fired"], outcome
        assert outcome["wrong"] == [], outcome
        assert outcome["lost"] == 0, outcome
        assert outcome["again"] == ["whole"], outcome
        assert outcome["killed"] is (outcome["fault"]["kind"] == KILL), outcome
    answered = {outcome["answered"] for outcome in outcomes}
    assert answered == {0, 1, 2, 3}, "the faults struck before, between and after the answers"


def table(outcomes: list[dict[str, Any]]) -> str:
    """The faults by call, file and kind."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for outcome in outcomes:
        counted[outcome["fault"]["call"], outcome["on"], outcome["fault"]["kind"]] += 1
    lines = [f"{'call':<12}{'file':<24}{'fault':<10}fired"]
    lines += [f"{call:<12}{on:<24}{kind:<10}{count:5}" for (call, on, kind), count in sorted(counted.items())]
    lost = sum(outcome["lost"] for outcome in outcomes)
    wrong = sum(bool(outcome["wrong"]) for outcome in outcomes)
    return "\n".join(
        (*lines, f"{len(outcomes)} faults, {lost} answered appends lost, {wrong} inconsistent trees")
    )


@pytest.mark.parametrize("step", [12, ALL])
def test_29_a_kill_at_every_write_sync_and_rename_of_an_append(
    step: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = campaign(tmp_path, (KILL,), step)
    check(outcomes)
    assert len(outcomes) * step >= 100
    if step == 1:
        with capsys.disabled():
            print(f"\n{table(outcomes)}")  # noqa: T201  # what the campaign is for


@pytest.mark.parametrize("step", [25, ALL])
def test_30_an_io_error_or_a_full_disk_at_every_write_sync_and_rename_of_an_append(
    step: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = campaign(tmp_path, ERRORS, step)
    check(outcomes)
    assert len(outcomes) * step >= 300
    if step == 1:
        with capsys.disabled():
            print(f"\n{table(outcomes)}")  # noqa: T201  # what the campaign is for


def test_the_faults_strike_every_call_that_a_server_makes_for_an_append(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with RunningServer(home) as server, Client(server.profile("acme-video")) as client:
        log = tmp_path / "trace"
        with strace.traced(server.process.pid, log):
            for number in range(SERVED):
                client.submit([fingerprint(PDQ, str(number))], labels={"other"})
    # The file "machine" is written by the clock, and not for an append.
    served = Counter(
        (call.name, call.on(home)) for call in strace.calls(log) if call.on(home) not in {None, "machine"}
    )
    assert served["fdatasync", "hashpact.db-wal"] >= SERVED, "an answer that did not wait for the disk"
    (tmp_path / "campaign").mkdir()
    small = Campaign(tmp_path / "campaign")
    assert set(served) <= {(call.name, call.on(small.directory / "home")) for call in small.trace()}
