"""Snapshots: what a copy that begins with one has, and that of an altered one nothing is kept."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from builders import Identity, World, check_log
from histories import NORTH, another, history, submissions
from memory import MemoryLedger
from sourced import Copy, Source, seeded_genesis, stated

from hashpact.domain.messages import Followed
from hashpact.domain.pinned import MAX_AGE
from hashpact.domain.ports import Log
from hashpact.errors import (
    ConfigError,
    CorruptError,
    ForkError,
    HashpactError,
    LogKeyError,
    NotFoundError,
    ProofError,
    QuorumError,
)
from hashpact.log.cosignature import Witness
from hashpact.log.policy import WitnessPolicy
from hashpact.member.trusting import bundle
from hashpact.member.trusting.contradiction import Contradiction, Meaning
from hashpact.member.trusting.roots import LogHistory
from hashpact.mirror.believing import Trust
from hashpact.mirror.replica import Replica
from hashpact.mirror.snapshots import files
from hashpact.mirror.snapshots.files import MAGIC, WrittenSnapshot, open_snapshot, write_snapshot
from hashpact.mirror.snapshots.starting import start_from
from hashpact.service import following
from hashpact.wire.following import followed_to_wire

SEED = 15
LEAVES = 7


@pytest.fixture
def source(world: World, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A log of two members, of which a snapshot has several messages."""
    monkeypatch.setattr(following, "MAX_FOLLOWED", 4)
    ledger = MemoryLedger()
    world.found(ledger, "acme", "bolt")
    found = Source(world, ledger)
    found.append(*(another(world, str(number)) for number in range(LEAVES)))
    found.signed()
    return found


@pytest.fixture
def snapshot(source: Source, tmp_path: Path) -> Path:
    """A snapshot of it."""
    return written(source.ledger, tmp_path / "snapshot")


@pytest.fixture
def copy(source: Source, tmp_path: Path) -> Copy:
    """A copy that is empty."""
    return Copy(source, tmp_path)


def written(ledger: MemoryLedger, path: Path) -> Path:
    """A snapshot of a log."""
    write_snapshot(ledger, path, lambda _done, _total: None)
    return path


def begin(copy: Copy, path: Path) -> None:
    """Begin a copy with a snapshot."""
    with open_snapshot(path) as snapshot:
        for _ in start_from(snapshot, copy.replica, copy.source.ask):
            pass


def sealed(data: bytes) -> bytes:
    """What comes before the SHA-256, with that of it."""
    return data + hashlib.sha256(data).digest()


def records(ledger: Log) -> list[str]:
    """The state of a ledger."""
    with ledger.snapshot() as view:
        return sorted(map(repr, view.records()))


def anew(copy: Copy, demands: WitnessPolicy | None = None) -> Copy:
    """The same copy after a restart."""
    trust = replace(Trust(copy.source.world.pinned, seeded_genesis(copy.source.ledger)), demands=demands)
    copy.replica = Replica(copy.ledger, trust, copy.directory, copy.source.world.clock)
    return copy


def check_leaves(copy: Copy, source: Source) -> int:
    """What a copy has is the log's; how many leaves that are."""
    position = copy.replica.position
    assert list(copy.ledger.leaves(0, position)) == list(source.ledger.leaves(0, position))
    assert list(copy.ledger.private(0, position)) == list(source.ledger.private(0, position))
    return position


def message(followed: Followed) -> bytes:
    """A message of a snapshot."""
    encoded = followed_to_wire(followed).SerializeToString()
    return len(encoded).to_bytes(4) + encoded


def parts_of(path: Path) -> Iterator[bytes]:
    """The messages of a snapshot, as they are in the file."""
    with open_snapshot(path) as opened:
        yield message(Followed(0, opened.checkpoint))
        yield from map(message, opened.batches(0))


def test_a_copy_that_begins_with_a_snapshot_is_what_the_log_is(
    source: Source, snapshot: Path, copy: Copy, tmp_path: Path
) -> None:
    begin(copy, snapshot)
    assert check_log(copy.ledger).size == source.ledger.head().size
    assert records(copy.ledger) == records(source.ledger)
    assert {"GetCheckpoint", "ListRoots"} >= set(source.asked)  # no leaves, and no documents here
    source.append(another(source.world, "more"))
    copy.level(source.signed())
    again = tmp_path / "again"
    assert written_of(copy, again).position == source.ledger.head().size
    other = Copy(source, made(tmp_path / "other"))
    begin(other, again)  # a mirror's is as good as the log's
    assert records(other.ledger) == records(source.ledger)


def written_of(copy: Copy, path: Path) -> WrittenSnapshot:
    """A snapshot of a copy."""
    return write_snapshot(copy.ledger, path, lambda _done, _total: None)


