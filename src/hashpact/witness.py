"""The composition root of a witness: makes one, opens it, and serves it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.config import MAX_SIZE, WitnessConfig, split_address
from hashpact.domain.errors import ConfigError, MalformedError
from hashpact.home import unix_time
from hashpact.http.server import WitnessServer
from hashpact.log import checkpoint, cosignature, note
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
    """An open witness: its configuration, its key, and what it has cosigned."""

    config: WitnessConfig
    key: Ed25519PrivateKey = field(repr=False)
    cosigned: SqliteCosigned

    @property
    def witness(self) -> Witness:
        """Its name and public key."""
        return Witness(self.config.name, self.key.public_key().public_bytes_raw())

    @property
    def verifier_key(self) -> str:
        """How logs and their readers are told of it."""
        return note.verifier_key(self.witness.name, self.witness.public, cosignature.KIND)

    def cosigned_last(self, origin: str) -> Checkpoint | None:
        """The newest checkpoint of the log that it has cosigned."""
        last = self.cosigned.latest(origin)
        return None if last is None else checkpoint.parse(last.note).checkpoint

    @property
    def cosigner(self) -> Cosigner:
        """What answers requests."""
        logs: dict[str, tuple[bytes, ...]] = {}
        for origin, public in self.config.logs:
            logs[origin] = (*logs.get(origin, ()), public)
        return Cosigner(self.witness, self.key, logs, self.cosigned, unix_time)


def create_witness(directory: Path, config: WitnessConfig, passphrase: bytes | None) -> None:
    """Make a witness: its key, encrypted under ``passphrase`` if there is one, and its files.

    It appears whole or not at all. Raises ConfigError if ``directory`` exists and is not empty, or the name
    is not one for a key.
    """
    key = Ed25519PrivateKey.generate()
    text = note.verifier_key(config.name, key.public_key().public_bytes_raw(), cosignature.KIND)
    try:
        note.parse_verifier_key(text)
    except MalformedError as error:
        raise ConfigError(error.message) from error
    with new_directory(directory) as draft:
        paths = WitnessPaths(draft)
        write_private(paths.key, keyring.encrypt(keyring.to_pem(key), passphrase, secrets.token_bytes))
        write_public(paths.config, config.to_toml().encode())
        SqliteCosigned.create(paths.db).close()


@contextlib.contextmanager
def open_witness(directory: Path, passphrases: Passphrases | None = None) -> Iterator[OpenWitness]:
    """Open a witness, whether it is being served or not. Raises ConfigError or CorruptError.

    ``passphrases`` open its key (None: from the environment).
    """
    paths = WitnessPaths(directory)
    if not paths.config.exists():
        msg = f"{directory} is not a witness (it has no witness.toml); make one with: hashpact witness new"
        raise ConfigError(msg)
    config = WitnessConfig.parse(read_bytes(paths.config, MAX_SIZE).decode("utf-8", "replace"))
    key = keyring.from_pem(read_private(paths.key, MAX_SIZE), str(paths.key), passphrases or Passphrases())
    with contextlib.closing(SqliteCosigned(paths.db)) as cosigned:
        yield OpenWitness(config, key, cosigned)


def serve_witness(opened: OpenWitness, listen: str | None, ready: Callable[[str], None]) -> None:
    """Serve a witness until SIGTERM or SIGINT; ``listen`` replaces the configuration's HOST:PORT.

    ``ready`` is called with the bound HOST:PORT. Raises ConfigError for an address that cannot be used.
    """
    asyncio.run(_serve(opened, listen or opened.config.listen, ready))


async def _serve(opened: OpenWitness, listen: str, ready: Callable[[str], None]) -> None:
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
    server = WitnessServer(opened.cosigner.add, log)
    try:
        bound = await server.start(host, port)
    except OSError as error:
        msg = f"cannot listen on {listen}: {error.strerror or error}"
        raise ConfigError(msg) from error
    address = f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"
    log.info("serving", witness=opened.config.name, address=address, logs=len(opened.cosigner.logs))
    ready(address)
    await stop.wait()
    log.info("stopping")
    await server.stop()
