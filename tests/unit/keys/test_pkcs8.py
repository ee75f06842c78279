"""Keyring: a private key as a file's bytes, encrypted or not, and what is no such file."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import FakeEntropy, Identity
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from hashpact.domain.keys import NamedKey
from hashpact.errors import ConfigError
from hashpact.keys import pkcs8
from hashpact.keys.pkcs8 import decrypt, encrypt, from_pem, named, to_pem

WHO = Identity.of("acme")
CURVE = ec.derive_private_key(7, ec.SECP256R1())
SECRET = b"correct horse battery"
COST = pkcs8._COST
LOCKED = encrypt(to_pem(WHO.private), SECRET, FakeEntropy())


@pytest.fixture(autouse=True)
def full_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a key costs to guess outside of tests."""
    monkeypatch.setattr(pkcs8, "_COST", COST)


class Asked:
    """Passphrases to try, and the files for which they were asked."""

    def __init__(self, *passphrases: bytes) -> None:
        self.passphrases = passphrases
        self.files: list[str] = []

    def __call__(self, file: str) -> Iterator[bytes]:
        """The passphrases."""
        self.files.append(file)
        yield from self.passphrases


def test_a_key_is_read_as_it_was_written() -> None:
    data = to_pem(WHO.private)
    assert data.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert encrypt(data, None, FakeEntropy()) == data
    asked = Asked()
    assert from_pem(data, "member.key", asked).sign(b"text") == WHO.private.sign(b"text")
    assert named("1", from_pem(data, "member.key", asked)) == NamedKey("1", WHO.public)
    assert asked.files == []


def test_an_encrypted_key_is_read_with_its_passphrase() -> None:
    assert LOCKED.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert LOCKED.endswith(b"\n-----END ENCRYPTED PRIVATE KEY-----\n")
    assert max(map(len, LOCKED.splitlines())) == 64
    asked = Asked(b"", b"wrong", SECRET)
    assert from_pem(LOCKED, "member.key", asked).sign(b"text") == WHO.private.sign(b"text")
    assert asked.files == ["member.key"]
    # What cryptography makes of it is the same key: the structure is nobody's own.
    plain = load_pem_private_key(LOCKED, SECRET)
    assert to_pem(plain) == to_pem(WHO.private)


def test_a_key_of_another_kind_keeps_its_bytes() -> None:
    pem = to_pem(CURVE)
    locked = encrypt(pem, SECRET, FakeEntropy())
    assert decrypt(locked, "tls.pem", Asked(SECRET)) == pem
    # A certificate may stand after it.
    assert decrypt(locked + b"-----BEGIN CERTIFICATE-----\n", "tls.pem", Asked(SECRET)) == pem


def test_each_file_has_its_own_salt_and_guessing_is_slow() -> None:
    entropy = FakeEntropy()
    one, two = (encrypt(to_pem(WHO.private), SECRET, entropy) for _ in range(2))
    assert one != two
    der = b"".join(LOCKED.splitlines()[1:-1])
    scrypt = bytes.fromhex("02024000020108020105")  # N = 2^14, r = 8, p = 5
    assert scrypt in base64.b64decode(der)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command here")
def test_openssl_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "member.key"
    path.write_bytes(LOCKED)
    command = ["openssl", "pkey", "-in", str(path), "-passin", f"pass:{SECRET.decode()}"]
    done = subprocess.run(command, check=True, capture_output=True)
    assert done.stdout == to_pem(WHO.private)


@pytest.mark.parametrize(
    ("data", "passphrases", "message"),
    [
        (b"", (), "pki/a.key is not a private key in PEM"),
        (to_pem(WHO.private)[:60], (), "pki/a.key is not a private key in PEM"),
        (to_pem(CURVE), (), "pki/a.key is not an Ed25519 key"),
        (LOCKED, (), "cannot open pki/a.key"),
        (LOCKED, (b"wrong", b""), "cannot open pki/a.key: the passphrase is wrong, or the file is damaged"),
        (LOCKED.replace(b"MIG", b"MIH"), (SECRET,), "pki/a.key"),
        (LOCKED[:150] + b"\n" + LOCKED[151:], (SECRET,), "pki/a.key"),
    ],
    ids=["empty", "cut", "ecdsa", "no passphrase", "wrong", "damaged outside", "damaged inside"],
)
def test_what_cannot_be_opened_is_refused_by_file(
    data: bytes, passphrases: tuple[bytes, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        from_pem(data, "pki/a.key", Asked(*passphrases))


def test_a_key_that_another_program_encrypted_is_read() -> None:
    data = WHO.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(SECRET))
    assert to_pem(from_pem(data, "member.key", Asked(SECRET))) == to_pem(WHO.private)
