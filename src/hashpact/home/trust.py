"""The certificates that a server of the home uses, loaded anew when their files change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from hashpact.clock import unix_time
from hashpact.config import MAX_SIZE
from hashpact.durable import read_bytes
from hashpact.errors import HashpactError
from hashpact.home.opening import Home
from hashpact.keys import certificates
from hashpact.keys.certificates import Tls

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_DAY: Final = 24 * 3600
_EXPIRES_SOON: Final = 30
"""Days before their end from which certificates of the home are warned of."""


class ServerTrust:
    """The server's certificate, and the authorities that it trusts, as the home's files have them now.

    ``clients`` is the file of those that its clients' certificates are of: at a mirror they are the log's.
    """

    def __init__(self, home: Home, log: FilteringBoundLogger, clients: Path | None = None) -> None:
        self._home = home
        self._log = log
        self._clients = home.paths.ca_cert if clients is None else clients
        self._seen = self._marks()
        self.tls = self._read()
        self._failed: object = None

    def __call__(self) -> Tls | None:
        """The certificates if their files changed, else None. Logs failures, because gRPC swallows them."""
        marks: object = None
        try:
            marks = self._marks()
            if marks == self._seen:
                return None
            self.tls = self._read()
        except Exception as error:  # noqa: BLE001  # gRPC would silently keep the old certificates
            if marks != self._failed or marks is None:
                reason = error.message if isinstance(error, HashpactError) else type(error).__name__
                self._log.error("cannot load the certificates; the old ones are still in use", reason=reason)
            self._failed = marks
            return None
        self._seen = marks
        self._log.info("loaded the certificates")
        self.warn()
        return self.tls

    def warn(self) -> None:
        """Warn of what will expire soon."""
        for name, pem in (("server.crt", self.tls.certificate), ("ca.crt", self.tls.authority)):
            days = (certificates.expires(pem) - unix_time()) // _DAY
            if days < _EXPIRES_SOON:
                self._log.warning("a certificate expires", file=name, days=days)

    def _files(self) -> tuple[Path, ...]:
        paths = self._home.paths
        return paths.server_key, paths.server_cert, self._clients

    def _marks(self) -> object:
        """A value that changes whenever one of the files is replaced."""
        return [(found.st_ino, found.st_mtime_ns, found.st_size) for found in map(Path.stat, self._files())]

    def _read(self) -> Tls:
        key, certificate, authority = self._files()
        credential = self._home.open_credential(key, certificate)
        trusted = read_bytes(authority, MAX_SIZE)
        certificates.check_server(credential, trusted)
        return Tls(credential.key, credential.certificate, trusted)
