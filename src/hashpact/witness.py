"""The composition root of a witness: makes one, opens it, and serves it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.config import MAX_SIZE, WitnessConfig, split_address
from hashpact.domain.errors import ConfigError, MalformedError
from hashpact.home import unix_time
from hashpact.http.server import WitnessServer
from hashpact.log import checkpoint, note
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness
from hashpact.passphrase import Passphrases
from hashpact.service import keyring
from hashpact.service.witnesses.witness import Cosigner
from hashpact.storage.files import (
    WitnessPaths,
    new_directory,
    read_bytes,
    read_private,
    write_private,
    write_public,
)
from hashpact.storage.witness.cosigned import SqliteCosigned


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

    def cosigner(self, passphrases: keyring.Passphrases) -> Cosigner:
        """What answers requests. Raises ConfigError if the private key is not that of the configuration."""
        path = self.paths.key
        key = keyring.from_pem(read_private(path, MAX_SIZE), str(path), passphrases)
        if key.public_key().public_bytes_raw() != self.config.witness.public:
            msg = f"{path} is not the key that witness.toml names"
            raise ConfigError(msg)
        return Cosigner(self.config.witness, key, self.logs, self.cosigned, unix_time)


def create_witness(
    directory: Path,
    name: str,
    listen: str,
    logs: tuple[tuple[str, bytes], ...],
    passphrase: bytes | None,
) -> WitnessConfig:
    """Make a witness: its key, encrypted under ``passphrase`` if there is one, and its files.

    It appears whole or not at all. Raises ConfigError if ``directory`` exists and is not empty, or the name
    is not one for a key.
    """
    key = Ed25519PrivateKey.generate()
    config = WitnessConfig(Witness(name, key.public_key().public_bytes_raw()), listen, logs)
    try:
        note.parse_verifier_key(config.key)
    except MalformedError as error:
        raise ConfigError(error.message) from error
    with new_directory(directory) as draft:
        paths = WitnessPaths(draft)
        write_private(paths.key, keyring.encrypt(keyring.to_pem(key), passphrase, secrets.token_bytes))
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


def serve_witness(
    opened: OpenWitness,
    listen: str | None,
    ready: Callable[[str], None],
    passphrases: keyring.Passphrases | None = None,
) -> None:
    """Serve a witness until SIGTERM or SIGINT; ``listen`` replaces the configuration's HOST:PORT.

    ``passphrases`` open its key (None: from the environment). ``ready`` is called with the bound HOST:PORT.
    Raises ConfigError for a key or an address that cannot be used.
    """
    cosigner = opened.cosigner(passphrases or Passphrases())
    asyncio.run(_serve(cosigner, listen or opened.config.listen, ready))


async def _serve(cosigner: Cosigner, listen: str, ready: Callable[[str], None]) -> None:
    host, port = split_address("listen", listen)
    stop = asyncio.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.set)
    log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    server = WitnessServer(cosigner.add, log)
    try:
        bound = await server.start(host, port)
    except OSError as error:
        msg = f"cannot listen on {listen}: {error.strerror or error}"
        raise ConfigError(msg) from error
    address = f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"
    log.info("serving", witness=cosigner.witness.name, address=address, logs=len(cosigner.logs))
    ready(address)
    await stop.wait()
    log.info("stopping")
    await server.stop()
