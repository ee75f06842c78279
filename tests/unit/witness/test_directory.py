"""The witness as it stands on the disk: what is made whole, and what cannot be used."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from builders import ORIGIN
from witnesses import LOG, TRUE

from hashpact.domain import keys
from hashpact.errors import ConfigError
from hashpact.keys.passphrase import Passphrases
from hashpact.log import checkpoint, cosignature, note
from hashpact.witness.directory import create_witness, open_witness
from hashpact.witness.serving import serve_witness

NAME = "witness.example/north"
LOGS = ((ORIGIN, LOG.public),)


def make(directory: Path) -> None:
    """A witness of the log."""
    create_witness(directory, NAME, "127.0.0.1:0", LOGS, None)


def test_what_is_made_can_be_opened(tmp_path: Path) -> None:
    config = create_witness(tmp_path / "w", NAME, "127.0.0.1:0", LOGS, None)
    with open_witness(tmp_path / "w") as opened:
        assert opened.config == config
        assert (config.witness.name, opened.logs) == (NAME, {ORIGIN: (LOG.public,)})
        assert opened.cosigned_last(ORIGIN) is None
        lines = opened.cosigner(Passphrases()).add(TRUE.request(0, 9))
        signed = note.parse(note.join(checkpoint.parse(TRUE.signed(9)).note.text, [lines]), 1 << 16)
        assert config.also is not None
        times = {cosignature.verify(signed, one, keys.verify) for one in (config.witness, config.also)}
        assert len(times) == 1
        assert None not in times
    with open_witness(tmp_path / "w") as opened:
        last = opened.cosigned_last(ORIGIN)
    assert last is not None
    assert last.size == 9


@pytest.mark.usefixtures("easy_to_guess")
def test_the_key_is_encrypted_and_only_serving_needs_it(tmp_path: Path) -> None:
    create_witness(tmp_path / "w", NAME, "127.0.0.1:0", LOGS, b"correct horse battery")
    with open_witness(tmp_path / "w") as opened:
        assert opened.cosigned_last(ORIGIN) is None
        with pytest.raises(ConfigError, match="passphrase"):
            opened.cosigner(lambda _file: [b"wrong"])
        opened.cosigner(lambda _file: [b"correct horse battery"])


def test_another_private_key_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "w")
    make(tmp_path / "other")
    (tmp_path / "other" / "witness.key").replace(tmp_path / "w" / "witness.key")
    with (
        open_witness(tmp_path / "w") as opened,
        pytest.raises(ConfigError, match=r"not the key that witness\.toml"),
    ):
        opened.cosigner(Passphrases())


def test_several_keys_of_one_log_are_all_known(tmp_path: Path) -> None:
    make(tmp_path / "w")
    logs = ((ORIGIN, b"\1" * 32), ("other.example/log", b"\2" * 32), (ORIGIN, b"\3" * 32))
    with open_witness(tmp_path / "w") as opened:
        assert replace(opened, config=replace(opened.config, logs=logs)).logs == {
            ORIGIN: (b"\1" * 32, b"\3" * 32),
            "other.example/log": (b"\2" * 32,),
        }


@pytest.mark.parametrize("name", ["", "two words", "a+b", "l\u00f4g"])
def test_a_name_that_no_key_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        create_witness(tmp_path / "w", name, "a:1", (), None)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_witness_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a witness"), open_witness(tmp_path):
        pass


def test_a_log_whose_key_proves_nothing_is_refused(tmp_path: Path) -> None:
    create_witness(tmp_path / "w", "w", "a:1", ((ORIGIN, bytes(32)),), None)
    with pytest.raises(ConfigError, match="small order"), open_witness(tmp_path / "w"):
        pass


def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    make(tmp_path / "w")
    with socket.socket() as taken, open_witness(tmp_path / "w") as opened:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="cannot listen on"):
            serve_witness(opened, f"127.0.0.1:{taken.getsockname()[1]}", lambda _address: None)


def test_another_or_no_mldsa_key_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "w")
    make(tmp_path / "other")
    with open_witness(tmp_path / "w") as opened:
        (tmp_path / "other" / "witness-mldsa.key").replace(opened.paths.mldsa_key)
        with pytest.raises(ConfigError, match=r"witness-mldsa.key is not the key that witness.toml names"):
            opened.cosigner(Passphrases())
        (tmp_path / "other" / "witness.key").replace(opened.paths.mldsa_key)
        with pytest.raises(ConfigError, match="is not an ML-DSA-44 key"):
            opened.cosigner(Passphrases())
    # A witness from before it had one goes on with the other key alone.
    make(tmp_path / "old")
    config = tmp_path / "old" / "witness.toml"
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join(line for line in lines if not line.startswith("mldsa_key")))
    with open_witness(tmp_path / "old") as opened:
        assert opened.cosigner(Passphrases()).add(TRUE.request(0, 9)).count(b"\n") == 1
