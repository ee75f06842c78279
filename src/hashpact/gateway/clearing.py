"""The clearinghouse as a gateway uses it: checks over gRPC or from a mirror in this process; statements.

`/status` reports how old its answers are.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Protocol

from hashpact.domain.checks import MAX_LIMIT, Answer, Check, Filter, Query
from hashpact.domain.fingerprints import Fingerprint, Measure
from hashpact.domain.matching.batches import MAX_EACH
from hashpact.domain.matching.own import OwnTerms
from hashpact.domain.matching.strength import Strength
from hashpact.domain.messages import ChangedEntries, EntryDetail, Submission
from hashpact.domain.state import Receipt
from hashpact.errors import ConflictError, HashpactError, InvalidInputError, NotFoundError, OverloadedError
from hashpact.gateway.configured import SharedTerms
from hashpact.gateway.keeping.moments import PassedMoments
from hashpact.member.awaiting import AsyncClient
from hashpact.mirror.local import Mirror

PROBE: Final = 2.0
"""Seconds that `/status` waits for the clearinghouse: clients of HMA give it 3."""
FRESH: Final = 5.0
"""Seconds after an answer during which `/status` does not ask the clearinghouse again."""
_CATCHING_UP: Final = 4
"""Checks that wait at a time for the copy to catch up."""
_ANSWERS: Final = (InvalidInputError, NotFoundError, ConflictError, OverloadedError)
"""The errors that are answers to one request: the clearinghouse is there, and answers others."""


class Health(enum.Enum):
    """What a gateway can answer from."""

    ALIVE = "I-AM-ALIVE"
    STALE = "INDEX-STALE"
    NOT_LOADED = "INDEX-NOT-LOADED"


@dataclass(frozen=True, slots=True)
class ReflectedTree:
    """What answers reflect: the tree size, and when in Unix seconds it was the newest that is known."""

    position: int
    at: int


class Checking(Protocol):
    """Answers checks. Its methods raise HashpactError."""

    async def check(self, queries: Sequence[Query], narrow: Filter) -> Answer:
        """The nearest 1000 matches of the log, none of private lists."""
        ...

    async def entry(self, index: int) -> EntryDetail:
        """The entry at that log index."""
        ...

    async def labels(self) -> tuple[str, ...]:
        """The labels of the policy in force."""
        ...

    async def health(self, stale: float) -> Health:
        """Whether it answers, and from nothing that is older than ``stale`` seconds."""
        ...

    @property
    def reflected(self) -> ReflectedTree | None:
        """What the newest answer reflects; None before the first."""
        ...


@dataclass(slots=True)
class RemoteChecking:
    """Checks over gRPC."""

    client: AsyncClient
    timer: Callable[[], float] = time.monotonic
    clock: Callable[[], float] = time.time
    _reflected: ReflectedTree | None = field(default=None, init=False)
    _answered: float | None = field(default=None, init=False)
    _away: bool = field(default=False, init=False)
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    @property
    def reflected(self) -> ReflectedTree | None:
        """As `Checking` has it."""
        return self._reflected

    async def check(self, queries: Sequence[Query], narrow: Filter) -> Answer:
        """As `Checking` has it."""
        async with self._noting():
            answer = await self.client.check(queries, filter=narrow, limit=MAX_LIMIT, strength=Strength.WEAK)
        self._reflected = ReflectedTree(answer.position, int(self.clock()))
        return answer

    async def entry(self, index: int) -> EntryDetail:
        """As `Checking` has it."""
        async with self._noting():
            return await self.client.entry(index)

    async def labels(self) -> tuple[str, ...]:
        """As `Checking` has it."""
        async with self._noting():
            return (await self.client.policy()).labels

    async def health(self, stale: float) -> Health:
        """As `Checking` has it: asks for the newest checkpoint unless there was an answer just now."""
        async with self._probing:
            known = self._answered is not None and self._reflected is not None and not self._away
            if not known or self.timer() - (self._answered or 0) > FRESH:
                with contextlib.suppress(HashpactError, TimeoutError):
                    async with asyncio.timeout(PROBE), self._noting():
                        size = (await self.client.checkpoint()).checkpoint.size
                    self._reflected = ReflectedTree(size, int(self.clock()))
        if self._answered is None:
            return Health.NOT_LOADED
        return Health.STALE if self._away or self.timer() - self._answered > stale else Health.ALIVE

    @contextlib.asynccontextmanager
    async def _noting(self) -> AsyncIterator[None]:
        """Note whether the clearinghouse has answered what the block asks.

        A clearinghouse that turns the gateway away, or whose answer does not verify, counts as away.
        """
        try:
            yield
        except _ANSWERS:
            self._answered, self._away = self.timer(), False
            raise
        except (HashpactError, TimeoutError):
            self._away = True
            raise
        self._answered, self._away = self.timer(), False


@dataclass(slots=True)
class MirroredChecking:
    """Checks in this process; close it before the mirror.

    A check takes some ten microseconds, so it is made on the event loop. ``own`` are the member's own terms,
    which a client applies to the answers of a server. ``reached`` is the tree size that answers have to
    reflect: that of the newest receipt. Checks that wait for the copy to reach it do so in threads of their
    own, so that changes of banks do not wait behind them.
    """

    mirror: Mirror
    own: OwnTerms = field(default_factory=OwnTerms)
    clock: Callable[[], float] = time.time
    reached: int = 0
    _pool: ThreadPoolExecutor = field(
        default_factory=partial(ThreadPoolExecutor, _CATCHING_UP, "hashpact-catching-up"), init=False
    )

    @property
    def reflected(self) -> ReflectedTree | None:
        """As `Checking` has it."""
        lag = self.mirror.lag
        return None if lag is None else ReflectedTree(self.mirror.position, int(self.clock()) - lag.seconds)

    async def check(self, queries: Sequence[Query], narrow: Filter) -> Answer:
        """As `Checking` has it; in a thread only if the copy has to catch up first."""
        if self.mirror.position >= self.reached:
            return self._check(queries, narrow)
        waiting = asyncio.get_running_loop().run_in_executor(self._pool, self._check, queries, narrow)
        return await waiting

    def _check(self, queries: Sequence[Query], narrow: Filter) -> Answer:
        asked = Check(tuple(queries), self.own.narrowed(narrow), MAX_LIMIT, self.reached)
        found = self.mirror.answer(asked)
        answer = self.own.applied(found, queries, narrow, MAX_LIMIT)
        return replace(answer, truncated=True) if len(found.matches) >= MAX_LIMIT else answer

    async def entry(self, index: int) -> EntryDetail:
        """As `Checking` has it."""
        return await asyncio.to_thread(self.mirror.entry, index)

    async def labels(self) -> tuple[str, ...]:
        """As `Checking` has it."""
        return await asyncio.to_thread(self.mirror.labels)

    async def health(self, stale: float) -> Health:
        """As `Checking` has it."""
        lag = self.mirror.lag
        if lag is None:
            return Health.NOT_LOADED
        return Health.STALE if lag.seconds > stale else Health.ALIVE

    def close(self) -> None:
        """End once the checks that wait are answered."""
        self._pool.shutdown()


@dataclass(frozen=True, slots=True)
class Clearinghouse:
    """The clearinghouse: ``checks`` answers checks, and ``client`` makes statements."""

    checks: Checking
    client: AsyncClient
    moments: PassedMoments

    @property
    def member(self) -> str:
        """The member whose gateway it is."""
        return self.client.profile.member

    @property
    def origin(self) -> str:
        """The log's origin."""
        return self.client.profile.origin

    async def submit(self, fingerprints: Sequence[Fingerprint], terms: SharedTerms) -> Receipt:
        """The receipt of an entry with those fingerprints. Raises AlreadySharedError and others."""
        receipt = await self.client.submit(
            fingerprints,
            labels=terms.labels,
            basis=terms.basis,
            authority=terms.authority,
            article=terms.article,
            jurisdictions=terms.jurisdictions,
        )
        self._reach(receipt)
        return receipt

    async def withdraw(self, entry: int) -> None:
        """Withdraw an entry of the member."""
        self._reach(await self.client.withdraw(entry, "removed-from-bank"))

    async def entry(self, index: int) -> EntryDetail:
        """The entry at that log index as the clearinghouse has it now: a copy may be older."""
        return await self.client.entry(index)

    async def changes(self, since: int, after: int | None, size: int) -> ChangedEntries:
        """The page of what has changed since the tree had that size, as `AsyncClient.changes`."""
        changed = self.client.changes(since, after=after, private=True, size=size)
        async with contextlib.aclosing(changed) as pages:
            return await anext(pages)

    async def equal(self, fingerprints: Sequence[Fingerprint], position: int) -> list[Answer]:
        """For each fingerprint the entries that have it, in the tree of that size or a later one."""
        queries = [Query(one, 0 if one.type.measure is Measure.HAMMING else None) for one in fingerprints]
        found = self.client.check_many(queries, limit=MAX_EACH, min_position=position, strength=Strength.WEAK)
        return [answer async for answer in found]

    async def keeps(self, subject: str) -> bool:
        """Whether the profile keeps a statement of that subject, to send it again. Raises ConfigError."""
        outbox = self.client.profile.outbox
        return outbox is not None and await asyncio.to_thread(outbox.find, subject) is not None

    async def resume(self) -> AsyncIterator[tuple[Submission, Receipt]]:
        """Send what has no receipt yet, and get each with its receipt; one that is refused stops no other."""
        async for submission, receipt in self.client.resume(on_refused=lambda _: None):
            self._reach(receipt)
            yield submission, receipt

    def _reach(self, receipt: Receipt) -> None:
        if isinstance(self.checks, MirroredChecking):
            self.checks.reached = max(self.checks.reached, receipt.tree_size)
