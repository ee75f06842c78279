"""Lookups: which contents of which banks are near a signal."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np

from hashpact.domain.checks import MAX_LIMIT, Filter, Match, Query
from hashpact.domain.fingerprints import Fingerprint, FingerprintType
from hashpact.errors import UnavailableError
from hashpact.gateway.clearing import Clearinghouse
from hashpact.gateway.keeping.banks import (
    ENABLED,
    FIRST_LOCAL,
    Bank,
    BankKind,
    Content,
    bank_of_row,
    distance_of,
    is_enabled,
    narrowing,
    row_id,
)
from hashpact.gateway.keeping.listing import ListSearch
from hashpact.gateway.signals import KNOWN, Signals
from hashpact.lookup.native import NativeIndex

MAX_NEAR: Final = 10_000
"""Contents in the answer to a lookup, of all banks together."""
_CONSIDERED: Final = 1 << 16
"""Local contents near a signal that are looked at, in whichever banks they are."""
_MORE: Final = 8
"""How many times as many are searched if those that were found are not of the banks that are asked."""
_SHIFT: Final = 4
"""Bits of an item's id in the index for its type: a content has at most one signal of each."""
_TYPES: Final = tuple(KNOWN)
_ANY: Final = random.Random()  # noqa: S311 - as below


@dataclass(frozen=True, slots=True)
class NearContent:
    """A content near a signal, at a distance; ``extra`` has further fields of an entry or a list's row."""

    id: int
    distance: int
    extra: Mapping[str, Any] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """As HMA shows it, whose distances are strings."""
        return {"bank_content_id": self.id, "distance": str(self.distance), **self.extra}


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a lookup found: of each bank the nearest first. ``truncated``: there may be more."""

    banks: Mapping[str, Sequence[NearContent]]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Banks that take part in a lookup, and what is asked for them: local ones and shared ones by number.

    ``labelled`` are the views of entries with a label, by label, and ``views`` those of any entries.
    """

    names: Sequence[str]
    local: Mapping[int, str]
    labelled: Mapping[str, Sequence[Bank]]
    views: Sequence[Bank]
    shared: Mapping[int, str]
    lists: Sequence[Bank]
    narrow: Filter

    @property
    def asks(self) -> bool:
        """Whether the clearinghouse is to be asked."""
        return bool(self.views or self.labelled or self.shared)

    @classmethod
    def of(cls, banks: Sequence[Bank]) -> Selection:
        """These banks."""
        kinds = {kind: [bank for bank in banks if bank.kind is kind] for kind in BankKind}
        local, shared = (
            {bank.number: bank.name for bank in kinds[kind]} for kind in (BankKind.LOCAL, BankKind.SHARED)
        )
        views = kinds[BankKind.VIEW]
        labelled: dict[str, list[Bank]] = {}
        for bank in views:
            for label in bank.view.labels:
                labelled.setdefault(label, []).append(bank)
        # The contents of shared banks are matched however others judge them, as in a bank of HMA.
        narrow = narrowing([] if shared else [bank.view for bank in views])
        names, others = [bank.name for bank in banks], [bank for bank in views if not bank.view.labels]
        return cls(names, local, labelled, others, shared, kinds[BankKind.LIST], narrow)


