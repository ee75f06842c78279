"""The directory of a witness: its key, its configuration, and what it has cosigned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from hashpact.clock import unix_time
from hashpact.config import MAX_SIZE
from hashpact.domain.keys import Signer
from hashpact.durable import new_directory, read_bytes, read_private, write_public
from hashpact.errors import ConfigError, MalformedError
from hashpact.keys import pkcs8
from hashpact.keys.pkcs8 import write_key
from hashpact.log import checkpoint, cosignature, note
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness
from hashpact.storage.cosigned import SqliteCosigned
from hashpact.witness.configuration import WitnessConfig
from hashpact.witness.cosigner import Cosigner


@dataclass(frozen=True, slots=True)
class WitnessPaths:
    """The files of a witness, all in one directory. docs/operations/witness.md describes them."""

    directory: Path

    @property
    def config(self) -> Path:
        """The configuration, in TOML."""
        return self.directory / "witness.toml"

    @property
    def key(self) -> Path:
        """The private key that cosigns."""
        return self.directory / "witness.key"

    @property
    def mldsa_key(self) -> Path:
        """The private key that makes its ML-DSA-44 cosignatures."""
        return self.directory / "witness-mldsa.key"

    @property
    def db(self) -> Path:
        """The database of the cosigned checkpoints and the evidence."""
        return self.directory / "witness.db"


@dataclass(frozen=True, slots=True)
class OpenWitness:
    """An open witness: its files, its configuration, and what it has cosigned."""

    paths: WitnessPaths
    config: WitnessConfig
    cosigned: SqliteCosigned

    def cosigned_last(self, origin: str) -> Checkpoint | None:
        """The newest checkpoint of the log that it has cosigned."""
        last = self.cosigned.latest(origin)
        return None if last is None else checkpoint.parse(last.note).checkpoint

    @property
    def logs(self) -> dict[str, tuple[bytes, ...]]:
        """The public keys of each log, by its origin."""
        logs: dict[str, tuple[bytes, ...]] = {}
        for origin, public in self.config.logs:
            logs[origin] = (*logs.get(origin, ()), public)
        return logs

    def cosigner(self, passphrases: pkcs8.Passphrases) -> Cosigner:
        """The cosigner. Raises ConfigError if a private key is not that of the configuration."""
        path = self.paths.key
        key = pkcs8.from_pem(read_private(path, MAX_SIZE), str(path), passphrases)
        self._check_public(path, key.public_key().public_bytes_raw(), self.config.witness)
        also: tuple[Witness, Signer] | None = None
        if self.config.also is not None:
            path = self.paths.mldsa_key
            other = pkcs8.mldsa_from_pem(read_private(path, MAX_SIZE), str(path), passphrases)
            self._check_public(path, other.public_key().public_bytes_raw(), self.config.also)
            also = self.config.also, other
        return Cosigner(self.config.witness, key, self.logs, self.cosigned, unix_time, also)

    @staticmethod
    def _check_public(path: Path, public: bytes, witness: Witness) -> None:
        if public != witness.public:
            msg = f"{path} is not the key that witness.toml names"
            raise ConfigError(msg)


def create_witness(
    directory: Path,
    name: str,
    listen: str,
    logs: tuple[tuple[str, bytes], ...],
    passphrase: bytes | None,
) -> WitnessConfig:
    """Make a witness: its two keys, encrypted under ``passphrase`` if there is one, and its files.

    It appears whole or not at all. Raises ConfigError if ``directory`` exists and is not empty, or the name
    is not one for a key.
    """
    key, other = Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate()
    config = WitnessConfig(
        Witness(name, key.public_key().public_bytes_raw()),
        listen,
        logs,
        Witness(name, other.public_key().public_bytes_raw(), cosignature.MLDSA44),
    )
    try:
        note.parse_verifier_key(config.key)
    except MalformedError as error:
        raise ConfigError(error.message) from error
    with new_directory(directory) as draft:
        paths = WitnessPaths(draft)
        write_key(paths.key, pkcs8.to_pem(key), passphrase)
        write_key(paths.mldsa_key, pkcs8.to_pem(other), passphrase)
        write_public(paths.config, config.to_toml().encode())
        SqliteCosigned.create(paths.db).close()
    return config


@contextlib.contextmanager
def open_witness(directory: Path) -> Iterator[OpenWitness]:
    """Open a witness, whether it is being served or not. Raises ConfigError or CorruptError."""
    paths = WitnessPaths(directory)
    if not paths.config.exists():
        msg = f"{directory} is not a witness (it has no witness.toml); make one with: hashpact witness new"
        raise ConfigError(msg)
    config = WitnessConfig.parse(read_bytes(paths.config, MAX_SIZE).decode("utf-8", "replace"))
    with contextlib.closing(SqliteCosigned(paths.db)) as cosigned:
        yield OpenWitness(paths, config, cosigned)
