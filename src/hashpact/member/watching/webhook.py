"""A webhook: events posted to an address of the member's own, signed as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks (version 1.0.0): the headers ``webhook-id``,
``webhook-timestamp`` and ``webhook-signature``, a symmetric signature ``v1`` of all three parts. An event is
tried again with growing pauses. What posts it never holds up what watches: a thread has a bounded queue, and
an event for which there is no room is dropped, and counted.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import http.client
import json
import queue
import re
import secrets
import threading
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from hashpact.domain.ports import Clock
from hashpact.errors import InvalidInputError

PREFIX: Final = "whsec_"
"""What a secret begins with; its base64 follows."""
MAX_WAITING: Final = 1000
"""Events that wait to be posted."""
PAUSES: Final = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds between two tries of one event; then it is given up."""
TIMEOUT: Final = 10.0
"""Seconds that the receiver may take."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SPELT: Final = re.compile("[!-~]+", re.ASCII)
_LEAST: Final = 24
"""Bytes that a secret has at least."""


def secret_of(text: str) -> bytes:
    """The bytes of a secret as it is spelled, ``whsec_`` and base64. Raises InvalidInputError."""
    try:
        secret = base64.b64decode(text.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error:
        secret = b""
    if not text.strip().startswith(PREFIX) or len(secret) < _LEAST:
        msg = f"a webhook's secret is {PREFIX} and the base64 of at least {_LEAST} bytes"
        raise InvalidInputError(msg, field="secret")
    return secret


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``."""
    signed = b"%b.%d.%b" % (message_id.encode("ascii"), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode("ascii")


def checked_url(url: str) -> str:
    """A webhook's address: https, or plain HTTP on this machine. Raises InvalidInputError."""
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme, parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:  # no port, no name, no address of IPv6
        scheme, host = "", ""
    plain = scheme == "http" and host in _LOOPBACK
    if not _SPELT.fullmatch(url) or not host or (scheme != "https" and not plain):
        msg = "a webhook is an https:// address in ASCII, or http:// on this machine"
        raise InvalidInputError(msg, field="webhook")
    return url


class _Here(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: an event goes to the address that the member has named, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        """Leave it an error."""


_OPENER: Final = urllib.request.build_opener(_Here)


@dataclass(slots=True)
class Webhook:
    """Posts events to ``url``, one after the other, in a thread of its own. Close it to give it up.

    ``failed`` is called with each event that was given up, by its id. ``pauses`` are as `PAUSES`. ``dropped``
    counts the events for which there was no room, ``given_up`` those that were not taken at any try.
    """

    url: str
    secret: bytes
    clock: Clock
    failed: Callable[[str], object]
    pauses: tuple[float, ...] = PAUSES
    dropped: int = field(default=0, init=False)
    given_up: int = field(default=0, init=False)
    _events: queue.Queue[tuple[str, bytes] | None] = field(
        default_factory=lambda: queue.Queue(MAX_WAITING), init=False, repr=False
    )
    _closed: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _thread: threading.Thread = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Start the thread."""
        checked_url(self.url)
        self._thread = threading.Thread(target=self._run, name="hashpact-webhook", daemon=True)
        self._thread.start()

    def post(self, event: Mapping[str, object], name: str | None = None) -> None:
        """Have an event posted; it is dropped if too many wait.

        An event with a ``name`` has the same id whenever it is posted, so that a receiver knows it again.
        """
        body = json.dumps(event, sort_keys=True, separators=(",", ":")).encode("ascii")
        given = secrets.token_hex(12) if name is None else hashlib.sha256(name.encode()).hexdigest()[:24]
        try:
            self._events.put_nowait((f"msg_{given}", body))
        except queue.Full:
            self.dropped += 1

    @property
    def room(self) -> bool:
        """Whether another event can wait."""
        return not self._events.full()

    @property
    def waiting(self) -> int:
        """How many events were neither received nor given up so far."""
        return self._events.unfinished_tasks

    @property
    def all_taken(self) -> bool:
        """Whether the receiver has taken every event that was posted so far."""
        return not (self.waiting or self.dropped or self.given_up)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until what was posted so far is received, or given up; at most ``timeout`` seconds."""
        with self._events.all_tasks_done:
            self._events.all_tasks_done.wait_for(lambda: not self.waiting, timeout)

    def close(self) -> None:
        """Post no more. What is under way is ended."""
        self._closed.set()
        with contextlib.suppress(queue.Full):
            self._events.put_nowait(None)
        self._thread.join(2 * TIMEOUT)

    def _run(self) -> None:
        while not self._closed.is_set():
            event = self._events.get()
            try:
                if event is not None and not self._delivered(*event):
                    self.given_up += 1
                    self.failed(event[0])
            finally:
                self._events.task_done()

    def _delivered(self, message_id: str, body: bytes) -> bool:
        """Whether the receiver has taken an event, at one of the tries."""
        for pause in (*self.pauses, None):
            # ValueError: a redirection to what is no address, which urllib reads though nobody follows it.
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                self._send(message_id, body)
                return True
            if pause is None or self._closed.wait(pause):
                return False
        return False

    def _send(self, message_id: str, body: bytes) -> None:
        """Send an event once. Raises OSError, HTTPException or ValueError if it is not taken."""
        now = self.clock()
        request = urllib.request.Request(  # noqa: S310  # its scheme was checked
            self.url,
            body,
            {
                "Content-Type": "application/json",
                "webhook-id": message_id,
                "webhook-timestamp": str(now),
                "webhook-signature": signature(self.secret, message_id, now, body),
            },
        )
        with _OPENER.open(request, timeout=TIMEOUT):
            pass
