"""mirror.toml: what it says, what it may say, and what is wrong with it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from builders import Identity

from hashpact.errors import ConfigError
from hashpact.log.note import verifier_key
from hashpact.mirror.configured import MAX_LAG, MirrorConfig
from hashpact.mirror.flooding.quarantine import QuarantineTerms
from hashpact.mirror.retro.window import DAY, WindowSize

NEXT = verifier_key("test.example/log", Identity.of("next").public)
WHOLE = MirrorConfig(
    origin="test.example/log",
    genesis=bytes(range(32)),
    address="hub.example:8443",
    profile=Path("/srv/profile"),
    listen="127.0.0.1:8444",
    socket="unix:/run/mirror",
    max_lag=60,
    members=("bolt-chat", "acme"),
    http="127.0.0.1:9481",
    log_keys=(NEXT,),
    health="127.0.0.1:9091",
    metrics="127.0.0.1:9465",
    access_log="calls",
    log_format="text",
    log_level="debug",
    retro=WindowSize(30 * DAY, 1 << 30),
    quarantine=QuarantineTerms(1000, 30),
)
LEAST = MirrorConfig("test.example/log", bytes(32), "unix:/srv/other/socket", Path("/srv/profile"))


STRANGE = '/srv/a "b"\\c\t\n#\x7f\u00e9\U0001f600'


@pytest.mark.parametrize(
    "config",
    [
        WHOLE,
        LEAST,
        replace(LEAST, address=f"unix:{STRANGE}", socket=f"unix:{STRANGE}", profile=Path(STRANGE)),
    ],
)
def test_what_is_written_is_read(config: MirrorConfig) -> None:
    assert MirrorConfig.parse(config.to_toml()) == config


def test_a_path_that_no_file_can_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="profile is not in UTF-8"):
        replace(LEAST, profile=Path(os.fsdecode(b"/srv/\xff"))).to_toml()


def test_no_option_makes_what_the_file_may_not_say() -> None:
    with pytest.raises(ConfigError, match="max_lag must be a number from 0 to 31622400"):
        replace(LEAST, max_lag=31622401)


def test_what_is_not_said_has_a_default() -> None:
    found = MirrorConfig.parse(
        f'origin = "a.example/b"\ngenesis = "{"00" * 32}"\naddress = "x:1"\nprofile = "/p"\n'
    )
    assert (found.max_lag, found.members, found.access_log) == (MAX_LAG, (), "errors")
    assert found.served().origin == "a.example/b"
    assert "localhost" in found.hosts


def test_a_quarantine_has_default_terms() -> None:
    assert MirrorConfig.parse(LEAST.to_toml()).quarantine is None
    found = MirrorConfig.parse(LEAST.to_toml() + "[quarantine]\n").quarantine
    assert found == QuarantineTerms() == QuarantineTerms(4096, 20)
    with pytest.raises(ConfigError, match="quarantine is a table"):
        MirrorConfig.parse(LEAST.to_toml() + "quarantine = 1\n")


def test_its_certificate_names_where_it_listens() -> None:
    assert "mirror.lan" in MirrorConfig("a.example/b", bytes(32), "x:1", Path("/p"), "mirror.lan:1").hosts


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ('address = "hub.example:8443"', 'address = "hub.example"', "address"),
        ('address = "hub.example:8443"', 'address = "unix:relative"', "address"),
        ('address = "hub.example:8443"', f'address = "unix:/{"x" * 107}"', "address"),
        ('listen = "127.0.0.1:8444"', 'listen = "unix:/run/x"', "listen"),
        (NEXT, verifier_key("other.example/log", Identity.of("next").public), "log_keys"),
        (NEXT, "nothing", "key"),
        ('http = "127.0.0.1:9481"', 'http = "9481"', "http"),
        ('socket = "unix:/run/mirror"', 'socket = "/run/mirror"', "socket"),
        ('profile = "/srv/profile"', 'profile = "srv/profile"', "profile"),
        ("max_lag = 60", "max_lag = -1", "max_lag"),
        ("max_lag = 60", 'max_lag = "60"', "max_lag"),
        ('"bolt-chat"', '"Bolt Chat"', "members"),
        ('access_log = "calls"', 'access_log = "members"', "access_log"),
        ('log_level = "debug"', 'log_level = "loud"', "log_level"),
        ('health = "127.0.0.1:9091"', 'health = "127.0.0.1:8444"', "health"),
        (f'genesis = "{bytes(range(32)).hex()}"', 'genesis = "00"', "genesis"),
        ('origin = "test.example/log"', 'origin = "Test"', "origin"),
        ('origin = "test.example/log"', 'strange = "x"', "strange"),
        ("window = 30", "window = 0", "window"),
        ("window = 30", "window = 367", "window"),
        ("window = 30", "days = 30", "retro"),
        ("size = 1073741824", "size = 1000", "size"),
        ("size = 1073741824", "size = true", "size"),
        ("[retro]", "retro = 30\n[other]", "retro"),
        ("window = 1000", "window = 99", "window"),
        ("window = 1000", "days = 1", "quarantine"),
        ("least = 30", "least = 4", "least"),
    ],
)
def test_what_is_wrong_is_named(before: str, after: str, field: str) -> None:
    text = WHOLE.to_toml()
    assert before in text
    with pytest.raises(ConfigError) as refused:
        MirrorConfig.parse(text.replace(before, after))
    assert refused.value.details["field"] == field
