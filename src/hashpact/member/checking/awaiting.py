"""The half of the awaiting client that checks: each method of `blocking.CheckClient` is a method here."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self, TypeVar, Unpack

from hashpact.clock import unix_time
from hashpact.domain.checks import Answer, Query
from hashpact.domain.ports import Clock, Entropy
from hashpact.errors import HashpactError
from hashpact.fingerprint.source import Content
from hashpact.member.checking.blocking import CHANNELS, PACE, TIMEOUT, loaded
from hashpact.member.checking.checks import Checks, Fingerprintable
from hashpact.member.checking.circuit import Circuit
from hashpact.member.checking.options import CheckOptions, ContentOptions, OnUnavailable
from hashpact.member.checking.results import CheckResult
from hashpact.member.checking.steps import Local, Steps
from hashpact.member.operations import Operations
from hashpact.member.profile import Profile
from hashpact.wire.client import flow
from hashpact.wire.client.attempts import checked_timeout
from hashpact.wire.client.calls import Call
from hashpact.wire.client.connection import AsyncConnection, checked_channels
from hashpact.wire.client.flow import IN_FLIGHT
from hashpact.wire.client.flowing import Upload

Result = TypeVar("Result")


class AsyncCheckClient:
    """What `AsyncClient` is built on: its settings, its connections, and its checks."""

    def __init__(  # noqa: PLR0913  # the settings of a client
        self,
        profile: Profile | Path | str,
        *,
        timeout: float = TIMEOUT,
        on_unavailable: OnUnavailable | str = OnUnavailable.CLOSED,
        channels: int = CHANNELS,
        proxy: bool = True,
        retry_refused: bool = True,
        clock: Clock = unix_time,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self.timeout = checked_timeout(timeout)
        self._operations = Operations(loaded(profile), clock, entropy)
        self.author = self._operations.author
        self.circuit = Circuit(PACE.timer, PACE.draw, checked_channels(channels))
        self._checks = Checks(self.profile.genesis, self.circuit, on_unavailable)
        endpoint = replace(self.profile.endpoint, proxy=proxy)
        self._connection = AsyncConnection(endpoint, replace(PACE, retry_refused=retry_refused), channels)

    @property
    def profile(self) -> Profile:
        """The member's profile, with the log's keys that are known so far."""
        return self._operations.profile

    async def check(
        self,
        fingerprints: Iterable[Fingerprintable | Query],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # it is over all tries
        **options: Unpack[CheckOptions],
    ) -> Answer:
        """The entries near 1 to 64 fingerprints, nearest first, as `Client.check`."""
        return await self._through(self._checks.check(fingerprints, options), timeout)

    async def check_many(
        self,
        fingerprints: Iterable[Fingerprintable | Query],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
        **options: Unpack[CheckOptions],
    ) -> AsyncIterator[Answer]:
        """The answers to any number of fingerprints, in their order, as `Client.check_many`."""
        for steps in self._checks.many(fingerprints, options):
            for one in await self._through(steps, timeout):
                yield one

    async def check_stream(
        self,
        uploads: AsyncIterable[Iterable[Fingerprintable | Query]]
        | Iterable[Iterable[Fingerprintable | Query]],
        *,
        in_flight: int = IN_FLIGHT,
        timeout: float | None = None,  # noqa: ASYNC109  # it is for each upload
        **options: Unpack[CheckOptions],
    ) -> AsyncIterator[Answer | HashpactError]:
        """The answer to each of a flow of uploads, in their order, as `Client.check_stream`.

        A task reads ``uploads``, which may be asynchronous.
        """

        async def asked() -> AsyncIterator[Upload]:
            async for upload in _each(uploads):
                yield flow.asked(partial(self._checks.call, upload, options))

        seconds = self.timeout if timeout is None else checked_timeout(timeout)
        async with contextlib.aclosing(self._connection.flow(asked(), in_flight, seconds)) as found:
            async for outcome in found:
                yield outcome

    async def check_file(
        self,
        content: Content,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
        **options: Unpack[ContentOptions],
    ) -> CheckResult:
        """The entries that a file may be a copy of, as `Client.check_file`."""
        return await self._through(self._checks.file(content, options), timeout)

    async def check_bytes(
        self,
        data: bytes | bytearray | memoryview,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
        **options: Unpack[ContentOptions],
    ) -> CheckResult:
        """The entries that the content of a file may be a copy of, as `Client.check_bytes`."""
        return await self._through(self._checks.bytes(data, options), timeout)

    async def check_text(
        self,
        text: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
        **options: Unpack[ContentOptions],
    ) -> CheckResult:
        """The entries that a text may be a copy of, as `Client.check_text`."""
        return await self._through(self._checks.text(text, options), timeout)

    async def check_files(
        self,
        contents: Iterable[Content],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
        **options: Unpack[ContentOptions],
    ) -> AsyncIterator[CheckResult]:
        """The results of any number of files, in their order, as `Client.check_files`."""
        for steps in self._checks.files(contents, options):
            for one in await self._through(steps, timeout):
                yield one

    async def close(self) -> None:
        """Close the channels."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _through(self, steps: Steps[Result], timeout: float | None = None) -> Result:  # noqa: ASYNC109  # as above
        """As that of `Client`."""
        with contextlib.closing(steps):
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
