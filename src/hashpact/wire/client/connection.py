"""Clients: a driver that blocks and one that awaits, for the calls of wire/client/calls.py; neither decides.

Also the probe. A client certificate that the server refuses looks to gRPC like a server that is away; in
TLS 1.3 the refusal comes after the client's part of the handshake, and a gRPC server sends no alert, it
just closes. So the probe makes one TLS connection with Python's ssl and watches for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

import grpc
from cryptography import x509

from hashpact.errors import CertificateError, ConfigError, UnavailableError
from hashpact.keys.certificates import Tls
from hashpact.wire import errors
from hashpact.wire.client.calls import Call, Failure, Outcome, Pace, Pause, Probe, Send, Step, Wait, attempts
from hashpact.wire.client.feeds import Feed, Item, Open, Read, results
from hashpact.wire.codec import MAX_MESSAGE

Result = TypeVar("Result")

_PROBE: Final = 3.0
"""The most seconds for each step of a probe."""

_STEPS: Final = 3
"""To connect, to shake hands, to hear from the server."""

_CHUNK: Final = 16 * 1024

_OPTIONS: Final = (
    # A tile of 256 leaves of the largest size is a little larger than any request may be.
    ("grpc.max_receive_message_length", 2 * MAX_MESSAGE),
    # Each channel has connections of its own, so that several channels reach several server processes.
    ("grpc.use_local_subchannel_pool", 1),
    # How soon a lost connection is tried again; the core's own wait between tries stands above it.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a clearinghouse is, and what the channel to it is made of.

    Raises ConfigError if a certificate cannot be read: gRPC would only ever say that the server is away.
    """

    host: str
    port: int
    tls: Tls

    def __post_init__(self) -> None:
        """Read both certificates once."""
        try:
            x509.load_pem_x509_certificate(self.tls.certificate)
            x509.load_pem_x509_certificate(self.tls.authority)
        except ValueError as error:
            msg = "tls.pem or ca.crt is not a certificate in PEM"
            raise ConfigError(msg) from error

    @property
    def address(self) -> str:
        """HOST:PORT, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def credentials(self) -> grpc.ChannelCredentials:
        """The channel's credentials, as gRPC wants them."""
        tls = self.tls
        return grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)


class Connection:
    """Makes calls and blocks until they end. Any number of threads may share one.

    ``channels`` spreads calls over so many connections, hence over more processes of a busy server.
    """

    def __init__(self, endpoint: Endpoint, pace: Pace, channels: int = 1) -> None:
        self._endpoint = endpoint
        self._pace = pace
        credentials = endpoint.credentials()
        self._channels = [
            grpc.secure_channel(endpoint.address, credentials, options=_OPTIONS) for _ in range(channels)
        ]
        self._turn = itertools.cycle(self._channels)

    def run(self, call: Call[Result], timeout: float) -> Result:
        """The result of a call, within ``timeout`` seconds. Raises what `attempts` raises."""
        steps = attempts(call, timeout, self._pace)
        try:
            step = next(steps)
            while True:
                step = steps.send(self._do(call, step))
        except StopIteration as end:
            result: Result = end.value
            return result

    def _do(self, call: Call[Result], step: Step) -> Outcome:
        match step:
            case Send(timeout):
                method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = next(self._turn).unary_unary(call.method)
                try:
                    answer = method(call.request, timeout=timeout)
                except grpc.RpcError as error:
                    return _failure(error, self._endpoint)
                return answer
            case Probe() | Wait():
                return self._pause(step)

    def _pause(self, step: Pause) -> Outcome:
        match step:
            case Probe(timeout):
                return probe(self._endpoint, timeout)
            case Wait(seconds):
                time.sleep(seconds)
                return None

    def stream(self, feed: Feed[Result], timeout: float) -> Iterator[Result]:
        """The results of a feed, each read when it is asked for. Raises what `results` raises."""
        steps = results(feed, timeout, self._pace)
        with contextlib.ExitStack() as running:
            messages: Iterator[bytes] = iter(())
            with contextlib.suppress(StopIteration):
                step = next(steps)
                while True:
                    outcome: Outcome = None
                    match step:
                        case Open(request, left):
                            running.close()
                            method: grpc.UnaryStreamMultiCallable[bytes, bytes] = next(
                                self._turn
                            ).unary_stream(feed.method)
                            messages = method(request, timeout=left)
                            running.callback(messages.cancel)
                        case Read():
                            outcome = _next(messages, self._endpoint)
                        case Item(result):
                            yield result
                        case Probe() | Wait():
                            outcome = self._pause(step)
                    step = steps.send(outcome)

    def close(self) -> None:
        """Close the channels; calls under way are cancelled."""
        for channel in self._channels:
            channel.close()


