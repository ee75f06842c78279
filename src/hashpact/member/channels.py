"""A profile's channel certificates: its own, and those of the check-only profiles issued with it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hashpact.config import MAX_SIZE
from hashpact.durable import new_directory, read_bytes, read_private, write_private, write_public
from hashpact.errors import ConfigError
from hashpact.keys import certificates, pkcs8
from hashpact.keys.certificates import Shown
from hashpact.keys.passphrase import Passphrases
from hashpact.member.checking.either import TIMEOUT
from hashpact.member.clients import Client
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import CERTIFICATE, Profile, config_of


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that a profile has or has issued; ``expires`` is in Unix seconds."""

    stated: Shown
    expires: int

    @classmethod
    def of(cls, pem: bytes) -> Issued:
        """The certificate in PEM. Raises ConfigError if it is none."""
        return cls(certificates.shown(pem), certificates.expires(pem))


def own(directory: Path) -> Issued:
    """The certificate of a profile's channel. Raises ConfigError."""
    data = read_private(ProfilePaths(directory).tls, MAX_SIZE)
    return Issued.of(data[data.find(CERTIFICATE) :])


def issued(directory: Path) -> Iterator[Issued]:
    """The certificates of the check-only profiles that were issued with a profile. Raises ConfigError."""
    for file in sorted(ProfilePaths(directory).issued.glob("*.crt")):
        yield Issued.of(read_bytes(file, MAX_SIZE))


def issue_check_only(  # noqa: PLR0913 - what a profile is made of
    directory: Path,
    out: Path,
    days: int,
    passphrases: Passphrases,
    *,
    unencrypted: bool = False,
    timeout: float = TIMEOUT,
) -> Issued:
    """Make a profile with a channel of its own and no statement key, which can check and nothing else.

    Its private key is encrypted as the profile's are, unless ``unencrypted``. The certificate is kept in the
    profile, too, by which it is listed and revoked. Raises ConfigError if ``out`` exists and is not empty,
    and what `Client.certificate` raises.
    """
    profile, paths = Profile.load(directory, passphrases), ProfilePaths(directory)
    passphrase = passphrases.for_new_keys(unencrypted=unencrypted, as_before=True)
    key = certificates.new_channel_key()
    with new_directory(out) as draft, Client(profile, timeout=timeout, retry_refused=False) as client:
        request = certificates.request_member(key, profile.member)
        certificate = client.certificate(request, days, check_only=True)
        certificates.check_member(certificate, profile.origin, profile.member, key)
        made = Issued.of(certificate)
        if not made.stated.check_only:
            msg = "the server issued another certificate than was asked for: it is not for checks only"
            raise ConfigError(msg)
        paths.issued.mkdir(mode=0o700, exist_ok=True)
        write_public(paths.issued / f"{made.stated.serial.hex()}.crt", certificate)
        config, new = replace(config_of(paths), key="", key_expires=0), ProfilePaths(draft)
        write_private(new.tls, pkcs8.encrypt(key, passphrase, secrets.token_bytes) + certificate)
        write_public(new.ca_cert, read_bytes(paths.ca_cert, MAX_SIZE))
        write_public(new.config, config.to_toml().encode())
    return made
