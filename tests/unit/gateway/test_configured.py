"""gateway.toml: what it accepts, what it refuses and how, and the text of a new file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashpact.errors import ConfigError
from hashpact.gateway.configured import GatewayConfig, SharedTerms

PROFILE = 'profile = "/srv/acme-video"\n'


def test_a_new_file_has_the_settings_it_was_made_with() -> None:
    config = GatewayConfig(Path("/srv/acme-video"))
    assert GatewayConfig.parse(config.to_toml()) == config
    full = GatewayConfig(
        Path('/srv/acme "video"\\'),
        "[::1]:5100",
        "hub.example:8443",
        Path("/srv/\\mirror"),
        hashing=False,
        require_token=True,
        allowed_hosts=(".example.org", "[2001:db8::1]"),
        signal_types=("pdq", "phash"),
    )
    assert GatewayConfig.parse(full.to_toml()) == full


def test_shared_banks() -> None:
    text = (
        '[[shared]]\nbank = "COOP_ORG1_*"\nlabels = ["hate"]\njurisdictions = ["VN"]\n'
        '[[shared]]\nbank = "LAW"\nlabels = ["fraud"]\nbasis = "law"\nauthority = "court"\narticle = "a-1"\n'
    )
    config = GatewayConfig.parse(PROFILE + text)
    prefix = SharedTerms("COOP_ORG1_*", ("hate",), jurisdictions=("VN",))
    law = SharedTerms("LAW", ("fraud",), "law", "court", "a-1")
    assert config.shared == (prefix, law)
    for name, terms in (("COOP_ORG1_X", prefix), ("COOP_ORG1_", prefix), ("COOP_ORG2_X", None), ("LAW", law)):
        assert config.terms(name) == terms
    assert config.terms("LAW_X") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("profile = 1", "profile must be a string"),
        ('profile = "here"', "profile is the absolute path"),
        (PROFILE + 'mirror = "here"', "mirror is the absolute path"),
        ("x = 1", "unknown value 'x'"),
        ('listen = "127.0.0.1:1"', "profile is missing"),
        (PROFILE + 'listen = "here"', "listen must be HOST:PORT"),
        (PROFILE + 'address = "here"', "address must be HOST:PORT"),
        (PROFILE + "stale = 0", "stale must be a number from 1"),
        (PROFILE + 'max_upload = "1"', "max_upload must be a number from 1 to 1024"),
        (PROFILE + "hashing = 1", "hashing is true or false"),
        (PROFILE + 'allowed_hosts = ["HTTP://x"]', "allowed_hosts are names in lower case"),
        (PROFILE + 'signal_types = ["vpdq"]', "signal_types are some of pdq"),
        (PROFILE + 'access_log = "all"', "access_log is one of off, errors, calls"),
        (PROFILE + "shared = 1", "shared is a list of tables"),
        (PROFILE + "shared = [1]", "shared is a table"),
        (PROFILE + '[[shared]]\nbank = "X"', "labels is missing"),
        (PROFILE + '[[shared]]\nbank = "x"\nlabels = ["a"]', "bank is a name such as"),
        (PROFILE + '[[shared]]\nbank = "X"\nlabels = []', "at least one label"),
        (PROFILE + '[[shared]]\nbank = "X"\nlabels = ["a"]\nbasis = "benign"', "the basis guideline or law"),
        ("= ", "is not valid TOML"),
    ],
)
def test_refusals(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        GatewayConfig.parse(text)
    assert "gateway.toml" in refused.value.message or "must be HOST:PORT" in refused.value.message
    assert expected in refused.value.message
