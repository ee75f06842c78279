"""What `tx` and HMA keep of entries: checkpoints, items, and the opinions on a value.

They pickle these or write them as JSON, so all fields are of plain types.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from threatexchange.exchanges.fetch_state import (
    FetchCheckpointBase,
    FetchedSignalMetadata,
    SignalOpinion,
    SignalOpinionCategory,
)

from hashpact import EntryDetail, Fingerprint, Stance

SIGNALS: Mapping[str, str] = {"pdq/1": "pdq", "md5/1": "video_md5", "sha256/1": "video_sha256"}
"""The signal type of each fingerprint type that has one."""

_CATEGORIES = {
    Stance.ENDORSE.value: SignalOpinionCategory.POSITIVE_CLASS,
    Stance.DISPUTE.value: SignalOpinionCategory.NEGATIVE_CLASS,
    Stance.DISOWN.value: SignalOpinionCategory.NEGATIVE_CLASS,
}


@dataclass
class HashpactCheckpoint(FetchCheckpointBase):
    """How far a log was read: up to ``position``, at the log's moment ``time`` in Unix seconds.

    ``origin`` and ``genesis``, the SHA-256 of leaf 0 in hex, say of which log; ``narrowed`` what was wanted
    of it. It never becomes stale, because a log keeps all that has changed.
    """

    position: int
    time: int
    origin: str
    genesis: str
    narrowed: str

    def get_progress_timestamp(self) -> int | None:
        """The log's moment."""
        return self.time


@dataclass
class HashpactItem:
    """One fingerprint of an entry that stands, with what is said of the entry.

    ``stances`` are by member; ``mine`` is the member whose profile has read it.
    """

    entry: int
    type: str
    value: str
    labels: list[str]
    basis: str
    jurisdictions: list[str]
    member: str
    stances: dict[str, str]
    mine: str

    @classmethod
    def of(cls, detail: EntryDetail, made: Fingerprint, mine: str) -> "HashpactItem":
        """A fingerprint of an entry."""
        entry = detail.entry
        return cls(
            entry.index,
            made.type.name,
            made.value.hex(),
            list(entry.labels),
            entry.basis.value,
            list(entry.jurisdictions),
            entry.member,
            {given.member: given.stance.value for given in detail.opinions},
            mine,
        )

    def opinions(self) -> list[tuple[str, SignalOpinionCategory]]:
        """Each member that speaks of the entry, with what it says; ``seen`` says nothing."""
        given = [(who, _CATEGORIES[stance]) for who, stance in self.stances.items() if stance in _CATEGORIES]
        return [(self.member, SignalOpinionCategory.POSITIVE_CLASS), *given]


@dataclass
class HashpactSignalMetadata(FetchedSignalMetadata):
    """What members say of one value, in all entries that have it."""

    items: list[HashpactItem] = field(default_factory=list)

    def get_as_opinions(self) -> Sequence[SignalOpinion]:
        """One opinion for each member, or two if it says different things of two entries."""
        found: dict[tuple[str, SignalOpinionCategory], SignalOpinion] = {}
        for item in self.items:
            for said in item.opinions():
                mine = said[0] == item.mine
                opinion = found.setdefault(said, SignalOpinion(mine, said[1], set()))
                if said[1] is SignalOpinionCategory.POSITIVE_CLASS:
                    opinion.tags |= set(item.labels)
        return list(found.values())

    def __str__(self) -> str:
        """The opinions together, and the entries, by which `hashpact entry` shows more."""
        entries = sorted({item.entry for item in self.items})
        return f"{super().__str__()} {','.join(f'entries/{entry}' for entry in entries)}"
