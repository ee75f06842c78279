"""Replicating: keeps a replica level with the log, over as many connections and for as long as it takes.

Whatever is wrong with what comes, the replica keeps its last good state, an alarm is raised, and the next
connection is made after a while. So a source that lies is as good as one that is away, and known to lie.
"""

from __future__ import annotations

import contextlib
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self, TypeAlias

from hashpact.domain.messages import Followed, FollowRequest
from hashpact.domain.ports import Clock
from hashpact.errors import CommitFailedError, CorruptError, DeadlineError, HashpactError, UnavailableError
from hashpact.member.profile import Profile
from hashpact.mirror.alarms import AWAY, Alarm
from hashpact.mirror.believing import Announced, Ask
from hashpact.mirror.replica import Replica, Taken
from hashpact.wire.client import feeds
from hashpact.wire.client.attempts import Backoff, Pace
from hashpact.wire.client.calls import Call
from hashpact.wire.client.connection import Connection

SILENCE: Final = 30.0
"""Seconds without a message after which a connection is given up: three of the server's signs of life."""
LASTS: Final = 600.0
"""Seconds that one stream may last; a server ends it before."""
CALL: Final = 30.0
"""Seconds that one call beside the stream may take."""
_LOOK: Final = 0.25
"""Seconds between two looks at whether a connection is silent, or is not wanted any more."""
_LOOKS: Final = 8
"""Looks at a silent connection before it is given up, at least."""

