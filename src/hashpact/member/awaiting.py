"""The client that awaits: each method of `clients.Client` is a method here."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self, TypeAlias, TypeVar

from hashpact.clock import unix_time
from hashpact.domain.checks import DEFAULT_LIMIT, Answer, Filter, Query
from hashpact.domain.matching.batches import DEFAULT_EACH
from hashpact.domain.matching.strength import Strength
from hashpact.domain.matching.views import DERIVED, PictureView
from hashpact.domain.messages import (
    Appended,
    EntriesRequest,
    EntryDetail,
    LeafDetail,
    LeavesRequest,
    MemberDetail,
    PolicyDetail,
    Submission,
)
from hashpact.domain.pinned import check_extends
from hashpact.domain.ports import Clock, Entropy
from hashpact.domain.renewal import MAX_DAYS
from hashpact.domain.state import Basis, Charter, Receipt, Stance
from hashpact.errors import HashpactError
from hashpact.fingerprint.source import Content
from hashpact.governance.drafts import Draft
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.member.author import reason_of
from hashpact.member.clients import PACE, TIMEOUT, loaded
from hashpact.member.operations import Fingerprintable, Local, Operations, Steps
from hashpact.member.profile import Profile
from hashpact.wire.client import calls, feeds, flow
from hashpact.wire.client.attempts import checked_timeout
from hashpact.wire.client.calls import Call
from hashpact.wire.client.connection import AsyncConnection
from hashpact.wire.client.flow import IN_FLIGHT
from hashpact.wire.client.flowing import Upload
from hashpact.wire.codec import EVERYTHING

Result = TypeVar("Result")

Wanted: TypeAlias = Iterable["Fingerprintable | Query"]
"""What `check` takes of one upload."""


class AsyncClient:
    """A member's client that awaits; otherwise as `Client`. It serves one event loop after another."""

    def __init__(  # noqa: PLR0913  # the settings of a client
        self,
        profile: Profile | Path | str,
        *,
        timeout: float = TIMEOUT,
        channels: int = 1,
        proxy: bool = True,
        retry_refused: bool = True,
        clock: Clock = unix_time,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self.timeout = checked_timeout(timeout)
        self._operations = Operations(loaded(profile), clock, entropy)
        self.author = self._operations.author
        endpoint = replace(self.profile.endpoint, proxy=proxy)
        self._connection = AsyncConnection(endpoint, replace(PACE, retry_refused=retry_refused), channels)

    @property
    def profile(self) -> Profile:
        """The member's profile, with the keys of the log that are known by now."""
        return self._operations.profile

    async def check(  # noqa: PLR0913  # what narrows a check
        self,
        fingerprints: Iterable[Fingerprintable | Query],
        *,
        filter: Filter = EVERYTHING,  # noqa: A002  # the word of the API
        limit: int = DEFAULT_LIMIT,
        min_position: int = 0,
        strength: Strength | str = Strength.POSSIBLE,
        timeout: float | None = None,  # noqa: ASYNC109  # it is over all tries
    ) -> Answer:
        """The entries near 1 to 64 fingerprints, nearest first, as `Client.check`."""
        call = self._operations.check(fingerprints, filter, limit, min_position, strength)
        return await self._run(call, timeout)

    async def check_many(  # noqa: PLR0913  # what narrows a check
        self,
        fingerprints: Iterable[Fingerprintable | Query],
        *,
        filter: Filter = EVERYTHING,  # noqa: A002  # the word of the API
        limit: int = DEFAULT_EACH,
        min_position: int = 0,
        strength: Strength | str = Strength.POSSIBLE,
        timeout: float | None = None,  # noqa: ASYNC109  # it is over all tries
    ) -> AsyncIterator[Answer]:
        """The answers to any number of fingerprints, in their order, as `Client.check_many`."""
        for call in self._operations.check_many(fingerprints, filter, limit, min_position, strength):
            for answer in await self._run(call, timeout):
                yield answer

    async def check_stream(  # noqa: PLR0913  # what narrows a check
        self,
        uploads: AsyncIterable[Iterable[Fingerprintable | Query]]
        | Iterable[Iterable[Fingerprintable | Query]],
        *,
        filter: Filter = EVERYTHING,  # noqa: A002  # the word of the API
        limit: int = DEFAULT_LIMIT,
        min_position: int = 0,
        strength: Strength | str = Strength.POSSIBLE,
        in_flight: int = IN_FLIGHT,
        timeout: float | None = None,  # noqa: ASYNC109  # it is for each upload
    ) -> AsyncIterator[Answer | HashpactError]:
        """The answer to each of a flow of uploads, in their order, as `Client.check_stream`.

        A task reads ``uploads``, which may be asynchronous.
        """
        operations, rest = self._operations, (filter, limit, min_position, strength)

        async def asked() -> AsyncIterator[Upload]:
            async for upload in _each(uploads):
                yield flow.asked(partial(operations.check, upload, *rest))

        seconds = self.timeout if timeout is None else checked_timeout(timeout)
        async with contextlib.aclosing(self._connection.flow(asked(), in_flight, seconds)) as found:
            async for outcome in found:
                yield outcome

    async def check_file(  # noqa: PLR0913  # what narrows a check
        self,
        content: Content,
        *,
        types: Sequence[str] | None = None,
        views: Collection[PictureView | str] = DERIVED,
        filter: Filter = EVERYTHING,  # noqa: A002  # the word of the API
        limit: int = DEFAULT_LIMIT,
        min_position: int = 0,
        strength: Strength | str = Strength.POSSIBLE,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> Answer:
        """The entries that a file, or bytes, may be a copy of, as `Client.check_file`."""
        rest = (filter, limit, min_position, strength)
        return await self._through(self._operations.check_file(content, types, views, rest), timeout)

    async def submit(  # noqa: PLR0913  # the fields of a submission
        self,
        fingerprints: Iterable[Fingerprintable],
        *,
        labels: Iterable[str],
        basis: Basis | str = Basis.GUIDELINE,
        authority: str | None = None,
        article: str | None = None,
        jurisdictions: Iterable[str] = (),
        removed: int | None = None,
        again: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> Receipt:
        """Share fingerprints of one piece of removed content, as `Client.submit`."""
        reason = reason_of(labels, basis, authority, article, jurisdictions)
        return await self._through(
            self._operations.submit(fingerprints, reason, removed, again=again), timeout
        )

    async def withdraw(self, entry: int, reason: str, *, timeout: float | None = None) -> Receipt:  # noqa: ASYNC109  # as above
        """Take back the member's own entry; it stops matching and stays in the log."""
        return await self._through(self._operations.withdraw(entry, reason), timeout)

    async def opinion(
        self,
        entry: int,
        stance: Stance | str,
        reason: str | None = None,
        *,
        replace: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> Receipt:
        """Give an opinion on another member's entry, as `Client.opinion`."""
        steps = self._operations.opinion(entry, stance, reason, replace=replace)
        return await self._through(steps, timeout)

    async def append(self, submission: Submission, *, timeout: float | None = None) -> Receipt:  # noqa: ASYNC109  # as above
        """Append a statement that was signed elsewhere, or before, as `Client.append`."""
        return await self._through(self._operations.append(submission), timeout)

    async def propose(
        self,
        proposal: Sequence[Draft],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> tuple[Appended, ...]:
        """Append administrators' statements, or let them wait for signatures, as `Client.propose`."""
        return await self._through(self._operations.propose(proposal), timeout)

    async def charter(self) -> Charter:
        """Who governs the log, as `Client.charter`."""
        return await self._through(self._operations.charter())

    async def proposals(self) -> tuple[list[Draft], ...]:
        """The proposals that wait for signatures. For administrators only."""
        return await self._run(calls.waiting())

    async def resume(self, *, timeout: float | None = None) -> AsyncIterator[tuple[Submission, Receipt]]:  # noqa: ASYNC109  # as above
        """Send every statement of the profile whose answer was lost, as `Client.resume`."""
        for subject, kept in await asyncio.to_thread(self._operations.pending):
            receipt = await self._through(self._operations.finish(subject, kept), timeout)
            if receipt is not None:
                yield kept, receipt

    async def duplicates(self, entry: int) -> tuple[int, ...]:
        """The other entries of the same content that this profile has shared and that stand."""
        return await self._through(self._operations.duplicates(entry))

    async def entry(self, index: int) -> EntryDetail:
        """An entry with its statement, its private parts and what members say of it."""
        return await self._run(calls.entry(index))

    async def entries(self, start: int = 0, stop: int = 0) -> AsyncIterator[EntryDetail]:
        """The entries from log index ``start`` up to ``stop``, as `Client.entries`."""
        async for detail in self._connection.stream(feeds.entries(EntriesRequest(start, stop)), self.timeout):
            yield detail

    async def policy(self) -> PolicyDetail:
        """The policy in force: the labels that entries may have."""
        return await self._run(calls.policy())

    async def members(self) -> AsyncIterator[MemberDetail]:
        """Every member with its keys, in the order of their ids; asks for a page when it needs one."""
        call = self._operations.page(None)
        while call is not None:
            page = await self._run(call)
            for member in page.members:
                yield member
            call = self._operations.page(page)

    async def checkpoint(self) -> SignedCheckpoint:
        """The newest signed checkpoint, by a key of the log. Raises ProofError."""
        return await self._through(self._operations.believed(self._operations.newest))

    async def consistency(self, old: Checkpoint) -> SignedCheckpoint:
        """The newest signed checkpoint, proved to extend an ``old`` one. Raises ProofError."""
        new = await self._through(self._operations.believed(lambda: self._operations.newest(old)))
        proof = await self._run(calls.consistency(old.size, new.checkpoint.size))
        check_extends(old, new.checkpoint, proof)
        return new

    async def leaves(
        self, start: int = 0, stop: int = 0, *, private: bool = False
    ) -> AsyncIterator[LeafDetail]:
        """The signed leaves from ``start`` up to ``stop`` (0: all there are), read as they are asked for.

        ``private`` asks for their private parts too. Leaf 0 must be the one that the profile pins; whether
        the others are those of a checkpoint is for an audit to say. Gives up after ``timeout`` without any.
        """
        feed = feeds.leaves(LeavesRequest(start, stop, private))
        async for leaf in self._connection.stream(feed, self.timeout):
            yield self._operations.leaf(leaf)

    async def certificate(self, request: bytes, days: int = MAX_DAYS, *, check_only: bool = False) -> bytes:
        """A new certificate for the member's channel, for a certificate request's key; both in PEM.

        It is valid for so many ``days``, at most 30. The member's statement key vouches for the request. With
        ``check_only`` the certificate is good for checks and nothing else. `hashpact.member.keys` writes the
        profile.
        """
        return await self._run(calls.renew(self.author.renewal(request, days, check_only=check_only)))

    async def certificate_uses(self) -> dict[bytes, int]:
        """The serials of the member's certificates with the days of their last uses, as those of `Client`."""
        return await self._run(calls.uses())

    async def close(self) -> None:
        """Close the channel."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _through(self, steps: Steps[Result], timeout: float | None = None) -> Result:  # noqa: ASYNC109  # as above
        """As that of `Client`."""
        try:
            step = next(steps)
            while True:
                try:
                    if isinstance(step, Local):
                        result = await asyncio.to_thread(step.do)
                    else:
                        result = await self._run(step, timeout)
                except HashpactError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            outcome: Result = end.value
            return outcome

    async def _run(self, call: Call[Result], timeout: float | None = None) -> Result:  # noqa: ASYNC109  # as above
        seconds = self.timeout if timeout is None else checked_timeout(timeout)
        return await self._connection.run(call, seconds)


async def _each(items: AsyncIterable[Result] | Iterable[Result]) -> AsyncIterator[Result]:
    """The items of an iterable of either kind."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
