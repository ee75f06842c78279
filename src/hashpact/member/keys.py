"""A member's keys on its own machine: made, installed, replaced and renewed.

A profile is changed in such an order that a crash at any point leaves one that works: a file is complete
before its name is taken, and one file, profile.toml or tls.pem, decides which key is in use.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from hashpact.config import MAX_SIZE, ProfileConfig
from hashpact.domain import statements
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import ADMIN, KeyRotate
from hashpact.domain.messages import Submission
from hashpact.domain.state import Key, Receipt, Witness
from hashpact.durable import alone, new_directory, read_bytes, read_private, write_private, write_public
from hashpact.errors import (
    ClockSkewError,
    ConfigError,
    ConflictError,
    HashpactError,
    InvalidInputError,
    NotFoundError,
    NotPermittedError,
)
from hashpact.governance.joining import Join, Welcome
from hashpact.keys import certificates, pkcs8
from hashpact.keys.passphrase import Passphrases
from hashpact.keys.pkcs8 import write_key
from hashpact.member.author import Author
from hashpact.member.checking.either import TIMEOUT
from hashpact.member.clients import Client
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import CERTIFICATE, Profile, ProfileWarning, config_of

RECOVERY_KEY: Final = "recovery"
"""The name of its first recovery key."""

_REFUSALS: Final = (InvalidInputError, NotPermittedError, NotFoundError, ConflictError)
"""The errors by which a server refuses a statement that it has examined."""


def new_profile(  # noqa: PLR0913 - what a profile is made of
    directory: Path,
    origin: str,
    member: str,
    address: str,
    *,
    passphrase: bytes | None,
    recovery: Path | None = None,
) -> Join:
    """Make the keys of a new member, and the join file from which administrators enrol it.

    `install` completes the profile. ``recovery`` is where to write a recovery key, to be kept elsewhere.
    Private keys are encrypted under ``passphrase``, if there is one. Raises ConfigError if the directory or
    the recovery key's file exists.
    """
    with new_directory(directory) as draft:
        paths = ProfilePaths(draft)
        key, channel = Ed25519PrivateKey.generate(), certificates.new_channel_key()
        join = Join(
            origin,
            member,
            address,
            pkcs8.named(pkcs8.FIRST_KEY, key),
            None,
            certificates.request_member(channel, member),
        )
        spare = None if recovery is None else Ed25519PrivateKey.generate()
        if spare is not None:
            join = replace(join, recovery=pkcs8.named(RECOVERY_KEY, spare))
        write_public(paths.join, join.data())
        write_key(paths.member_key(pkcs8.FIRST_KEY), pkcs8.to_pem(key), passphrase)
        write_key(paths.tls, channel, passphrase)
        if recovery is not None and spare is not None:
            write_key(recovery, pkcs8.to_pem(spare), passphrase)
        return join


def new_administrator(  # noqa: PLR0913 - what a profile is made of
    directory: Path,
    origin: str,
    name: str,
    address: str,
    *,
    key: Path,
    passphrases: Passphrases,
    unencrypted: bool,
) -> Join:
    """Make the profile of an administrator, and the join file from which the home issues its certificate.

    ``key`` is the file of the administrator's key, which is copied into the profile; ``name`` is what the log
    calls it. Otherwise as `new_profile`.
    """
    pem = pkcs8.decrypt(read_private(key, MAX_SIZE), str(key), passphrases)
    signer = pkcs8.from_pem(pem, str(key), passphrases)
    passphrase = passphrases.for_new_keys(unencrypted=unencrypted)
    with new_directory(directory) as draft:
        paths, channel = ProfilePaths(draft), certificates.new_channel_key()
        request = certificates.request_member(channel, ADMIN)
        join = Join(origin, ADMIN, address, pkcs8.named(name, signer), None, request)
        write_public(paths.join, join.data())
        write_key(paths.member_key(name), pem, passphrase)
        write_key(paths.tls, channel, passphrase)
        return join


def request(directory: Path, passphrases: pkcs8.Passphrases) -> Join:
    """The join file of a profile that is installed already, to have another certificate issued by hand."""
    paths = ProfilePaths(directory)
    config = config_of(paths)
    key = statement_key(directory)
    signer = pkcs8.from_pem(read_private(key, MAX_SIZE), str(key), passphrases)
    channel = pkcs8.decrypt(read_private(paths.tls, MAX_SIZE), str(paths.tls), passphrases)
    join = Join(
        config.origin,
        config.member,
        config.address,
        pkcs8.named(config.key, signer),
        None,
        certificates.request_member(channel, config.member),
    )
    write_public(paths.join, join.data(), replace=True)
    return join


def install(directory: Path, file: Path, passphrases: pkcs8.Passphrases) -> Welcome:
    """Complete a profile with the welcome file that came back from an administrator.

    Raises ConfigError if it is another member's or log's, CorruptError if the certificate is not for the
    profile's key.
    """
    paths = ProfilePaths(directory)
    welcome = Welcome.parse(read_bytes(file, MAX_SIZE))
    join = Join.parse(read_bytes(paths.join, MAX_SIZE))
    if (welcome.log, welcome.member) != (join.log, join.member):
        msg = f"the file is for {welcome.member!r} of {welcome.log!r}, not for this profile"
        raise ConfigError(msg)
    channel = read_private(paths.tls, MAX_SIZE)
    key = pkcs8.decrypt(channel, str(paths.tls), passphrases)
    certificates.check_member(welcome.certificate, join.log, join.member, key)
    config = ProfileConfig(
        join.log, welcome.log_keys, welcome.genesis, join.member, join.key.name, welcome.expires, join.address
    )
    write_public(paths.ca_cert, welcome.authority, replace=True)
    write_private(paths.tls, channel.partition(CERTIFICATE)[0] + welcome.certificate, replace=True)
    write_public(paths.config, config.to_toml().encode(), replace=True)
    return welcome


def renew(
    directory: Path, passphrases: Passphrases, *, unencrypted: bool = False, timeout: float = TIMEOUT
) -> int:
    """Get a new channel key and certificate, vouched for by the statement key; its end in Unix seconds.

    After a crash either the old or the new one is in place. Raises what `Client.certificate` raises.
    """
    profile = Profile.load(directory, passphrases)
    passphrase = passphrases.for_new_keys(unencrypted=unencrypted, as_before=True)
    key = certificates.new_channel_key()
    with Client(profile, timeout=timeout, retry_refused=False) as client:
        certificate = client.certificate(certificates.request_member(key, profile.member))
    certificates.check_member(certificate, profile.origin, profile.member, key)
    locked = pkcs8.encrypt(key, passphrase, secrets.token_bytes)
    write_private(ProfilePaths(directory).tls, locked + certificate, replace=True)
    return certificates.expires(certificate)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Replaces the statement key of a profile.

    The new key and the signed statement that adds it are written to the profile before the statement is sent;
    the old key stays in use until the log has answered. After any interruption the same call continues where
    it stopped, with the same statement.

    The channel's certificate is good only while the key that vouched for it is in force, so the new key then
    vouches for another one. A server that issues none causes a ProfileWarning that names what to do.
    """

    directory: Path
    passphrases: Passphrases
    overlap: int
    unencrypted: bool = False
    recovery: Path | None = None
    timeout: float = TIMEOUT

    def run(self) -> tuple[str, Receipt]:
        """The new key's name and the receipt. Raises what `Client.append` raises.

        Raises ConfigError if another process replaces the key at the same time.
        """
        with alone(self.directory):
            done = self._run()
            try:
                renew(self.directory, self.passphrases, unencrypted=self.unencrypted, timeout=self.timeout)
            except HashpactError as error:
                msg = (
                    f"the key is replaced, and its certificate is not: {error.message}; "
                    "before the old key ends: hashpact cert renew, or hashpact cert request"
                )
                warnings.warn(msg, ProfileWarning, stacklevel=2)
            return done

    def _run(self) -> tuple[str, Receipt]:
        paths = ProfilePaths(self.directory)
        profile = Profile.load(self.directory, self.passphrases, self.recovery)
        with Client(profile, timeout=self.timeout, retry_refused=False) as client:
            if not paths.rotation.exists():
                self._prepare(paths, client)
            statement = read_bytes(paths.rotation, MAX_SIZE)
            try:
                receipt = client.append(Submission(statement))
            except ClockSkewError:
                # It is too old, and not in the log: sign it again, for the same key.
                self._sign(paths, client, _rotated(statement).name)
                statement = read_bytes(paths.rotation, MAX_SIZE)
                receipt = client.append(Submission(statement))
            except _REFUSALS:
                self._give_up(paths, client, _rotated(statement))
                raise
            body = _rotated(statement)
            self._finish(paths, body, {key.id: key.name for key in own_keys(client)}.get(body.old))
        return body.name, receipt

    def _prepare(self, paths: ProfilePaths, client: Client) -> None:
        taken = {key.name for key in own_keys(client)}
        name = next(str(number) for number in range(1, len(taken) + 2) if str(number) not in taken)
        pem = pkcs8.to_pem(Ed25519PrivateKey.generate())
        # An existing file of that name is left from a rotation whose statement was never written or sent.
        passphrase = self.passphrases.for_new_keys(unencrypted=self.unencrypted, as_before=True)
        locked = pkcs8.encrypt(pem, passphrase, secrets.token_bytes)
        write_private(paths.member_key(name), locked, replace=True)
        self._sign(paths, client, name)

    def _sign(self, paths: ProfilePaths, client: Client, name: str) -> None:
        new = self._key(paths.member_key(name))
        current = config_of(paths).key
        found = {key.name: key for key in own_keys(client)}
        old = found.get(current)
        if old is None:
            msg = f"the log knows no key {current!r} of {client.profile.member!r}"
            raise ConfigError(msg)
        author = client.author
        if self.recovery is not None:
            author = _as_enrolled(author, found.values(), self.recovery)
        overlap = 0 if self.recovery is not None else self.overlap
        said = author.rotate(old.id, pkcs8.named(name, new), new, overlap)
        write_public(paths.rotation, said.statement, replace=True)

    def _key(self, path: Path) -> Ed25519PrivateKey:
        return pkcs8.from_pem(read_private(path, MAX_SIZE), str(path), self.passphrases)

    def _give_up(self, paths: ProfilePaths, client: Client, body: KeyRotate) -> None:
        """Forget a rotation that was refused, once it is certain that the log has not got its key."""
        if all(key.public != body.public for key in own_keys(client)):
            paths.rotation.unlink(missing_ok=True)
            paths.member_key(body.name).unlink(missing_ok=True)

    def _finish(self, paths: ProfilePaths, body: KeyRotate, old: str | None) -> None:
        """Put the new key in use, and only then remove the old one."""
        new = replace(config_of(paths), key=body.name, key_expires=body.expires)
        write_public(paths.config, new.to_toml().encode(), replace=True)
        if old is not None:
            paths.member_key(old).unlink(missing_ok=True)
        paths.rotation.unlink()


