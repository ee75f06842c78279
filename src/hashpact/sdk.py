"""The member's side: a profile, and two clients that check, submit, withdraw and give opinions.

A composition root: it puts together what a member has (keys, certificates) with the wire's client and the
author of statements. `Client` blocks, `AsyncClient` awaits; both raise the errors of domain/errors.py.

    with hashpact.Client("~/.config/hashpact/example") as client:
        answer = client.check([imagehash.phash(image)])
"""

from __future__ import annotations

import enum
import random
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias, TypeVar

from hashpact.domain.checks import DEFAULT_LIMIT, Answer, Check, Filter, Query
from hashpact.domain.errors import InvalidInputError
from hashpact.domain.fingerprints import Fingerprint
from hashpact.domain.ports import Clock, Entropy
from hashpact.domain.state import Basis, Receipt, Stance
from hashpact.fingerprint.content import Fingerprinted, fingerprints_of, fingerprints_of_text
from hashpact.log.checkpoint import Checkpoint
from hashpact.member.profile import Profile
from hashpact.service.append import Submission
from hashpact.service.author import Author, Reason
from hashpact.service.governance import renewal
from hashpact.service.read import EntryDetail, MemberDetail
from hashpact.wire.client import calls
from hashpact.wire.client.calls import Call, Pace
from hashpact.wire.client.connection import AsyncConnection, Connection
from hashpact.wire.codec import EVERYTHING, MAX_PAGE, Page, PageRequest

if TYPE_CHECKING:
    from datasketch import MinHash  # type: ignore[import-untyped]  # ships no type information
    from imagehash import ImageHash

__all__ = [
    "AsyncClient",
    "Client",
    "Fingerprintable",
    "Fingerprinted",
    "Profile",
    "fingerprints_of",
    "fingerprints_of_text",
]

Fingerprintable: TypeAlias = "Fingerprint | ImageHash | MinHash"
"""A fingerprint, or an object of a library that a platform makes its own with."""

TIMEOUT: Final = 10.0
"""Seconds that a call may take, all its tries together."""

# Jitter only has to differ between clients; nobody gains by guessing it.
_PACE: Final = Pace(time.monotonic, random.random)

Result = TypeVar("Result")
Choice = TypeVar("Choice", bound=enum.Enum)


def system_clock() -> int:
    """Seconds since 1970, by this machine."""
    return int(time.time())


class _Desk:
    """Turns what a caller says into calls: all that the two clients share."""

    def __init__(self, profile: Profile, clock: Clock, entropy: Entropy) -> None:
        self.author = Author(profile.origin, profile.member, profile.key, profile.signer, clock, entropy)
        self._profile = profile

    def append(self, submission: Submission) -> Call[Receipt]:
        return calls.append(submission, self._profile.log)

    def check(
        self, items: Iterable[Fingerprintable | Query], narrow: Filter, limit: int, min_position: int
    ) -> Call[Answer]:
        queries = tuple(item if isinstance(item, Query) else Query(_adopt(item)) for item in items)
        return calls.check(Check(queries, narrow, limit, min_position))

    def submit(self, items: Iterable[Fingerprintable], reason: Reason, removed: int | None) -> Call[Receipt]:
        return self.append(self.author.submit([_adopt(item) for item in items], reason, removed))

    def withdraw(self, entry: int, reason: str) -> Call[Receipt]:
        return self.append(self.author.withdraw(entry, reason))

    def opinion(self, entry: int, stance: Stance | str) -> Call[Receipt]:
        return self.append(self.author.opinion(entry, _chosen(Stance, stance, "stance")))

    def page(self, before: Page | None) -> Call[Page] | None:
        """The call for the page after ``before``; None if that was the last."""
        if before is None:
            return calls.members(PageRequest(size=MAX_PAGE))
        if not before.next_token:
            return None
        return calls.members(PageRequest(before.next_token, MAX_PAGE), before.members[-1].member.id)


