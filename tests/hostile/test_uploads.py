"""Number 82 of the hostile inputs: uploads that a mirror must not take, over real HTTP.

Each is refused with the status of C2SP tlog-mirror, and leaves what is durable as it was.
"""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from builders import ORIGIN, Identity
from depositing import COSIGNER, LOG, Deposit, PlainLog

from hashpact.domain import keys
from hashpact.domain.pinned import PinnedLog
from hashpact.errors import ConflictError
from hashpact.http import mirror as uploads
from hashpact.http.door import DoorLimits
from hashpact.log import checkpoint, cosignature, mirroring, proofs, witnessing
from hashpact.member.trusting import bundle
from hashpact.member.trusting.contradiction import Contradiction, Meaning
from hashpact.member.trusting.roots import LogHistory
from hashpact.mirror.storing.depository import RECENT
from hashpact.storage.cosigned import SqliteCosigned

SIZE = 700
TRUE = PlainLog(SIZE)
FORK = PlainLog(SIZE, "fork", 7)
EARLY = PlainLog(SIZE, "early", 2)
"""Differs within what the mirror has copied."""
OTHER = PlainLog(SIZE, origin="other.example/log")
KNOWN = LogHistory((PinnedLog(ORIGIN, (LOG.public,)),))


@pytest.fixture
def deposit(tmp_path: Path) -> Iterator[Deposit]:
    """A mirror that has the whole log pending, and the four leaves that it has copied."""
    with Deposit(tmp_path, TRUE) as made:
        assert made.checkpoint(TRUE.add_checkpoint(4, SIZE)) == 200
        made.depository.held.extend(made.copy, 1000)
        yield made


def head(start: int = 4, stop: int = SIZE, origin: str = ORIGIN, ticket: bytes = b"") -> bytes:
    return mirroring.header(origin, start, stop, ticket)


def package(change: Callable[[list[bytes], list[bytes]], object]) -> bytes:
    """The first package, of which the leaves and the proof are changed."""
    leaves, proof = TRUE.data[4:256], list(proofs.subtree(0, 256, SIZE, TRUE.ledger.tree.node))
    change(leaves, proof)
    return mirroring.package(leaves, proof)


FIRST = TRUE.package(4, SIZE)
HOSTILE: dict[str, tuple[list[bytes], int]] = {
    "a wrong hash": ([head(), package(lambda _, proof: proof.__setitem__(0, bytes(32)))], 422),
    "a hash too few": ([head(), package(lambda _, proof: proof.pop())], 422),
    "a hash too many": ([head(), package(lambda _, proof: proof.append(bytes(32)))], 422),
    "63 hashes": ([head(), package(lambda _, proof: proof.extend([bytes(32)] * (63 - len(proof))))], 422),
    "64 hashes": (
        [head(), mirroring.package(TRUE.data[4:256], []).removesuffix(b"\0"), b"\x40", bytes(2048)],
        400,
    ),
    "a wrong leaf": ([head(), package(lambda leaves, _: leaves.__setitem__(0, b"other"))], 422),
    "leaves in another order": ([head(), package(lambda leaves, _: leaves.reverse())], 422),
    "an empty leaf": ([head(), package(lambda leaves, _: leaves.__setitem__(0, b""))], 422),
    "leaves of a fork": ([head(), FORK.package(4, SIZE)], 422),
    "the second package first": ([head(), TRUE.package(256, SIZE)], 422),
    "the proof of another size": ([head(), TRUE.package(4, SIZE - 1, SIZE - 1)], 422),
    "another log": ([OTHER.upload(0, SIZE)], 404),
    "an origin that is no text": ([b"\0\x02\xff\xfe", bytes(18)], 400),
    "leaves that do not follow": ([head(256), TRUE.package(256, SIZE)], 409),
    "a start that is not where the leaves end": ([head(5), FIRST], 409),
    "a size that is not pending": ([TRUE.upload(4, SIZE - 1)], 409),
    "a size beyond all": ([head(4, 2**63 - 1)], 409),
    "a size beyond numbers": ([head(4, 2**64 - 1)], 400),
    "more leaves than the tree": ([head(SIZE + 1, SIZE)], 400),
    "no leaves": ([head()], 400),
    "half a package": ([head(), FIRST[:-1]], 400),
    "half a header": ([head()[:-3]], 400),
    "nothing": ([], 400),
    "noise": ([b"\0\x10", b"\xff" * 16, hashlib.shake_128(b"noise").digest(50_000)], 400),
    "a ticket of its own": ([head(ticket=b"let me in"), package(lambda leaves, _: leaves.reverse())], 422),
}
"""Bodies of add-entries, and how each is answered."""