Wait: TypeAlias = Callable[[threading.Event, float], object]
"""Waits until the event is set, at most so many seconds."""


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """How a copy stands.

    ``position`` is its number of leaves, ``announced`` the size of the newest checkpoint that was believed.
    ``heard_at`` is when the source last said something that is believed, by the clock, and ``fresh_at`` the
    newest time up to which witnesses vouch for what it has shown, both in Unix seconds; None before, and
    without witnesses.
    ``trouble`` is what is wrong with the source at present, in a line.
    """

    position: int = 0
    announced: int = 0
    heard_at: int | None = None
    fresh_at: int | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How long is waited before the next connection: ``first`` seconds, twice that, up to ``ceiling``.

    ``draw``, from 0 to 1, shortens each wait by up to half. A connection over which nothing has come for
    ``silence`` seconds is given up.
    """

    first: float = 0.1
    ceiling: float = 30.0
    draw: Callable[[], float] = random.random
    silence: float = SILENCE
    wait: Wait = threading.Event.wait

    def delay(self, tries: int) -> float:
        """The seconds to wait after so many connections in a row that brought nothing."""
        full: float = min(self.first * 2.0 ** min(tries, 32), self.ceiling)
        return full * (1 - self.draw() / 2)


def connecting(profile: Profile) -> Callable[[], Connection]:
    """What connects to a profile's clearinghouse, each time with what the profile says of it.

    Nothing is tried again on such a connection: the replicator does, and knows from where.
    """
    once = Pace(time.monotonic, random.random, Backoff(math.inf, math.inf))
    return lambda: Connection(profile.endpoint, once)


@dataclass(slots=True)
class Replicator:
    """Copies a log into a replica until it is stopped; `run` is for a thread of its own.

    ``connect`` makes a connection as `connecting` does. ``on_alarm`` is called with each alarm, and
    ``on_taken`` with the leaves of each commit, as `service.follow.Follower.take` wants them; both in the
    thread of `run`, and they must not raise. ``alarms`` counts alarms by kind.
    """

    replica: Replica
    connect: Callable[[], Connection]
    clock: Clock
    on_alarm: Callable[[Alarm], object]
    on_taken: Callable[[Sequence[Taken]], object]
    reconnect: ReconnectPolicy = field(default_factory=ReconnectPolicy)
    alarms: Counter[str] = field(default_factory=Counter, init=False)
    _status: ReplicaStatus = field(default_factory=ReplicaStatus, init=False)

    def __post_init__(self) -> None:
        """Begin with what the replica has."""
        self._tell(position=self.replica.position)

    @property
    def status(self) -> ReplicaStatus:
        """How the copy stands now. Any thread may ask."""
        return self._status

    def run(self, stop: threading.Event) -> None:
        """Copy until ``stop`` is set, which ends what is under way, too.

        Raises CommitFailedError: what is on the disk is known only after this process has started again.
        """
        tries = 0
        while not stop.is_set():
            before, well = self._status.position, False
            try:
                with _Guarded(self.connect(), stop, self.reconnect.silence) as source:
                    well = self._follow(source)
            except CommitFailedError:
                raise
            except Exception as error:  # noqa: BLE001  # no source may end the copying, by a bug of it either
                if stop.is_set():
                    return
                self._complain(_named(error))
            tries = 0 if well or self._status.position > before else tries + 1
            self.reconnect.wait(stop, self.reconnect.delay(tries))

    def _follow(self, source: _Guarded) -> bool:
        """Take what comes over one connection, until its stream ends; whether anything was announced."""
        target: Announced | None = None
        began = time.monotonic()
        asked = FollowRequest(self.replica.position, with_private=True)
        with contextlib.closing(source.messages(asked)) as messages:
            for message in messages:
                heard = self.clock()
                if message.checkpoint is not None:
                    target = self.replica.announce(message.checkpoint, source.ask)
                    fresh = max(filter(None, (self._status.fresh_at, target.vouched)), default=None)
                    self._tell(announced=target.size, fresh_at=fresh, heard_at=heard)
                    self._copy(messages, target, source.ask)
                    self._tell(trouble=None)
                elif message.leaves:
                    msg = "leaves were sent that no checkpoint announces"
                    raise CorruptError(msg, topic="order")
                elif target is None:
                    self._check_due("checkpoint", began)
                else:
                    self.replica.check_fresh(target)
                    self._tell(heard_at=heard)
        return target is not None

    def _copy(self, messages: Iterator[Followed], target: Announced, ask: Ask) -> None:
        """Take the batches up to a target."""
        start = self.replica.position
        if target.size <= start:
            return
        batches = self._batches(messages, target)
        for copied in self.replica.take_all(batches, target, ask):
            self._tell(position=copied.stop)
            for fault in copied.faults:
                self._alarm(Alarm.of_leaf(fault, self.clock()))
            self.on_taken(copied.leaves)
        if self.replica.position == start:
            msg = "the source announced leaves, and ended the stream without any"
            raise UnavailableError(msg)

    def _batches(self, messages: Iterator[Followed], target: Announced) -> Iterator[Followed]:
        """The batches up to a target, in order; fewer if the stream ends."""
        at, since = self.replica.position, time.monotonic()
        while at < target.size:
            message = next(messages, None)
            if message is None:
                return
            self._tell(heard_at=self.clock())
            if message.checkpoint is not None or (message.leaves and message.start != at):
                msg = f"asked for leaf {at}, the source sent something else"
                raise CorruptError(msg, topic="order", index=str(at))
            if message.leaves:
                yield message
                at, since = message.stop, time.monotonic()
            else:
                self._check_due("leaves", since)
                self.replica.check_fresh(target)

    def _check_due(self, what: str, since: float) -> None:
        """Raise DeadlineError if signs of life have come for too long in place of what is due."""
        if time.monotonic() - since >= self.reconnect.silence:
            msg = f"the source gives signs of life, and no {what} for {self.reconnect.silence:g} s"
            raise DeadlineError(msg)

    def _complain(self, error: HashpactError) -> None:
        alarm = Alarm.of(error, self.clock())
        self._tell(trouble=f"{alarm.kind}: {alarm.message}")
        if alarm.kind != AWAY:
            self._alarm(alarm)

    def _alarm(self, alarm: Alarm) -> None:
        self.alarms[alarm.kind] += 1
        self.on_alarm(alarm)

    def _tell(self, **changes: object) -> None:
        self._status = replace(self._status, **changes)  # type: ignore[arg-type]  # fields of the status


def _named(error: Exception) -> HashpactError:
    """The error; of one that nobody has foreseen only its name, because it may repeat what was sent."""
    return (
        error if isinstance(error, HashpactError) else HashpactError(f"a fault here: {type(error).__name__}")
    )


class _Guarded:
    """A connection that is closed when it is silent for too long, and when ``stop`` is set."""

    def __init__(self, connection: Connection, stop: threading.Event, silence: float) -> None:
        self._connection = connection
        self._stop = stop
        self._silence = silence
        self._reads_since: float | None = None
        self._silent = False
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="hashpact-silence", daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._connection.close()
        self._watcher.join()

    def ask(self, call: Call[Any]) -> Any:  # noqa: ANN401  # of any call
        """The result of a call."""
        return self._connection.run(call, CALL)

    def messages(self, asked: FollowRequest) -> Generator[Followed, None, None]:
        """The messages of one stream. Raises DeadlineError if it is silent for too long."""
        with contextlib.closing(self._connection.stream(feeds.follow(asked), LASTS)) as stream:
            while True:
                self._reads_since = time.monotonic()
                try:
                    message = next(stream, None)
                except HashpactError as error:
                    if self._silent:
                        msg = f"the source has sent nothing for {self._silence:g} s"
                        raise DeadlineError(msg) from error
                    raise
                finally:
                    self._reads_since = None
                if message is None:
                    return
                yield message

    def _watch(self) -> None:
        pause = min(self._silence / _LOOKS, _LOOK)
        while not self._over.wait(pause):
            since = self._reads_since
            self._silent = since is not None and time.monotonic() - since >= self._silence
            if self._silent or self._stop.is_set():
                self._connection.close()
                return
