"""The two configuration files: what they take, what they refuse, and what overrides them."""

from __future__ import annotations

import pytest

from hashpact.config import DEFAULT_LISTEN, HomeConfig, ProfileConfig, split_address
from hashpact.domain.errors import ConfigError

PROFILE = ProfileConfig(
    "test.example/log", (bytes(32), b"\1" * 32), b"\2" * 32, "acme-video", "1", "127.0.0.1:8443"
)


@pytest.mark.parametrize(
    "config",
    [
        HomeConfig("test.example/log"),
        HomeConfig("t", "0.0.0.0:1", "hashpact.example.org:8443"),
        HomeConfig("t", "[::1]:0", "[2001:db8::1]:443"),
    ],
)
def test_what_a_home_writes_it_reads(config: HomeConfig) -> None:
    assert HomeConfig.parse(config.to_toml(), {}) == config


def test_what_a_profile_writes_it_reads() -> None:
    assert ProfileConfig.parse(PROFILE.to_toml()) == PROFILE


def test_an_origin_is_enough() -> None:
    config = HomeConfig.parse('origin = "t"', {})
    assert (config.listen, config.address) == (DEFAULT_LISTEN, None)


def test_the_environment_overrides_all_but_the_origin() -> None:
    environ = {
        "HASHPACT_ORIGIN": "u",
        "HASHPACT_LISTEN": "[::]:1",
        "HASHPACT_ADDRESS": "hp.example:2",
        "LISTEN": "x",
    }
    assert HomeConfig.parse('origin = "t"\nlisten = "a:9"', environ) == HomeConfig(
        "t", "[::]:1", "hp.example:2"
    )
    assert HomeConfig.parse('origin = "t"', {"HASHPACT_LISTEN": ""}).listen == DEFAULT_LISTEN


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "origin is missing"),
        ('listen = "a:1"', "origin is missing"),
        ('origin = "t"\nport = "1"', "unknown value 'port'; known are address, listen, origin"),
        ("origin = 1", "origin must be a string"),
        ('origin = "t"\nlisten = 8443', "listen must be a string"),
        ("origin = t", "not valid TOML"),
        ('origin = "t"\nlisten = "8443"', "listen must be HOST:PORT"),
        ('origin = "t"\naddress = "a:65536"', "address must be HOST:PORT"),
    ],
)
def test_a_home_that_cannot_be_meant_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        HomeConfig.parse(text, {})


@pytest.mark.parametrize("missing", ["origin", "log_key", "genesis", "member", "key", "address"])
def test_a_profile_needs_every_value(missing: str) -> None:
    text = "\n".join(line for line in PROFILE.to_toml().splitlines() if not line.startswith(missing))
    with pytest.raises(ConfigError, match=f"profile.toml: {missing} is missing"):
        ProfileConfig.parse(text)


@pytest.mark.parametrize(
    ("address", "parts"),
    [("localhost:0", ("localhost", 0)), ("[::1]:65535", ("::1", 65535)), ("10.0.0.1:443", ("10.0.0.1", 443))],
)
def test_addresses(address: str, parts: tuple[str, int]) -> None:
    assert split_address("listen", address) == parts


@pytest.mark.parametrize("address", ["", ":1", "a", "a:", "a:b", "::1:80", "[::1]", "a b:1", "a:1\n", "a:１"])  # noqa: RUF001  # full-width on purpose
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT") as caught:
        split_address("listen", address)
    assert caught.value.details == {"field": "listen"}