@pytest.mark.parametrize("name", HOSTILE)
def test_82_a_bad_upload_is_refused_and_changes_nothing(deposit: Deposit, name: str) -> None:
    body, status = HOSTILE[name]
    before = deposit.state
    assert deposit.entries(*body) == status
    assert deposit.state == before
    packed = gzip.compress(b"".join(body))
    assert deposit.post("/add-entries", packed, Content_Encoding="gzip").status == status
    assert deposit.state == before
    if status == 409:
        assert deposit.kind.startswith(mirroring.STATE_TYPE)
    # The honest one is taken afterwards.
    reply = deposit.post("/add-entries", TRUE.upload(4, SIZE))
    signed = checkpoint.parse(TRUE.signed(SIZE).data + reply.body)
    assert cosignature.verify(signed.note, COSIGNER, keys.verify) is not None
    assert deposit.state == (SIZE, TRUE.signed(SIZE).data, signed.data)


def test_82_what_came_before_a_bad_package_is_kept_and_no_more(deposit: Deposit) -> None:
    good = TRUE.package(4, SIZE)
    assert deposit.entries(head(), good, FORK.package(256, SIZE)) == 422
    assert deposit.state[0] == 256
    reply = deposit.post("/add-entries", head(256) + TRUE.package(256, SIZE) + TRUE.package(512, SIZE)[:-1])
    assert (reply.status, mirroring.parse_state(reply.body)) == (
        202,
        mirroring.MirrorState(SIZE, 512, b""),
    )
    assert deposit.state[2] is None
    # Stored leaves are never replaced, nor stored twice.
    assert deposit.entries(TRUE.upload(4, SIZE)) == 200
    assert deposit.entries(TRUE.upload(4, SIZE)) == 200
    assert [leaf.data for leaf in deposit.depository.held.ledger.leaves(0, SIZE)] == TRUE.data


def test_82_a_checkpoint_that_is_not_the_logs_changes_nothing(deposit: Deposit) -> None:
    before = deposit.state
    stranger = Identity.of("stranger")
    forged = checkpoint.sign(TRUE.signed(SIZE).checkpoint, stranger.public, stranger.private.sign)
    assert deposit.checkpoint(witnessing.encode(SIZE, (), forged)) == 403
    assert deposit.checkpoint(OTHER.add_checkpoint(0, SIZE)) == 404
    assert deposit.checkpoint(TRUE.add_checkpoint(4, SIZE - 1)) == 409  # an older one
    assert deposit.checkpoint(TRUE.add_checkpoint(SIZE - 1, SIZE)) == 409
    assert deposit.checkpoint(b"old 0\n\nnonsense\n") == 400
    assert deposit.checkpoint(bytes(witnessing.MAX_SIZE + 1)) == 413
    assert deposit.state == before
    assert deposit.alarms == []


def evidence(deposit: Deposit) -> Meaning:
    """What the only piece of evidence shows of the log."""
    (alarm,) = deposit.alarms
    assert (alarm.kind, alarm.evidence is not None) == ("fork", True)
    (path,) = (deposit.directory / "evidence").iterdir()
    return Contradiction.of(bundle.parse(path.read_bytes())).verify(KNOWN)


