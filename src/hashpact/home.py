"""The composition root of a home: makes one, opens it, and enrols members in it.

Serving it is `hashpact.server`; the member's side is put together in `hashpact.sdk`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.config import MAX_SIZE, HomeConfig, ProfileConfig, split_address
from hashpact.domain import kinds, statements
from hashpact.domain.errors import ConfigError, NotFoundError, NotPermittedError
from hashpact.domain.keys import NamedKey
from hashpact.domain.ports import Log
from hashpact.domain.state import Charter, Leaf, Role
from hashpact.log import note
from hashpact.passphrase import Passphrases
from hashpact.service import certificates, keyring
from hashpact.service.administer import Administrators, Drafter
from hashpact.service.append import Appender
from hashpact.service.author import KEY_LIFE
from hashpact.service.certificates import Credential
from hashpact.service.governance.expiry import Ending, ending
from hashpact.service.governance.joining import Join, Welcome
from hashpact.service.transparency.integrity import Integrity, LogKeys
from hashpact.service.transparency.publish import Publisher, check_reaches
from hashpact.service.transparency.receipt import PinnedLog
from hashpact.service.transparency.sign import LogKey, SigningGuard
from hashpact.storage import backup
from hashpact.storage.backup import Manifest, Progress
from hashpact.storage.files import (
    HomePaths,
    ProfilePaths,
    new_directory,
    read_bytes,
    read_private,
    write_private,
    write_public,
)
from hashpact.storage.home.lease import Lease, this_machine
from hashpact.storage.home.published import PublishedLog
from hashpact.storage.sqlite import SqliteLedger

EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, not bound


def unix_time() -> int:
    """Seconds since 1970 in UTC."""
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Home:
    """An open home: its files, its configuration and its ledger."""

    paths: HomePaths
    config: HomeConfig
    ledger: SqliteLedger
    passphrases: keyring.Passphrases = field(repr=False)

    @property
    def charter(self) -> Charter:
        """Who governs the log. Raises ConfigError if the log has no genesis."""
        with self.ledger.snapshot() as view:
            charter = view.charter()
        if charter is None:
            msg = f"{self.paths.db} has no genesis statement; make a new home with: hashpact init"
            raise ConfigError(msg)
        return charter

    @property
    def genesis(self) -> bytes:
        """The SHA-256 of leaf 0, by which followers know the log."""
        return hashlib.sha256(next(self.ledger.leaves(0, 1)).data).digest()

    @property
    def verifier_keys(self) -> list[str]:
        """How witnesses and readers are told of the log's keys."""
        charter = self.charter
        return [note.verifier_key(charter.origin, public) for public in charter.log_keys]

    @property
    def address(self) -> str:
        """What members connect to: as configured, else where a server was bound last, else will be."""
        if self.config.address is not None:
            return self.config.address
        if self.paths.bound.exists():
            return read_bytes(self.paths.bound, MAX_SIZE).decode("ascii", "replace").strip()
        return self.config.listen

    @property
    def log_key(self) -> LogKey:
        """The key that signs the log's checkpoints. Raises ConfigError if it is not in the home."""
        key = self.signer(self.paths.log_key)
        return LogKey(self.config.origin, key.public_key().public_bytes_raw(), key)

    @property
    def lease(self) -> Lease:
        """What tells other machines that this one has the home."""
        return Lease(self.paths.machine, this_machine())

    @property
    def integrity(self) -> Integrity:
        """What compares the whole log with itself, leaf by leaf."""
        return Integrity(self.ledger, self.config.origin, LogKeys(self.ledger))

    @property
    def publisher(self) -> Publisher:
        """What publishes the log in the home."""
        return Publisher(self.ledger, self.config.origin, PublishedLog(self.paths.log))

    @property
    def authority(self) -> Credential:
        """The home's certificate authority."""
        return self.credential(self.paths.ca_key, self.paths.ca_cert)

    def credential(self, key: Path, certificate: Path) -> Credential:
        """A private key of the home, opened, and its certificate."""
        pem = keyring.decrypt(read_private(key, MAX_SIZE), str(key), self.passphrases)
        return Credential(pem, read_bytes(certificate, MAX_SIZE))

    def signer(self, key: Path) -> Ed25519PrivateKey:
        """An Ed25519 key of the home, opened."""
        return keyring.from_pem(read_private(key, MAX_SIZE), str(key), self.passphrases)


