"""Opens a home: its files, its configuration, its ledger, and its keys when they are asked for."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.clock import steady_time, unix_time
from hashpact.config import MAX_SIZE, HomeConfig
from hashpact.domain.keys import Signer
from hashpact.domain.messages import MemberDetail
from hashpact.domain.ports import Log
from hashpact.domain.state import Charter, Witness
from hashpact.durable import read_bytes, read_private
from hashpact.errors import ConfigError
from hashpact.governance.waiting import WaitingFiles
from hashpact.home.clock import CheckedClock, cosigned_times
from hashpact.home.lease import Lease, this_machine
from hashpact.home.paths import HomePaths, MirrorPaths
from hashpact.home.reserve import Reserve
from hashpact.keys import pkcs8
from hashpact.keys.certificates import Credential
from hashpact.keys.passphrase import Passphrases
from hashpact.log import note
from hashpact.service.attest.attester import AttestationKey
from hashpact.service.integrity import Integrity, LogKeys
from hashpact.service.publishing.publish import Publisher
from hashpact.service.read import Reader
from hashpact.service.sign import LogKey
from hashpact.storage.ledgers import open_ledger
from hashpact.storage.published import PublishedLog


@dataclass(frozen=True, slots=True)
class Home:
    """An open home: its files, its configuration and its ledger; ``full`` if its disk has no room."""

    paths: HomePaths
    config: HomeConfig
    ledger: Log
    passphrases: pkcs8.Passphrases = field(repr=False)
    full: bool = False

    @property
    def published_settings(self) -> dict[str, object]:
        """The settings of its server that its methods statement has."""
        config = self.config
        return {
            "access_log": config.access_log,
            "traces": config.traces is not None,
            "witnesses": [config.quorum, len(config.cosigners)],
        }

    def charter(self) -> Charter:
        """The charter in force. Raises ConfigError if the log has no genesis."""
        with self.ledger.snapshot() as view:
            charter = view.charter()
        if charter is None:
            msg = f"{self.paths.db} has no genesis statement; make a new home with: hashpact init"
            raise ConfigError(msg)
        return charter

    def genesis(self) -> bytes:
        """The SHA-256 of leaf 0, which followers pin."""
        return hashlib.sha256(next(self.ledger.leaves(0, 1)).data).digest()

    def verifier_keys(self) -> list[str]:
        """The log's keys as C2SP verifier keys."""
        charter = self.charter()
        lines = [note.verifier_key(charter.origin, public) for public in charter.log_keys]
        return [*lines, *(key.key for key in charter.log_mldsa_keys)]

    def members(self) -> list[MemberDetail]:
        """Every member with its keys, in the order of their ids."""
        return Reader(self.ledger).members("", sys.maxsize)

    def address(self) -> str:
        """What members connect to: as configured, else where a server was bound last, else will be."""
        if self.config.address is not None:
            return self.config.address
        if self.paths.bound.exists():
            return read_bytes(self.paths.bound, MAX_SIZE).decode("ascii", "replace").strip()
        return self.config.listen

    def open_log_key(self) -> LogKey:
        """The key that signs the log's checkpoints, with its ML-DSA-44 key if that is in the home.

        Raises ConfigError if it is not in the home.
        """
        key, origin, path = self.open_signer(self.paths.log_key), self.config.origin, self.paths.log_mldsa_key
        mldsa: tuple[Witness, Signer] | None = None
        if path.exists():
            other = pkcs8.mldsa_from_pem(read_private(path, MAX_SIZE), str(path), self.passphrases)
            mldsa = Witness.mldsa(origin, other.public_key().public_bytes_raw()), other
        return LogKey(origin, key.public_key().public_bytes_raw(), key, mldsa)

    def open_attestation_key(self) -> AttestationKey | None:
        """The key that attests answers, if it is in the home. Raises ConfigError if it cannot be opened."""
        if not self.paths.attestation_key.exists():
            return None
        key = self.open_signer(self.paths.attestation_key)
        return AttestationKey(self.config.origin, key.public_key().public_bytes_raw(), key)

    def clock(self) -> CheckedClock:
        """The clock by which statements are appended here."""
        latest = self.ledger.checkpoints.latest()
        witnesses = (one.witness for one in self.config.cosigners)
        cosigned = [] if latest is None else cosigned_times(latest.note, witnesses)
        return CheckedClock(unix_time, steady_time, cosigned)

    def waiting(self) -> WaitingFiles:
        """The proposals that wait for signatures."""
        return WaitingFiles(self.paths.waiting)

    def reserve(self) -> Reserve:
        """The space that a server frees when the disk is full."""
        return Reserve(self.paths.reserve)

    def lease(self) -> Lease:
        """The record by which other machines see that this one serves the home."""
        return Lease(self.paths.machine, this_machine())

    def integrity(self) -> Integrity:
        """The check of the whole log against itself, leaf by leaf."""
        return Integrity(self.ledger, self.config.origin, LogKeys(self.ledger))

    def published(self) -> list[Path]:
        """The directories where the log is published: in the home, and the further one if there is one.

        Raises ConfigError if that one is inside the home, which only its owner can read.
        """
        if self.config.publish is None:
            return [self.paths.log]
        directory, home = Path(self.config.publish).resolve(), self.paths.home.resolve()
        if directory.is_relative_to(home) or home.is_relative_to(directory):
            msg = f"hashpact.toml: publish is {directory}; name a directory outside the home {home}"
            raise ConfigError(msg, field="publish")
        return [self.paths.log, directory]

    def publishers(self) -> list[Publisher]:
        """What publishes the log there. Raises ConfigError as `published`."""
        inside, *further = self.published()
        places = [(inside, "log"), *((directory, str(directory)) for directory in further)]
        return [
            Publisher(self.ledger, self.config.origin, PublishedLog(directory), name)
            for directory, name in places
        ]

    def open_authority(self) -> Credential:
        """The home's certificate authority, its key opened. Raises ConfigError."""
        return self.open_credential(self.paths.ca_key, self.paths.ca_cert)

    def open_credential(self, key: Path, certificate: Path) -> Credential:
        """A private key of the home, opened, and its certificate."""
        pem = pkcs8.decrypt(read_private(key, MAX_SIZE), str(key), self.passphrases)
        return Credential(pem, read_bytes(certificate, MAX_SIZE))

    def open_signer(self, key: Path) -> Ed25519PrivateKey:
        """An Ed25519 key of the home, opened."""
        return pkcs8.from_pem(read_private(key, MAX_SIZE), str(key), self.passphrases)


