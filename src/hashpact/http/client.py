"""The log's side of HTTP: what it posts to a witness or mirror, bounded in bytes and time."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from typing import Final

from hashpact.errors import UnavailableError
from hashpact.http.exchange import GZIP, HttpExchange
from hashpact.service.cosign import Reply

MAX_REPLY: Final = 128 * 1024
"""Bytes of an answer: enough for a mirror's largest ticket in base64."""
TIMEOUT: Final = 5.0
"""Seconds that each step of a request may take: connecting, sending, and each piece of the answer."""
STORING: Final = 60.0
"""Seconds in which a mirror must have stored what one request uploads."""


@dataclass(slots=True)
class WitnessClient:
    """Posts to the witness at ``url``, its submission prefix. It belongs to one thread at a time."""

    url: str
    timeout: float = TIMEOUT
    _exchange: HttpExchange = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Nothing is connected yet."""
        self._exchange = HttpExchange(self.url, self.timeout, 2 * self.timeout)

    def __call__(self, body: bytes) -> Reply:
        """The answer to an add-checkpoint. Raises UnavailableError if none comes, or a too long one."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        return _posted(self._exchange, "add-checkpoint", body, headers)

    def close(self) -> None:
        """Give the connection back; the next request makes a new one."""
        self._exchange.close()


@dataclass(slots=True)
class UploadClient:
    """Posts leaves to the mirror at ``url``, its submission prefix. It belongs to one thread at a time."""

    url: str
    timeout: float = STORING
    _exchange: HttpExchange = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Nothing is connected yet."""
        self._exchange = HttpExchange(self.url, self.timeout, self.timeout)

    def __call__(self, body: bytes) -> Reply:
        """The answer to an add-entries. Raises UnavailableError as `WitnessClient`."""
        headers = {"Content-Type": "application/octet-stream", "Content-Encoding": GZIP}
        return _posted(self._exchange, "add-entries", gzip.compress(body, 1, mtime=0), headers)

    def close(self) -> None:
        """As `WitnessClient.close`."""
        self._exchange.close()


def _posted(exchange: HttpExchange, path: str, body: bytes, headers: dict[str, str]) -> Reply:
    answer = exchange.ask("POST", path, MAX_REPLY, body, headers)
    if len(answer.body) > MAX_REPLY:
        msg = f"{exchange.url} answered with more than {MAX_REPLY} bytes"
        raise UnavailableError(msg)
    return Reply(answer.status, answer.body)