def made(directory: Path) -> Path:
    """The directory, which is made."""
    directory.mkdir()
    return directory


def test_writing_reports_its_progress_and_what_was_written(source: Source, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    size = source.ledger.head().size
    found = write_snapshot(source.ledger, tmp_path / "file", lambda *done: told.append(done))
    data = (tmp_path / "file").read_bytes()
    assert told == [(4, size), (8, size), (12, size), (size, size)][: len(told)]
    assert told[-1] == (size, size)
    assert (found.origin, found.position, found.size) == (source.world.origin, size, len(data))
    assert data[-32:] == found.digest == hashlib.sha256(data[:-32]).digest()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600  # it has private parts
    with pytest.raises(ConfigError, match="exists already"):
        write_snapshot(source.ledger, tmp_path / "file", lambda *_: None)
    with pytest.raises(NotFoundError, match="nothing of this log is signed"):
        write_snapshot(MemoryLedger(), tmp_path / "none", lambda *_: None)
    assert not (tmp_path / "none").exists()


def test_no_byte_of_a_snapshot_may_be_another(snapshot: Path, copy: Copy) -> None:
    """Nor may any be missing, or too many."""
    data = snapshot.read_bytes()
    with snapshot.open("r+b", buffering=0) as file:
        for place, byte in enumerate(data):
            os.pwrite(file.fileno(), bytes([byte ^ 1 << place % 8]), place)
            with pytest.raises(CorruptError, match=r"is no snapshot|was altered"):
                begin(copy, snapshot)
            os.pwrite(file.fileno(), bytes([byte]), place)
    for wrong in (b"", data[:10], data[:-1], data + b"\0", MAGIC, MAGIC + bytes(31)):
        snapshot.write_bytes(wrong)
        with pytest.raises(CorruptError, match=r"is no snapshot|not whole"):
            begin(copy, snapshot)
    assert copy.replica.position == 0
    assert copy.source.asked == []


def test_no_altered_snapshot_with_a_right_sum_is_believed(
    source: Source, snapshot: Path, tmp_path: Path
) -> None:
    """What is kept of one is the log's, as far as the message before."""
    data, draw = snapshot.read_bytes()[:-32], random.Random(SEED)
    kept = set()
    for number in range(48):
        place = draw.randrange(len(MAGIC), len(data))
        altered = data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]
        snapshot.write_bytes(sealed(altered))
        copy = Copy(source, made(tmp_path / str(number)))
        with pytest.raises(HashpactError):
            begin(copy, snapshot)
        kept.add(check_leaves(copy, source))
        assert copy.ledger.checkpoints.latest() is None
        copy.ledger.close()
    assert kept >= {0, 4, 8}  # of each message some byte was altered
    assert source.ledger.head().size not in kept


def test_a_copy_goes_on_with_the_snapshot_it_was_begun_with(
    source: Source, snapshot: Path, copy: Copy, tmp_path: Path
) -> None:
    with open_snapshot(snapshot) as opened:
        taken = start_from(opened, copy.replica, source.ask)
        assert next(taken).stop == 4
        taken.close()
    newer = source.append(another(source.world, "meanwhile"))
    source.signed()
    begin(anew(copy), snapshot)
    assert copy.replica.position == newer - 1
    check_log(copy.ledger)
    begin(anew(copy), snapshot)  # all of it is there
    with pytest.raises(ConfigError, match=f"begun, up to {newer - 1} leaves"):
        begin(anew(copy), written(source.ledger, tmp_path / "newer"))


