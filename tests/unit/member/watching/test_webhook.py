"""The webhook against a receiver that runs: signed as published, tried again, and never in the way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from hashpact.errors import InvalidInputError
from hashpact.member.watching.webhook import MAX_WAITING, Webhook, checked_url, secret_of, signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # of the vector below
NOW = 1_614_265_330
NONSENSE = 999
"""Stands for an answer that is not HTTP."""
WRONG_PLACE = 303
"""Redirects to what is no address."""


def test_the_published_vector() -> None:
    """The example of Standard Webhooks' own libraries."""
    body = b'{"test": 2432232314}'
    signed = signature(secret_of(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", NOW, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


class Receiver(HTTPServer):
    """Takes events, after refusing some of the first with these statuses."""

    def __init__(self, statuses: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = statuses
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.asked = 0
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    """One request to the receiver."""

    server: Receiver

    def do_POST(self) -> None:  # http.server's name
        """Take an event, or refuse it."""
        self.server.asked += 1
        self.server.paths.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        if status < 300:
            self.server.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
        if status == NONSENSE:
            self.wfile.write(b"nonsense\r\n\r\n")
            return
        self.send_response(status)
        if status // 100 == 3:
            elsewhere = "http://[" if status == WRONG_PLACE else f"{self.server.url}/elsewhere"
            self.send_header("Location", elsewhere)
        self.end_headers()

    def do_GET(self) -> None:  # http.server's name
        """What a redirection would come to."""
        self.server.paths.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing to stderr."""


@pytest.fixture
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    server = Receiver(getattr(request, "param", []))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def hook(url: str, failed: list[str], pauses: tuple[float, ...] = (0.01, 0.01)) -> Webhook:
    return Webhook(url, secret_of(SECRET), lambda: NOW, failed.append, pauses)


def test_an_event_is_signed_and_has_an_id(receiver: Receiver) -> None:
    failed: list[str] = []
    posting = hook(receiver.url, failed)
    posting.post({"type": "notice.new", "notice": 7})
    posting.flush()
    assert posting.all_taken
    posting.close()
    ((headers, body),) = receiver.taken
    assert json.loads(body) == {"type": "notice.new", "notice": 7}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = hmac.new(secret_of(SECRET), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(wanted).decode()}"
    assert failed == []


@pytest.mark.parametrize(
    "receiver", [[500, 503], [NONSENSE, NONSENSE], [301, 302], [307, 308]], indirect=True
)
def test_an_event_is_tried_again_under_the_same_id(receiver: Receiver) -> None:
    failed: list[str] = []
    posting = hook(receiver.url, failed)
    posting.post({"notice": 7})
    posting.flush()
    posting.close()
    assert (receiver.asked, len(receiver.taken), failed) == (3, 1, [])
    assert receiver.paths == ["/hook"] * 3  # a redirection is not followed


@pytest.mark.parametrize("receiver", [[500] * 9], indirect=True)
def test_an_event_that_is_not_taken_is_given_up_and_the_next_goes_on(receiver: Receiver) -> None:
    failed: list[str] = []
    posting = hook(receiver.url, failed)
    posting.post({"notice": 7})
    posting.flush()
    assert (receiver.asked, len(failed), posting.given_up, posting.all_taken) == (3, 1, 1, False)
    receiver.statuses.clear()
    posting.post({"notice": 8})
    posting.flush()
    posting.close()
    assert len(receiver.taken) == 1


def test_a_receiver_that_is_not_there_holds_nothing_up() -> None:
    failed: list[str] = []
    posting = hook("http://127.0.0.1:9/hook", failed, (3600.0,))
    for number in range(MAX_WAITING + 10):
        posting.post({"notice": number})
    assert posting.dropped >= 8  # one is being tried, and one may be taken meanwhile
    assert not posting.all_taken
    posting.close()


def test_who_waits_for_a_receiver_that_is_not_there_waits_no_longer_than_it_wants() -> None:
    failed: list[str] = []
    posting = hook("http://127.0.0.1:9/hook", failed, (3600.0,))
    for number in range(3):
        posting.post({"notice": number})
    posting.flush(0.01)
    assert posting.waiting == 3
    posting.close()


@pytest.mark.parametrize("receiver", [[WRONG_PLACE] * 3], indirect=True)
def test_a_redirection_to_what_is_no_address_stops_nothing(receiver: Receiver) -> None:
    failed: list[str] = []
    posting = hook(receiver.url, failed)
    for number in range(2):
        posting.post({"notice": number})
    posting.flush(60)
    assert (posting.waiting, len(failed), len(receiver.taken)) == (0, 1, 1)
    posting.close()


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://a.example/", "http://a.example/", "https://", "a.example", "", "https://[", "https://a:b/"),
        *(
            "https://a.example:99999/",
            f"https://{'a' * 64}.example/",
            "https://a.example/\u00e9",
            "https://a/ b",
        ),
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(InvalidInputError, match="https:// address"):
        checked_url(url)


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!"]
)
def test_a_secret_that_is_none(text: str) -> None:
    with pytest.raises(InvalidInputError, match="whsec_"):
        secret_of(text)