class AsyncConnection:
    """Makes calls and awaits them, as `Connection` otherwise. Belongs to the event loop of its first call."""

    def __init__(self, endpoint: Endpoint, pace: Pace, channels: int = 1) -> None:
        self._endpoint = endpoint
        self._pace = pace
        self._count = channels
        self._channels: list[grpc.aio.Channel] = []
        self._turn: Iterator[grpc.aio.Channel] = iter(())

    async def run(self, call: Call[Result], timeout: float) -> Result:  # noqa: ASYNC109  # it is over all tries
        """The result of a call, within ``timeout`` seconds. Raises what `attempts` raises."""
        self._open()
        steps = attempts(call, timeout, self._pace)
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._do(call, step))
        except StopIteration as end:
            result: Result = end.value
            return result

    def _open(self) -> None:
        """Open the channels at the first call, because gRPC ties them to the running event loop."""
        if not self._channels:
            credentials = self._endpoint.credentials()
            self._channels = [
                grpc.aio.secure_channel(self._endpoint.address, credentials, options=_OPTIONS)
                for _ in range(self._count)
            ]
            self._turn = itertools.cycle(self._channels)

    async def _do(self, call: Call[Result], step: Step) -> Outcome:
        match step:
            case Send(timeout):
                method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = next(self._turn).unary_unary(
                    call.method
                )
                try:
                    answer = await method(call.request, timeout=timeout)
                except grpc.RpcError as error:
                    return _failure(error, self._endpoint)
                return answer
            case Probe() | Wait():
                return await self._pause(step)

    async def _pause(self, step: Pause) -> Outcome:
        match step:
            case Probe(timeout):
                return await asyncio.to_thread(probe, self._endpoint, timeout)
            case Wait(seconds):
                await asyncio.sleep(seconds)
                return None

    async def stream(self, feed: Feed[Result], timeout: float) -> AsyncIterator[Result]:  # noqa: ASYNC109  # it is for each message
        """The results of a feed, each read when it is asked for. Raises what `results` raises."""
        self._open()
        steps = results(feed, timeout, self._pace)
        with contextlib.ExitStack() as running:
            messages: AsyncIterator[bytes] = _nothing()
            with contextlib.suppress(StopIteration):
                step = next(steps)
                while True:
                    outcome: Outcome = None
                    match step:
                        case Open(request, left):
                            running.close()
                            method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = next(
                                self._turn
                            ).unary_stream(feed.method)
                            call = method(request, timeout=left)
                            running.callback(call.cancel)
                            messages = aiter(call)
                        case Read():
                            outcome = await _anext(messages, self._endpoint)
                        case Item(result):
                            yield result
                        case Probe() | Wait():
                            outcome = await self._pause(step)
                    step = steps.send(outcome)

    async def close(self) -> None:
        """Close the channels; calls under way are cancelled."""
        for channel in self._channels:
            await channel.close()


def probe(endpoint: Endpoint, timeout: float) -> CertificateError | None:
    """What is wrong with the certificates of a channel, or None if nothing can be found.

    Reads the client's own certificate, then makes one connection: the server must take the client's
    certificate and show one for the address that the profile's authority signed.
    """
    certificate = x509.load_pem_x509_certificate(endpoint.tls.certificate)
    now = dt.datetime.now(dt.UTC)
    if certificate.not_valid_after_utc < now:
        ended = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        return _problem(f"this client's certificate expired on {ended}; see: hashpact cert request")
    if certificate.not_valid_before_utc > now:
        return _problem("this client's certificate is not valid yet; check the clock")
    try:
        refused = _refused(endpoint, min(timeout / _STEPS, _PROBE))
    except ssl.SSLCertVerificationError as error:
        return _problem(f"the server's certificate is not trusted: {error.verify_message}")
    except ssl.SSLError as error:
        reason = error.reason or ""
        about = "CERTIFICATE" in reason or "UNKNOWN_CA" in reason or "KEY_VALUES" in reason
        return _problem(f"TLS refused it: {reason.lower().replace('_', ' ')}") if about else None
    except OSError:  # nobody listens, no route, no answer in time: not a certificate's fault
        return None
    return _problem("the server refused this client's certificate; ask for a new one") if refused else None


def _problem(text: str) -> CertificateError:
    return CertificateError(f"certificate problem: {text}")


def _refused(endpoint: Endpoint, timeout: float) -> bool:
    """Whether the server closes a connection as soon as it has seen the client's certificate.

    A server that takes it speaks first: HTTP/2 begins with its SETTINGS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    context.load_verify_locations(cadata=endpoint.tls.authority.decode("ascii", "replace"))
    with _in_memory(endpoint.tls.key + b"\n" + endpoint.tls.certificate) as path:
        context.load_cert_chain(path)
    # Not `wrap_socket`: it leaves the socket open when the connection is reset before the handshake.
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=endpoint.host)
    with socket.create_connection((endpoint.host, endpoint.port), timeout) as plain:

        def carried(step: Callable[[], object]) -> object:
            while True:
                try:
                    result = step()
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    data = plain.recv(_CHUNK)
                    incoming.write(data) if data else incoming.write_eof()
                else:
                    plain.sendall(outgoing.read())
                    return result

        carried(tls.do_handshake)
        try:
            return not carried(lambda: tls.read(1))
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return True


@contextlib.contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """A path under which those bytes can be read without a key ever being written to a disk."""
    descriptor = os.memfd_create("hashpact", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _next(messages: Iterator[bytes], endpoint: Endpoint) -> bytes | Failure | None:
    """The next message of a stream, None at its end."""
    try:
        return next(messages, None)
    except grpc.RpcError as error:
        return _failure(error, endpoint)


async def _anext(messages: AsyncIterator[bytes], endpoint: Endpoint) -> bytes | Failure | None:
    try:
        return await anext(messages, None)
    except grpc.RpcError as error:
        return _failure(error, endpoint)


async def _nothing() -> AsyncIterator[bytes]:
    """A stream that is not open."""
    none: tuple[bytes, ...] = ()
    for message in none:
        yield message


def _failure(error: grpc.RpcError, endpoint: Endpoint) -> Failure:
    translated = errors.from_rpc(error)
    answered = errors.is_answer(error)
    if error.code() is grpc.StatusCode.UNAVAILABLE and not answered:
        msg = f"{endpoint.address} does not answer; is a server running there? ({translated.message})"
        translated = UnavailableError(msg)
    translated.__cause__ = error
    return Failure(translated, answered, errors.retry_after(error))
