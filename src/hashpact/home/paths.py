"""Where the files of a home are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hashpact.durable import plain_name


@dataclass(frozen=True, slots=True)
class HomePaths:
    """The files of a clearinghouse, all below its home directory. docs/formats/home.md describes them."""

    home: Path

    @property
    def config(self) -> Path:
        """The configuration, in TOML."""
        return self.home / "hashpact.toml"

    @property
    def db(self) -> Path:
        """The ledger."""
        return self.home / "hashpact.db"

    @property
    def bound(self) -> Path:
        """The HOST:PORT at which a server of the home was last bound, in one line."""
        return self.home / "bound"

    @property
    def machine(self) -> Path:
        """Which machine serves the home now, in one line."""
        return self.home / "machine"

    @property
    def log(self) -> Path:
        """The directory of the published log: the checkpoint and the tiles, for anyone to copy."""
        return self.home / "log"

    @property
    def segments(self) -> Path:
        """The directory of the index; it can be made again from the ledger."""
        return self.home / "segments"

    @property
    def pki(self) -> Path:
        """The directory of keys and certificates."""
        return self.home / "pki"

    @property
    def uses(self) -> Path:
        """The days on which members' certificates were last used."""
        return self.home / "uses"

    @property
    def waiting(self) -> Path:
        """The directory of proposals that wait for signatures."""
        return self.home / "waiting"

    @property
    def reserve(self) -> Path:
        """Space that is freed when the disk is full."""
        return self.home / "reserve"

    @property
    def ca_cert(self) -> Path:
        """The certificate of the authority that signs members' certificates."""
        return self.pki / "ca.crt"

    @property
    def ca_key(self) -> Path:
        """That authority's private key."""
        return self.pki / "ca.key"

    @property
    def server_cert(self) -> Path:
        """The server's certificate."""
        return self.pki / "server.crt"

    @property
    def server_key(self) -> Path:
        """The server's private key."""
        return self.pki / "server.key"

    @property
    def log_key(self) -> Path:
        """The private key that signs checkpoints."""
        return self.pki / "log.key"

    @property
    def log_mldsa_key(self) -> Path:
        """The private key that signs checkpoints with ML-DSA-44 too, if the home has one."""
        return self.pki / "log-mldsa.key"

    @property
    def attestation_key(self) -> Path:
        """The private key that attests answers to checks, if the home has one."""
        return self.pki / "attestation.key"

    def admin_key(self, name: str) -> Path:
        """The private key of the administrator ``name``. Raises ConfigError unless it is a plain name."""
        return self.pki / f"admin-{plain_name(name)}.key"


@dataclass(frozen=True, slots=True)
class MirrorPaths(HomePaths):
    """The files of a mirror: those of a home, whose ledger is a copy, and what belongs to the copying."""

    @property
    def config(self) -> Path:
        """The configuration, in TOML."""
        return self.home / "mirror.toml"

    @property
    def copied(self) -> Path:
        """How far the copy reaches, and when its source was last heard, in one line."""
        return self.home / "copied"

    @property
    def copying(self) -> Path:
        """The lock of the process that copies."""
        return self.home / "copying.lock"

    @property
    def answering(self) -> Path:
        """The lock of the process that answers at the socket."""
        return self.home / "answering.lock"

    @property
    def socket(self) -> Path:
        """The Unix socket at which the mirror answers, unless mirror.toml names another."""
        return self.home / "socket"

    @property
    def evidence(self) -> Path:
        """The directory of what shows that the log has contradicted itself."""
        return self.home / "evidence"

    @property
    def cosigning_key(self) -> Path:
        """The private key by which the mirror cosigns what it stores for everybody."""
        return self.pki / "cosigning.key"

    @property
    def cosigner(self) -> Path:
        """Its verifier key, which has its name, in one line."""
        return self.pki / "cosigner"

    @property
    def held(self) -> Path:
        """The ledger of the public leaves that it stores for everybody."""
        return self.home / "held.db"

    @property
    def posted(self) -> Path:
        """The database of the newest checkpoint that the log has posted, and of the evidence."""
        return self.home / "posted.db"

    @property
    def retro(self) -> Path:
        """The directory of the uploads that were checked lately, if they are kept."""
        return self.home / "retro"

    @property
    def quarantine(self) -> Path:
        """The directory of what is counted of matches, and of the entries that are in quarantine."""
        return self.home / "quarantine"

    @property
    def retro_key(self) -> Path:
        """The key under which they are encrypted."""
        return self.pki / "retro.key"