def own_keys(client: Client) -> tuple[Key, ...]:
    """The keys of the client's member, as the log has them."""
    for found in client.members():
        if found.member.id == client.profile.member:
            return found.keys
    return ()


def _as_enrolled(author: Author, keys: Iterable[Key], recovery: Path) -> Author:
    """The author under the name that its key has in the log."""
    for key in keys:
        if key.public == author.key.public:
            return replace(author, key=NamedKey(key.name, key.public))
    msg = f"the log knows no key of {author.member!r} like that in {recovery}"
    raise ConfigError(msg)


def _rotated(statement: bytes) -> KeyRotate:
    body = statements.parse(statement).statement.body
    if not isinstance(body, KeyRotate):
        msg = "the file rotation of the profile is no replacement of a key; move it away"
        raise ConfigError(msg)
    return body


def statement_key(directory: Path) -> Path:
    """The file of a profile's statement key, whether the profile is complete or waits for `install`."""
    paths = ProfilePaths(directory)
    if paths.config.exists():
        config = config_of(paths)
        if config.check_only:
            msg = f"{directory} is a profile for checks only: it has no statement key"
            raise ConfigError(msg)
        return paths.member_key(config.key)
    return paths.member_key(Join.parse(read_bytes(paths.join, MAX_SIZE)).key.name)