@contextlib.contextmanager
def open_home(
    directory: Path,
    passphrases: pkcs8.Passphrases | None = None,
    *,
    check_head: bool = True,
    reserve: bool = False,
) -> Iterator[Home]:
    """Open a home, whether a server of it runs on this machine or not.

    Raises ConfigError, also if another machine uses the home, and CorruptError.

    ``passphrases`` open its private keys, when one is needed (None: from the environment). Without
    ``check_head`` a damaged head is left for an audit to find. With ``reserve`` the home's reserve is made;
    if the disk has no room for it, the ledger is opened read-only.
    """
    paths = HomePaths(directory)
    config = read_config(directory, os.environ)
    Lease(paths.machine, this_machine()).look(time.sleep)
    full = reserve and not Reserve(paths.reserve).make()
    with contextlib.closing(open_ledger(paths.db, check_head=check_head, read_only=full)) as ledger:
        home = Home(paths, config, ledger, passphrases or Passphrases(), full)
        if home.charter().origin != config.origin:
            founded = home.charter().origin
            msg = f"hashpact.toml has origin {config.origin!r}, but the log was founded as {founded!r}"
            raise ConfigError(msg, field="origin")
        yield home


@contextlib.contextmanager
def open_copy(directory: Path, *, check_head: bool = True) -> Iterator[Home]:
    """Open the home of a clearinghouse or of a mirror, to read its log. Raises as `open_home`."""
    paths = MirrorPaths(directory)
    if not paths.config.exists():
        with open_home(directory, check_head=check_head) as home:
            yield home
        return
    with contextlib.closing(open_ledger(paths.db, check_head=check_head)) as ledger:
        with ledger.snapshot() as view:
            charter = view.charter()
        if charter is None:
            msg = f"{directory} is a mirror that has copied nothing yet; start it with: hashpact mirror"
            raise ConfigError(msg)
        yield Home(paths, HomeConfig(charter.origin), ledger, Passphrases())


def read_config(directory: Path, environ: Mapping[str, str]) -> HomeConfig:
    """The configuration of a home. Raises ConfigError."""
    path = HomePaths(directory).config
    if MirrorPaths(directory).config.exists():
        msg = (
            f"{directory} is the home of a mirror, not of a clearinghouse; mirror.toml says where that is, "
            "and the log is changed there"
        )
        raise ConfigError(msg)
    if not path.exists():
        msg = f"{directory} is not a home (it has no hashpact.toml); make one with: hashpact init {directory}"
        raise ConfigError(msg)
    return HomeConfig.parse(read_bytes(path, MAX_SIZE).decode("utf-8", "replace"), environ)
