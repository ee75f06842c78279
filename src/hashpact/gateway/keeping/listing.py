"""The member's private lists as a gateway's banks: searched in threads of their own, and sent to nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from hashpact.domain.checks import MAX_LIMIT, Answer, Filter, Match, Query
from hashpact.domain.fingerprints import Fingerprint, FingerprintType
from hashpact.domain.matching.own import OwnTerms
from hashpact.gateway.keeping.banks import Bank, list_of, no_content, place_of
from hashpact.gateway.signals import Signals
from hashpact.lists.blocks import Kept
from hashpact.lists.local import PrivateLists

_THREADS: Final = 2
_EVERYTHING: Final = Filter()

Counts = Mapping[str, Mapping[FingerprintType, int]]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ListedContent:
    """A row of a private list as a content: the bank of the list, and the row."""

    bank: Bank
    row: Kept

    def signals(self, served: Signals) -> dict[str, str]:
        """Of each type that is served the first value, in hex by HMA's names."""
        first: dict[FingerprintType, str] = {}
        for one in self.row.fingerprints:
            first.setdefault(one.type, one.value.hex())
        return {each.name: first[each.kind] for each in served.served.values() if each.kind in first}


@dataclass(slots=True)
class ListSearch:
    """Searches the private lists of a profile; close it at the end. Its methods raise HashpactError.

    A change of a list is noticed by the next search. ``own`` are the member's terms on matches, which hold
    for lists as they do in a check. ``counts`` has the values of each list by type, as `refresh` found them.
    """

    lists: PrivateLists
    own: OwnTerms = field(default_factory=OwnTerms)
    counts: Counts = field(default_factory=dict, init=False)
    _pool: ThreadPoolExecutor = field(
        default_factory=partial(ThreadPoolExecutor, _THREADS, "hashpact-lists"), init=False
    )

    async def refresh(self) -> Counts:
        """Open the lists that are new or have changed, and return the values of each list by type."""
        self.counts = await self._do(self.lists.counts)
        return self.counts

    async def search(self, fingerprint: Fingerprint, banks: Sequence[Bank]) -> list[tuple[Bank, Answer]]:
        """The nearest 1000 rows of each bank's list; an answer is truncated if there may be more."""
        return await self._do(partial(self._search, fingerprint, {list_of(bank): bank for bank in banks}))

    def _search(self, fingerprint: Fingerprint, banks: Mapping[str, Bank]) -> list[tuple[Bank, Answer]]:
        queries = (Query(fingerprint),)
        each = self.lists.search_each(queries, MAX_LIMIT, banks)
        return [(banks[name], self._own_terms(found, queries)) for name, found in each.items()]

    def _own_terms(self, found: list[Match], queries: tuple[Query, ...]) -> Answer:
        answer = Answer(tuple(found), 0, truncated=len(found) >= MAX_LIMIT)
        return self.own.applied(answer, queries, _EVERYTHING, MAX_LIMIT)

    async def content(self, bank: Bank, number: int) -> ListedContent:
        """The row of a bank's list with that id. Raises NotFoundError."""
        row = await self._do(partial(self.lists.row, list_of(bank), place_of(number)))
        if row is None:
            raise no_content(number)
        return ListedContent(bank, row)

    def size(self, kind: FingerprintType) -> int:
        """How many values of a type the lists have."""
        return sum(held.get(kind, 0) for held in self.counts.values())

    async def _do(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """End once what is searched is answered."""
        self._pool.shutdown()