def test_it_may_go_on_within_a_message(
    source: Source, snapshot: Path, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = copy.replica.announce(source.signed(), source.ask)
    monkeypatch.setattr(following, "MAX_FOLLOWED", 6)
    copy.take(copy.batches(target)[0], target)
    assert copy.replica.position == 6
    begin(copy, snapshot)
    assert check_log(copy.ledger).size == source.ledger.head().size


def test_the_log_must_extend_it(source: Source, copy: Copy, tmp_path: Path) -> None:
    """What the log has signed of another history is evidence, and nothing of it is kept."""
    lie = history(source.world, [*submissions(source.ledger)[:-1], another(source.world, "lie")])
    with pytest.raises(ForkError) as raised:
        begin(copy, written(lie, tmp_path / "lie"))
    parts = bundle.parse(Path(raised.value.details["evidence"]).read_bytes())
    log = LogHistory((source.world.pinned,))
    assert Contradiction.of(parts).verify(log) is Meaning.FORK
    assert copy.replica.position == 0


def test_a_log_that_is_behind_it_is_not_asked_to_extend_it(
    source: Source, copy: Copy, tmp_path: Path
) -> None:
    longer = history(source.world, [*submissions(source.ledger), another(source.world, "more")])
    with pytest.raises(ForkError, match="leaves, and shows") as raised:
        begin(copy, written(longer, tmp_path / "longer"))
    assert raised.value.details["topic"] == "rollback"
    assert copy.replica.position == 0


def test_another_logs_is_refused(source: Source, copy: Copy, tmp_path: Path) -> None:
    other = history(source.world, submissions(source.ledger))
    note = stated(source.world, other.head(), Identity.of("thief"))
    path = written(source.ledger, tmp_path / "theft")
    first, *rest = parts_of(path)
    assert first == message(Followed(0, source.signed()))
    path.write_bytes(sealed(MAGIC + message(Followed(0, note)) + b"".join(rest)))
    with pytest.raises(LogKeyError):
        begin(copy, path)
    assert copy.replica.position == 0


def test_witnesses_that_are_demanded_must_have_cosigned_it(
    source: Source, copy: Copy, tmp_path: Path
) -> None:
    wanted = WitnessPolicy.threshold([Witness(NORTH.owner, NORTH.public)], 1)
    bare = written(source.ledger, tmp_path / "bare")
    source.append(another(source.world, "cosigned"))
    source.signed(None, NORTH)
    with pytest.raises(QuorumError):
        begin(anew(copy, wanted), bare)
    assert copy.replica.position == 0
    cosigned = written(source.ledger, tmp_path / "cosigned")
    source.world.clock.now += 2 * MAX_AGE
    with pytest.raises(QuorumError, match="s are allowed"):  # of the newest one that is too long ago
        begin(anew(copy, wanted), cosigned)
    source.append(another(source.world, "fresh"))
    source.signed(None, NORTH)
    begin(anew(copy, wanted), cosigned)  # it may be as old as it is: the newest one is fresh
    assert copy.replica.position == source.ledger.head().size - 1


def without_last(messages: list[bytes]) -> list[bytes]:
    """All but the last one."""
    return messages[:-1]


ODD: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "no checkpoint": (lambda messages: messages[1:], "does not begin with a checkpoint"),
    "nothing": (lambda _: [], "does not begin with a checkpoint"),
    "a checkpoint that is none": (
        lambda sent: [message(Followed(0, b"none")), *sent[1:]],
        "checkpoint is none",
    ),
    "two checkpoints": (lambda sent: [sent[0], *sent], "leaf 0 is not where it should be"),
    "a message that is missing": (lambda sent: [sent[0], *sent[2:]], "leaf 0 is not where it should be"),
    "a message that comes twice": (lambda sent: [*sent[:2], *sent[1:]], "leaf 4 is not where it should be"),
    "no last message": (without_last, "it ends before leaf"),
    "a message without an end": (lambda sent: [*without_last(sent), sent[-1][:-1]], "longer than it may be"),
    "a large message": (lambda sent: [*sent[:1], (1 << 31).to_bytes(4), *sent[1:]], "longer than it may be"),
    "half a length": (lambda sent: [*sent, b"\0\0"], "none of Follow|not where"),
    "what is no message": (lambda sent: [*sent[:1], (3).to_bytes(4) + b"\xff\xff\xff"], "is none of Follow"),
}


@pytest.mark.parametrize("how", ODD)
def test_what_is_no_snapshot_is_named(source: Source, snapshot: Path, copy: Copy, how: str) -> None:
    alter, what = ODD[how]
    snapshot.write_bytes(sealed(MAGIC + b"".join(alter(list(parts_of(snapshot))))))
    with pytest.raises(CorruptError, match=what):
        begin(copy, snapshot)
    check_leaves(copy, source)


def test_more_leaves_than_the_checkpoint_has_are_refused(snapshot: Path, copy: Copy) -> None:
    *first, last = parts_of(snapshot)
    with open_snapshot(snapshot) as opened:
        batch = list(opened.batches(0))[-1]
    more = replace(batch, leaves=(*batch.leaves, batch.leaves[-1]))
    snapshot.write_bytes(sealed(MAGIC + b"".join([*first, message(more)])))
    with pytest.raises(CorruptError, match="were sent where") as raised:
        begin(copy, snapshot)
    assert not isinstance(raised.value, ProofError)
    assert last == message(batch)


def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place, what in (
        ("pipe", "not a plain file"),
        ("none", "cannot read"),
        (".", "is a directory"),
    ):
        with pytest.raises(ConfigError, match=what), open_snapshot(tmp_path / place):
            pass

    def fails(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files, "_digest", fails)
    with pytest.raises(ConfigError, match="Input/output error"), open_snapshot(snapshot):
        pass
