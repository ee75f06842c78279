"""The caller's identity: the one URI that the client's certificate names, checked against the registry.

There is no fallback: not to the common name, not to a second name, not to a token. The name is read from the
certificate's own bytes, because gRPC cuts names at a NUL. gRPC Python has no revocation lists and cannot
switch TLS 1.2 off, so both are checked here, on every RPC.

A certificate is good while the statement key that vouched for it is in force and the log has no revocation
of it. When the key is not, its holder may still call the methods of `MENDING`, by which a member replaces a
key and gets another certificate: they take a signature by a key in force, or answer what `log/` publishes.

The administrators are the member `ADMIN` here, which has no role. An administrator's certificate is good
while the charter names the key that vouched for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from hashpact.domain import statements
from hashpact.domain.kinds import ADMIN
from hashpact.domain.ports import Clock
from hashpact.domain.state import Member, Role, View
from hashpact.errors import HashpactError, NotPermittedError, UnauthenticatedError
from hashpact.keys.certificates import Shown, member_uri, shown
from hashpact.service.renew import voucher

CALLER: Final[ContextVar[Member]] = ContextVar("hashpact_caller")
"""The member whose RPC this is; set by the guard before a servicer runs."""

CHECK: Final = "/hashpact.wire.v1.CheckService/Check"
CHECK_BATCH: Final = f"{CHECK}Batch"
CHECK_STREAM: Final = f"{CHECK}Stream"
CHECKS: Final = frozenset({CHECK, CHECK_BATCH, CHECK_STREAM})

_TLS: Final = b"TLSv1.3"
_LOG: Final = "/hashpact.wire.v1.LogService/"
HEALTH: Final = frozenset({"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"})
MENDING: Final = frozenset(
    {
        "/hashpact.wire.v1.CertificateService/Renew",
        f"{_LOG}Append",
        f"{_LOG}GetCheckpoint",
        f"{_LOG}GetInclusionProof",
        f"{_LOG}ListMembers",
        f"{_LOG}ListRoots",
    }
)
"""What a caller may do whose certificate was vouched for by a key that is no longer in force."""
CHECKING: Final = HEALTH | CHECKS
"""What the holder of a check-only certificate may do."""

LOOKS: Final = 16
"""How often in a second a certificate that is refused is looked up, in case it is good by now."""

_ADMINISTRATORS: Final = Member(ADMIN, frozenset(), 0)


@dataclass(frozen=True, slots=True)
class _Admitted:
    """Whom a certificate lets in, and for which methods."""

    member: Member
    check_only: bool
    key: str
    hindered: str | None

    def check(self, method: str) -> None:
        """Raise NotPermittedError unless the certificate is good for that method."""
        if self.hindered is not None and method not in MENDING:
            msg = (
                f"the key {self.member.id}/{self.key} vouched for this certificate, and is not in force: "
                f"{self.hindered}; get another certificate (hashpact cert renew)"
            )
            raise NotPermittedError(msg)
        if self.check_only and method not in CHECKING:
            msg = f"this certificate of {self.member.id!r} is for checks only"
            raise NotPermittedError(msg)


@dataclass(slots=True)
class Gate:
    """Lets members of one clearinghouse in. Any thread may ask it.

    ``snapshot`` gives a view of the state; ``clock`` is the server's, in Unix seconds. ``changes`` counts the
    statements about members, keys and certificates that this process has followed: what is known of a
    certificate is looked up anew after each, and every second, because another process may be ahead and
    because keys expire. ``used`` is called with the member and the serial of a certificate that is looked up.
    """

    origin: str
    snapshot: Callable[[], AbstractContextManager[View]]
    clock: Clock
    changes: Callable[[], int]
    used: Callable[[str, bytes], None] = lambda _member, _serial: None
    # What was looked up at that second after so many changes, by the certificate's PEM. All of it is replaced
    # at once, so that no thread puts what is outdated where others find it.
    _known: tuple[tuple[int, int], dict[bytes, _Admitted]] = field(
        default_factory=lambda: ((0, -1), {}), init=False, repr=False
    )
    # In the same second, the certificates that were refused: how often, and why.
    _refused: dict[bytes, tuple[int, HashpactError]] = field(default_factory=dict, init=False, repr=False)

    def admit(self, peer: Mapping[str, Iterable[bytes]], method: str) -> Member:
        """The member at the other end of a channel, from gRPC's ``auth_context()``, for a call of ``method``.

        Raises UnauthenticatedError if the channel does not prove one, NotPermittedError if that one is not
        enrolled or is suspended, or if its certificate is revoked or does not allow that method.
        """
        if list(peer.get("transport_security_type", ())) != [b"ssl"]:
            msg = "TLS with a client certificate is required"
            raise UnauthenticatedError(msg)
        if list(peer.get("ssl_tls_version", ())) != [_TLS]:
            msg = "TLS 1.3 is required"
            raise UnauthenticatedError(msg)
        pem = list(peer.get("x509_pem_cert", ()))
        admitted = self._admitted(pem[0] if len(pem) == 1 else b"")
        admitted.check(method)
        return admitted.member

    def _admitted(self, pem: bytes) -> _Admitted:
        now = (self.clock(), self.changes())
        then, known = self._known
        if then != now:
            known = {}
            self._known, self._refused = (now, known), {}
        admitted = known.get(pem)
        if admitted is None:
            times, error = self._refused.get(pem, (0, None))
            if error is not None and times >= LOOKS:
                raise _again(error)
            # Looked up after the changes were counted: it may be newer than they are, and never older.
            try:
                admitted = known[pem] = self._look_up(shown(pem) if pem else Shown())
            except (NotPermittedError, UnauthenticatedError) as refusal:
                self._refused[pem] = times + 1, _again(refusal)
                raise
        return admitted

    def _look_up(self, certificate: Shown) -> _Admitted:
        """Whom a certificate lets in. Raises as `admit`."""
        member_id = self._member_id(certificate.names)
        with self.snapshot() as view:
            member = _ADMINISTRATORS if member_id == ADMIN else view.member(member_id)
            if member is None:
                msg = f"{member_id!r} is not enrolled"
                raise NotPermittedError(msg)
            if member.suspended_index is not None:
                msg = f"{member_id!r} is suspended; administrators can resume it"
                raise NotPermittedError(msg)
            if any(one.serial == certificate.serial for one in member.revoked):
                msg = f"this certificate of {member_id!r} is revoked"
                raise NotPermittedError(msg)
            named = certificate.voucher
            found = None if named is None else voucher(view, member_id, named, self.clock())
        if found is None:
            msg = f"the client certificate names no key of {member_id!r} that vouched for it"
            raise UnauthenticatedError(msg)
        self.used(member_id, certificate.serial)
        key, hindered = found
        return _Admitted(member, certificate.check_only, key.name, hindered)

    def _member_id(self, names: tuple[str | None, ...]) -> str:
        if len(names) != 1 or names[0] is None:
            msg = f"the client certificate must have one name, a URI; it has {len(names)} names"
            raise UnauthenticatedError(msg)
        uri = names[0]
        member_id = uri.rpartition("/")[2]
        try:
            statements.MEMBER.spelling.read(member_id)
        except ValueError:
            member_id = ""
        if not member_id or uri != member_uri(self.origin, member_id):
            msg = f"the URI of the client certificate must be {member_uri(self.origin, '<id>')}"
            raise UnauthenticatedError(msg)
        return member_id


def _again(error: HashpactError) -> HashpactError:
    """The same error, without the traceback of that one, which would keep what it has passed."""
    return type(error)(error.message, **error.details)


def require(*roles: Role) -> None:
    """Raise NotPermittedError unless the calling member has one of the roles."""
    require_of(CALLER.get(), *roles)


def require_of(member: Member, *roles: Role) -> None:
    """Raise NotPermittedError unless a member has one of the roles."""
    if member.roles.isdisjoint(roles):
        names = " or ".join(repr(role.value) for role in roles)
        msg = f"{member.id!r} does not have the role {names}"
        raise NotPermittedError(msg)


def require_administrator() -> None:
    """Raise NotPermittedError unless the caller is an administrator."""
    member = CALLER.get()
    if member.id != ADMIN:
        msg = f"{member.id!r} is no administrator"
        raise NotPermittedError(msg)
