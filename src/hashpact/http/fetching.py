"""A published log at a URL: the files of C2SP tlog-tiles, read from a web server that need not be honest.

Each request asks for one file. Its answer has a limit in bytes, unpacked as well, and in time; no redirection
is followed and no credential is sent. Nothing that arrives is believed here: an audit derives it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from hashpact.errors import CorruptError, UnavailableError
from hashpact.http.exchange import HttpAnswer, HttpExchange

PAUSES: Final = (0.5, 2.0, 8.0)
"""Seconds before a file is asked for again after no answer, or one that says to come later."""

_OK: Final = 200
_REDIRECTIONS: Final = range(300, 400)
_MISSING: Final = frozenset({404, 410})
_LATER: Final = frozenset({408, 429, 500, 502, 503, 504})
_ACCEPTED: Final = {"Accept-Encoding": "gzip, identity"}


class HttpFiles:
    """The files below a URL. It belongs to one thread at a time.

    ``timeout`` is in seconds, for each step; ``whole`` for a whole file. ``sleep`` waits before another try,
    as long as ``pauses`` say.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 10.0,
        whole: float = 120.0,
        pauses: Sequence[float] = PAUSES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._exchange = HttpExchange(url.rstrip("/"), timeout, whole)
        self._pauses = pauses
        self._sleep = sleep

    def read(self, path: str, limit: int) -> bytes | None:
        """The bytes of a file of at most ``limit`` bytes, None if the server says that there is none.

        Raises CorruptError for a larger one, UnavailableError for every other answer, and if none comes.
        """
        answer = self._answer(path, limit)
        where = f"{self}/{path}"
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

    def close(self) -> None:
        """Give the connection back."""
        self._exchange.close()

    def __str__(self) -> str:
        return self._exchange.url

    def _answer(self, path: str, limit: int) -> HttpAnswer:
        """The answer, after further tries if the server cannot give one now."""
        for pause in self._pauses:
            try:
                answer = self._exchange.ask("GET", path, limit, headers=_ACCEPTED)
            except UnavailableError as error:
                if isinstance(error.__cause__, TimeoutError):
                    raise  # it has had its time
            else:
                if answer.status not in _LATER:
                    return answer
            self._sleep(pause)
        return self._exchange.ask("GET", path, limit, headers=_ACCEPTED)
