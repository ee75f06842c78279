"""A published log at a URL: the files of C2SP tlog-tiles, read from a web server that need not be honest.

Each request asks for one file. Its answer has a limit in bytes, unpacked as well, and in time; no redirection
is followed and no credential is sent. Nothing that arrives is believed here: an audit derives it again.
Files that are expected are asked for ahead, on a few connections, so that a distant server costs little time.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from hashpact.errors import CorruptError, UnavailableError
from hashpact.http.exchange import HttpAnswer, HttpExchange

PAUSES: Final = (0.5, 2.0, 8.0)
"""Seconds before a file is asked for again after no answer, or one that says to come later."""
CONNECTIONS: Final = 4
"""So many files are asked for at the same time, ahead of the one that is read."""
EXPECTED: Final = 16
"""So many files may be asked for and not be read yet."""

_OK: Final = 200
_REDIRECTIONS: Final = range(300, 400)
_MISSING: Final = frozenset({404, 410})
_LATER: Final = frozenset({408, 429, 500, 502, 503, 504})
_NOBODY: Final = (ConnectionRefusedError, socket.gaierror)
"""What an address is answered with at which there is no server."""
_ACCEPTED: Final = {"Accept-Encoding": "gzip, identity"}


class HttpFiles:
    """The files below a URL, for one thread at a time.

    ``timeout`` is in seconds, for each step; ``whole`` for a whole file; ``pauses`` are those before further
    tries. An address at which there is no server is tried again only if there has been one.
    """

    def __init__(
        self, url: str, *, timeout: float = 10.0, whole: float = 120.0, pauses: Sequence[float] = PAUSES
    ) -> None:
        self._url = url.rstrip("/")
        self._limits = (timeout, whole)
        self._pauses = pauses
        self._over = threading.Event()
        self._reached = False
        self._ahead = ThreadPoolExecutor(CONNECTIONS, "fetching")
        self._expected: dict[str, Future[bytes | None]] = {}
        self._exchanges: dict[int, HttpExchange] = {}
        """A connection for each thread, by the number of the thread."""

    def expect(self, path: str, limit: int) -> None:
        """Ask for a file before it is read. The oldest that nobody has read makes room for it."""
        if path not in self._expected:
            while len(self._expected) >= EXPECTED:
                self._expected.pop(next(iter(self._expected))).cancel()
            self._expected[path] = self._ahead.submit(self._fetched, path, limit)

    def read(self, path: str, limit: int) -> bytes | None:
        """The bytes of a file of at most ``limit`` bytes, None if the server says that there is none.

        Raises CorruptError for a larger one, UnavailableError for every other answer, and if none comes.
        """
        expected = self._expected.pop(path, None)
        return self._fetched(path, limit) if expected is None else expected.result()

    def close(self) -> None:
        """Ask for nothing more, end what is under way, and give the connections back."""
        self._over.set()
        for expected in self._expected.values():
            expected.cancel()
        for exchange in list(self._exchanges.values()):
            exchange.abort()
        self._ahead.shutdown()
        for exchange in self._exchanges.values():
            exchange.close()

    def __str__(self) -> str:
        return self._url

    def _fetched(self, path: str, limit: int) -> bytes | None:
        answer = self._answer(path, limit)
        where = f"{self._url}/{path}"
        if answer.status in _REDIRECTIONS:
            aim = answer.location[:200]
            msg = f"{where} redirects to {aim!r}, which is not followed; if you trust that, name it instead"
            raise UnavailableError(msg)
        if answer.status in _MISSING:
            return None
        if answer.status != _OK:
            msg = f"{where} is answered with status {answer.status}"
            raise UnavailableError(msg)
        if len(answer.body) > limit:
            msg = f"{where} has more than {limit} bytes; it cannot be the right file"
            raise CorruptError(msg)
        return answer.body

    def _answer(self, path: str, limit: int) -> HttpAnswer:
        """The answer, after further tries if the server cannot give one now."""
        exchange = self._exchanges.setdefault(threading.get_ident(), HttpExchange(self._url, *self._limits))
        for pause in self._pauses:
            try:
                answer = exchange.ask("GET", path, limit, headers=_ACCEPTED)
            except UnavailableError as error:
                if isinstance(error.__cause__, TimeoutError):
                    raise  # it has had its time
                if not self._reached and isinstance(error.__cause__, _NOBODY):
                    raise
            else:
                self._reached = True
                if answer.status not in _LATER:
                    return answer
            if self._over.wait(pause):
                break
        return exchange.ask("GET", path, limit, headers=_ACCEPTED)