@dataclass(slots=True)
class BankIndex:
    """The banks and the contents in memory, by which lookups are answered; it belongs to the event loop.

    ``ready`` is whether the policy's labels have been asked for their views, now or in an earlier process.
    """

    signals: Signals
    ready: bool = True
    banks: dict[str, Bank] = field(default_factory=dict)
    off: dict[int, int] = field(default_factory=dict)
    _numbered: dict[int, Bank] = field(default_factory=dict)
    _banked: dict[int, int] = field(default_factory=dict)
    _held: dict[int, set[int]] = field(default_factory=dict)
    _items: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _index: NativeIndex = field(default_factory=NativeIndex)
    _whole: Selection | None = None
    """Every bank, if each of them answers every lookup; None before that is known."""

    def choose(self, names: Collection[str] | None, draw: float | None) -> Selection:
        """The banks that take part: of these names, None for all, and only those that answer that draw.

        Raises UnavailableError if one of them may be a view that there is not yet: to find nothing is no
        answer then.
        """
        if names is None and self._whole is not None:
            return self._whole
        known = self.banks
        if not self.ready and (names is None or any(name not in known for name in names)):
            msg = "the clearinghouse has not said yet which labels there are"
            raise UnavailableError(msg)
        wanted = known if names is None else [name for name in dict.fromkeys(names) if name in known]
        chosen = Selection.of([known[name] for name in wanted if known[name].answers(draw)])
        if names is None and all(bank.enabled and bank.ratio == 1 for bank in known.values()):
            self._whole = chosen
        return chosen

    def put(self, bank: Bank) -> None:
        """A bank that is new, or has changed."""
        self._whole = None
        before = self._numbered.get(bank.number)
        if before is not None and before.name != bank.name:
            # Renamed: it keeps its place in the order.
            self.banks = {(bank.name if one is before else name): one for name, one in self.banks.items()}
        self.banks[bank.name] = self._numbered[bank.number] = bank

    def drop(self, bank: Bank) -> None:
        """A bank that is gone with its contents."""
        self._whole = None
        for number in list(self._held.get(bank.number, ())):
            self.remove(number)
        self.banks.pop(bank.name, None)
        self._numbered.pop(bank.number, None)

    def load(self, contents: Sequence[Content]) -> None:
        """Contents that a store has, many at once."""
        found: dict[FingerprintType, tuple[list[bytes], list[int]]] = {}
        for content in contents:
            self._note(content)
            for item, name, value in self._signals(content):
                values, items = found.setdefault(KNOWN[name].kind, ([], []))
                values.append(value)
                items.append(item)
        for kind, (values, items) in found.items():
            self._index.add_packed(kind, b"".join(values), np.array(items, np.uint64))

    def add(self, content: Content) -> None:
        """A content that is new."""
        self._note(content)
        fingerprints = [
            (item, Fingerprint(KNOWN[name].kind, value)) for item, name, value in self._signals(content)
        ]
        self._index.add(fingerprints)

    def _note(self, content: Content) -> None:
        self._banked[content.id] = content.bank
        self._held.setdefault(content.bank, set()).add(content.id)
        if content.disabled != ENABLED:
            self.off[content.id] = content.disabled

    def _signals(self, content: Content) -> list[tuple[int, str, bytes]]:
        """The items of a local content in the index, one for each signal. Checks find entries."""
        if content.id < FIRST_LOCAL:
            return []
        first = (content.id - FIRST_LOCAL) << _SHIFT
        made = [
            (first | _TYPES.index(name), name, bytes.fromhex(value))
            for name, value in content.signals.items()
            if name in KNOWN
        ]
        self._items[content.id] = tuple(item for item, _, _ in made)
        return made

    def remove(self, number: int) -> None:
        """A content that is gone."""
        bank = self._banked.pop(number, None)
        if bank is not None:
            self._held[bank].discard(number)
        self.off.pop(number, None)
        items = self._items.pop(number, ())
        if items:
            self._index.remove(items)

    def bank_of(self, number: int) -> Bank | None:
        """The bank that a content was added to, or that of a private list's row."""
        listed = bank_of_row(number)
        return self._numbered.get(self.number_of(number) if listed is None else listed)

    def number_of(self, content: int) -> int:
        """The number of the bank that a content was added to; 0 for none."""
        return self._banked.get(content, 0)

    def held(self, bank: Bank) -> Collection[int]:
        """The contents that were added to a bank."""
        return self._held.get(bank.number, ())

    @property
    def contents(self) -> int:
        """Contents of local banks."""
        return len(self._items)

    def size(self, kind: str) -> int:
        """How many signals of a fingerprint type local banks have."""
        return self._index.sizes()[kind][0]

    def near(
        self, fingerprint: Fingerprint, wanted: Callable[[int], bool]
    ) -> tuple[list[tuple[int, int]], bool]:
        """The local contents near a fingerprint that are wanted, each with its distance, the nearest first.

        At most 1000 of them, and whether there may be more.
        """
        kind, limit = fingerprint.type, MAX_LIMIT
        while True:
            hits = self._index.search(fingerprint, kind.default, limit)
            each = ((FIRST_LOCAL + (item >> _SHIFT), int(score)) for item, score in hits)
            found = [(number, distance) for number, distance in each if wanted(number)]
            ended = len(hits) < limit
            if ended or len(found) >= MAX_LIMIT or limit >= _CONSIDERED:
                return found[:MAX_LIMIT], not ended or len(found) > MAX_LIMIT
            limit = min(_MORE * limit, _CONSIDERED)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Looks for signals in banks: local ones and private lists here, others at the clearinghouse."""

    index: BankIndex
    house: Clearinghouse
    lists: ListSearch

    async def lookup(self, fingerprint: Fingerprint | None, chosen: Selection, now: int | None) -> Lookup:
        """The contents of these banks near a fingerprint; nothing for None, which no content can have.

        ``now``, in Unix seconds, leaves out what is disabled; None does not. Raises what a check raises.
        """
        if fingerprint is None:
            return Lookup({})
        found: dict[str, list[NearContent]] = {}
        truncated = bool(chosen.local) and self._local(fingerprint, chosen, now, found)
        for bank, rows in await self.lists.search(fingerprint, chosen.lists) if chosen.lists else ():
            truncated = truncated or rows.truncated
            if rows.matches:
                found[bank.name] = [_row(match, bank) for match in rows.matches]
        if chosen.asks:
            answer = await self.house.checks.check((Query(fingerprint),), chosen.narrow)
            truncated = truncated or answer.truncated or len(answer.matches) >= MAX_LIMIT
            for match in answer.matches:
                if self._on(match.entry, now):
                    for name in self._holding(match, chosen):
                        found.setdefault(name, []).append(_entry(match))
        if sum(map(len, found.values())) > MAX_NEAR:
            found, truncated = _nearest(found), True
        return Lookup({name: found[name] for name in chosen.names if name in found}, truncated)

    def _local(
        self,
        fingerprint: Fingerprint,
        chosen: Selection,
        now: int | None,
        found: dict[str, list[NearContent]],
    ) -> bool:
        """Find the contents of local banks; returns whether there may be more."""
        bank_of = self.index.number_of
        near, truncated = self.index.near(
            fingerprint, lambda number: bank_of(number) in chosen.local and self._on(number, now)
        )
        for number, distance in near:
            found.setdefault(chosen.local[bank_of(number)], []).append(NearContent(number, distance))
        return truncated

    def _holding(self, match: Match, chosen: Selection) -> Collection[str]:
        """The names of the banks that have the entry of a match."""
        views = [bank for label in match.labels for bank in chosen.labelled.get(label, ())]
        names = {bank.name for bank in (*views, *chosen.views) if bank.view.keeps(match)}
        if chosen.shared and (name := chosen.shared.get(self.index.number_of(match.entry))):
            names.add(name)
        return names

    def _on(self, number: int, now: int | None) -> bool:
        off = self.index.off
        return now is None or not off or is_enabled(off.get(number, ENABLED), now)


def _entry(match: Match) -> NearContent:
    extra = {
        "entry": f"entries/{match.entry}",
        "labels": list(match.labels),
        "endorsed_by": match.endorsed_by,
        "disputed_by": match.disputed_by,
    }
    return NearContent(match.entry, distance_of(match), extra)


def _row(match: Match, bank: Bank) -> NearContent:
    extra = {"list": match.source, "key": match.key, "labels": list(match.labels)}
    return NearContent(row_id(bank.number, match.entry), distance_of(match), extra)


def _nearest(found: Mapping[str, Sequence[NearContent]]) -> dict[str, list[NearContent]]:
    """The nearest 10,000 of all banks, of each bank the nearest first."""
    each = ([(one.distance, name, one) for one in some] for name, some in found.items())
    kept: dict[str, list[NearContent]] = {}
    for _, name, one in islice(heapq.merge(*each, key=lambda held: held[0]), MAX_NEAR):
        kept.setdefault(name, []).append(one)
    return kept


def draw_of(seed: str | None) -> float:
    """A number from [0, 1) by which banks take part: drawn anew, or a function of ``seed``."""
    chosen = _ANY if seed is None else random.Random(seed)  # noqa: S311 - it samples lookups, and guards nothing
    return chosen.random()


def united(found: Lookup) -> list[NearContent]:
    """Every content of a lookup once, the nearest first."""
    each = {one.id: one for some in found.banks.values() for one in some}
    return sorted(each.values(), key=lambda one: one.distance)