def test_82_two_trees_of_one_size_are_evidence(deposit: Deposit) -> None:
    before = deposit.state
    assert deposit.checkpoint(witnessing.encode(SIZE, (), FORK.signed(SIZE).data)) == 409
    assert deposit.state == before
    assert evidence(deposit) is Meaning.FORK
    assert deposit.entries(FORK.upload(4, SIZE)) == 422
    assert deposit.state == before


def test_82_a_larger_tree_that_does_not_extend_is_kept_as_a_doubt(tmp_path: Path) -> None:
    with Deposit(tmp_path, TRUE) as deposit:
        assert deposit.checkpoint(TRUE.add_checkpoint(4, 300)) == 200
        before = deposit.state
        assert deposit.checkpoint(FORK.add_checkpoint(300, SIZE)) == 422
        assert deposit.state == before
        posted = deposit.depository.pending.posted
        assert isinstance(posted, SqliteCosigned)
        (doubt,) = posted.evidence(ORIGIN)
        assert (doubt.certain, doubt.cosigned) == (False, TRUE.signed(300).data)


def test_82_a_tree_that_the_copy_contradicts_is_never_pending(tmp_path: Path) -> None:
    """What the mirror has verified by itself counts as if it had been posted."""
    with Deposit(tmp_path, TRUE) as deposit:
        before = deposit.state
        assert deposit.checkpoint(EARLY.add_checkpoint(0, SIZE)) == 409
        assert deposit.checkpoint(EARLY.add_checkpoint(4, SIZE)) == 422
        assert deposit.state == before


def test_82_a_posted_tree_that_the_copy_contradicts_later_is_not_cosigned(tmp_path: Path) -> None:
    with Deposit(tmp_path, TRUE) as deposit:
        assert deposit.checkpoint(FORK.add_checkpoint(4, 300)) == 200
        deposit.follow(TRUE, SIZE)
        assert deposit.entries(FORK.upload(0, 300)) == 422
        assert deposit.state[2] is None
        assert evidence(deposit) is Meaning.FORK


def test_82_no_smaller_checkpoint_is_cosigned_after_a_larger(tmp_path: Path) -> None:
    with Deposit(tmp_path, TRUE) as deposit:
        assert deposit.checkpoint(TRUE.add_checkpoint(4, 300)) == 200
        assert deposit.checkpoint(TRUE.add_checkpoint(300, SIZE)) == 200
        assert deposit.entries(TRUE.upload(0, 300)) == 200  # one that was pending before
        assert deposit.entries(TRUE.upload(300, SIZE)) == 200
        before = deposit.state
        reply = deposit.post("/add-entries", TRUE.upload(0, 300))
        assert (reply.status, mirroring.parse_state(reply.body).size) == (409, SIZE)
        assert deposit.state == before


def test_82_what_is_packed_otherwise_or_damaged_is_not_unpacked(deposit: Deposit) -> None:
    before = deposit.state
    assert deposit.post("/add-entries", TRUE.upload(4, SIZE), Content_Encoding="br").status == 415
    assert deposit.post("/add-entries", TRUE.upload(4, SIZE), Content_Encoding="gzip").status == 400
    bomb = gzip.compress(head() + bytes(200_000_000))
    assert deposit.post("/add-entries", bomb, Content_Encoding="gzip").status == 422
    assert deposit.state == before


