"""What a mirror stores for everybody: it is level with the copy, and says so when the two differ."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import pytest
from builders import ORIGIN
from depositing import COPIED, COSIGNER, Deposit, PlainLog
from running import BOTH, found
from waits import wait_until

from hashpact.domain import keys
from hashpact.domain.state import KeptCheckpoint
from hashpact.errors import (
    CommitFailedError,
    ConfigError,
    ConflictError,
    CorruptError,
    HashpactError,
    UnavailableError,
)
from hashpact.home.paths import MirrorPaths
from hashpact.http.client import UploadClient, WitnessClient
from hashpact.keys.passphrase import Passphrases
from hashpact.log import checkpoint, cosignature
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import config_of
from hashpact.mirror.believing import EVIDENCE
from hashpact.mirror.configured import MirrorConfig
from hashpact.mirror.home import make_mirror
from hashpact.mirror.storing.depository import Depository
from hashpact.mirror.storing.filling import Filling
from hashpact.mirror.storing.signing import open_cosigner, read_cosigner
from hashpact.service.publishing.mirroring import Contents, MirrorLink
from hashpact.storage.cosigned import SqliteCosigned

ORIGIN_HASH = hashlib.sha256(ORIGIN.encode()).hexdigest()
TRUE = PlainLog(300)
FORK = PlainLog(300, "fork", 7)


@pytest.fixture
def deposit(tmp_path: Path) -> Iterator[Deposit]:
    """A mirror that has copied four leaves of a log of 300, and stored none."""
    with Deposit(tmp_path, TRUE) as made:
        yield made


def filling(deposit: Deposit) -> tuple[Filling, list[HashpactError]]:
    """What fills it, and the errors at which it ends."""
    ended: list[HashpactError] = []
    return Filling(deposit.depository, deposit.alarms.append, lambda error, _: ended.append(error)), ended


def got(deposit: Deposit, path: str) -> tuple[int, bytes]:
    """The answer to GET of a path below the log's."""
    with closing(http.client.HTTPConnection("127.0.0.1", deposit.port, timeout=120)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


def test_what_is_copied_need_not_be_uploaded_and_is_cosigned(deposit: Deposit) -> None:
    filler, ended = filling(deposit)
    with filler.running():
        wait_until(lambda: deposit.state[2] is not None)
        deposit.follow(TRUE, 290)
        wait_until(lambda: b"\n290\n" in (deposit.state[2] or b""))
    assert deposit.checkpoint(TRUE.add_checkpoint(290, 300)) == 200
    reply = deposit.post("/add-entries", TRUE.upload(290, 300))
    signed = checkpoint.parse(TRUE.signed(300).data + reply.body)
    assert cosignature.verify(signed.note, COSIGNER, keys.verify) is not None
    assert (deposit.alarms, ended) == ([], [])


def test_what_keeps_it_from_storing_raises_an_alarm_once(
    deposit: Deposit, monkeypatch: pytest.MonkeyPatch
) -> None:
    filler, ended = filling(deposit)
    looks: SimpleQueue[None] = SimpleQueue()

    def fail(_self: Depository) -> None:
        looks.put(None)
        msg = "leaf 2 is missing"
        raise CorruptError(msg)

    monkeypatch.setattr(Depository, "check_posted", fail)
    with filler.running():
        for _ in range(3):
            looks.get(timeout=120)
    assert [(alarm.kind, alarm.message) for alarm in deposit.alarms] == [("malformed", "leaf 2 is missing")]
    assert ended == []


def test_what_was_uploaded_of_another_history_raises_an_alarm_once(deposit: Deposit) -> None:
    """Leaves of a fork are stored, and then the copy shows the other one."""
    assert deposit.checkpoint(FORK.add_checkpoint(4, 300)) == 200
    assert deposit.entries(FORK.upload(0, 300)[:29_000]) == 202
    deposit.follow(TRUE, 290)
    filler, ended = filling(deposit)
    with pytest.raises(HashpactError, match="some are not those of the copy"):
        filler.look(threading.Event())
    filler.look(threading.Event())
    assert [alarm.kind for alarm in deposit.alarms] == ["fork"]
    deposit.follow(TRUE, 300)
    again, _ = filling(deposit)
    with pytest.raises(HashpactError, match="another tree than the copied one"):
        again.look(threading.Event())
    assert [alarm.evidence is None for alarm in deposit.alarms] == [True, False]
    assert deposit.state[2] is None
    assert ended == []


def test_what_convicts_is_kept_however_much_is_kept_that_does_not(deposit: Deposit) -> None:
    shelf = deposit.directory / "evidence"
    shelf.mkdir(exist_ok=True)
    for number in range(EVIDENCE):
        (shelf / f"unproved-{number}.bundle").touch()
    assert deposit.checkpoint(FORK.add_checkpoint(4, 300)) == 200
    deposit.follow(TRUE, 300)
    with pytest.raises(HashpactError):
        deposit.depository.check_posted()
    (alarm,) = deposit.alarms
    assert alarm.evidence is not None
    assert alarm.evidence.name.startswith("fork-")


def test_evidence_that_cannot_be_kept_is_an_alarm_all_the_same(deposit: Deposit) -> None:
    assert deposit.checkpoint(FORK.add_checkpoint(4, 300)) == 200
    (deposit.directory / "evidence").write_bytes(b"not a directory")
    deposit.follow(TRUE, 299)
    deposit.follow(TRUE, 300)
    with pytest.raises(HashpactError):
        deposit.depository.check_posted()
    (alarm,) = deposit.alarms
    assert alarm.evidence is None
    assert "the evidence is not kept" in alarm.message


def test_a_disk_that_refuses_ends_it(deposit: Deposit, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[HashpactError] = [CommitFailedError("no"), UnavailableError("later")]

    def refuse(*_: object) -> bool:
        raise tries.pop()

    monkeypatch.setattr(type(deposit.depository.held), "extend", refuse)
    filler, ended = filling(deposit)
    with filler.running():
        wait_until(lambda: ended)
    assert [error.code for error in ended] == ["COMMIT_FAILED"]


def test_of_two_at_a_time_one_is_told_what_is_newest(deposit: Deposit) -> None:
    depository = deposit.depository
    assert deposit.checkpoint(TRUE.add_checkpoint(4, 100)) == 200
    new = KeptCheckpoint(200, TRUE.signed(200).data)
    with pytest.raises(ConflictError) as caught:
        depository.pending.advance(ORIGIN, KeptCheckpoint(4, TRUE.signed(4).data), new)
    assert caught.value.details["size"] == "100"
    assert deposit.entries(TRUE.upload(0, 100)) == 200
    with pytest.raises(ConflictError) as caught:
        depository.finish(TRUE.signed(50))
    assert caught.value.details["size"] == "100"


def test_a_log_brings_it_level_at_any_size(tmp_path: Path) -> None:
    """The log's own client: whole and partial packages, from where it is on."""
    log = PlainLog(1100)
    with Deposit(tmp_path, log) as deposit:
        post, upload = WitnessClient(deposit.url), UploadClient(deposit.url)
        link = MirrorLink(COSIGNER, post, upload=upload, contents=Contents.of(log.ledger))
        with closing(post), closing(upload):
            for size in (5, 255, 256, 257, 700, 1100):
                signed = log.signed(size)
                line = link.cosign(signed, lambda old, size=size: log.consistency(old, size))  # type: ignore[misc]  # its size is this one
                assert deposit.state[::2] == (size, signed.data + line)


def test_only_what_is_cosigned_is_shown(deposit: Deposit) -> None:
    prefix = f"/{ORIGIN_HASH}"
    assert got(deposit, f"{prefix}/checkpoint")[0] == 404
    deposit.checkpoint(TRUE.add_checkpoint(4, 300))
    assert deposit.entries(TRUE.upload(0, 300)[:29_000]) == 202
    assert got(deposit, f"{prefix}/tile/entries/000")[0] == 404
    assert deposit.entries(TRUE.upload(256, 300)) == 200
    status, note = got(deposit, f"{prefix}/checkpoint")
    assert (status, note) == (200, deposit.state[2])
    status, data = got(deposit, f"{prefix}/tile/entries/000")
    assert data == b"".join(len(leaf).to_bytes(2) + leaf for leaf in TRUE.data[:256])
    for path in ("tile/0/001.p/44", "tile/1/000.p/1"):
        assert got(deposit, f"{prefix}/{path}")[0] == 200
    for path in ("tile/0/001", "tile/0/1", "genesis", "documents/" + "0" * 64, "../held.db", ""):
        assert got(deposit, f"{prefix}/{path}")[0] == 404
    assert got(deposit, "/checkpoint")[0] == 404
    assert got(deposit, "/add-entries")[0] == 405


def test_its_state_outlives_it(tmp_path: Path) -> None:
    with Deposit(tmp_path, TRUE) as deposit:
        deposit.checkpoint(TRUE.add_checkpoint(COPIED, 300))
        assert deposit.entries(TRUE.upload(0, 300)[:29_000]) == 202
        before = deposit.state
    with Deposit(tmp_path, TRUE) as again:
        assert again.state == before
        assert again.entries(TRUE.upload(256, 300)) == 200
    (tmp_path / "posted.db").unlink()
    SqliteCosigned.create(tmp_path / "posted.db").close()
    with Deposit(tmp_path, TRUE) as again:  # what it has cosigned still counts
        for _ in range(2):
            assert again.checkpoint(FORK.add_checkpoint(4, 300)) == 409
        assert [alarm.kind for alarm in again.alarms] == ["fork"]


@pytest.fixture
def config(tmp_path: Path) -> MirrorConfig:
    """The configuration of a mirror of a log with one member."""
    found(tmp_path, {"acme": BOTH})
    pinned = config_of(ProfilePaths(tmp_path / "acme"))
    return MirrorConfig(pinned.origin, pinned.genesis, "127.0.0.1:1", tmp_path / "acme")


def test_its_key_is_made_with_it_under_its_name(tmp_path: Path, config: MirrorConfig) -> None:
    make_mirror(tmp_path / "one", config, Passphrases({}))
    make_mirror(tmp_path / "two", config, Passphrases({}), "mirror.example/m1")
    one, two = (MirrorPaths(tmp_path / name) for name in ("one", "two"))
    assert read_cosigner(one).name == f"{config.origin}/mirrors/acme"
    witness, _ = open_cosigner(two, Passphrases({}))
    assert (witness.name, witness) == ("mirror.example/m1", read_cosigner(two))
    with pytest.raises(ConfigError):
        make_mirror(tmp_path / "three", config, Passphrases({}), "a name")
    shutil.copy(one.cosigning_key, two.cosigning_key)
    with pytest.raises(ConfigError, match="is not the key that"):
        open_cosigner(two, Passphrases({}))
    two.cosigner.write_text("nothing\n")
    with pytest.raises(ConfigError, match="is not a verifier key"):
        read_cosigner(two)
