"""The state directory of a gateway: made at the first start, and open in one process at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashpact.config import MAX_SIZE
from hashpact.durable import claimed, new_directory, read_private, write_private
from hashpact.errors import ConfigError
from hashpact.gateway.configured import GatewayConfig
from hashpact.gateway.keeping.store import BankStore
from hashpact.gateway.keeping.tokens import TokenFile
from hashpact.keys.master import master_key
from hashpact.keys.passphrase import Passphrases

_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class GatewayPaths:
    """The files of a gateway's state directory. docs/formats/gateway.md describes them."""

    directory: Path

    @property
    def config(self) -> Path:
        """The configuration, in TOML."""
        return self.directory / "gateway.toml"

    @property
    def key(self) -> Path:
        """The key that seals the banks."""
        return self.directory / "gateway.key"

    @property
    def banks(self) -> Path:
        """The banks and what is in them."""
        return self.directory / "banks.db"

    @property
    def tokens(self) -> Path:
        """The digests of the tokens."""
        return self.directory / "tokens"

    @property
    def lock(self) -> Path:
        """Locked by the process that has the directory open."""
        return self.directory / "lock"


def make_folder(directory: Path, config: GatewayConfig) -> None:
    """Make a state directory with that configuration. Raises ConfigError if there is something in it."""
    with new_directory(directory) as draft:
        write_private(GatewayPaths(draft).config, config.to_toml().encode())


def configured_folder(directory: Path) -> GatewayConfig:
    """The configuration in a state directory. Raises ConfigError."""
    paths = GatewayPaths(directory)
    if not paths.config.exists():
        msg = (
            f"{directory} is not a gateway's; make one with: hashpact gateway serve {directory} --profile DIR"
        )
        raise ConfigError(msg)
    if directory.stat().st_mode & _OTHERS:
        msg = f"others can read {directory}, where banks are; run: chmod 700 {directory}"
        raise ConfigError(msg)
    return GatewayConfig.parse(read_private(paths.config, MAX_SIZE).decode("utf-8", "replace"))


def tokens_of(directory: Path) -> TokenFile:
    """The tokens of a state directory. Raises ConfigError if it is none."""
    configured_folder(directory)
    return TokenFile(GatewayPaths(directory).tokens)


@contextlib.contextmanager
def open_banks(directory: Path, passphrases: Passphrases, *, unencrypted: bool) -> Iterator[BankStore]:
    """The banks in a state directory, for this process alone.

    A new key is encrypted as the profile's keys are: ``unencrypted`` if those are. Raises ConfigError if
    another process has it open, and CorruptError.
    """
    paths = GatewayPaths(directory)
    with claimed(paths.lock) as mine:
        if not mine:
            msg = f"another gateway has {directory} open; each needs a directory of its own"
            raise ConfigError(msg)
        master = master_key(paths.key, passphrases, unencrypted=unencrypted, opens=[paths.banks])
        with BankStore(paths.banks, master) as store:
            yield store