class Client:
    """A member's client that blocks. Any number of threads may share one; close it, or use ``with``.

    ``profile`` is a Profile or its directory. ``timeout`` is in seconds, over all tries of a call. A call
    whose outcome was lost is repeated with the same signed bytes, so nothing is ever submitted twice.
    ``channels`` spreads calls over several connections.

    Every method raises a HashpactError: InvalidInputError before anything is sent, CertificateError if the
    channel is refused, UnavailableError or DeadlineError when the time is over, and what the server says.
    ``author`` signs the member's statements, for `append`.
    """

    def __init__(
        self,
        profile: Profile | Path | str,
        *,
        timeout: float = TIMEOUT,
        channels: int = 1,
        clock: Clock = system_clock,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self.profile = _loaded(profile)
        self.timeout = timeout
        self._desk = _Desk(self.profile, clock, entropy)
        self.author = self._desk.author
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
        return self._run(self._desk.check(fingerprints, filter, limit, min_position), timeout)

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
        reason = _reason(labels, basis, authority, article, jurisdictions)
        return self._run(self._desk.submit(fingerprints, reason, removed))

    def withdraw(self, entry: int, reason: str) -> Receipt:
        """Take back the member's own entry; it stops matching and stays in the log."""
        return self._run(self._desk.withdraw(entry, reason))

    def opinion(self, entry: int, stance: Stance | str) -> Receipt:
        """Endorse or dispute another member's entry, or say that its content was seen."""
        return self._run(self._desk.opinion(entry, stance))

    def append(self, submission: Submission) -> Receipt:
        """Append a statement that was signed elsewhere, or before: the same bytes, the same receipt."""
        return self._run(self._desk.append(submission))

    def entry(self, index: int) -> EntryDetail:
        """An entry with its statement, its private parts and what members say of it."""
        return self._run(calls.entry(index))

    def members(self) -> Iterator[MemberDetail]:
        """Every member with its keys, in the order of their ids; asks for a page when it needs one."""
        call = self._desk.page(None)
        while call is not None:
            page = self._run(call)
            yield from page.members
            call = self._desk.page(page)

    def checkpoint(self) -> Checkpoint:
        """The log's newest checkpoint, signed by a key that the profile pins."""
        return self.profile.log.read(self._run(calls.checkpoint()))

    def certificate(self, request: bytes) -> bytes:
        """A new certificate for the member's channel, for a certificate request's key; both in PEM.

        The member's statement key vouches for the request. `hashpact.member.custody` writes the profile.
        """
        return self._run(calls.renew(renewal.ask(self._desk.author, request)))

    def close(self) -> None:
        """Close the channel."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        clock: Clock = system_clock,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self.profile = _loaded(profile)
        self.timeout = timeout
        self._desk = _Desk(self.profile, clock, entropy)
        self.author = self._desk.author
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
        return await self._run(self._desk.check(fingerprints, filter, limit, min_position), timeout)

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
        reason = _reason(labels, basis, authority, article, jurisdictions)
        return await self._run(self._desk.submit(fingerprints, reason, removed))

    async def withdraw(self, entry: int, reason: str) -> Receipt:
        """Take back the member's own entry; it stops matching and stays in the log."""
        return await self._run(self._desk.withdraw(entry, reason))

    async def opinion(self, entry: int, stance: Stance | str) -> Receipt:
        """Endorse or dispute another member's entry, or say that its content was seen."""
        return await self._run(self._desk.opinion(entry, stance))

    async def append(self, submission: Submission) -> Receipt:
        """Append a statement that was signed elsewhere, or before: the same bytes, the same receipt."""
        return await self._run(self._desk.append(submission))

    async def entry(self, index: int) -> EntryDetail:
        """An entry with its statement, its private parts and what members say of it."""
        return await self._run(calls.entry(index))

    async def members(self) -> AsyncIterator[MemberDetail]:
        """Every member with its keys, in the order of their ids; asks for a page when it needs one."""
        call = self._desk.page(None)
        while call is not None:
            page = await self._run(call)
            for member in page.members:
                yield member
            call = self._desk.page(page)

    async def checkpoint(self) -> Checkpoint:
        """The log's newest checkpoint, signed by a key that the profile pins."""
        return self.profile.log.read(await self._run(calls.checkpoint()))

    async def certificate(self, request: bytes) -> bytes:
        """A new certificate for the member's channel, for a certificate request's key; both in PEM.

        The member's statement key vouches for the request. `hashpact.member.custody` writes the profile.
        """
        return await self._run(calls.renew(renewal.ask(self._desk.author, request)))

    async def close(self) -> None:
        """Close the channel."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, call: Call[Result], timeout: float | None = None) -> Result:  # noqa: ASYNC109  # as above
        return await self._connection.run(call, self.timeout if timeout is None else timeout)


def _loaded(profile: Profile | Path | str) -> Profile:
    return profile if isinstance(profile, Profile) else Profile.load(profile)


def _adopt(item: Fingerprintable) -> Fingerprint:
    if isinstance(item, Fingerprint):
        return item
    from hashpact.fingerprint.adopt import adopt  # noqa: PLC0415  # only who brings such an object pays for it

    return adopt(item)


def _reason(
    labels: Iterable[str],
    basis: Basis | str,
    authority: str | None,
    article: str | None,
    jurisdictions: Iterable[str],
) -> Reason:
    return Reason(_names(labels), _chosen(Basis, basis, "basis"), authority, article, _names(jurisdictions))


def _names(values: Iterable[str]) -> frozenset[str]:
    """The names in an iterable; a string is one name, not its letters."""
    return frozenset((values,) if isinstance(values, str) else values)


def _chosen(choices: type[Choice], value: Choice | str, field: str) -> Choice:
    try:
        return choices(value)
    except ValueError:
        msg = f"{field} is one of {', '.join(each.value for each in choices)}"
        raise InvalidInputError(msg, field=field) from None
