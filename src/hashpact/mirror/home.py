"""The home of a mirror: made at the first start from a member's profile, and opened at each later one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashpact.clock import unix_time
from hashpact.config import MAX_SIZE
from hashpact.domain.state import Charter
from hashpact.durable import new_directory, read_bytes, read_private, write_private, write_public
from hashpact.errors import ConfigError
from hashpact.home.opening import Home
from hashpact.home.paths import HomePaths, MirrorPaths
from hashpact.keys import certificates, pkcs8
from hashpact.keys.passphrase import Passphrases
from hashpact.keys.pkcs8 import write_key
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import Profile
from hashpact.mirror.configured import MirrorConfig
from hashpact.mirror.storing.signing import make_cosigner
from hashpact.storage.ledgers import create_ledger, open_ledger

_OTHERS: Final = 0o077
_ENCRYPTED: Final = b"ENCRYPTED PRIVATE KEY"


@dataclass(frozen=True, slots=True)
class MirrorHome:
    """An open home of a mirror: ``served`` is the copy, as a server of a home has it."""

    paths: MirrorPaths
    config: MirrorConfig
    passphrases: Passphrases
    served: Home

    def profile(self) -> Profile:
        """The member as whom the log is copied, with the address where. Raises ConfigError.

        It is read anew each time: its keys and certificates are replaced now and then.
        """
        loaded = Profile.reading(self.config.profile, self.passphrases)
        check_same_log(self.paths.home, self.config, loaded)
        return loaded.at(self.config.address)

    def charter(self) -> Charter | None:
        """The charter in force, None before anything is copied."""
        with self.served.ledger.snapshot() as view:
            return view.charter()


def make_mirror(
    directory: Path, config: MirrorConfig, passphrases: Passphrases, name: str | None = None
) -> None:
    """Make the home of a mirror: its configuration, an empty ledger, and keys of its own.

    They are an authority's for TLS, and one that cosigns under ``name`` (None: one below the log's). They are
    encrypted as those of the profile are. The home appears whole or not at all. Raises ConfigError if
    ``directory`` exists and is not empty.
    """
    loaded = Profile.reading(config.profile, passphrases)
    check_same_log(directory, config, loaded)
    passphrase = passphrases.for_new_keys(
        unencrypted=not encrypts(ProfilePaths(config.profile).tls), as_before=True
    )
    with new_directory(directory) as draft:
        paths = MirrorPaths(draft)
        for made in (paths.pki, paths.evidence):
            made.mkdir(mode=0o700)
        authority = certificates.make_authority(config.origin, unix_time, mirror=True)
        write_key(paths.ca_key, authority.key, passphrase)
        write_public(paths.ca_cert, authority.certificate)
        server = certificates.issue_server(authority, config.hosts, unix_time)
        write_key(paths.server_key, server.key, passphrase)
        write_public(paths.server_cert, server.certificate)
        make_cosigner(paths, name or f"{config.origin}/mirrors/{loaded.member}", passphrase)
        write_private(paths.config, config.to_toml().encode())
        create_ledger(paths.db).close()


def configured(directory: Path) -> MirrorConfig:
    """The configuration of a mirror. Raises ConfigError if the directory is no mirror's home."""
    paths = MirrorPaths(directory)
    if paths.config.exists():
        return MirrorConfig.parse(read_bytes(paths.config, MAX_SIZE).decode("utf-8", "replace"))
    if HomePaths(directory).config.exists():
        msg = f"{directory} is the home of a clearinghouse; a mirror needs a directory of its own"
    else:
        msg = f"{directory} is not a mirror's home; make one with: hashpact mirror ADDRESS {directory}"
    raise ConfigError(msg)


@contextlib.contextmanager
def open_mirror(
    directory: Path, passphrases: Passphrases | None = None, config: MirrorConfig | None = None
) -> Iterator[MirrorHome]:
    """Open the home of a mirror, whether another process has it open or not.

    ``config`` is used instead of its own. Raises ConfigError, also if others than its owner can read it, and
    CorruptError.
    """
    paths, found = MirrorPaths(directory), config or configured(directory)
    if directory.stat().st_mode & _OTHERS:
        msg = f"others can read {directory}, where private parts are; run: chmod 700 {directory}"
        raise ConfigError(msg)
    with contextlib.closing(open_ledger(paths.db)) as ledger:
        opening = passphrases or Passphrases()
        home = Home(paths, found.served(), ledger, opening)
        opened = MirrorHome(paths, found, opening, home)
        charter = opened.charter()
        if charter is not None and (charter.origin, home.genesis()) != (found.origin, found.genesis):
            msg = f"{paths.config}: origin and genesis are not those of the copy in {paths.db}"
            raise ConfigError(msg, field="genesis")
        yield opened


def check_same_log(directory: Path, config: MirrorConfig, profile: Profile) -> None:
    """Raise ConfigError unless a profile is of the log that a mirror copies."""
    if (profile.origin, profile.genesis) != (config.origin, config.genesis):
        msg = (
            f"{directory} copies the log {config.origin} with the genesis {config.genesis.hex()[:16]}..., "
            f"and the profile {config.profile} is of {profile.origin} with {profile.genesis.hex()[:16]}..."
        )
        raise ConfigError(msg, field="profile")


def renew_certificate(home: MirrorHome) -> None:
    """Issue the mirror another certificate, if it listens where the one that it has does not name it."""
    paths, served = home.paths, home.served
    if certificates.hosts(read_bytes(paths.server_cert, MAX_SIZE)) == set(home.config.hosts):
        return
    authority = served.open_authority()
    issued = certificates.issue_server(authority, home.config.hosts, unix_time)
    passphrase = home.passphrases.for_new_keys(unencrypted=not encrypts(paths.ca_key), as_before=True)
    key = pkcs8.encrypt(issued.key, passphrase, os.urandom)
    write_private(paths.server_key, key, replace=True)
    write_public(paths.server_cert, issued.certificate, replace=True)


def encrypts(key: Path) -> bool:
    """Whether the private key in a file is encrypted."""
    return _ENCRYPTED in read_private(key, MAX_SIZE)
