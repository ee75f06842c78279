"""The log's side of HTTP: one request to one witness, bounded in bytes and time."""

from __future__ import annotations

import http.client
import ssl
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from hashpact.errors import UnavailableError
from hashpact.service.cosign import Reply

MAX_REPLY: Final = 64 * 1024
TIMEOUT: Final = 5.0
"""Seconds that each step of a request may take: connecting, sending, and each piece of the answer."""


@dataclass(slots=True)
class WitnessClient:
    """Posts to the witness at ``url``, its submission prefix. It belongs to one thread at a time."""

    url: str
    timeout: float = TIMEOUT
    _connection: http.client.HTTPConnection | None = field(default=None, init=False, repr=False)

    def __call__(self, body: bytes) -> Reply:
        """The answer. Raises UnavailableError if none comes, or more than 64 KiB."""
        # The witness may have closed a connection that waited; asking once more is safe.
        kept = self._connection is not None
        while True:
            try:
                return self._post(body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not kept:
                    msg = f"{self.url}: {error!r}"
                    raise UnavailableError(msg) from error
                kept = False

    def close(self) -> None:
        """Give the connection back; the next request makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, body: bytes) -> Reply:
        parts = urlsplit(self.url)
        end = time.monotonic() + 2 * self.timeout
        if self._connection is None:
            self._connection = _connection(parts, self.timeout)
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        self._connection.request("POST", f"{parts.path.rstrip('/')}/add-checkpoint", body, headers)
        response = self._connection.getresponse()
        data = b""
        while chunk := response.read1(MAX_REPLY):
            data += chunk
            if len(data) > MAX_REPLY or time.monotonic() > end:
                self.close()
                msg = f"{self.url} answered with more than {MAX_REPLY} bytes, or too slowly"
                raise UnavailableError(msg)
        response.close()  # without this the connection would not take another request
        return Reply(response.status, data)


def _connection(parts: SplitResult, timeout: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=timeout)
