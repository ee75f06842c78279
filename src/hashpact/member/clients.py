"""Two clients, one that blocks and one that awaits: each method of one is a method of the other."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, Self, TypeVar

from hashpact.clock import unix_time
from hashpact.domain.checks import DEFAULT_LIMIT, Answer, Filter, Query
from hashpact.domain.messages import EntryDetail, LeafDetail, LeavesRequest, MemberDetail, Submission
from hashpact.domain.pinned import check_extends
from hashpact.domain.ports import Clock, Entropy
from hashpact.domain.state import Basis, Receipt, Stance
from hashpact.errors import LogKeyError
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.member.operations import Fingerprintable, Operations, Steps, reason_of
from hashpact.member.profile import Profile
from hashpact.wire.client import calls, feeds
from hashpact.wire.client.calls import Call, Pace
from hashpact.wire.client.connection import AsyncConnection, Connection
from hashpact.wire.codec import EVERYTHING

TIMEOUT: Final = 10.0
"""Seconds that a call may take, all its tries together."""

# Jitter only has to differ between clients; nobody gains by guessing it.
_PACE: Final = Pace(time.monotonic, random.random)

Result = TypeVar("Result")


class Client:
    """A member's client that blocks. Any number of threads may share one; close it, or use ``with``.

    ``profile`` is a Profile or its directory. ``timeout`` is in seconds, over all tries of a call. A call
    whose outcome was lost is repeated with the same signed bytes, so nothing is ever submitted twice.
    ``channels`` spreads calls over several connections.

    Every method raises a HashpactError: InvalidInputError before anything is sent, CertificateError if the
    channel is refused, UnavailableError or DeadlineError when the time is over, and what the server says.
    ``author`` signs the member's statements, for `append`. A log key that the profile does not pin is
    believed if root statements lead to it from the pinned genesis; the profile then pins it.
    """

    def __init__(
        self,
        profile: Profile | Path | str,
        *,
        timeout: float = TIMEOUT,
        channels: int = 1,
        clock: Clock = unix_time,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self.profile = _loaded(profile)
        self.timeout = timeout
        self._operations = Operations(self.profile, clock, entropy)
        self.author = self._operations.author
        self._connection = Connection(self.profile.endpoint, _PACE, channels)

    def check(
        self,
        fingerprints: Iterable[Fingerprintable | Query],
        *,
        filter: Filter = EVERYTHING,  # noqa: A002  # the word of the API
        limit: int = DEFAULT_LIMIT,
        min_position: int = 0,
        timeout: float | None = None,
    ) -> Answer:
        """The entries near 1 to 64 fingerprints, nearest first. A match is a signal, never a verdict.

        A Query sets a threshold of its own. ``min_position``, the tree_size of a receipt, makes the answer
        reflect that statement.
        """
        return self._run(self._operations.check(fingerprints, filter, limit, min_position), timeout)

    def submit(  # noqa: PLR0913  # the fields of a submission
        self,
        fingerprints: Iterable[Fingerprintable],
        *,
        labels: Iterable[str],
        basis: Basis | str = Basis.GUIDELINE,
        authority: str | None = None,
        article: str | None = None,
        jurisdictions: Iterable[str] = (),
        removed: int | None = None,
    ) -> Receipt:
        """Share 1 to 256 fingerprints of one piece of removed content, and get the receipt.

        Basis ``law`` names its authority and article. ``removed`` is when, in Unix seconds (now).
        """
        reason = reason_of(labels, basis, authority, article, jurisdictions)
        return self.append(self._operations.submit(fingerprints, reason, removed))

    def withdraw(self, entry: int, reason: str) -> Receipt:
        """Take back the member's own entry; it stops matching and stays in the log."""
        return self.append(self._operations.author.withdraw(entry, reason))

    def opinion(
        self, entry: int, stance: Stance | str, reason: str | None = None, *, replace: bool = False
    ) -> Receipt:
        """Endorse or dispute another member's entry, or say that its content was seen.

        ``reason`` is a slug that everybody sees. The stance seen takes back the member's endorsement or
        dispute only with ``replace``; without it, that is a ConflictError.
        """
        return self.append(self._operations.opinion(entry, stance, reason, replace=replace))

    def append(self, submission: Submission) -> Receipt:
        """Append a statement that was signed elsewhere, or before: the same bytes, the same receipt.

        The receipt is verified, and kept in the profile as docs/formats/home.md says; a disk that does not
        take it is a ProfileWarning, for the statement is in the log.
        """
        try:
            receipt = self._believed(lambda: self._operations.append(submission))
        except LogKeyError:
            receipt = self._through(self._operations.append_again(submission))
        self.profile.keep(submission.statement, receipt)
        return receipt

    def entry(self, index: int) -> EntryDetail:
        """An entry with its statement, its private parts and what members say of it."""
        return self._run(calls.entry(index))

    def members(self) -> Iterator[MemberDetail]:
        """Every member with its keys, in the order of their ids; asks for a page when it needs one."""
        call = self._operations.page(None)
        while call is not None:
            page = self._run(call)
            yield from page.members
            call = self._operations.page(page)

    def checkpoint(self) -> SignedCheckpoint:
        """The newest signed checkpoint, by a key of the log. Raises ProofError."""
        return self._believed(self._operations.newest)

    def consistency(self, old: Checkpoint) -> SignedCheckpoint:
        """The newest signed checkpoint, proved to extend an ``old`` one. Raises ProofError."""
        new = self._believed(lambda: self._operations.newest(old))
        proof = self._run(calls.consistency(old.size, new.checkpoint.size))
        check_extends(old, new.checkpoint, proof)
        return new

    def leaves(self, start: int = 0, stop: int = 0, *, private: bool = False) -> Iterator[LeafDetail]:
        """The signed leaves from ``start`` up to ``stop`` (0: all there are), read as they are asked for.

        ``private`` asks for their private parts too. Leaf 0 must be the one that the profile pins; whether
        the others are those of a checkpoint is for an audit to say. Gives up after ``timeout`` without any.
        """
        feed = feeds.leaves(LeavesRequest(start, stop, private))
        yield from map(self._operations.leaf, self._connection.stream(feed, self.timeout))

    def certificate(self, request: bytes) -> bytes:
        """A new certificate for the member's channel, for a certificate request's key; both in PEM.

        The member's statement key vouches for the request. `hashpact.member.keys` writes the profile.
        """
        return self._run(calls.renew(self.author.renewal(request)))

    def close(self) -> None:
        """Close the channel."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _believed(self, make: Callable[[], Call[Result]]) -> Result:
        """The result of a call; of another one if the log's key has been replaced, and its root says so."""
        try:
            return self._run(make())
        except LogKeyError:
            self.profile = self._operations.profile = self.profile.recognising(
                *self._through(self._operations.roots())
            )
        return self._run(make())

    def _through(self, steps: Steps[Result]) -> Result:
        """Make calls one after another; what comes of them."""
        try:
            call = next(steps)
            while True:
                call = steps.send(self._run(call))
        except StopIteration as end:
            result: Result = end.value
            return result

    def _run(self, call: Call[Result], timeout: float | None = None) -> Result:
        return self._connection.run(call, self.timeout if timeout is None else timeout)


