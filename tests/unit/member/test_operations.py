"""The member's side without a server: profiles, and what is refused before anything is sent."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from builders import NOW, ORIGIN, YEAR, Identity, fingerprint
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

import hashpact
from hashpact.config import ProfileConfig
from hashpact.domain.fingerprints import PDQ
from hashpact.durable import read_private, write_private, write_public
from hashpact.errors import ConfigError, InvalidInputError, MalformedError
from hashpact.keys import certificates
from hashpact.keys.certificates import Grant
from hashpact.member.clients import Client
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import Profile
from hashpact.wire.errors import REASONS

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()


def now() -> int:
    return int(time.time())


@pytest.fixture
def profile(tmp_path: Path) -> ProfilePaths:
    """The files of a good profile."""
    paths = ProfilePaths(tmp_path)
    authority = certificates.make_authority(ORIGIN, now)
    credential = certificates.issue_member(authority, ORIGIN, Grant("acme", bytes(32)), now)
    write_private(paths.member_key("1"), Identity.of("acme").private.private_bytes(PEM, PKCS8, PLAIN))
    write_private(paths.tls, credential.key + credential.certificate)
    write_public(paths.ca_cert, authority.certificate)
    config = ProfileConfig(
        ORIGIN, (Identity.of("log").public,), bytes(32), "acme", "1", NOW + YEAR, "127.0.0.1:9"
    )
    write_public(paths.config, config.to_toml().encode())
    return paths


def test_a_profile_is_read_from_its_directory(profile: ProfilePaths) -> None:
    loaded = Profile.load(str(profile.directory))
    assert (loaded.origin, loaded.member, loaded.key) == (ORIGIN, "acme", Identity.of("acme").key)
    assert loaded.endpoint.address == "127.0.0.1:9"
    assert "PRIVATE" not in repr(loaded)
    assert "Ed25519PrivateKey" not in repr(loaded)


def test_a_profile_that_is_opened_to_read_leaves_the_statement_key_alone(profile: ProfilePaths) -> None:
    loaded = Profile.load(profile.directory)
    profile.member_key("1").unlink()
    reading = Profile.reading(profile.directory)
    assert (reading.member, reading.log, reading.key_expires) == ("acme", loaded.log, loaded.key_expires)
    assert reading.endpoint == loaded.endpoint
    with (
        Client(reading, timeout=0.1) as client,
        pytest.raises(ConfigError, match="opened to read only: it has no statement key to sign with"),
    ):
        client.withdraw(1, "mistake")
    profile.config.rename(profile.join)
    with pytest.raises(ConfigError, match="hashpact profile install"):
        Profile.reading(profile.directory)


@pytest.mark.parametrize("name", ["profile.toml", "member-1.key", "tls.pem", "ca.crt"])
def test_a_missing_file_is_named(profile: ProfilePaths, name: str) -> None:
    path = profile.directory / name
    path.unlink()
    with pytest.raises(ConfigError, match=path.name):
        Profile.load(profile.directory)


def test_keys_that_are_replaced_while_a_profile_is_read_are_followed(
    profile: ProfilePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["3", "2"]

    def read(path: Path, limit: int) -> bytes:
        if names and path != profile.tls:
            replaced = profile.config.read_text().replace(f'key = "{path.stem[-1]}"', f'key = "{names[-1]}"')
            path.rename(profile.member_key(names.pop()))
            profile.config.write_text(replaced)
        return read_private(path, limit)

    monkeypatch.setattr("hashpact.member.profile.read_private", read)
    assert Profile.load(profile.directory).key.name == "3"
    assert names == []


@pytest.mark.parametrize("name", ["member-1.key", "tls.pem"])
def test_a_key_that_others_can_read_is_refused(profile: ProfilePaths, name: str) -> None:
    path = profile.directory / name
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=path.name):
        Profile.load(profile.directory)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("profile.toml", b"origin ="),
        ("profile.toml", b"\xff"),
        ("profile.toml", b'origin = "a"'),
        ("member-1.key", b"not a key"),
        ("member-1.key", generate_private_key(SECP256R1()).private_bytes(PEM, PKCS8, PLAIN)),
        (
            "member-1.key",
            Identity.of("a").private.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"x")),
        ),
        ("tls.pem", b"not a key"),
        ("ca.crt", b""),
    ],
)
def test_a_file_of_another_kind_is_refused(profile: ProfilePaths, name: str, data: bytes) -> None:
    write_private(profile.directory / name, data, replace=True)
    with pytest.raises(ConfigError):
        Profile.load(profile.directory)


def test_what_breaks_its_format_is_refused_before_anything_is_sent(profile: ProfilePaths) -> None:
    shared = fingerprint(PDQ, "1")
    with Client(profile.directory, timeout=0.1) as client:
        for refused in (
            lambda: client.check([]),
            lambda: client.check([shared] * 65),
            lambda: client.check([shared], limit=0),
            lambda: client.submit([], labels="ncii"),
            lambda: client.submit([shared], labels="ncii", basis="whim"),
            lambda: client.submit([shared], labels="ncii", basis="law"),
            lambda: client.submit([shared], labels=[]),
            lambda: client.submit([shared], labels=["Not A Label"]),
            lambda: client.opinion(1, "like"),
            lambda: client.opinion(1, "dispute", "Not A Slug"),
            lambda: client.opinion(1, "dispute", replace=True),
        ):
            with pytest.raises(InvalidInputError):
                refused()
        with pytest.raises(MalformedError, match="basis law"):
            client.submit([shared], labels="ncii", authority="ministry", article="art-1")


def test_the_public_names_are_there_and_late() -> None:
    for name in hashpact.__all__:
        assert getattr(hashpact, name) is not None
    assert set(hashpact.__all__) <= set(dir(hashpact))
    exported = {name for name in hashpact.__all__ if name.endswith("Error")}
    assert exported == {cls.__name__ for cls in REASONS.values()}
    assert hashpact.__version__ == version("hashpact")
    for name in ("nothing", "NothingError"):
        with pytest.raises(AttributeError):
            hashpact.__getattr__(name)
    for first, never in (("hashpact", {"grpc"}), ("hashpact.member.clients", {"numpy", "apsw"})):
        code = f"import sys, {first}; sys.exit(bool({never} & set(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", code], check=False)  # fixed arguments
        assert done.returncode == 0, first
