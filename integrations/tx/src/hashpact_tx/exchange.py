"""The exchange: fetches what has changed in the log, and states opinions in the member's name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from threatexchange.exchanges.auth import SignalExchangeWithAuth
from threatexchange.exchanges.fetch_state import FetchDelta, SignalOpinion, SignalOpinionCategory
from threatexchange.exchanges.signal_exchange_api import SignalExchangeAPI
from threatexchange.signal_type.signal_base import SignalType

from hashpact import (
    AlreadySharedError,
    Client,
    ConfigError,
    EntryDetail,
    Fingerprint,
    InvalidInputError,
    MalformedError,
    NotPermittedError,
    Profile,
    Query,
    Stance,
)
from hashpact_tx.config import NAME, HashpactCollabConfig, HashpactCredentials, Switch
from hashpact_tx.records import SIGNALS, HashpactCheckpoint, HashpactItem, HashpactSignalMetadata

_TYPES = {signal: kind for kind, signal in SIGNALS.items()}
_TIMEOUT = 60.0
_MOST = 64
"""Entries with one value that an opinion is given on."""


class HashpactSignalExchangeAPI(
    SignalExchangeWithAuth[HashpactCollabConfig, HashpactCredentials],
    SignalExchangeAPI[HashpactCollabConfig, HashpactCheckpoint, HashpactSignalMetadata, str, HashpactItem],
):
    """The entries of a clearinghouse. A key is ``<entry>.<item>``: HMA holds one value of a type a key."""

    def __init__(self, collab: HashpactCollabConfig, profile: Profile) -> None:
        super().__init__()
        self.collab = collab
        self._profile = profile

    @classmethod
    def get_name(cls) -> str:
        """The name under which `tx` keeps what it has fetched, so it must not change."""
        return NAME

    @staticmethod
    def get_checkpoint_cls() -> type[HashpactCheckpoint]:
        """The checkpoint."""
        return HashpactCheckpoint

    @staticmethod
    def get_record_cls() -> type[HashpactSignalMetadata]:
        """What members say of a value."""
        return HashpactSignalMetadata

    @staticmethod
    def get_config_cls() -> type[HashpactCollabConfig]:
        """The configuration."""
        return HashpactCollabConfig

    @staticmethod
    def get_credential_cls() -> type[HashpactCredentials]:
        """The credentials."""
        return HashpactCredentials

    @classmethod
    def for_collab(
        cls, collab: HashpactCollabConfig, credentials: HashpactCredentials | None = None
    ) -> HashpactSignalExchangeAPI:
        """An exchange with the profile of the credentials, of the configuration, or of the environment."""
        directory = credentials.profile if credentials is not None else collab.profile
        profile = Profile.load(directory or HashpactCredentials.get(cls).profile)
        if collab.address:
            authority = Path(collab.authority).expanduser().read_bytes() if collab.authority else None
            profile = profile.at(collab.address, authority)
        return cls(collab, profile)

    def fetch_iter(
        self,
        supported_signal_types: Sequence[type[SignalType]],  # noqa: ARG002 - all that has a signal type is kept
        checkpoint: HashpactCheckpoint | None,
    ) -> Iterator[FetchDelta[str, HashpactItem, HashpactCheckpoint]]:
        """What has changed since the checkpoint, in the order of the log; may be left at any delta.

        After a change of the configuration all is read again, which deletes what it no longer selects. Raises
        ConfigError for a checkpoint of another log: what was fetched from that must be cleared first.
        """
        narrowed, genesis = self.collab.narrowed(), self._profile.genesis.hex()
        since = moment = 0
        if checkpoint is not None:
            if (checkpoint.origin, checkpoint.genesis) != (self._profile.origin, genesis):
                msg = (
                    f"{self.collab.name} was fetched from another log, {checkpoint.origin}, leaf 0 "
                    f"{checkpoint.genesis}; to begin anew with this one: tx fetch --clear"
                )
                raise ConfigError(msg)
            since, moment = checkpoint.position if checkpoint.narrowed == narrowed else 0, checkpoint.time
        with self._client() as client:
            for page in client.changes(since, private=True):
                moment = max(moment, page.moment)
                updates: dict[str, HashpactItem | None] = {}
                for detail in page.entries:
                    updates |= self._items(detail)
                now = HashpactCheckpoint(page.next, moment, self._profile.origin, genesis, narrowed)
                yield FetchDelta(updates, now)

    @classmethod
    def naive_convert_to_signal_type(
        cls,
        signal_types: Sequence[type[SignalType]],
        collab: HashpactCollabConfig,  # noqa: ARG003 - it was asked when the items were fetched
        fetched: Mapping[str, HashpactItem],
    ) -> dict[type[SignalType], dict[str, HashpactSignalMetadata]]:
        """Each value of one of these signal types, with the opinions on all entries that have it."""
        known = {one.get_name(): one for one in signal_types}
        found: dict[type[SignalType], dict[str, HashpactSignalMetadata]] = {}
        for item in fetched.values():
            kind = known.get(SIGNALS[item.type])
            if kind is not None:
                of_kind = found.setdefault(kind, {})
                of_kind.setdefault(item.value, HashpactSignalMetadata()).items.append(item)
        return found

    def report_opinion(self, s_type: type[SignalType], signal: str, opinion: SignalOpinion) -> None:
        """State an opinion on a value, signed in the member's name.

        | category | a value that others have shared | one that the member has shared | another |
        |---|---|---|---|
        | positive | endorsed | stays | submitted, with the tags as labels |
        | negative | disputed | withdrawn | nothing |
        | investigation seed | seen | stays | nothing |

        Entries that matching.toml holds back count too; rows of private lists do not.

        Raises ConfigError unless ``submit`` is on, or for a mirror, and the clearinghouse's errors.
        """
        if self.collab.submit is not Switch.on:
            msg = (
                f"{self.collab.name} states nothing in the name of {self._profile.member}; "
                f"to let it: tx config collab edit {NAME} --submit on {self.collab.name}"
            )
            raise ConfigError(msg)
        if self.collab.authority or self.collab.address.startswith("unix:"):
            msg = (
                f"{self.collab.name} asks the mirror {self.collab.address}, which takes no statements; "
                f"use another collaboration, without --address, for --submit on"
            )
            raise ConfigError(msg)
        name = s_type.get_name()
        if name not in _TYPES:
            msg = f"{NAME} has no fingerprint type for the signal type {name}; it has {', '.join(_TYPES)}"
            raise ConfigError(msg)
        code = Fingerprint(_TYPES[name], bytes.fromhex(s_type.validate_signal_str(signal)))
        with self._client() as client:
            answer = client.check([Query(code, 0)], limit=_MOST)
            entries = {
                match.entry: match.member == self._profile.member
                for match in (*answer.matches, *answer.held)
                if not match.source  # a private list's row has a place there, and no entry
            }
            match opinion.category:
                case SignalOpinionCategory.POSITIVE_CLASS if not entries:
                    self._submit(client, code, opinion.tags)
                case SignalOpinionCategory.POSITIVE_CLASS:
                    self._say(client, entries, Stance.ENDORSE)
                case SignalOpinionCategory.NEGATIVE_CLASS:
                    self._say(client, entries, Stance.DISPUTE)
                    for entry, mine in entries.items():
                        if mine:
                            client.withdraw(entry, "false-positive")
                case SignalOpinionCategory.INVESTIGATION_SEED:
                    self._say(client, entries, Stance.SEEN)

    @staticmethod
    def _submit(client: Client, code: Fingerprint, labels: set[str]) -> None:
        try:
            client.submit([code], labels=labels)
        except AlreadySharedError:
            return  # by another process, in between

    def _say(self, client: Client, entries: Mapping[int, bool], stance: Stance) -> None:
        """Give others' entries an opinion, unless it is the member's already; ``seen`` replaces no other."""
        for entry, mine in entries.items():
            said = {given.member: given.stance for given in client.entry(entry).opinions}
            before = said.get(self._profile.member)
            if not mine and before is not stance and (before is None or stance is not Stance.SEEN):
                client.opinion(entry, stance)

    def _items(self, detail: EntryDetail) -> dict[str, HashpactItem | None]:
        """The items of an entry by their keys; None for those that are not to be matched."""
        entry, member = detail.entry, self._profile.member
        found: dict[str, HashpactItem | None] = {f"{entry.index}.{at}": None for at in range(entry.items)}
        if not self.collab.keeps(detail):
            return found
        if detail.withheld:
            msg = f"{member!r} may not read fingerprints: it needs the role check"
            raise NotPermittedError(msg)
        with contextlib.suppress(MalformedError, InvalidInputError):  # of a type that a later version knows
            for key, made in zip(found, detail.fingerprints, strict=True):
                found[key] = HashpactItem.of(detail, made, member) if made.type.name in SIGNALS else None
        return found

    def _client(self) -> Client:
        return Client(self._profile, timeout=_TIMEOUT, channels=1)
