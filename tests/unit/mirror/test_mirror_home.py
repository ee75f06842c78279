"""The home of a mirror: how it is made, what it pins, and what is wrong with one."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from running import BOTH, found

from hashpact.config import MAX_SIZE
from hashpact.durable import read_bytes
from hashpact.errors import ConfigError
from hashpact.home.opening import open_copy, open_home
from hashpact.keys import certificates
from hashpact.keys.passphrase import Passphrases
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import config_of
from hashpact.mirror.configured import MirrorConfig
from hashpact.mirror.home import configured, make_mirror, open_mirror, renew_certificate

WORDS = "correct horse battery staple"


def config_for(profile: Path) -> MirrorConfig:
    """The configuration of a mirror of that member's log."""
    pinned = config_of(ProfilePaths(profile))
    return MirrorConfig(pinned.origin, pinned.genesis, "127.0.0.1:1", profile)


@pytest.fixture
def config(tmp_path: Path) -> MirrorConfig:
    """The configuration of a mirror of a log with one member."""
    found(tmp_path, {"acme": BOTH})
    return config_for(tmp_path / "acme")


def test_it_is_for_its_owner_alone_and_pins_the_log(tmp_path: Path, config: MirrorConfig) -> None:
    home = tmp_path / "mirror"
    make_mirror(home, config, Passphrases({}))
    assert configured(home) == config
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for path in (home / "mirror.toml", home / "hashpact.db", home / "pki" / "server.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    with open_mirror(home) as opened:
        assert opened.charter() is None
        assert opened.profile().endpoint.address == config.address
    with pytest.raises(ConfigError, match="exists and is not an empty directory"):
        make_mirror(home, config, Passphrases({}))


@pytest.mark.usefixtures("easy_to_guess")
def test_its_keys_are_encrypted_as_the_profiles_are(tmp_path: Path, config: MirrorConfig) -> None:
    make_mirror(tmp_path / "plain", config, Passphrases({}))
    assert b"ENCRYPTED" not in (tmp_path / "plain" / "pki" / "ca.key").read_bytes()
    tls = config.profile / "tls.pem"
    key, certificate = tls.read_bytes().split(b"-----BEGIN CERT")
    from hashpact.keys import pkcs8  # noqa: PLC0415 - for this test alone

    sealed = pkcs8.encrypt(key, WORDS.encode(), bytes)
    tls.write_bytes(sealed + b"-----BEGIN CERT" + certificate)
    with pytest.raises(ConfigError, match="is encrypted"):
        make_mirror(tmp_path / "sealed", config, Passphrases({}))
    opening = Passphrases({"HASHPACT_PASSPHRASE": WORDS})
    make_mirror(tmp_path / "sealed", config, opening)
    assert b"ENCRYPTED" in (tmp_path / "sealed" / "pki" / "ca.key").read_bytes()
    elsewhere = replace(config, listen="mirror.lan:8444")
    with open_mirror(tmp_path / "sealed", opening, elsewhere) as opened:
        renew_certificate(opened)
        key_of = opened.served.open_credential(opened.paths.server_key, opened.paths.server_cert)
        certificates.check_server(key_of, read_bytes(opened.paths.ca_cert, MAX_SIZE))
    assert b"ENCRYPTED" in (tmp_path / "sealed" / "pki" / "server.key").read_bytes()


def test_its_certificate_names_where_it_listens_now(tmp_path: Path, config: MirrorConfig) -> None:
    home = tmp_path / "mirror"
    make_mirror(home, config, Passphrases({}))
    before = (home / "pki" / "server.crt").read_bytes()
    with open_mirror(home) as opened:
        renew_certificate(opened)
    assert (home / "pki" / "server.crt").read_bytes() == before
    with open_mirror(home, config=replace(config, listen="mirror.lan:8444")) as opened:
        renew_certificate(opened)
    after = (home / "pki" / "server.crt").read_bytes()
    assert "mirror.lan" in certificates.hosts(after) > certificates.hosts(before)
    with pytest.raises(ConfigError, match="not a server's certificate"):
        certificates.hosts(b"")


def test_another_log_is_refused(tmp_path: Path, config: MirrorConfig) -> None:
    found(tmp_path / "other", {"acme": BOTH})
    other = config_for(tmp_path / "other" / "acme")
    with pytest.raises(ConfigError, match="copies the log"):
        make_mirror(tmp_path / "mirror", replace(config, profile=other.profile), Passphrases({}))
    make_mirror(tmp_path / "mirror", config, Passphrases({}))
    (tmp_path / "mirror" / "hashpact.db").unlink()
    (tmp_path / "home" / "hashpact.db").rename(tmp_path / "mirror" / "hashpact.db")
    with open_mirror(tmp_path / "mirror") as opened:
        assert opened.charter() is not None
    with (
        pytest.raises(ConfigError, match="are not those of the copy"),
        open_mirror(tmp_path / "mirror", config=other),
    ):
        pass


def test_a_home_of_one_sort_is_not_one_of_the_other(tmp_path: Path, config: MirrorConfig) -> None:
    make_mirror(tmp_path / "mirror", config, Passphrases({}))
    with pytest.raises(ConfigError, match="is the home of a mirror"), open_home(tmp_path / "mirror"):
        pass
    with pytest.raises(ConfigError, match="has copied nothing yet"), open_copy(tmp_path / "mirror"):
        pass
    with pytest.raises(ConfigError, match="is the home of a clearinghouse"):
        configured(tmp_path / "home")
    with pytest.raises(ConfigError, match="is not a mirror's home"):
        configured(tmp_path / "nowhere")
    with open_copy(tmp_path / "home") as home:
        assert home.config.origin == config.origin
