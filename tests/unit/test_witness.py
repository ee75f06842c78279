"""The witness as it stands on the disk: what is made whole, and what cannot be used."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from builders import ORIGIN
from witnesses import LOG, TRUE

from hashpact.config import WitnessConfig
from hashpact.domain.errors import ConfigError
from hashpact.log import note
from hashpact.witness import create_witness, open_witness, serve_witness

CONFIG = WitnessConfig("witness.example/north", "127.0.0.1:0", ((ORIGIN, LOG.public),))


def test_what_is_made_can_be_opened(tmp_path: Path) -> None:
    create_witness(tmp_path / "w", CONFIG, None)
    with open_witness(tmp_path / "w") as opened:
        assert opened.config == CONFIG
        assert opened.cosigned_last(ORIGIN) is None
        assert opened.cosigner.add(TRUE.request(0, 9)).startswith(b"\xe2\x80\x94 witness.example/north ")
        assert note.parse_verifier_key(opened.verifier_key)[0] == "witness.example/north"
    with open_witness(tmp_path / "w") as opened:
        last = opened.cosigned_last(ORIGIN)
    assert last is not None
    assert last.size == 9


def test_several_keys_of_one_log_are_all_known(tmp_path: Path) -> None:
    create_witness(tmp_path / "w", CONFIG, None)
    both = replace(
        CONFIG, logs=((ORIGIN, b"\1" * 32), ("other.example/log", b"\2" * 32), (ORIGIN, b"\3" * 32))
    )
    with open_witness(tmp_path / "w") as opened:
        assert replace(opened, config=both).cosigner.logs == {
            ORIGIN: (b"\1" * 32, b"\3" * 32),
            "other.example/log": (b"\2" * 32,),
        }


@pytest.mark.parametrize("name", ["", "two words", "a+b", "l\u00f4g"])
def test_a_name_that_no_key_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        create_witness(tmp_path / "w", WitnessConfig(name, "a:1", ()), None)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_witness_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a witness"), open_witness(tmp_path):
        pass


def test_a_log_whose_key_proves_nothing_is_refused(tmp_path: Path) -> None:
    create_witness(tmp_path / "w", WitnessConfig("w", "a:1", ((ORIGIN, bytes(32)),)), None)
    with pytest.raises(ConfigError, match="small order"), open_witness(tmp_path / "w"):
        pass


def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    create_witness(tmp_path / "w", CONFIG, None)
    with socket.socket() as taken, open_witness(tmp_path / "w") as opened:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="cannot listen on"):
            serve_witness(opened, f"127.0.0.1:{taken.getsockname()[1]}", lambda _address: None)
