"""The status of every error, what is drawn and what is bounded, apart from any route."""

from __future__ import annotations

import asyncio

import pytest

from hashpact import errors
from hashpact.domain.fingerprints import SHA256
from hashpact.errors import HashpactError, InvalidInputError, OverloadedError
from hashpact.gateway.matching import draw_of
from hashpact.gateway.rest.statuses import refused, status_of
from hashpact.gateway.signals import Signals
from hashpact.gateway.slots import Slots

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
    errors.CertificateError: 502,
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


def test_a_certificate_does_not_pass_by_itself() -> None:
    answered = refused(errors.CertificateError("x"), lookup=True)
    assert (answered.status_code, answered.body) == (502, b'{"message":"x"}')


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


async def test_requests_with_content_are_bounded() -> None:
    slots, free, held = Slots(1, 2), asyncio.Event(), []

    async def hold(name: str) -> None:
        async with slots.one():
            held.append(name)
            await free.wait()

    some = [asyncio.ensure_future(hold(name)) for name in "abc"]
    await asyncio.sleep(0)
    assert held == ["a"]
    with pytest.raises(OverloadedError, match="2 requests with content wait already"):
        await hold("d")
    some[1].cancel()
    free.set()
    await asyncio.gather(*some, return_exceptions=True)
    assert held == ["a", "c"]
    await hold("e")