def test_82_an_endless_upload_ends(deposit: Deposit) -> None:
    """Of leaves that never complete a package of the tree, and of more packages than a log sends."""
    before = deposit.state
    with socket.create_connection(("127.0.0.1", deposit.port), 30) as connection:
        connection.sendall(b"POST /add-entries HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"\xff" * 65536 + b"\r\n"
        with pytest.raises(OSError, match=r"reset|pipe"):
            connection.sendall(chunk * 2000)  # 131 MB
    assert deposit.state == before
    assert deposit.entries(TRUE.upload(4, SIZE)) == 200


def test_82_silent_uploads_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "SILENCE", 0.2)
    with Deposit(tmp_path, TRUE, DoorLimits(request_time=5)) as deposit:
        assert deposit.checkpoint(TRUE.add_checkpoint(4, SIZE)) == 200
        body = TRUE.upload(0, SIZE)
        start = f"POST /add-entries HTTP/1.1\r\nHost: m\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        silent = [socket.create_connection(("127.0.0.1", deposit.port), 30) for _ in range(uploads.UPLOADS)]
        try:
            for each in silent:
                each.sendall(start + body[:40_000])
            answers = {each.recv(12) for each in silent}
            assert answers == {b"HTTP/1.1 202"}  # what had come is stored
            assert deposit.state[0] == 256
            assert deposit.entries(TRUE.upload(256, SIZE)) == 200
        finally:
            for each in silent:
                each.close()


def test_82_above_the_limit_uploads_are_told_to_come_again(deposit: Deposit) -> None:
    silent = []
    try:
        for _ in range(uploads.UPLOADS):
            each = socket.create_connection(("127.0.0.1", deposit.port), 30)
            silent.append(each)
            each.sendall(b"POST /add-entries HTTP/1.1\r\nHost: m\r\nContent-Length: 9\r\n\r\nx")
        statuses = {deposit.entries(head()) for _ in range(50)}
        assert 503 in statuses
        assert statuses <= {503, 400}
    finally:
        for each in silent:
            each.close()


def test_82_of_uploads_at_the_same_time_each_leaf_is_stored_once(deposit: Deposit) -> None:
    start = threading.Barrier(4)

    def race(_: int) -> int:
        start.wait(120)
        return deposit.entries(TRUE.upload(4, SIZE))

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(race, range(4))) == {200}
    assert [leaf.data for leaf in deposit.depository.held.ledger.leaves(0, SIZE)] == TRUE.data


def test_82_no_more_packages_are_taken_than_a_log_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirroring, "MAX_PACKAGES", 2)
    with Deposit(tmp_path, TRUE) as deposit:
        assert deposit.checkpoint(TRUE.add_checkpoint(4, SIZE)) == 200
        assert deposit.entries(TRUE.upload(0, SIZE)) == 202
        assert deposit.state[0] == 512


def test_82_nothing_of_a_leaf_is_logged(deposit: Deposit) -> None:
    for name, (body, _) in HOSTILE.items():
        assert deposit.entries(*body) >= 400, name
    assert deposit.entries(TRUE.upload(4, SIZE)) == 200
    said = repr(deposit.events.entries)
    assert "answered an upload" in said
    assert not any(leaf.hex() in said or repr(leaf)[2:20] in said for leaf in TRUE.data)


def test_82_what_is_stored_is_compared_with_the_root_before_it_is_cosigned(tmp_path: Path) -> None:
    """Somebody has put other leaves on the disk: nothing that is uploaded shows it, and the root does."""
    with Deposit(tmp_path, TRUE) as deposit:
        deposit.depository.held.store(FORK.data[:512])
        assert deposit.checkpoint(TRUE.add_checkpoint(4, SIZE)) == 200
        assert deposit.entries(TRUE.upload(512, SIZE)) == 422
        assert deposit.entries(head(SIZE)) == 422
        assert deposit.state[2] is None


def test_82_only_the_last_pending_checkpoints_are_remembered(tmp_path: Path) -> None:
    with Deposit(tmp_path, TRUE) as deposit:
        for size in range(4, 4 + RECENT + 1):
            assert deposit.checkpoint(TRUE.add_checkpoint(size, size + 1)) == 200
        assert deposit.entries(TRUE.upload(0, 5)) == 409
        assert deposit.entries(TRUE.upload(0, 6)) == 200
        assert deposit.entries(TRUE.upload(6, 4 + RECENT + 1)) == 200
        with pytest.raises(ConflictError, match="are missing before leaf 256"):
            deposit.depository.take(TRUE.signed(SIZE), mirroring.Package(256, (b"",) * 256, ()))
