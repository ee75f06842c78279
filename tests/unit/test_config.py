"""The two configuration files: what they take, what they refuse, and what overrides them."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from builders import Identity

from hashpact.config import DEFAULT_LISTEN, HomeConfig, ProfileConfig, WitnessAt, log_key
from hashpact.errors import ConfigError
from hashpact.log import cosignature, note
from hashpact.log.cosignature import Witness
from hashpact.settings import split_address

PROFILE = ProfileConfig(
    "test.example/log",
    (bytes(32), b"\1" * 32),
    b"\2" * 32,
    "acme-video",
    "1",
    1_800_000_000,
    "127.0.0.1:8443",
)

WITNESSES = tuple(
    WitnessAt(Witness(f"w.example/{name}", Identity.of(name).public), url)
    for name, url in (("north", "https://w.example/north"), ("east", "http://[::1]:8480/"))
)
NORTH = note.verifier_key("w.example/north", Identity.of("north").public, cosignature.ED25519)
LOG = note.verifier_key("t", Identity.of("log").public)
KNOWN = (
    "access_log, address, health, listen, log_format, log_level, "
    "metrics, mirror, origin, publish, quorum, tiles, traces, witness, workers"
)


@pytest.mark.parametrize(
    "config",
    [
        HomeConfig("test.example/log"),
        HomeConfig("t", "0.0.0.0:1", "hashpact.example.org:8443"),
        HomeConfig("t", "[::1]:0", "[2001:db8::1]:443"),
        HomeConfig("t", witnesses=WITNESSES, quorum=2),
        HomeConfig("t", health="a:1", metrics="a:1", traces="https://otel.example:4317", log_level="debug"),
        HomeConfig("t", witnesses=WITNESSES[:1], quorum=0),
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
        (
            'origin = "t"\nport = "1"',
            f"unknown value 'port'; known are {KNOWN}",
        ),
        ("origin = 1", "origin must be a string"),
        ('origin = "t"\nlisten = 8443', "listen must be a string"),
        ("origin = t", "not valid TOML"),
        ("origin = " + "[" * 30_000, "not valid TOML"),
        ('origin = "test.example/log"\nquorum = ' + "9" * 5_000, "not valid TOML"),
        ('origin = "a\\u001b[2Jb"', "origin: want an origin such as example.org/log"),
        ('origin = "test.example/log"\nhealth = "127.0.0.1:8443"', "listen .* and health .* clash"),
        ('origin = "t"\nlisten = "8443"', "listen must be HOST:PORT"),
        ('origin = "t"\naddress = "a:65536"', "address must be HOST:PORT"),
        ('origin = "t"\nhealth = "9090"', "health must be HOST:PORT"),
        ('origin = "t"\nmetrics = "9464"', "metrics must be HOST:PORT"),
        (
            'origin = "t"\nmetrics = "127.0.0.1:8443"',
            r"listen \(127.0.0.1:8443\) and metrics \(127.0.0.1:8443\) clash; metrics needs a",
        ),
        ('origin = "t"\nlisten = "0.0.0.0:9"\nmetrics = "127.0.0.1:9"', "listen .* and metrics .* clash"),
        ('origin = "t"\nhealth = "[::]:9"\nmetrics = "[::1]:9"', "health .* and metrics .* clash"),
        (
            'origin = "t"\nworkers = "two"',
            "toml: workers must be a number from 1 to 256, such as workers=2, not 'two'",
        ),
        ('origin = "t"\nworkers = 0', "workers must be a number from 1 to 256, such as workers=2, not 0"),
        ('origin = "t"\nworkers = true', "workers must be .* not True"),
        ('origin = "t"\ntraces = "127.0.0.1:4317"', "traces is like http://127.0.0.1:4317"),
        ('origin = "t"\nlog_format = "xml"', "log_format is one of json, text, not 'xml'"),
        ('origin = "t"\nlog_level = "loud"', "log_level is one of debug, info, warning, error, not 'loud'"),
    ],
)
def test_a_home_that_cannot_be_meant_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        HomeConfig.parse(text, {})


@pytest.mark.parametrize("given", ["x", "two", "0", "257", "-1", "2.0", " 2", "9" * 30])
def test_workers_of_the_environment_that_are_no_number_are_quoted_with_the_variable(given: str) -> None:
    said = "^HASHPACT_WORKERS must be a number from 1 to 256, such as HASHPACT_WORKERS=2, not '?" + given
    with pytest.raises(ConfigError, match=said):
        HomeConfig.parse('origin = "t"', {"HASHPACT_WORKERS": given})


def test_workers_of_the_environment_come_before_those_of_the_file() -> None:
    assert HomeConfig.parse('origin = "t"\nworkers = 3', {"HASHPACT_WORKERS": "2"}).workers == 2
    assert HomeConfig.parse('origin = "t"\nworkers = 3', {"HASHPACT_WORKERS": ""}).workers == 3


@pytest.mark.parametrize("name", ["health", "metrics"])
@pytest.mark.parametrize("listen", ["127.0.0.1:9", "0.0.0.0:9"])
def test_an_address_of_the_command_line_must_not_be_that_of_a_plain_port(listen: str, name: str) -> None:
    config = HomeConfig.parse(f'origin = "t"\n{name} = "127.0.0.1:9"', {})
    said = rf"^--listen \({listen}\) and {name} \(127.0.0.1:9\) clash; {name} needs a port of its own$"
    with pytest.raises(ConfigError, match=said):
        config.bound_at(listen)
    assert config.bound_at("127.0.0.1:10") == "127.0.0.1:10"
    assert config.bound_at(None) == DEFAULT_LISTEN


@pytest.mark.parametrize(
    "missing", ["origin", "log_key", "genesis", "member", "key", "key_expires", "address"]
)
def test_a_profile_needs_every_value(missing: str) -> None:
    text = "\n".join(line for line in PROFILE.to_toml().splitlines() if not line.startswith(missing))
    with pytest.raises(ConfigError, match=f"profile.toml: {missing} is missing"):
        ProfileConfig.parse(text)


def test_a_check_only_profile_says_so() -> None:
    only = replace(PROFILE, key="", key_expires=0)
    assert only.check_only
    assert ProfileConfig.parse(only.to_toml()) == only
    with pytest.raises(ConfigError, match="unknown value 'key'"):
        ProfileConfig.parse(only.to_toml() + 'key = "1"\n')
    with pytest.raises(ConfigError, match='check_only is "yes", or not there'):
        ProfileConfig.parse(only.to_toml().replace('"yes"', '"no"'))


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


TABLE = f'[[witness]]\nkey = "{NORTH}"\nurl = "https://w.example"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TABLE, "quorum is missing"),
        ("quorum = 1\n", "quorum must be from 0 to the number of witnesses and mirrors, 0"),
        ("quorum = 2\n" + TABLE, "quorum must be from 0 to the number of witnesses and mirrors, 1"),
        ("quorum = -1\n" + TABLE, "quorum must be a number from 0 to 15"),
        ('quorum = "1"\n' + TABLE, "quorum must be a number from 0 to 15, such as quorum=1, not '1'"),
        ("quorum = true\n" + TABLE, "quorum must be a number"),
        ("quorum = 1.0\n" + TABLE, "quorum must be a number"),
        ("quorum = 1\n" + TABLE + TABLE, "two witnesses have one name or one key"),
        ("witness = 1\n", "write each as a table"),
        ("witness = [1]\n", "write each as a table"),
        (f'quorum = 1\n[[witness]]\nkey = "{NORTH}"\n', "url is missing"),
        ('quorum = 1\n[[witness]]\nurl = "https://w.example"\n', "key is missing"),
        (TABLE.replace("url", "name"), "unknown value 'name'"),
        (TABLE.replace("https", "ftp"), "url is like"),
        (TABLE.replace("https://w.example", "https://w.example/?a"), "url is like"),
        (TABLE.replace("https://w.example", "https://me:pw@w.example"), "url is like"),
        (TABLE.replace(NORTH, NORTH[:-4]), "key"),
        (TABLE.replace(NORTH, LOG), "is no key for cosignatures"),
        (
            TABLE.replace(NORTH, note.verifier_key("w", b"\1" + bytes(31), cosignature.ED25519)),
            "point of small order",
        ),
        (
            TABLE.replace(NORTH, note.verifier_key("w", bytes(33), cosignature.ED25519)),
            "has 33 bytes, not 32",
        ),
        (TABLE + f'mldsa_key = "{NORTH}"\n', "mldsa_key is not an ML-DSA-44 key of "),
        (
            TABLE + f'mldsa_key = "{note.verifier_key("other", bytes(1312), cosignature.MLDSA44)}"\n',
            "mldsa_key is not an ML-DSA-44 key of ",
        ),
    ],
)
def test_witnesses_that_cannot_be_meant_are_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        HomeConfig.parse('origin = "t"\n' + text, {})


def test_one_key_under_two_names_is_one_witness() -> None:
    same = note.verifier_key("w.example/other", Identity.of("north").public, cosignature.ED25519)
    with pytest.raises(ConfigError, match="one name or one key"):
        HomeConfig.parse('origin = "t"\nquorum = 2\n' + TABLE + TABLE.replace(NORTH, same), {})


def test_the_page_on_publishing_shows_a_configuration() -> None:
    page = Path(__file__).parents[2] / "docs" / "operations" / "publishing.md"
    (shown,) = re.findall(r"^    tiles = .*?(?=^\S)", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    config = HomeConfig.parse('origin = "t"\nquorum = 1\n' + textwrap.dedent(shown), {})
    assert (config.tiles, config.publish) == ("127.0.0.1:9480", "/var/www/log")
    (mirror,) = config.mirrors
    assert (mirror.witness.name, mirror.url) == ("mirror.example/m1", "https://mirror.example/submit")
    assert config.cosigners == (mirror,)
    assert HomeConfig.parse(config.to_toml(), {}) == config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('publish = "www"', "publish is a directory's absolute path, not 'www'"),
        ('tiles = "9480"', "tiles must be HOST:PORT"),
        ('tiles = "127.0.0.1:9"\nhealth = "127.0.0.1:9"', "tiles needs a port of its own"),
        ('tiles = "0.0.0.0:9"\nmetrics = "127.0.0.1:9"', "tiles needs a port of its own"),
        ('tiles = "127.0.0.1:9"\nlisten = "127.0.0.1:9"', "tiles needs a port of its own"),
        ("mirror = 1", r"write each as a table, under \[\[mirror\]\]"),
        (TABLE.replace("[[witness]]", "[[mirror]]"), "quorum is missing"),
        ("quorum = 1\n" + TABLE + TABLE.replace("[[witness]]", "[[mirror]]"), "one name or one key"),
    ],
)
def test_publishing_that_cannot_be_meant_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        HomeConfig.parse('origin = "t"\n' + text, {})


def test_a_checkpoint_has_room_for_fifteen_witnesses() -> None:
    many = tuple(
        WitnessAt(Witness(f"w{number}", Identity.of(f"w{number}").public), "https://w.example")
        for number in range(16)
    )
    assert HomeConfig("t", witnesses=many[:15], quorum=15).quorum == 15
    with pytest.raises(ConfigError, match="15 witnesses at most"):
        HomeConfig("t", witnesses=many, quorum=1)


def test_a_log_is_named_by_its_key() -> None:
    assert log_key("--log", LOG) == ("t", Identity.of("log").public)


def test_stumble_10_a_misspelt_key_is_named_with_the_nearest_and_all_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        HomeConfig.parse('origin = "t"\nlisten_ = "127.0.0.1:1"', {})
    assert (
        caught.value.message
        == f"hashpact.toml: unknown value 'listen_'; known are {KNOWN}; did you mean 'listen'?"
    )
    with pytest.raises(ConfigError, match="access_log is one of off, errors, calls, members, not 'loud'"):
        HomeConfig.parse('origin = "t"', {"HASHPACT_ACCESS_LOG": "loud"})