def statement_key_name(directory: Path) -> str:
    """The note name under which a profile's statement key signs, such as ``admin/alice``."""
    paths = ProfilePaths(directory)
    if paths.config.exists():
        config = config_of(paths)
        return statements.key_name(config.member, config.key)
    join = Join.parse(read_bytes(paths.join, MAX_SIZE))
    return statements.key_name(join.member, join.key.name)


def make_key(file: Path, passphrase: bytes | None) -> bytes:
    """Write a new Ed25519 key to a new file; returns its raw public key."""
    key = Ed25519PrivateKey.generate()
    write_key(file, pkcs8.to_pem(key), passphrase)
    return key.public_key().public_bytes_raw()


def make_mldsa_key(file: Path, origin: str, passphrase: bytes | None) -> Witness:
    """Write a new ML-DSA-44 key of the log of that origin to a new file; returns its public half."""
    key = MLDSA44PrivateKey.generate()
    write_key(file, pkcs8.to_pem(key), passphrase)
    return Witness.mldsa(origin, key.public_key().public_bytes_raw())


def protect_key(file: Path, passphrases: Passphrases, *, unencrypted: bool = False) -> None:
    """Encrypt a private key's file anew under another passphrase, or none; a certificate in it stays."""
    data = read_private(file, MAX_SIZE)
    pem = pkcs8.decrypt(data, str(file), passphrases)
    passphrase = passphrases.for_new_keys(unencrypted=unencrypted)
    _, begin, certificate = data.partition(CERTIFICATE)
    locked = pkcs8.encrypt(pem, passphrase, secrets.token_bytes)
    write_private(file, locked + begin + certificate, replace=True)
