"""The half of the awaiting client that checks: each method of `blocking.CheckClient` is a method here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from functools import partial
from typing import Self, TypeVar, Unpack

from hashpact.domain.checks import Answer, Query
from hashpact.errors import HashpactError
from hashpact.fingerprint.source import Content
from hashpact.member.checking.checks import Fingerprintable
from hashpact.member.checking.either import EitherClient
from hashpact.member.checking.options import CheckOptions, ContentOptions
from hashpact.member.checking.results import CheckResult
from hashpact.member.checking.steps import Local, Steps
from hashpact.wire.client import flow
from hashpact.wire.client.attempts import Pace
from hashpact.wire.client.calls import Call
from hashpact.wire.client.connection import AsyncConnection
from hashpact.wire.client.endpoint import Endpoint
from hashpact.wire.client.flow import IN_FLIGHT
from hashpact.wire.client.flowing import Upload

Result = TypeVar("Result")


class AsyncCheckClient(EitherClient[AsyncConnection]):
    """What `AsyncClient` is built on: its connections, and its checks."""

    @staticmethod
    def _connect(endpoint: Endpoint, pace: Pace, channels: int) -> AsyncConnection:
        """As `EitherClient` has it."""
        return AsyncConnection(endpoint, pace, channels)

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

        seconds = self._seconds(timeout)
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
            seconds = self._seconds(timeout)
            try:
                step = next(steps)
                while True:
                    try:
                        if isinstance(step, Local):
                            result = await asyncio.to_thread(step.do)
                        else:
                            result = await self._connection.run(step, seconds)
                    except HashpactError as error:
                        step = steps.throw(error)
                    else:
                        step = steps.send(result)
            except StopIteration as end:
                outcome: Result = end.value
                return outcome

    async def _run(self, call: Call[Result], timeout: float | None = None) -> Result:  # noqa: ASYNC109  # as above
        return await self._connection.run(call, self._seconds(timeout))


async def _each(items: AsyncIterable[Result] | Iterable[Result]) -> AsyncIterator[Result]:
    """The items of an iterable of either kind."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
