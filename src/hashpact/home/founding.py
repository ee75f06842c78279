"""Founds a clearinghouse: keys, certificates, configuration and the first two leaves of its log."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from hashpact.clock import unix_time
from hashpact.config import HomeConfig
from hashpact.domain import statements
from hashpact.domain.kinds import Policy
from hashpact.domain.state import Leaf, Witness
from hashpact.durable import new_directory, write_public
from hashpact.governance.administer import Administrators
from hashpact.governance.labels import DEFAULT_LABELS, PRIORITIES, TEXTS, write_texts
from hashpact.home.paths import HomePaths
from hashpact.keys import certificates, pkcs8
from hashpact.keys.pkcs8 import write_key
from hashpact.service.append import Appender
from hashpact.service.publishing.publish import Publisher
from hashpact.service.sign import LogKey, SigningGuard
from hashpact.storage.ledgers import create_ledger
from hashpact.storage.published import PublishedLog


def create_home(  # noqa: PLR0913 - what a home is founded with
    directory: Path,
    config: HomeConfig,
    *,
    admins: int,
    threshold: int,
    passphrase: bytes | None,
    post_quantum: bool = False,
) -> list[Leaf]:
    """Make a home: keys, certificates, configuration, a ledger with its first two leaves, their checkpoint.

    It appears whole or not at all. Its keys are encrypted under ``passphrase``, if there is one. The log also
    signs with ML-DSA-44 if it is to be ``post_quantum``. Raises
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
            write_key(paths.admin_key(name), pkcs8.to_pem(key), passphrase)
            signers.append((pkcs8.named(name, key), key))
        log_key = Ed25519PrivateKey.generate()
        write_key(paths.log_key, pkcs8.to_pem(log_key), passphrase)
        mldsa = _mldsa_key(paths, config.origin, passphrase) if post_quantum else None
        attesting = Ed25519PrivateKey.generate()
        write_key(paths.attestation_key, pkcs8.to_pem(attesting), passphrase)
        authority = certificates.make_authority(config.origin, unix_time)
        write_key(paths.ca_key, authority.key, passphrase)
        write_public(paths.ca_cert, authority.certificate)
        server = certificates.issue_server(authority, config.hosts, unix_time)
        write_key(paths.server_key, server.key, passphrase)
        write_public(paths.server_cert, server.certificate)
        write_public(paths.config, config.to_toml().encode())
        with contextlib.closing(create_ledger(paths.db)) as ledger:
            append = partial(Appender(ledger, unix_time).append_all, None)
            founders = Administrators(config.origin, signers, append, unix_time, secrets.token_bytes)
            public = log_key.public_key().public_bytes_raw()
            texts = write_texts(TEXTS)
            policy = Policy(
                1,
                tuple(sorted(DEFAULT_LABELS)),
                priorities=PRIORITIES,
                texts_document=hashlib.sha256(texts).digest(),
            )
            leaves = founders.found_by(
                threshold,
                (public,),
                policy,
                [texts],
                (attesting.public_key().public_bytes_raw(),),
                () if mldsa is None else (mldsa[0],),
            )
            SigningGuard(ledger, LogKey(config.origin, public, log_key, mldsa)).sign()
            Publisher(ledger, config.origin, PublishedLog(paths.log)).publish()
            return leaves


def _mldsa_key(paths: HomePaths, origin: str, passphrase: bytes | None) -> tuple[Witness, MLDSA44PrivateKey]:
    """A new ML-DSA-44 key of the log, in its file."""
    key = MLDSA44PrivateKey.generate()
    write_key(paths.log_mldsa_key, pkcs8.to_pem(key), passphrase)
    return Witness.mldsa(origin, key.public_key().public_bytes_raw()), key
