"""The half of the blocking client that checks."""

from __future__ import annotations

import contextlib
import random
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar, Unpack

from hashpact.clock import unix_time
from hashpact.domain.checks import Answer, Query
from hashpact.domain.ports import Clock, Entropy
from hashpact.errors import HashpactError
from hashpact.fingerprint.source import Content
from hashpact.member.checking.checks import Checks, Fingerprintable
from hashpact.member.checking.circuit import Circuit
from hashpact.member.checking.options import CheckOptions, ContentOptions, OnUnavailable
from hashpact.member.checking.results import CheckResult
from hashpact.member.checking.steps import Local, Steps
from hashpact.member.operations import Operations
from hashpact.member.profile import Profile
from hashpact.wire.client import flow
from hashpact.wire.client.attempts import Pace, checked_timeout
from hashpact.wire.client.calls import Call
from hashpact.wire.client.connection import Connection, checked_channels
from hashpact.wire.client.flow import IN_FLIGHT

TIMEOUT: Final = 10.0
"""Seconds that a call may take, over all its tries."""

CHANNELS: Final = 4
"""Connections of a client. Of two, the kernel gives both to one of two processes half of the time; of four,
each process has some, seven times in eight. What a call costs the client does not depend on their number."""

PACE: Final = Pace(time.monotonic, random.random)
"""The clock and the jitter of retries; jitter only has to differ between clients."""

Result = TypeVar("Result")


class CheckClient:
    """What `Client` is built on: its settings, its connections, and its checks."""

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
        self._connection = Connection(endpoint, replace(PACE, retry_refused=retry_refused), channels)

    @property
    def profile(self) -> Profile:
        """The member's profile, with the log's keys that are known so far."""
        return self._operations.profile

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
        seconds = self.timeout if timeout is None else checked_timeout(timeout)
        return self._connection.flow(asked, in_flight, seconds)

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

    def close(self) -> None:
        """Close the channels."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _through(self, steps: Steps[Result], timeout: float | None = None) -> Result:
        """Run the steps in order and return their outcome. Each call has ``timeout`` seconds."""
        with contextlib.closing(steps):
            try:
                step = next(steps)
                while True:
                    try:
                        result = step.do() if isinstance(step, Local) else self._run(step, timeout)
                    except HashpactError as error:
                        step = steps.throw(error)
                    else:
                        step = steps.send(result)
            except StopIteration as end:
                outcome: Result = end.value
                return outcome

    def _run(self, call: Call[Result], timeout: float | None = None) -> Result:
        return self._connection.run(call, self.timeout if timeout is None else checked_timeout(timeout))


def loaded(profile: Profile | Path | str) -> Profile:
    """The profile, read from its directory if that is given."""
    return profile if isinstance(profile, Profile) else Profile.load(profile)
