"""The status of every error, what is drawn and what is bounded, apart from any route."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hashpact import errors
from hashpact.domain.fingerprints import SHA256
from hashpact.errors import HashpactError, InvalidInputError, OverloadedError
from hashpact.gateway import hashing, retrieving
from hashpact.gateway.hashing import Hasher
from hashpact.gateway.matching import draw_of
from hashpact.gateway.rest.statuses import refused, status_of
from hashpact.gateway.retrieving import Retriever
from hashpact.gateway.signals import KNOWN, Signals

EXPECTED = {
    errors.InvalidInputError: 400,
    errors.MalformedError: 400,
    errors.UnknownLabelError: 400,
    errors.UnusableFingerprintError: 400,
    errors.UnauthenticatedError: 502,
    errors.NotPermittedError: 403,
    errors.UnknownKeyError: 403,
    errors.BadSignatureError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.ClockSkewError: 409,
    errors.RequestReusedError: 409,
    errors.OverloadedError: 429,
    errors.UnavailableError: 503,
    errors.CommitFailedError: 503,
    errors.CertificateError: 503,
    errors.LaggingError: 503,
    errors.DeadlineError: 504,
    errors.CorruptError: 500,
    errors.ForkError: 500,
    errors.ConfigError: 500,
    errors.HashpactError: 500,
}


@pytest.mark.parametrize(("kind", "status"), EXPECTED.items())
def test_statuses(kind: type[HashpactError], status: int) -> None:
    error = kind("what is wrong")
    assert status_of(error) == status
    answered = refused(error, lookup=False)
    assert answered.status_code == status
    assert answered.body == (
        b'{"message":"what is wrong"}' if status != 500 else b'{"message":"internal error"}'
    )
    assert ("retry-after" in answered.headers) is (status in {429, 503})


@pytest.mark.parametrize("kind", [errors.DeadlineError, errors.UnavailableError, errors.LaggingError])
def test_lookups_that_cannot_be_answered(kind: type[HashpactError]) -> None:
    answered = refused(kind("x"), lookup=True)
    assert (answered.status_code, answered.body) == (503, b'{"message":"index not yet ready"}')


def test_draws() -> None:
    assert draw_of("7") == draw_of("7") != draw_of("8")
    drawn = {draw_of(None) for _ in range(50)}
    assert len(drawn) == 50
    assert all(0 <= one < 1 for one in drawn)


def test_types() -> None:
    assert Signals.named(["sha256"]).of_content("photo")[0].kind is SHA256
    assert Signals.named(["sha256"]).of_content("video") == ()
    with pytest.raises(InvalidInputError, match="signal_types are some of"):
        Signals.named(["vpdq"])


async def test_content_that_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(hashing, "_signals", lambda *_: free.wait(30) and {})
    monkeypatch.setattr(hashing, "WAITING", 2)
    hasher = Hasher(1)
    some = [asyncio.ensure_future(hasher.signals(b"x", [KNOWN["sha256"]])) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="2 pieces of content wait"):
        await hasher.signals(b"x", [KNOWN["sha256"]])
    free.set()
    assert await asyncio.gather(*some) == [{}, {}]
    assert await hasher.signals(b"x", [KNOWN["sha256"]]) == {}
    hasher.close()


async def test_addresses_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieving, "WAITING", 0)
    retriever = Retriever(("media.example",), 1)
    with pytest.raises(OverloadedError, match="0 addresses wait"):
        await retriever.fetch("http://media.example/")
    retriever.close()
