"""What the blocking and the awaiting client have in common: their settings, and what is made of them."""

from __future__ import annotations

import random
import secrets
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Final, Generic, TypeVar

from hashpact.clock import unix_time
from hashpact.domain.ports import Clock, Entropy
from hashpact.member.checking.attesting import Attesting
from hashpact.member.checking.checks import Checks
from hashpact.member.checking.circuit import Circuit
from hashpact.member.checking.options import OnUnavailable
from hashpact.member.operations import Operations
from hashpact.member.profile import Profile
from hashpact.wire.client.attempts import Pace, checked_timeout
from hashpact.wire.client.connection import checked_channels
from hashpact.wire.client.endpoint import Endpoint

TIMEOUT: Final = 10.0
"""Seconds that a call may take, over all its tries."""

CHANNELS: Final = 4
"""Connections of a client. Of two, the kernel gives both to one of two processes half of the time; of four,
each process has some, seven times in eight. What a call costs the client does not depend on their number."""

PACE: Final = Pace(time.monotonic, random.random)
"""The clock and the jitter of retries; jitter only has to differ between clients."""

Link = TypeVar("Link")


class EitherClient(ABC, Generic[Link]):
    """Either client, which makes its calls through a ``Link``."""

    def __init__(  # noqa: PLR0913  # the settings of a client
        self,
        profile: Profile | Path | str,
        *,
        timeout: float = TIMEOUT,
        on_unavailable: OnUnavailable | str = OnUnavailable.CLOSED,
        channels: int = CHANNELS,
        proxy: bool = True,
        retry_refused: bool = True,
        lists: bool = True,
        clock: Clock = unix_time,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self.timeout = checked_timeout(timeout)
        read = profile if isinstance(profile, Profile) else Profile.load(profile)
        self._operations = Operations(read, clock, entropy)
        self.author = self._operations.author
        self.circuit = Circuit(PACE.timer, PACE.draw, checked_channels(channels))
        operations = self._operations
        attesting = Attesting(
            operations.believed, lambda: operations.profile.log, operations.memory.newest, clock, entropy
        )
        self._checks = Checks(
            read.genesis,
            self.circuit.asking,
            on_unavailable,
            operations.reached,
            attesting,
            lists=read.lists if lists else None,
            mirror=read.endpoint.is_mirror,
            own=read.own,
        )
        endpoint = replace(read.endpoint, proxy=proxy)
        self._connection = self._connect(endpoint, replace(PACE, retry_refused=retry_refused), channels)

    @property
    def profile(self) -> Profile:
        """The member's profile, with the log's keys that are known so far."""
        return self._operations.profile

    @staticmethod
    @abstractmethod
    def _connect(endpoint: Endpoint, pace: Pace, channels: int) -> Link:
        """The connections of a client, which are opened when they are needed."""

    def _seconds(self, timeout: float | None) -> float:
        """The timeout of a call: the client's, if the caller gave none. Raises InvalidInputError."""
        return self.timeout if timeout is None else checked_timeout(timeout)
