"""The cosigning key of a mirror: made with its home, and known to logs by its verifier key."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.config import MAX_SIZE
from hashpact.domain.keys import Signer
from hashpact.durable import read_bytes, read_private, write_public
from hashpact.errors import ConfigError, MalformedError
from hashpact.home.paths import MirrorPaths
from hashpact.keys import pkcs8
from hashpact.keys.pkcs8 import write_key
from hashpact.log.cosignature import Witness


def make_cosigner(paths: MirrorPaths, name: str, passphrase: bytes | None) -> None:
    """Make the key, under that name. Raises ConfigError if that is not one for a key."""
    key = Ed25519PrivateKey.generate()
    verifier = Witness(name, key.public_key().public_bytes_raw()).key
    try:
        Witness.parse(verifier)
    except MalformedError as error:
        raise ConfigError(error.message, field="name") from error
    write_key(paths.cosigning_key, pkcs8.to_pem(key), passphrase)
    write_public(paths.cosigner, f"{verifier}\n".encode())


def read_cosigner(paths: MirrorPaths) -> Witness:
    """The mirror as logs know it. Raises ConfigError."""
    text = read_bytes(paths.cosigner, MAX_SIZE).decode("utf-8", "replace").strip()
    try:
        return Witness.parse(text)
    except MalformedError as error:
        msg = f"{paths.cosigner} is not a verifier key: {error}"
        raise ConfigError(msg) from error


def open_cosigner(paths: MirrorPaths, passphrases: pkcs8.Passphrases) -> tuple[Witness, Signer]:
    """The same, and what signs. Raises ConfigError if the private key is not its."""
    witness, path = read_cosigner(paths), paths.cosigning_key
    key = pkcs8.from_pem(read_private(path, MAX_SIZE), str(path), passphrases)
    if key.public_key().public_bytes_raw() != witness.public:
        msg = f"{path} is not the key that {paths.cosigner} names"
        raise ConfigError(msg)
    return witness, key
