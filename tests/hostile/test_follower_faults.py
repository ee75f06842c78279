"""Number 28 of the hostile inputs: what a follower is given that it must not believe.

It keeps what it knew, its memory is bounded, and it alarms: an exit status, a line for each fault, and the
evidence in files.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
from builders import World, fingerprint
from commands import apart
from memory import MemoryLedger
from mirrors import mirror

from hashpact.cli.main import run
from hashpact.domain.fingerprints import PDQ
from hashpact.log.checkpoint import Checkpoint, parse, sign
from hashpact.member.author import Reason

EARLY = 40
LATE = 300
MEMORY = 400
"""MiB that an audit may have, whatever it reads."""


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two mirrors of one log: ``early`` and ``late``."""
    directory = tmp_path_factory.mktemp("mirrors")
    world, ledger = World(), MemoryLedger()
    world.found(ledger, "acme")
    guard, appender, acme = world.guard(ledger), world.appender(ledger), world.author("acme")
    for size, name in ((EARLY, "early"), (LATE, "late")):
        while ledger.head().size < size:
            shared = [fingerprint(PDQ, str(ledger.head().size))]
            appender.append("acme", acme.submit(shared, Reason(frozenset({"ncii"}))))
        guard.sign()
        mirror(ledger, directory / name)
    return directory


class Audit:
    """A follower that audits one mirror after another, in one place."""

    def __init__(self, place: Path) -> None:
        self.last, self.evidence = place / "last", place / "evidence"

    def __call__(self, directory: Path) -> int:
        """The exit status of an audit."""
        return run(["audit", str(directory), "--from", str(self.last), "--evidence", str(self.evidence)])

    @property
    def size(self) -> int:
        """The size of the last good state."""
        return parse(self.last.read_bytes()).checkpoint.size

    @property
    def faults(self) -> list[tuple[str, int | None]]:
        """What the evidence says is wrong."""
        report = json.loads((self.evidence / "report.json").read_text())
        return [(fault["topic"], fault["index"]) for fault in report["faults"]]


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    """A follower that knows nothing yet."""
    return Audit(tmp_path)


def copied(mirror: Path, place: Path) -> Path:
    """A copy of a mirror, to be altered."""
    subprocess.run(["/bin/cp", "-r", mirror, place], check=True)
    return place


def test_28_a_follower_keeps_up_and_alarms_at_a_checkpoint_that_is_rolled_back(
    mirrored: Path, audit: Audit, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(mirrored / "early") == 0
    assert audit.size == EARLY
    assert audit(mirrored / "late") == 0
    assert audit.size == LATE
    assert f"begins with the {EARLY} leaves audited last" in capsys.readouterr().out
    assert audit(mirrored / "early") == 1
    told = capsys.readouterr()
    assert "the log was rolled back" in told.out
    assert "hashpact: 1 fault was found" in told.err
    assert audit.size == LATE
    assert audit.faults == [("checkpoint", EARLY)]
    kept = {path.name: path.read_bytes() for path in audit.evidence.glob("0000-*")}
    assert kept == {
        "0000-audited": (mirrored / "late" / "checkpoint").read_bytes(),
        "0000-checkpoint": (mirrored / "early" / "checkpoint").read_bytes(),
    }


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("tile/entries/000", ("leaf", 0)),
        ("tile/entries/001.p/44", ("leaf", 256)),
        ("tile/0/000", ("tile", 0)),
        ("tile/0/001.p/44", ("tile", 256)),
        ("tile/1/000.p/1", ("tile", 0)),
    ],
)
def test_28_a_flipped_bit_of_any_tile_is_found(
    mirrored: Path, audit: Audit, tmp_path: Path, name: str, wanted: tuple[str, int]
) -> None:
    assert audit(mirrored / "early") == 0
    altered = copied(mirrored / "late", tmp_path / "altered")
    data = bytearray((altered / name).read_bytes())
    data[20] ^= 1
    (altered / name).write_bytes(data)
    assert audit(altered) == 1
    assert audit.faults[0] == wanted
    assert audit.size == EARLY


def test_28_a_missing_or_torn_tile_is_found(mirrored: Path, audit: Audit, tmp_path: Path) -> None:
    assert audit(mirrored / "early") == 0
    altered = copied(mirrored / "late", tmp_path / "altered")
    torn = altered / "tile" / "entries" / "001.p" / "44"
    torn.write_bytes(torn.read_bytes()[:-1])
    assert audit(altered) == 1
    assert audit.faults == [("source", 256)]
    torn.unlink()
    audit.evidence = tmp_path / "second"
    assert audit(altered) == 1
    assert audit.faults == [("source", 256)]
    assert audit.size == EARLY


@pytest.mark.parametrize("name", ["checkpoint", "tile/entries/000", "tile/0/000"])
def test_28_an_endless_body_is_not_read(mirrored: Path, audit: Audit, tmp_path: Path, name: str) -> None:
    """Eight gigabytes stand for an endless file; a device and a pipe are refused for what they are."""
    assert audit(mirrored / "early") == 0
    altered = copied(mirrored / "late", tmp_path / "altered")
    os.truncate(altered / name, 8 << 30)
    done = apart("audit", altered, "--from", audit.last, "--evidence", audit.evidence)
    assert done.status == 1, done.err
    assert done.peak < MEMORY
    assert "has more than" in done.out
    assert audit.size == EARLY
    for place in ("/dev/zero", tmp_path / "pipe"):
        (altered / name).unlink()
        if not Path(place).exists():
            os.mkfifo(place)
        (altered / name).symlink_to(place)
        audit.evidence = tmp_path / f"evidence-{Path(place).name}"
        assert audit(altered) == 1
        assert audit.size == EARLY


def test_28_a_checkpoint_of_an_endless_log_is_not_waited_for(
    mirrored: Path, audit: Audit, tmp_path: Path, world: World
) -> None:
    """The log itself signs a size of which it has not the leaves."""
    altered = copied(mirrored / "late", tmp_path / "altered")
    endless = Checkpoint(world.origin, 2**62, bytes(32))
    key = world.log_key
    (altered / "checkpoint").write_bytes(sign(endless, key.public, key.signer.sign))
    assert audit(altered) == 1
    assert audit.faults == [("source", 256)]
    assert not audit.last.exists()


def test_28_a_log_that_begins_with_another_genesis_is_refused(mirrored: Path, tmp_path: Path) -> None:
    leaf = (mirrored / "early" / "tile" / "entries" / "000.p" / "40").read_bytes()
    genesis = leaf[2 : 2 + int.from_bytes(leaf[:2])]
    known = ["audit", str(mirrored / "late"), "--evidence", str(tmp_path / "evidence"), "--genesis"]
    assert run([*known, hashlib.sha256(genesis).hexdigest()]) == 0
    assert run([*known, hashlib.sha256(b"other").hexdigest()]) == 1
    assert (tmp_path / "evidence" / "0000-leaf-0").read_bytes() == genesis
