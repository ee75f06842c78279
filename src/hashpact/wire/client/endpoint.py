"""The address of a clearinghouse or of a mirror, the certificates of the channel to it, and its proxy."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

import grpc
from cryptography import x509

from hashpact.errors import ConfigError
from hashpact.keys.certificates import Tls, are_mirrors
from hashpact.settings import UNIX, socket_path, split_address

_VARIABLES: Final = ("grpc_proxy", "https_proxy", "http_proxy")
"""Where gRPC looks for a proxy, in this order; the first that is set decides, also when it is empty."""

_EXCEPTIONS: Final = ("no_grpc_proxy", "no_proxy", "NO_PROXY")
_HTTP_PORT: Final = 80


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, and the variable of the environment that names it."""

    host: str
    port: int
    variable: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a clearinghouse or of a mirror, and the certificates of the channel to it.

    With a ``path`` it is the Unix socket of a mirror on this machine instead of a host's port: the file's
    mode says who may open it, and no certificate is shown. With ``proxy`` off, a proxy that the environment
    names is not used.
    Raises ConfigError if a certificate cannot be read: gRPC would only report that the server is away.
    """

    host: str
    port: int
    tls: Tls
    proxy: bool = True
    path: str | None = None

    @classmethod
    def at(cls, address: str, tls: Tls) -> Self:
        """The endpoint at HOST:PORT, or at unix:PATH. Raises ConfigError."""
        path = socket_path("address", address)
        return cls(*(split_address("address", address) if path is None else ("", 0)), tls, path=path)

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
        """HOST:PORT, an IPv6 address in brackets, or unix:PATH."""
        if self.path is not None:
            return f"{UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_mirror(self) -> bool:
        """Whether only a mirror can answer: at a Unix socket, or with a certificate of its own authority."""
        return self.path is not None or are_mirrors(self.tls.authority)

    def way(self) -> Proxy | None:
        """The proxy through which the channel goes, None if it goes directly."""
        return proxy_for(self.host) if self.proxy and self.path is None else None

    def silent(self) -> str:
        """The error message if nothing answers."""
        proxy = self.way()
        if proxy is None:
            return f"{self.address} does not answer; is a server running there?"
        return (
            f"{self.address} does not answer through the proxy {proxy.host}:{proxy.port}, which "
            f"{proxy.variable} of the environment names; set no_proxy={self.host} to go there directly"
        )

    def credentials(self) -> grpc.ChannelCredentials:
        """The channel's credentials, as gRPC wants them."""
        tls = self.tls
        if self.path is not None:
            return grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
        return grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)


def proxy_for(host: str, environ: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy by which gRPC reaches a host, from the environment; None if it goes there directly.

    ``no_grpc_proxy``, ``no_proxy`` and ``NO_PROXY`` list hosts that are reached directly: by the end of
    their name, as a range of addresses such as 10.0.0.0/8, or ``*`` for all.
    """
    variable = next((name for name in _VARIABLES if name in environ), None)
    if variable is None:
        return None
    parts = urlsplit(environ[variable])
    if parts.scheme != "http" or not parts.hostname:
        return None
    excepted = next((environ[name] for name in _EXCEPTIONS if environ.get(name)), "")
    if any(_excepts(one.strip(), host) for one in excepted.split(",")):
        return None
    try:
        return Proxy(parts.hostname, parts.port or _HTTP_PORT, variable)
    except ValueError:  # an invalid port
        return None


def _excepts(pattern: str, host: str) -> bool:
    if pattern == "*" or (pattern and host.lower().endswith(pattern.lower())):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(pattern)
    except ValueError:
        return False
