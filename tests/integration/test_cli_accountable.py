"""`hashpact check --attest --prove` and `hashpact audit --answers --canaries`, with a real server."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from commands import Done, here
from mirrored import copied
from running import BOTH, RunningServer, found

from hashpact.domain.attestation import AttestedAnswer
from hashpact.home.opening import open_home
from hashpact.keys.passphrase import FILE, VALUE, Passphrases
from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.member.trusting.answers import AnswerStore
from hashpact.wire.v1 import check_pb2

SECRET = "correct horse battery staple"  # noqa: S105 - of a test


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the member acme-video."""
    home = found(tmp_path_factory.mktemp("accountable"), {"acme-video": BOTH})
    with RunningServer(home) as running:
        yield running


@pytest.fixture
def shared(server: RunningServer, tmp_path: Path) -> Path:
    """A file that is shared once, by its bytes."""
    file = tmp_path / "shared.bin"
    file.write_bytes(b"\0" + tmp_path.name.encode() * 20)
    done = member(server, "submit", file, "--label", "other", "--json")
    assert done.status == 0, done.err
    return file


def member(server: RunningServer, command: str, *arguments: str | Path, **environ: str) -> Done:
    """A command of that member."""
    profile = server.log_path.parent / "acme-video"
    return here(command, *arguments, "--profile", profile, "--address", server.address, **environ)


def audit(server: RunningServer, *arguments: str | Path, **environ: str) -> Done:
    """An audit by that member."""
    profile = server.log_path.parent / "acme-video"
    return here("audit", server.address, *arguments, "--profile", profile, "--json", **environ)


def test_an_answer_is_attested_kept_encrypted_and_compared_with_the_log(
    server: RunningServer, shared: Path
) -> None:
    done = member(server, "check", shared, "--attest", "--prove", "--json")
    assert (done.status, done.err) == (0, "")
    profile = Profile.load(server.log_path.parent / "acme-video")
    store = AnswerStore.of(profile)
    ((path, kept),) = store.answers()
    assert kept.verify(profile.log).position == done.lines[0]["position"]
    for hidden in (kept.request, kept.answer):
        assert hidden not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == store.private_key.stat().st_mode & 0o077 == 0
    done = audit(server, "--answers", store.directory, "--canaries", "5", "--seed", "7")
    assert done.status == 0, done.out
    assert done.lines[0]["answers"] == 1
    assert (done.lines[0]["canaries"], done.lines[0]["seed"]) == (5, 7)


def test_kept_answers_are_opened_by_the_passphrase_alone(
    server: RunningServer, shared: Path, tmp_path: Path
) -> None:
    answers = tmp_path / "answers"
    profile = Profile.load(server.log_path.parent / "acme-video").at(server.address)
    with Client(profile) as client:
        made = client.check_file(str(shared)).made
        assert made is not None
        fingerprint = made.fingerprints[-1]
        store = AnswerStore(answers, Passphrases({VALUE: SECRET}))
        client.check([fingerprint], keep=store)
        client.check([fingerprint], keep=AnswerStore(answers, Passphrases({})))  # keeps without a passphrase
    assert len(list(answers.glob("*.answer"))) == 2
    assert b"ENCRYPTED" in store.private_key.read_bytes()
    assert audit(server, "--answers", answers, **{VALUE: SECRET}).lines[0]["answers"] == 2
    assert "cannot open" in audit(server, "--answers", answers, **{VALUE: f"{SECRET}?"}).error
    assert FILE in audit(server, "--answers", answers).error


def test_a_withheld_entry_is_a_fault_that_names_file_and_entry(
    server: RunningServer, shared: Path, tmp_path: Path
) -> None:
    profile = Profile.load(server.log_path.parent / "acme-video").at(server.address)
    store = AnswerStore(tmp_path / "answers", unencrypted=True)
    with Client(profile) as client:
        path, entry = lie_about(server, client, shared, store)
    done = audit(server, "--answers", store.directory, "--evidence", tmp_path / "evidence")
    assert done.status == 1
    messages = {fault["message"] for fault in done.lines[0]["faults"]}
    assert any(one.startswith(f"{path.name}: withholds entry {entry}, which stood") for one in messages)
    kept = json.loads((tmp_path / "evidence" / "report.json").read_text())
    assert {fault["topic"] for fault in kept["faults"]} == {"answer"}
    digest = hashlib.sha256(shared.read_bytes()).digest()
    assert all(digest not in file.read_bytes() for file in (tmp_path / "evidence").iterdir())


def test_a_mirror_shows_what_an_answer_withheld(server: RunningServer, shared: Path, tmp_path: Path) -> None:
    """Without a server, and with the proof that the log has the entry."""
    profile = Profile.load(server.log_path.parent / "acme-video").at(server.address)
    store = AnswerStore(tmp_path / "answers", unencrypted=True)
    with Client(profile) as client:
        client.check_file(str(shared), keep=store)
        path, entry = lie_about(server, client, shared, store)
        copy = copied(server.address, tmp_path / "copy", server.log_path.parent / "acme-video")
        compare = ("audit", "--answers", store.directory, "--mirror", copy, "--json")
        done = here(*compare)
        (told,) = done.lines
        (evidence,) = (Path(copy) / "evidence").iterdir()
        assert (done.status, told["answers"], told["answers_ahead"]) == (1, 2, 0)
        assert {fault["index"] for fault in told["faults"]} == {entry}
        says = f"{path.name}: withholds entry {entry}, which stood"
        assert all(fault["message"].startswith(says) for fault in told["faults"])  # one for each type
        verified = here(
            "bundle",
            "verify",
            evidence / f"0000-entry-{entry}.bundle",
            "--genesis",
            profile.genesis.hex(),
        )
        assert (verified.status, f"leaf {entry}" in verified.out) == (0, True), verified
        path.unlink()
        client.withdraw(entry, "mistake")
        client.check_file(str(shared), keep=store)  # of a position that the copy does not have
    late = here(*compare)
    assert (late.status, "1 answers attest positions ahead" in late.err) == (4, True)
    assert (late.lines[0]["answers"], late.lines[0]["answers_ahead"], late.lines[0]["faults"]) == (1, 1, [])
    assert here("mirror", server.address, copy, "--once").status == 0
    assert "2 attested answers compared" in here(*compare[:-1]).out
    for wrong in (
        compare[:3],
        compare[:1],
        compare[:1] + compare[3:],
        ("audit", server.address, *compare[1:]),
    ):
        assert here(*wrong).status == 2


def lie_about(server: RunningServer, client: Client, shared: Path, store: AnswerStore) -> tuple[Path, int]:
    """Keep an answer that finds nothing of a file, as if the clearinghouse had attested it; and the entry."""
    answer = client.check_file(str(shared), attest=True).answer
    honest = answer.attestation
    assert honest is not None
    _, stated = honest.opened()
    empty = check_pb2.CheckResponse(position=answer.position).SerializeToString()
    with open_home(server.log_path.parent / "home") as home:
        key = home.open_attestation_key()
    assert key is not None
    lie = replace(stated, answer=hashlib.sha256(empty).digest())
    kept = AttestedAnswer(honest.request, empty, lie.sign(key.public, key.signer))
    return store.keep(kept), answer.matches[0].entry


def test_tiles_cannot_show_what_an_answer_withheld(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    done = here("audit", server.log_path.parent / "home" / "log", "--answers", tmp_path / "answers")
    assert done.status == 2
    assert "ask a server" in done.err
    assert "holds no kept answers" in audit(server, "--answers", tmp_path / "answers").error
