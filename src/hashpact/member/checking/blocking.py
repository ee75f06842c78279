"""The half of the blocking client that checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Self, TypeVar, Unpack

from hashpact.domain.checks import Answer, Query
from hashpact.errors import HashpactError
from hashpact.fingerprint.source import Content
from hashpact.member.checking.checks import Checks, Fingerprintable
from hashpact.member.checking.either import EitherClient
from hashpact.member.checking.options import CheckOptions, ContentOptions
from hashpact.member.checking.results import CheckResult
from hashpact.member.checking.steps import Local, Steps
from hashpact.wire.client import flow
from hashpact.wire.client.attempts import Pace
from hashpact.wire.client.calls import Call
from hashpact.wire.client.connection import Connection
from hashpact.wire.client.endpoint import Endpoint
from hashpact.wire.client.flow import IN_FLIGHT

Result = TypeVar("Result")


class BlockingChecks(ABC):
    """Checks that block until they are answered."""

    _checks: Checks

    def check(
        self,
        fingerprints: Iterable[Fingerprintable | Query],
        *,
        timeout: float | None = None,
        **options: Unpack[CheckOptions],
    ) -> Answer:
        """The entries near 1 to 64 fingerprints, nearest first. A match is a signal, never a verdict.

        A Query sets a threshold of its own. `CheckOptions` lists the options.
        """
        return self._through(self._checks.check(fingerprints, options), timeout)

    def check_many(
        self,
        fingerprints: Iterable[Fingerprintable | Query],
        *,
        timeout: float | None = None,
        **options: Unpack[CheckOptions],
    ) -> Iterator[Answer]:
        """The answers to any number of fingerprints, each of which is looked for by itself, in their order.

        They are read and sent as their answers are asked for, up to 4096 in a call. ``limit`` is of each, at
        most 64, and ``timeout`` of each call. `check` takes sets (winnow/1, parts/1), which are
        InvalidInputError here.
        """
        for steps in self._checks.many(fingerprints, options):
            yield from self._through(steps, timeout)

    def check_file(
        self, content: Content, *, timeout: float | None = None, **options: Unpack[ContentOptions]
    ) -> CheckResult:
        """The entries that a file may be a copy of. Its fingerprints are made here and sent, never the file.

        ``content`` is a path, or a file that is open in binary mode. All views of a picture are looked for.
        `ContentOptions` lists the options. Raises what `hashpact.fingerprints_of` raises.
        """
        return self._through(self._checks.file(content, options), timeout)

    def check_bytes(
        self,
        data: bytes | bytearray | memoryview,
        *,
        timeout: float | None = None,
        **options: Unpack[ContentOptions],
    ) -> CheckResult:
        """The entries that the content of a file may be a copy of, as `check_file`."""
        return self._through(self._checks.bytes(data, options), timeout)

    def check_text(
        self, text: str, *, timeout: float | None = None, **options: Unpack[ContentOptions]
    ) -> CheckResult:
        """The entries that a text may be a copy of, as `check_file` of a file of its UTF-8 bytes."""
        return self._through(self._checks.text(text, options), timeout)

    def check_files(
        self, contents: Iterable[Content], *, timeout: float | None = None, **options: Unpack[ContentOptions]
    ) -> Iterator[CheckResult]:
        """The results of any number of files, in their order: of each what `check_file` returns.

        Up to 64 are read before a call is made, which has the fingerprints of all of them; ``timeout`` is of
        each call. Content that cannot be read has a result, too: it is not ``checked``, and its ``error`` is
        what `check_file` raises.
        """
        for steps in self._checks.files(contents, options):
            yield from self._through(steps, timeout)

    def _through(self, steps: Steps[Result], timeout: float | None = None) -> Result:
        """Run the steps in order and return their outcome. Each has ``timeout`` seconds."""
        try:
            seconds = self._seconds(timeout)  # a wrong one is an error before any step
            step = next(steps)
            while True:
                try:
                    result = self._perform(step, seconds)
                except HashpactError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            outcome: Result = end.value
            return outcome
        finally:
            steps.close()

    @abstractmethod
    def _seconds(self, timeout: float | None) -> float:
        """The seconds that a step has. Raises InvalidInputError for a wrong ``timeout``."""

    @abstractmethod
    def _perform(self, step: Call[Any] | Local[Any], seconds: float) -> object:
        """The result of one step."""


class CheckClient(EitherClient[Connection], BlockingChecks):
    """What `Client` is built on: its connections, and its checks."""

    @staticmethod
    def _connect(endpoint: Endpoint, pace: Pace, channels: int) -> Connection:
        """As `EitherClient` has it."""
        return Connection(endpoint, pace, channels)

    def check_stream(
        self,
        uploads: Iterable[Iterable[Fingerprintable | Query]],
        *,
        in_flight: int = IN_FLIGHT,
        timeout: float | None = None,
        **options: Unpack[CheckOptions],
    ) -> Iterator[Answer | HashpactError]:
        """The answer to each of a flow of uploads, in their order: as `check`, at a fraction of its cost.

        Another thread reads ``uploads``, each of which is what `check` takes; at most ``in_flight`` wait for
        their answers. An upload that cannot be checked has its InvalidInputError in place of an answer, and
        the others go on. When a connection is lost, what has no answer is asked for again; ``timeout`` is how
        long answers may stay away, and raises whatever ``on_unavailable`` is. Close the iterator to leave
        early.
        """
        asked = (flow.asked(partial(self._checks.call, upload, options)) for upload in uploads)
        return self._connection.flow(asked, in_flight, self._seconds(timeout))

    def close(self) -> None:
        """Close the channels."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _perform(self, step: Call[Any] | Local[Any], seconds: float) -> object:
        return step.do() if isinstance(step, Local) else self._connection.run(step, seconds)

    def _run(self, call: Call[Result], timeout: float | None = None) -> Result:
        return self._connection.run(call, self._seconds(timeout))