def create_home(
    directory: Path, config: HomeConfig, *, admins: int, threshold: int, passphrase: bytes | None
) -> list[Leaf]:
    """Make a home: keys, certificates, configuration, a ledger with its first two leaves, their checkpoint.

    It appears whole or not at all. Its keys are encrypted under ``passphrase``, if there is one. Raises
    ConfigError if ``directory`` exists and is not empty, and the error of the statement rule that
    ``config.origin``, ``admins`` or ``threshold`` breaks.
    """
    statements.LOG.write((config.origin,))
    with new_directory(directory) as draft:
        paths = HomePaths(draft)
        paths.pki.mkdir(mode=0o700)
        signers = []
        for number in range(1, admins + 1):
            key = Ed25519PrivateKey.generate()
            name = str(number)
            _write_key(paths.admin_key(name), keyring.to_pem(key), passphrase)
            signers.append((keyring.named(name, key), key))
        log_key = Ed25519PrivateKey.generate()
        _write_key(paths.log_key, keyring.to_pem(log_key), passphrase)
        authority = certificates.make_authority(config.origin, unix_time)
        _write_key(paths.ca_key, authority.key, passphrase)
        write_public(paths.ca_cert, authority.certificate)
        hosts = _hosts(config)
        server = certificates.issue_server(authority, hosts, unix_time)
        _write_key(paths.server_key, server.key, passphrase)
        write_public(paths.server_cert, server.certificate)
        write_public(paths.config, config.to_toml().encode())
        with contextlib.closing(SqliteLedger.create(paths.db)) as ledger:
            founders = Administrators(
                config.origin, signers, Appender(ledger, unix_time), unix_time, secrets.token_bytes
            )
            public = log_key.public_key().public_bytes_raw()
            leaves = founders.found(threshold, (public,))
            SigningGuard(ledger, LogKey(config.origin, public, log_key)).sign()
            Publisher(ledger, config.origin, PublishedLog(paths.log)).publish()
            return leaves


@contextlib.contextmanager
def open_home(
    directory: Path, passphrases: keyring.Passphrases | None = None, *, check_head: bool = True
) -> Iterator[Home]:
    """Open a home, whether a server of it runs on this machine or not.

    Raises ConfigError, also if another machine has the home, and CorruptError.

    ``passphrases`` open its private keys, when one is needed (None: from the environment). Only who looks for
    damage leaves ``check_head`` out.
    """
    paths = HomePaths(directory)
    if not paths.config.exists():
        msg = f"{directory} is not a home (it has no hashpact.toml); make one with: hashpact init {directory}"
        raise ConfigError(msg)
    text = read_bytes(paths.config, MAX_SIZE).decode("utf-8", "replace")
    config = HomeConfig.parse(text, os.environ)
    Lease(paths.machine, this_machine()).look(time.sleep)
    with contextlib.closing(SqliteLedger.open(paths.db, check_head=check_head)) as ledger:
        home = Home(paths, config, ledger, passphrases or Passphrases())
        if home.charter.origin != config.origin:
            msg = (
                f"hashpact.toml says origin {config.origin!r}, the log was founded as {home.charter.origin!r}"
            )
            raise ConfigError(msg, field="origin")
        yield home


def back_up_home(directory: Path, file: Path, progress: Progress, *, keys: bool) -> Manifest:
    """As `backup.back_up`, made now."""
    return backup.back_up(directory, file, progress, keys=keys, now=unix_time())


def restore_home(
    file: Path, directory: Path, progress: Progress, newest: Path | None = None
) -> tuple[Manifest, list[Path]]:
    """As `backup.restore`; with it the keys that a server needs and the backup did not have.

    ``newest`` is a file with the largest checkpoint of the log that anybody holds: a backup that does not
    reach it is a CorruptError, and nothing is restored.
    """
    note = None if newest is None else read_bytes(newest, MAX_SIZE)

    def accept(log: Log) -> None:
        with log.snapshot() as view:
            charter = view.charter()
        if note is not None and charter is not None:
            known = PinnedLog(charter.origin, LogKeys(log)()).read(note)
            check_reaches(log, known, str(newest))

    manifest = backup.restore(file, directory, progress, accept)
    paths = HomePaths(directory)
    return manifest, [path for path in (paths.ca_key, paths.server_key, paths.log_key) if not path.exists()]


def enrol_member(
    home: Home, member_id: str, roles: frozenset[Role], out: Path, passphrase: bytes | None
) -> list[Leaf]:
    """Enrol a member, and write the profile with which it reaches the clearinghouse.

    The profile's keys are encrypted under ``passphrase``, if there is one. Works whether a server of the home
    runs or not. Raises ConfigError if ``out`` exists and is not empty or too few administrators' keys are in
    the home, and the error of the rule that the enrolment breaks.
    """
    kinds.ID.write((member_id,))
    charter = home.charter
    governing = administrators(home)
    with new_directory(out) as draft:
        key = Ed25519PrivateKey.generate()
        profile = ProfileConfig(
            charter.origin,
            charter.log_keys,
            home.genesis,
            member_id,
            keyring.FIRST_KEY,
            unix_time() + KEY_LIFE,
            home.address,
        )
        credential = certificates.issue_member(home.authority, charter.origin, member_id, unix_time)
        paths = ProfilePaths(draft)
        _write_key(paths.member_key(keyring.FIRST_KEY), keyring.to_pem(key), passphrase)
        tls = keyring.encrypt(credential.key, passphrase, secrets.token_bytes)
        write_private(paths.tls, tls + credential.certificate)
        write_public(paths.ca_cert, read_bytes(home.paths.ca_cert, MAX_SIZE))
        write_public(paths.config, profile.to_toml().encode())
        return governing.enrol(member_id, roles, keyring.named(keyring.FIRST_KEY, key), key)


