"""Numbers 26 and 27 of the hostile inputs: what a witness process must withstand."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import strace
from builders import ORIGIN
from witnesses import FORK, LOG, SIZE, TRUE, RunningWitness

from hashpact.domain import keys
from hashpact.log import checkpoint, cosignature, witnessing
from hashpact.witness.directory import open_witness

LOGS = [(ORIGIN, LOG.public)]
REASON = strace.missing()
TRACED = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture
def north(tmp_path: Path) -> Iterator[RunningWitness]:
    """A witness of the log as a process of its own."""
    with RunningWitness(tmp_path / "north", LOGS) as running:
        yield running


def size_of(witness: RunningWitness) -> int:
    """The size that it has cosigned last, from its record on the disk."""
    with open_witness(witness.directory) as opened:
        last = opened.cosigned_last(ORIGIN)
    return 0 if last is None else last.size


def test_26_of_concurrent_adds_the_size_never_decreases(north: RunningWitness) -> None:
    """Eight logs' servers race, each from the size it was told last; every answer is one of a growing log."""
    start = threading.Barrier(8)

    def race(number: int) -> list[tuple[int, int]]:
        start.wait(120)
        known, told = 0, []
        while known < SIZE:
            new = min(SIZE, known + 1 + number % 3)
            reply = north.post(TRUE.request(known, new))
            if reply.status == 200:
                signed = checkpoint.parse(TRUE.signed(new) + reply.body)
                assert cosignature.verify(signed.note, north.witness, keys.verify) is not None
                told.append((known, new))
                known = new
            else:
                assert reply.status == 409
                size = witnessing.parse_size(reply.body)
                assert size >= known
                known = size
        return told

    with ThreadPoolExecutor(8) as pool:
        answered = [step for steps in pool.map(race, range(8)) for step in steps]
    # Each cosigned step starts where another ended: laid end to end they are one history.
    steps = {old: new for old, new in answered if old < new}
    assert len(steps) == len([step for step in answered if step[0] < step[1]])
    size = 0
    while size in steps:
        assert steps[size] > size
        size = steps.pop(size)
    assert not steps
    assert size == size_of(north) == SIZE


def test_26_what_was_cosigned_outlives_sigkill(tmp_path: Path) -> None:
    old = 0
    for new in (3, 9, 20):
        with RunningWitness(tmp_path / "north", LOGS) as running:
            assert running.post(TRUE.request(old, new)).status == 200
            assert running.kill() == -signal.SIGKILL
        with RunningWitness(tmp_path / "north", LOGS) as running:
            reply = running.post(TRUE.request(old, new))
            assert (reply.status, reply.body) == (409, b"%d\n" % new)
            assert size_of(running) == new
        old = new


@TRACED
def test_26_the_record_is_synced_before_the_cosignature_leaves(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    under = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-y",
        "-e",
        "trace=pwrite64,fsync,fdatasync,sendto",
        "-o",
        str(trace),
    ]
    with RunningWitness(tmp_path / "north", LOGS, under=under) as running:
        assert running.post(TRUE.request(0, 9)).status == 200
    lines = trace.read_text().splitlines()
    (sent,) = [number for number, line in enumerate(lines) if "HTTP/1.1 200" in line]
    before = [line for line in lines[:sent] if "witness.db-wal" in line]
    assert any("pwrite64" in line for line in before)
    assert "sync(" in before[-1]


@TRACED
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_26_nothing_is_cosigned_when_the_record_cannot_be_synced(tmp_path: Path, error: str) -> None:
    with RunningWitness(tmp_path / "north", LOGS) as running:
        assert running.post(TRUE.request(0, 3)).status == 200
    trace = tmp_path / "trace"
    under = ["strace", "-D", "-f", "-qq", "-e", f"inject=fsync,fdatasync:error={error}"]
    with RunningWitness(tmp_path / "north", LOGS, under=[*under, "-o", str(trace)]) as running:
        reply = running.post(TRUE.request(3, 9))
        assert reply.status in {500, 503}
        assert "\u2014".encode() not in reply.body
    assert "(INJECTED)" in trace.read_text()
    with RunningWitness(tmp_path / "north", LOGS) as running:
        assert size_of(running) == 3
        assert running.post(TRUE.request(3, 9)).status == 200


def test_26_two_processes_of_one_witness_never_roll_it_back(tmp_path: Path) -> None:
    with (
        RunningWitness(tmp_path / "north", LOGS) as first,
        RunningWitness(tmp_path / "north", LOGS) as second,
    ):
        assert first.post(TRUE.request(0, 9)).status == 200
        assert second.post(TRUE.request(0, 5)).body == b"9\n"
        assert second.post(TRUE.request(9, 20)).status == 200
        assert first.post(TRUE.request(9, 12)).body == b"20\n"


def test_27_a_fork_of_the_same_size_is_refused_and_kept(north: RunningWitness) -> None:
    assert north.post(TRUE.request(0, 9)).status == 200
    body = witnessing.encode(9, (), FORK.signed(9))
    reply = north.post(body)
    assert (reply.status, reply.body) == (409, b"9\n")
    with open_witness(north.directory) as opened:
        (kept,) = opened.cosigned.evidence(ORIGIN)
    assert kept.certain
    roots = set()
    for signed in (kept.cosigned, witnessing.parse(kept.offered).signed.data):
        parsed = checkpoint.parse(signed)
        checkpoint.verify(parsed, ORIGIN, [LOG.public], keys.verify)
        assert parsed.checkpoint.size == 9
        roots.add(parsed.checkpoint.root)
    assert len(roots) == 2
    assert north.post(TRUE.request(9, 12)).status == 200


def test_27_a_fork_that_is_larger_is_refused_whatever_its_proof(north: RunningWitness) -> None:
    assert north.post(TRUE.request(0, 9)).status == 200
    for size, proof in ((20, FORK.proof(9, 20)), (21, TRUE.proof(9, 21)), (22, ()), (23, FORK.proof(7, 23))):
        assert north.post(witnessing.encode(9, proof, FORK.signed(size))).status == 422
    assert size_of(north) == 9
    with open_witness(north.directory) as opened:
        kept = opened.cosigned.evidence(ORIGIN)
    assert [witnessing.parse(piece.offered).signed.data for piece in kept] == [
        FORK.signed(size) for size in (20, 21, 22, 23)
    ]
    assert north.post(TRUE.request(9, 20)).status == 200


def test_27_the_evidence_outlives_sigkill_and_can_be_shown(tmp_path: Path) -> None:
    with RunningWitness(tmp_path / "north", LOGS) as running:
        assert running.post(TRUE.request(0, 9)).status == 200
        assert running.post(witnessing.encode(9, (), FORK.signed(9))).status == 409
        running.kill()
    shown = subprocess.run(
        [sys.executable, "-m", "hashpact", "witness", "show", str(tmp_path / "north"), "--evidence"],
        capture_output=True,
        check=True,
    )
    assert TRUE.signed(9) in shown.stdout
    assert FORK.signed(9) in shown.stdout
