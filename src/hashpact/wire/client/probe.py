"""The probe: finds out why a channel fails, where gRPC only reports that the server is away.

A client certificate that the server refuses looks to gRPC like a server that is away; in TLS 1.3 the refusal
comes after the client's part of the handshake, and a gRPC server sends no alert, it just closes. So the probe
makes one TLS connection with Python's ssl and watches for that.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Final

from cryptography import x509

from hashpact.errors import CertificateError, UnavailableError
from hashpact.wire.client.endpoint import Endpoint

_PROBE: Final = 3.0
"""The most seconds for each step of a probe."""

_STEPS: Final = 3
"""Connecting, the handshake, and the first bytes from the server."""

_CHUNK: Final = 16 * 1024


def probe(endpoint: Endpoint, timeout: float) -> UnavailableError | None:
    """What is wrong with a channel, or None if nothing can be found.

    A CertificateError: reads the client's own certificate, then makes one connection: the server must take
    the client's certificate and show one for the address that the profile's authority signed. Another
    UnavailableError: the address, or the proxy's, refuses connections. It does not look beyond a proxy. A
    Unix socket has no certificates: there may be none, or this process may not open it.
    """
    return _closed(endpoint, endpoint.path) if endpoint.path is not None else _tried(endpoint, timeout)


def _tried(endpoint: Endpoint, timeout: float) -> UnavailableError | None:
    """What is wrong with a channel to a host's port."""
    problem = _out_of_time(x509.load_pem_x509_certificate(endpoint.tls.certificate))
    if problem is not None:
        return _problem(problem)
    patience = min(timeout / _STEPS, _PROBE)
    proxy = endpoint.way()
    try:
        if proxy is None:
            refused = _refused(endpoint, patience)
        else:
            refused = False
            socket.create_connection((proxy.host, proxy.port), patience).close()
    except ssl.SSLCertVerificationError as error:
        return _problem(f"the server's certificate is not trusted: {error.verify_message}")
    except ssl.SSLError as error:
        reason = error.reason or ""
        about = "CERTIFICATE" in reason or "UNKNOWN_CA" in reason or "KEY_VALUES" in reason
        return _problem(f"TLS refused it: {reason.lower().replace('_', ' ')}") if about else None
    except ConnectionRefusedError:
        return UnavailableError(f"{endpoint.silent()} (connection refused)")
    except OSError:  # no route, or no answer in time: not a certificate's fault
        return None
    return _problem("the server refused this client's certificate; ask for a new one") if refused else None


def _closed(endpoint: Endpoint, path: str) -> UnavailableError | None:
    """What keeps a connection from a Unix socket, if anything does."""
    with socket.socket(socket.AF_UNIX) as plain:
        try:
            plain.connect(path)
        except OSError as error:
            return UnavailableError(f"{endpoint.silent()} ({error.strerror})")
    return None


def _out_of_time(certificate: x509.Certificate) -> str | None:
    """What is wrong with the time of the client's own certificate."""
    now = dt.datetime.now(dt.UTC)
    if certificate.not_valid_after_utc < now:
        ended = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        return f"this client's certificate expired on {ended}; see: hashpact cert request"
    if certificate.not_valid_before_utc > now:
        return "this client's certificate is not valid yet; check the clock"
    return None


def _problem(text: str) -> CertificateError:
    return CertificateError(f"certificate problem: {text}")


def _refused(endpoint: Endpoint, timeout: float) -> bool:
    """Whether the server closes a connection as soon as it has seen the client's certificate.

    A server that accepts it sends first: HTTP/2 begins with its SETTINGS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    context.load_verify_locations(cadata=endpoint.tls.authority.decode("ascii", "replace"))
    with in_memory(endpoint.tls.key + b"\n" + endpoint.tls.certificate) as path:
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
def in_memory(data: bytes) -> Iterator[str]:
    """A path under which those bytes can be read without a key ever being written to a disk."""
    descriptor = os.memfd_create("hashpact", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
