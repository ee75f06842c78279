"""Where the files of a profile are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hashpact.durable import plain_name


@dataclass(frozen=True, slots=True)
class ProfilePaths:
    """The files by which a member's machine reaches a clearinghouse, all in one directory."""

    directory: Path

    @property
    def config(self) -> Path:
        """The configuration, in TOML."""
        return self.directory / "profile.toml"

    def member_key(self, name: str) -> Path:
        """The private key that signs statements, by its name in the log."""
        return self.directory / f"member-{plain_name(name)}.key"

    @property
    def join(self) -> Path:
        """The join file, from which administrators enrol the member; it has no secret."""
        return self.directory / "join"

    @property
    def rotation(self) -> Path:
        """The signed replacement of the member's key, kept from before it is sent until it is done."""
        return self.directory / "rotation"

    @property
    def tls(self) -> Path:
        """The channel's private key, followed by its certificate: one file, so that both change at once."""
        return self.directory / "tls.pem"

    @property
    def ca_cert(self) -> Path:
        """The authority's certificate, by which the clearinghouse's is checked."""
        return self.directory / "ca.crt"

    @property
    def issued(self) -> Path:
        """The directory of the certificates of check-only profiles, named by their serials."""
        return self.directory / "issued"

    @property
    def receipts(self) -> Path:
        """The directory of the member's statements and their receipts."""
        return self.directory / "receipts"

    @property
    def pending(self) -> Path:
        """The directory of signed statements that wait for their receipts, named by what they are about."""
        return self.directory / "pending"

    @property
    def shared(self) -> Path:
        """The directory of what was shared: a file for each set of fingerprints, with its entries."""
        return self.directory / "shared"

    @property
    def roots(self) -> Path:
        """Leaf 0 and the root statements after it, in one bundle: they name the log's keys and witnesses."""
        return self.directory / "roots"

    @property
    def witnesses(self) -> Path:
        """The witness policy that the member demands besides the log's own, as C2SP tlog-policy has it."""
        return self.directory / "witnesses.policy"

    @property
    def remembered(self) -> Path:
        """The newest checkpoint that was verified, which every later one has to extend."""
        return self.directory / "checkpoint"

    @property
    def answers(self) -> Path:
        """The directory of attested answers, encrypted: they hold what was checked."""
        return self.directory / "answers"

    @property
    def matching(self) -> Path:
        """The member's own terms on matches, in TOML; optional."""
        return self.directory / "matching.toml"

    @property
    def lists(self) -> Path:
        """The directory of private lists, encrypted: they hold hashes of other organisations."""
        return self.directory / "lists"

    @property
    def evidence(self) -> Path:
        """The directory of what shows that the log has contradicted itself."""
        return self.directory / "evidence"

    @property
    def audited(self) -> Path:
        """The checkpoint that was audited last."""
        return self.directory / "audited-checkpoint"