class AsyncClient:
    """A member's client that awaits; otherwise as `Client`. Belongs to the event loop of its first call."""

    def __init__(
        self,
        profile: Profile | Path | str,
        *,
        timeout: float = TIMEOUT,
        channels: int = 1,
        clock: Clock = unix_time,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self.profile = _loaded(profile)
        self.timeout = timeout
        self._operations = Operations(self.profile, clock, entropy)
        self.author = self._operations.author
        self._connection = AsyncConnection(self.profile.endpoint, _PACE, channels)

    async def check(
        self,
        fingerprints: Iterable[Fingerprintable | Query],
        *,
        filter: Filter = EVERYTHING,  # noqa: A002  # the word of the API
        limit: int = DEFAULT_LIMIT,
        min_position: int = 0,
        timeout: float | None = None,  # noqa: ASYNC109  # it is over all tries
    ) -> Answer:
        """The entries near 1 to 64 fingerprints, nearest first. A match is a signal, never a verdict.

        A Query sets a threshold of its own. ``min_position``, the tree_size of a receipt, makes the answer
        reflect that statement.
        """
        return await self._run(self._operations.check(fingerprints, filter, limit, min_position), timeout)

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
    ) -> Receipt:
        """Share 1 to 256 fingerprints of one piece of removed content, and get the receipt.

        Basis ``law`` names its authority and article. ``removed`` is when, in Unix seconds (now).
        """
        reason = reason_of(labels, basis, authority, article, jurisdictions)
        return await self.append(self._operations.submit(fingerprints, reason, removed))

    async def withdraw(self, entry: int, reason: str) -> Receipt:
        """Take back the member's own entry; it stops matching and stays in the log."""
        return await self.append(self._operations.author.withdraw(entry, reason))

    async def opinion(
        self, entry: int, stance: Stance | str, reason: str | None = None, *, replace: bool = False
    ) -> Receipt:
        """Endorse or dispute another member's entry, or say that its content was seen.

        ``reason`` is a slug that everybody sees. The stance seen takes back the member's endorsement or
        dispute only with ``replace``; without it, that is a ConflictError.
        """
        return await self.append(self._operations.opinion(entry, stance, reason, replace=replace))

    async def append(self, submission: Submission) -> Receipt:
        """Append a statement that was signed elsewhere, or before: the same bytes, the same receipt.

        The receipt is verified, and kept in the profile as docs/formats/home.md says; a disk that does not
        take it is a ProfileWarning, for the statement is in the log.
        """
        try:
            receipt = await self._believed(lambda: self._operations.append(submission))
        except LogKeyError:
            receipt = await self._through(self._operations.append_again(submission))
        await asyncio.to_thread(self.profile.keep, submission.statement, receipt)
        return receipt

    async def entry(self, index: int) -> EntryDetail:
        """An entry with its statement, its private parts and what members say of it."""
        return await self._run(calls.entry(index))

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
        return await self._believed(self._operations.newest)

    async def consistency(self, old: Checkpoint) -> SignedCheckpoint:
        """The newest signed checkpoint, proved to extend an ``old`` one. Raises ProofError."""
        new = await self._believed(lambda: self._operations.newest(old))
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

    async def certificate(self, request: bytes) -> bytes:
        """A new certificate for the member's channel, for a certificate request's key; both in PEM.

        The member's statement key vouches for the request. `hashpact.member.keys` writes the profile.
        """
        return await self._run(calls.renew(self.author.renewal(request)))

    async def close(self) -> None:
        """Close the channel."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _believed(self, make: Callable[[], Call[Result]]) -> Result:
        """As that of `Client`."""
        try:
            return await self._run(make())
        except LogKeyError:
            found = await self._through(self._operations.roots())
            self.profile = self._operations.profile = await asyncio.to_thread(
                self.profile.recognising, *found
            )
        return await self._run(make())

    async def _through(self, steps: Steps[Result]) -> Result:
        """As that of `Client`."""
        try:
            call = next(steps)
            while True:
                call = steps.send(await self._run(call))
        except StopIteration as end:
            result: Result = end.value
            return result

    async def _run(self, call: Call[Result], timeout: float | None = None) -> Result:  # noqa: ASYNC109  # as above
        return await self._connection.run(call, self.timeout if timeout is None else timeout)


def _loaded(profile: Profile | Path | str) -> Profile:
    return profile if isinstance(profile, Profile) else Profile.load(profile)
