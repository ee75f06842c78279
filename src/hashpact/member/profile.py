"""The profile of a member: the files by which its machine reaches a clearinghouse."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from hashpact.config import MAX_SIZE, ProfileConfig
from hashpact.domain.fingerprints import Fingerprint
from hashpact.domain.keys import KEY_SIZE, NamedKey, Signer
from hashpact.domain.matching.own import OwnTerms
from hashpact.domain.messages import Submission
from hashpact.domain.pinned import PinnedLog, to_file
from hashpact.domain.state import Receipt
from hashpact.durable import alone, read_bytes, read_private, write_public
from hashpact.errors import ConfigError
from hashpact.keys import certificates, pkcs8
from hashpact.keys.certificates import Tls
from hashpact.keys.expiry import CERTIFICATE_DAYS, KEY_DAYS, Ending, ending
from hashpact.keys.passphrase import Passphrases
from hashpact.lists.local import PrivateLists
from hashpact.log.policy import WitnessPolicy
from hashpact.member.checking.terms import read_terms
from hashpact.member.paths import ProfilePaths
from hashpact.member.pending import Outbox, subject_of, subject_of_content
from hashpact.member.trusting import kept
from hashpact.wire.client.endpoint import Endpoint

CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"


class ProfileWarning(UserWarning):
    """Something verified could not be written into the profile."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A member's identity, its signing key, and its channel to the clearinghouse.

    A check-only profile has no signing key, and one that was opened by `reading` has not opened it: its
    ``signer`` raises ConfigError. ``log`` and ``genesis``, the
    SHA-256 of leaf 0, identify the log; ``followed`` once root statements have said what is in ``log``.
    ``demands`` is the witness policy that holds besides the log's own. ``passphrases`` have opened the keys,
    which are ``unencrypted`` if the channel's is. ``directory`` is where clients keep receipts and what they
    learn of the log; None keeps nothing. ``own`` are the member's terms on matches, of matching.toml.
    """

    origin: str
    member: str
    key: NamedKey
    signer: Signer = field(repr=False)
    endpoint: Endpoint
    log: PinnedLog
    genesis: bytes
    directory: Path | None = None
    key_expires: int | None = None
    followed: bool = False
    demands: WitnessPolicy | None = None
    own: OwnTerms = field(default_factory=OwnTerms)
    passphrases: Passphrases = field(default_factory=Passphrases, repr=False, compare=False)
    unencrypted: bool = field(default=False, compare=False)

    @classmethod
    def load(
        cls,
        directory: Path | str,
        passphrases: pkcs8.Passphrases | None = None,
        recovery: Path | None = None,
    ) -> Self:
        """The profile in a directory; docs/formats/home.md lists its files.

        ``passphrases`` open its private keys (None: from the environment). ``recovery`` is the file of a key
        to sign with instead of the profile's own. Raises ConfigError for a file that is missing, cannot be
        read or does not hold what it must, and for a private key that others can read.
        """
        opening, paths = passphrases or Passphrases(), _installed(directory)
        return cls._of(paths, opening, *_signing(paths, opening, recovery))

    @classmethod
    def reading(cls, directory: Path | str, passphrases: pkcs8.Passphrases | None = None) -> Self:
        """The same profile for a process that signs no statement: its statement key is left alone.

        So the key is in no memory where it is not needed, and only the channel's key is decrypted, which
        takes a fifth of a second. Raises ConfigError as `load`, but not for the statement key's file. The
        ``key`` has its name and no public half.
        """
        opening, paths = passphrases or Passphrases(), _installed(directory)
        config = config_of(paths)
        closed = NamedKey(config.key or _NO_KEY.name, _NO_KEY.public)
        return cls._of(paths, opening, config, closed, NoSigner("opened to read only"))

    @classmethod
    def _of(
        cls,
        paths: ProfilePaths,
        opening: pkcs8.Passphrases,
        config: ProfileConfig,
        named: NamedKey,
        signer: Signer,
    ) -> Self:
        channel = read_private(paths.tls, MAX_SIZE)
        tls = Tls(
            key=pkcs8.decrypt(channel, str(paths.tls), opening),
            certificate=channel[channel.find(CERTIFICATE) :],
            authority=read_bytes(paths.ca_cert, MAX_SIZE),
        )
        return cls(
            origin=config.origin,
            member=config.member,
            key=named,
            signer=signer,
            endpoint=Endpoint.at(config.address, tls),
            log=kept.history(paths, config).now,
            genesis=config.genesis,
            directory=paths.directory,
            key_expires=config.key_expires or None,
            followed=paths.roots.exists(),
            demands=kept.demands(paths),
            own=read_terms(paths.matching),
            passphrases=opening if isinstance(opening, Passphrases) else Passphrases(),
            unencrypted=b"ENCRYPTED" not in channel,
        )

    @property
    def outbox(self) -> Outbox | None:
        """The pending statements and the record of shared content; None without a directory."""
        return None if self.directory is None else Outbox(ProfilePaths(self.directory))

    @property
    def lists(self) -> PrivateLists | None:
        """The private lists of the profile; None without a directory."""
        if self.directory is None:
            return None
        return PrivateLists(ProfilePaths(self.directory).lists, self.passphrases, self.unencrypted)

    def shared(self, fingerprints: Iterable[Fingerprint]) -> tuple[int, ...]:
        """The entries by which this profile has shared just these fingerprints, including withdrawn ones.

        Asks no server. Raises ConfigError.
        """
        outbox = self.outbox
        return () if outbox is None else outbox.shared(subject_of_content(fingerprints))

    def keep(self, submission: Submission, receipt: Receipt, subject: str | None = None) -> None:
        """Keep a verified receipt beside its statement, and a record of the content that it shares.

        ``subject`` is `pending.subject_of` the submission, if the caller has derived it already.
        Files are written whole. A failed write is only a ProfileWarning: the statement is in the log, and the
        same bytes sent again give the same receipt.
        """
        if self.directory is None:
            return
        receipts = ProfilePaths(self.directory).receipts
        try:
            receipts.mkdir(mode=0o700, exist_ok=True)
            write_public(receipts / f"{receipt.index}.statement", submission.statement, replace=True)
            write_public(receipts / f"{receipt.index}.tlog-proof", to_file(receipt), replace=True)
            about = (subject or subject_of(submission)) if submission.private else None
            if about is not None:
                Outbox(ProfilePaths(self.directory)).record(about, receipt.index)
        except (ConfigError, OSError) as error:
            warnings.warn(f"receipt {receipt.index} is not kept: {error}", ProfileWarning, stacklevel=3)

    def demanding(self, log: PinnedLog) -> PinnedLog:
        """The log with the witnesses that the profile demands besides."""
        return log if self.demands is None else replace(log, policies=(*log.policies, self.demands))

    def recognising(self, log: PinnedLog, roots: bytes) -> Self:
        """The same profile with the log as its root statements have it, which are kept: a bundle of them.

        New keys replace the old ones in profile.toml in one step, unless another process has changed those.
        If a file cannot be written, or another process is changing the profile, that is a ProfileWarning: the
        next client follows the root statements again.
        """
        found = self.demanding(log)
        if self.directory is not None and (found != self.log or not self.followed):
            paths = ProfilePaths(self.directory)
            try:
                if log.keys == self.log.keys:
                    if not paths.config.exists() or config_of(paths).log_key == log.keys:
                        write_public(paths.roots, roots, replace=True)
                else:
                    self._replace_keys(paths, log, roots)
            except (ConfigError, OSError) as error:
                warnings.warn(f"the log's roots are not kept: {error}", ProfileWarning, stacklevel=3)
        return replace(self, log=found, followed=True)

    def _replace_keys(self, paths: ProfilePaths, log: PinnedLog, roots: bytes) -> None:
        """Write new keys of the log with the roots that name them, unless another process has."""
        with alone(paths.directory):
            config = config_of(paths)
            if config.log_key == self.log.keys:
                write_public(paths.roots, roots, replace=True)
                write_public(paths.config, replace(config, log_key=log.keys).to_toml().encode(), replace=True)

    def at(self, address: str, authority: bytes | None = None) -> Self:
        """The same profile with another HOST:PORT, of the clearinghouse or of a mirror, or unix:PATH of one.

        ``authority`` is the certificate, in PEM, by which a mirror's is checked. Raises ConfigError.
        """
        tls = self.endpoint.tls if authority is None else replace(self.endpoint.tls, authority=authority)
        return replace(self, endpoint=replace(Endpoint.at(address, tls), proxy=self.endpoint.proxy))

    def endings(self, now: int) -> list[Ending]:
        """The expiry warnings due for the statement key and the channel's certificate."""
        found = []
        if self.key_expires is not None:
            name = f"the key {self.member}/{self.key.name}"
            found.append(ending(name, self.key_expires, now, KEY_DAYS, "hashpact key rotate"))
        expires = certificates.expires(self.endpoint.tls.certificate)
        found.append(ending("the certificate", expires, now, CERTIFICATE_DAYS, "hashpact cert renew"))
        return [each for each in found if each is not None]


