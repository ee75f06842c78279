"""Streams: calls that last, each looked at again and again while it does."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from hashpact.domain.state import Member
from hashpact.errors import HashpactError, NotPermittedError, OverloadedError
from hashpact.wire.server.core.incoming import IncomingCall

Peer: TypeAlias = Mapping[str, Iterable[bytes]]


class Watched(Protocol):
    """A call that lasts."""

    @property
    def call(self) -> IncomingCall:
        """The call itself."""

    @property
    def method(self) -> str:
        """The method's path."""

    @property
    def caller(self) -> Member:
        """The member, as it was when the call began."""

    def unread(self) -> float:
        """The seconds for which the caller has not taken a message that is offered to it."""

    def end(self, error: HashpactError) -> None:
        """End with that error; or without it, if asked again."""


@dataclass(eq=False, slots=True)
class Stream:
    """A stream of messages to a caller; ``timer`` counts seconds, from any moment."""

    call: IncomingCall
    method: str
    caller: Member
    timer: Callable[[], float]
    ending: HashpactError | None = field(default=None, init=False)
    _source: Iterable[Any] = field(default=(), init=False)
    _since: float | None = field(default=None, init=False)

    def send(self, source: Iterable[Any], begin: Callable[[Any], Callable[[], None]]) -> None:
        """Send the messages of ``source``. ``begin`` begins with one, and returns what waits for its end.

        Raises the error that the stream was ended with, before the next message.
        """
        self._source = source
        for message in source:
            self._go_on()
            taken = begin(message)
            self._since = self.timer()
            taken()
            self._since = None
        self._go_on()

    def unread(self) -> float:
        """The seconds for which the caller has not taken a message that is offered to it."""
        since = self._since
        return 0 if since is None else self.timer() - since

    def end(self, error: HashpactError) -> None:
        """End with that error before the next message; or without it, if asked again, wherever it waits."""
        if self.ending is not None:
            self.call.cancel()
        self.ending = error
        # A generator is at work in its own thread; what else can be closed waits for news to send.
        if not isinstance(self._source, Generator):
            close: Callable[[], object] = getattr(self._source, "close", lambda: None)
            close()

    def _go_on(self) -> None:
        if self.ending is not None:
            raise self.ending


class StreamWatch:
    """Ends streams whose caller is no longer a member, has other roles, or does not read on.

    ``admit`` returns the member that calls, or raises; it is asked every ``recheck`` seconds. A stream that
    is not read for ``unread`` seconds ends.
    """

    def __init__(self, admit: Callable[[Peer, str], Member], *, recheck: float, unread: float) -> None:
        self._admit = admit
        self._pause = min(recheck, unread)
        self._unread = unread
        self._streams: set[Watched] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def over(self, stream: Watched) -> Iterator[None]:
        """Look after a stream for the length of the block."""
        with self._changed:
            self._streams.add(stream)
            self._changed.notify()
        self.retry()
        try:
            yield
        finally:
            with self._changed:
                self._streams.discard(stream)

    def retry(self) -> None:
        """Begin to look after streams, if there are any. The system may have had no thread to give before."""
        with self._changed:
            if self._streams and self._thread is None and not self._closed:
                thread = threading.Thread(target=self._run, name="hashpact-streams", daemon=True)
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread

    def close(self) -> None:
        """Look after none any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._streams or self._closed)
                self._changed.wait_for(lambda: self._closed, self._pause)
                if self._closed:
                    return
                streams = list(self._streams)
            for stream in streams:
                error = self._fault(stream)
                if error is not None:
                    stream.end(error)

    def _fault(self, stream: Watched) -> HashpactError | None:
        """Why a stream has to end, if it has."""
        try:
            roles = self._admit(stream.call.peer, stream.method).roles
        except HashpactError as error:
            return error
        except Exception:  # noqa: BLE001  # a caller that cannot be looked up is not let go on, nor are others
            return HashpactError("the server could not look up the caller")
        if roles != stream.caller.roles:
            return NotPermittedError("the member's roles have changed; call again")
        if stream.unread() >= self._unread:
            msg = f"the stream was not read for {self._unread:g} s; ask for the rest again"
            return OverloadedError(msg)
        return None
