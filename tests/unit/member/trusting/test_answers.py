"""Kept answers: bounded, encrypted, refused if they were altered."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from builders import Identity

from hashpact.domain.attestation import Attestation, AttestedAnswer
from hashpact.errors import ConfigError, ProofError
from hashpact.keys import pkcs8
from hashpact.keys.passphrase import VALUE, Passphrases
from hashpact.member.trusting import answers
from hashpact.member.trusting.answers import AnswerStore

KEY = Identity.of("attest")
REQUEST, ANSWER = b"request", b"answer"


def attested(time: int) -> AttestedAnswer:
    """An answer that was attested at that time."""
    digests = (hashlib.sha256(REQUEST).digest(), hashlib.sha256(ANSWER).digest())
    note = Attestation("test.example/log", *digests, 7, bytes(32), time).sign(KEY.public, KEY.private)
    return AttestedAnswer(REQUEST, ANSWER, note)


def test_what_is_kept_is_what_was_attested_the_oldest_first(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "answers", unencrypted=True)
    for time in (1800000002, 1800000001):
        store.keep(attested(time))
    again = AnswerStore(tmp_path / "answers", unencrypted=True)
    assert [one for _, one in again.answers()] == [attested(1800000001), attested(1800000002)]


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_KEPT", 5)
    monkeypatch.setattr(answers, "_SLACK", 2)
    store = AnswerStore(tmp_path, unencrypted=True)
    for time in range(1800000000, 1800000020):
        store.keep(attested(time))
        assert len(list(store.files())) <= 7
    left = [one.opened()[1].time for _, one in store.answers()]
    assert left == list(range(1800000020 - len(left), 1800000020))
    assert 5 <= len(left) <= 7


@pytest.mark.parametrize("place", [0, 25, 60, -1])
def test_an_altered_file_is_refused_by_name(tmp_path: Path, place: int) -> None:
    store = AnswerStore(tmp_path, unencrypted=True)
    path = store.keep(attested(1800000000))
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ProofError, match=path.name):
        list(store.answers())


def test_a_file_of_another_directory_is_refused(tmp_path: Path) -> None:
    one, other = (AnswerStore(tmp_path / name, unencrypted=True) for name in ("one", "other"))
    path = one.keep(attested(1800000000))
    other.keep(attested(1800000001))
    path.rename(other.directory / path.name)
    with pytest.raises(ProofError, match="not an answer that this key has kept"):
        list(other.answers())


def test_a_directory_needs_a_passphrase_and_its_own_kind_of_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no passphrase"):
        AnswerStore(tmp_path / "none", Passphrases({})).keep(attested(1800000000))
    store = AnswerStore(tmp_path / "some", Passphrases({VALUE: "correct horse battery"}))
    store.keep(attested(1800000000))
    (store.directory / "answers.pub").chmod(0o600)
    (store.directory / "answers.pub").write_text("no hex")
    with pytest.raises(ConfigError, match="not a public key in hex"):
        AnswerStore(tmp_path / "some").keep(attested(1800000000))
    store.private_key.unlink()
    pkcs8.write_key(store.private_key, pkcs8.to_pem(KEY.private), None)
    with pytest.raises(ConfigError, match="not an X25519 key"):
        list(store.answers())


def test_a_note_of_something_else_is_not_kept(tmp_path: Path) -> None:
    wrong = AttestedAnswer(REQUEST, b"another", attested(1800000000).note)
    with pytest.raises(ProofError, match="of another answer"):
        AnswerStore(tmp_path, unencrypted=True).keep(wrong)
    assert "another" not in repr(wrong)
