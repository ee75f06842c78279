"""What a collaboration fetches, and the credentials for it.

`tx` and HMA read the types of these fields at run time, so annotations are no strings here.
"""

import hashlib
import json
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import ClassVar

from threatexchange.exchanges.auth import CredentialHelper
from threatexchange.exchanges.collab_config import CollaborationConfigWithDefaults

from hashpact import Basis, EntryDetail, Stance

NAME = "hashpact"
"""The exchange's name, under which `tx` keeps its files."""


class Switch(Enum):
    """On or off. No bool: `tx` reads any word as true, even "false"."""

    off = "off"
    on = "on"


def _help(text: str) -> dict[str, str]:
    return {"help": text}


@dataclass
class HashpactCollabConfig(CollaborationConfigWithDefaults):
    """Which entries are fetched, through whose profile, and whether statements may be made in its name."""

    api: str = field(init=False, default=NAME)
    profile: str = field(
        default="", metadata=_help("the member's profile directory, in place of the credentials")
    )
    address: str = field(
        default="", metadata=_help("a mirror's HOST:PORT or socket, in place of the clearinghouse's address")
    )
    authority: str = field(default="", metadata=_help("the mirror's certificate authority, its pki/ca.crt"))
    labels: set[str] = field(default_factory=set, metadata=_help("only entries with one of these labels"))
    bases: set[str] = field(default_factory=set, metadata=_help("only entries with such a basis, as law"))
    jurisdictions: set[str] = field(
        default_factory=set, metadata=_help("only entries for one of these countries, as VN")
    )
    members: set[str] = field(
        default_factory=set, metadata=_help("only entries that these members have shared")
    )
    min_endorsed_by: int = field(default=0, metadata=_help("only entries that so many other members endorse"))
    without_disputed: Switch = field(
        default=Switch.off, metadata=_help("on: no entries that a member disputes")
    )
    submit: Switch = field(
        default=Switch.off,
        metadata=_help("on: `tx label` and HMA's feedback make statements, signed in the member's name"),
    )

    def keeps(self, detail: EntryDetail) -> bool:
        """Whether an entry is to be matched: it stands, is not known to be harmless, and is wanted."""
        entry, stances = detail.entry, [given.stance for given in detail.opinions]
        return (
            detail.stands
            and entry.basis is not Basis.BENIGN
            and (not self.labels or not self.labels.isdisjoint(entry.labels))
            and (not self.bases or entry.basis.value in self.bases)
            and (not self.jurisdictions or not self.jurisdictions.isdisjoint(entry.jurisdictions))
            and (not self.members or entry.member in self.members)
            and stances.count(Stance.ENDORSE) >= self.min_endorsed_by
            and not (self.without_disputed is Switch.on and Stance.DISPUTE in stances)
        )

    def narrowed(self) -> str:
        """A digest of the options of `keeps`: if it changes, everything is to be fetched again."""
        names = ("labels", "bases", "jurisdictions", "members")
        chosen = [sorted(getattr(self, name)) for name in names]
        text = json.dumps([chosen, self.min_endorsed_by, self.without_disputed.value])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class HashpactCredentials(CredentialHelper):
    """The path of a profile directory. Never key bytes: HMA keeps credentials unencrypted in its database."""

    ENV_VARIABLE: ClassVar[str] = "TX_HASHPACT_PROFILE"
    FILE_NAME: ClassVar[str] = "~/.tx_hashpact"

    profile: str = field(metadata=_help("the path of the member's profile directory"))

    @classmethod
    def _from_str(cls, s: str) -> "HashpactCredentials":
        return cls(s.strip())

    def _are_valid(self) -> bool:
        return Path(self.profile).expanduser().is_dir()