def administrators(home: Home, files: Sequence[Path] = (), needed: int | None = None) -> Administrators:
    """The administrators whose keys are in these files or, without any, in the home; enough to sign.

    ``needed`` is how many must sign (None: the charter's threshold). Raises ConfigError if there are fewer,
    or a file's key is no administrator's.
    """
    charter = home.charter
    enough = charter.threshold if needed is None else needed
    signers = _named_signers(home, charter, files) if files else list(_signers(home, charter, enough))
    if len(signers) < enough:
        where = "these files have" if files else f"{home.paths.pki} has"
        msg = f"{enough} administrators must sign; {where} the keys of {len(signers)}"
        raise ConfigError(msg)
    return Administrators(
        charter.origin, signers, Appender(home.ledger, unix_time), unix_time, secrets.token_bytes
    )


def drafter(home: Home, named: str | None) -> Drafter:
    """What drafts statements that name the administrator ``named`` (None: the first one)."""
    admins = home.charter.admins
    found = next((admin for admin in admins if named in {None, admin.name}), None)
    if found is None:
        msg = f"there is no administrator {named!r}; there are {', '.join(admin.name for admin in admins)}"
        raise ConfigError(msg)
    return Drafter(home.config.origin, found.id, unix_time, secrets.token_bytes)


def welcome(home: Home, join: Join) -> Welcome:
    """A new channel certificate for a member, with all else that its profile needs.

    Raises NotFoundError unless the member and its key are enrolled, NotPermittedError if it is suspended.
    """
    with home.ledger.snapshot() as view:
        member, key = view.member(join.member), view.key(join.key.id)
    if member is None:
        msg = f"there is no member {join.member!r}; enrol it first"
        raise NotFoundError(msg, resource=f"members/{join.member}")
    if member.suspended_at is not None:
        msg = f"the member {join.member!r} is suspended"
        raise NotPermittedError(msg)
    if key is None or (key.member, key.name) != (join.member, join.key.name):
        msg = f"the key {join.member}/{join.key.name} of the join file is not enrolled"
        raise NotFoundError(msg, resource=f"members/{join.member}")
    authority, charter = home.authority, home.charter
    return Welcome(
        charter.origin,
        join.member,
        key.expires,
        home.genesis,
        charter.log_keys,
        certificates.certify_member(authority, charter.origin, join.member, join.request, unix_time),
        read_bytes(home.paths.ca_cert, MAX_SIZE),
    )


def ending_certificates(directory: Path, now: int) -> list[Ending]:
    """The warnings due for the certificates of a home's server and authority."""
    paths = HomePaths(directory)
    found = (
        ending(path.name, certificates.expires(read_bytes(path, MAX_SIZE)), now)
        for path in (paths.server_cert, paths.ca_cert)
    )
    return [each for each in found if each is not None]


def renew_server(home: Home, authority: Credential, passphrase: bytes | None) -> None:
    """Give the server a new key and certificate; one that runs takes them at the next handshake."""
    credential = certificates.issue_server(authority, _hosts(home.config), unix_time)
    pem = keyring.encrypt(credential.key, passphrase, secrets.token_bytes)
    write_private(home.paths.server_key, pem, replace=True)
    write_public(home.paths.server_cert, credential.certificate, replace=True)


def _signers(home: Home, charter: Charter, enough: int) -> Iterator[tuple[NamedKey, Ed25519PrivateKey]]:
    """As many of the administrators' keys in the home as must sign, if there are so many."""
    found = 0
    for admin in charter.admins:
        path = home.paths.admin_key(admin.name)
        if found < enough and path.exists():
            key = home.signer(path)
            if keyring.named(admin.name, key) == admin:  # not of a root before
                found += 1
                yield admin, key


def _named_signers(
    home: Home, charter: Charter, files: Sequence[Path]
) -> list[tuple[NamedKey, Ed25519PrivateKey]]:
    by_public = {admin.public: admin for admin in charter.admins}
    signers: dict[NamedKey, Ed25519PrivateKey] = {}
    for path in files:
        key = home.signer(path)
        named = by_public.get(keyring.named("", key).public)
        if named is None:
            msg = f"{path} is no administrator's key"
            raise ConfigError(msg)
        signers[named] = key
    return list(signers.items())


def _write_key(path: Path, pem: bytes, passphrase: bytes | None) -> None:
    write_private(path, keyring.encrypt(pem, passphrase, secrets.token_bytes))


def _hosts(config: HomeConfig) -> Sequence[str]:
    """What the server's certificate names: this machine, and what members will connect to."""
    host, _ = split_address("address", config.address or config.listen)
    return sorted({"localhost", "127.0.0.1", "::1", host} - EVERYWHERE)