def _installed(directory: Path | str) -> ProfilePaths:
    """The paths of a profile that is complete. Raises ConfigError if it waits for its welcome."""
    paths = ProfilePaths(Path(directory).expanduser())
    if paths.join.exists() and not paths.config.exists():
        msg = f"{paths.directory} waits for an administrator's answer; then: hashpact profile install"
        raise ConfigError(msg)
    return paths


def member_of(directory: Path) -> str:
    """The member whose profile is in a directory. Raises ConfigError."""
    return config_of(ProfilePaths(directory.expanduser())).member


def config_of(paths: ProfilePaths) -> ProfileConfig:
    """The configuration of a profile. Raises ConfigError."""
    return ProfileConfig.parse(read_bytes(paths.config, MAX_SIZE).decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class NoSigner:
    """Stands for the statement key of a profile that has none at hand, and says ``why``."""

    why: str

    def sign(self, data: bytes) -> bytes:
        """Raises ConfigError."""
        del data
        msg = f"this profile is {self.why}: it has no statement key to sign with"
        raise ConfigError(msg)


_NO_KEY: Final = NamedKey("none", bytes(KEY_SIZE))


def _signing(
    paths: ProfilePaths, passphrases: pkcs8.Passphrases, recovery: Path | None
) -> tuple[ProfileConfig, NamedKey, Signer]:
    """The configuration, and the key that signs, which ``recovery`` takes the place of."""
    config = config_of(paths)
    if config.check_only:
        return config, _NO_KEY, NoSigner("for checks only")
    if recovery is None:
        config, key, pem = _in_use(paths)
    else:
        key, pem = recovery, read_private(recovery, MAX_SIZE)
    signer = pkcs8.from_pem(pem, str(key), passphrases)
    return config, pkcs8.named(config.key, signer), signer


def _in_use(paths: ProfilePaths) -> tuple[ProfileConfig, Path, bytes]:
    """The configuration, and the key that it names, which may be replaced while they are read."""
    config = config_of(paths)
    key = paths.member_key(config.key)
    try:
        return config, key, read_private(key, MAX_SIZE)
    except ConfigError:
        if config_of(paths).key == config.key:
            raise
    return _in_use(paths)
