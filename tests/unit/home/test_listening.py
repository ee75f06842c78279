"""A port belongs to the processes of one home."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hashpact.errors import ConfigError
from hashpact.home.listening import Listening
from hashpact.settings import EVERYWHERE

HOST = "127.0.0.1"


def listener(port: int = 0) -> socket.socket:
    """A socket that listens as gRPC's do."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((HOST, port))
    made.listen()
    return made


def test_stumble_4_one_home_shares_a_port_and_two_do_not(tmp_path: Path) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    with listener() as free:
        port = free.getsockname()[1]
    first, second, other = (Listening(home, HOST, port) for home in (homes[0], homes[0], homes[1]))
    with first.claimed():
        serving = listener(port)
    with second.claimed(), listener(port):
        pass
    with pytest.raises(ConfigError, match=f"port {port} of {HOST} is in use by another"), other.claimed():
        pass
    serving.close()
    with other.claimed():
        pass
    for each in (first, second, other):
        each.close()


def test_stumble_4_a_claim_without_its_process_is_none(tmp_path: Path) -> None:
    with listener() as foreign:
        port = foreign.getsockname()[1]
        (tmp_path / f"serving-{port}.lock").touch()
        with pytest.raises(ConfigError, match="another program"), Listening(tmp_path, HOST, port).claimed():
            pass


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("wanted", sorted(EVERYWHERE))
def test_stumble_4_every_address_is_not_free_if_one_is_taken(taken: str, wanted: str, tmp_path: Path) -> None:
    family = socket.AF_INET6 if ":" in taken else socket.AF_INET
    with socket.socket(family) as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            foreign.bind((taken, 0))
        except OSError:
            pytest.skip(f"this machine has no {taken}")
        foreign.listen()
        with (
            pytest.raises(ConfigError, match="another program"),
            Listening(tmp_path, wanted, foreign.getsockname()[1]).claimed(),
        ):
            pass


def test_any_free_port_and_a_host_that_is_none_need_no_claim(tmp_path: Path) -> None:
    with Listening(tmp_path, HOST, 0).claimed(), Listening(tmp_path, "nowhere.invalid", 1).claimed():
        pass


def test_two_processes_do_not_look_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashpact.home.listening._WAIT", 0.1)
    with listener() as free:
        port = free.getsockname()[1]
    first, second = Listening(tmp_path, HOST, port), Listening(tmp_path, HOST, port)
    with first.claimed(), pytest.raises(ConfigError, match="about to bind"), second.claimed():
        pass
    first.close()


def test_a_port_is_shared_while_somebody_has_it(tmp_path: Path) -> None:
    with socket.socket() as one:
        one.bind((HOST, 0))
        port = one.getsockname()[1]
        assert Listening(tmp_path, HOST, port).is_shared()
    assert not Listening(tmp_path, HOST, port).is_shared()
    assert not Listening(tmp_path, HOST, 0).is_shared()


@pytest.mark.parametrize("fixed", [False, True])
def test_a_reserved_port_is_its_home_s_even_while_nobody_listens(tmp_path: Path, *, fixed: bool) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    with listener() as free:
        port = free.getsockname()[1]
    first = Listening(homes[0], HOST, port if fixed else 0)
    port = first.reserve()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port)).close()
    second, other = (Listening(home, HOST, port) for home in homes)
    with second.claimed(), listener(port):
        socket.create_connection((HOST, port)).close()
    with pytest.raises(ConfigError, match="another clearinghouse"), other.claimed():
        pass
    for each in (first, second):
        each.close()
    with other.claimed():
        pass
    other.close()
