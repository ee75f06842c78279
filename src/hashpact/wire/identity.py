"""The caller's identity: the one URI that the client's certificate names, checked against the registry.

There is no fallback: not to the common name, not to a second name, not to a token. The name is read from the
certificate's own bytes, because gRPC cuts names at a NUL. gRPC Python has no revocation lists and cannot
switch TLS 1.2 off, so both are checked here, on every RPC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from hashpact.domain import statements
from hashpact.domain.state import Member, Role
from hashpact.errors import NotPermittedError, UnauthenticatedError
from hashpact.keys.certificates import certified_names, member_uri

CALLER: Final[ContextVar[Member]] = ContextVar("hashpact_caller")
"""The member whose RPC this is; set by the interceptor before a servicer runs."""

READERS: Final = (Role.CHECK, Role.AUDIT)
"""The roles that read the private parts of others."""

_TLS: Final = b"TLSv1.3"


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets members of one clearinghouse in. ``member_of`` looks a member up; None if it is not enrolled."""

    origin: str
    member_of: Callable[[str], Member | None]

    def admit(self, peer: Mapping[str, Iterable[bytes]]) -> Member:
        """The member at the other end of a channel, from gRPC's ``auth_context()``.

        Raises UnauthenticatedError if the channel does not prove one, NotPermittedError if that one is not
        enrolled, or is suspended.
        """
        if list(peer.get("transport_security_type", ())) != [b"ssl"]:
            msg = "TLS with a client certificate is required"
            raise UnauthenticatedError(msg)
        if list(peer.get("ssl_tls_version", ())) != [_TLS]:
            msg = "TLS 1.3 is required"
            raise UnauthenticatedError(msg)
        member_id = self._member_id(peer)
        member = self.member_of(member_id)
        if member is None:
            msg = f"{member_id!r} is not enrolled"
            raise NotPermittedError(msg)
        if member.suspended_at is not None:
            msg = f"{member_id!r} is suspended; administrators can resume it"
            raise NotPermittedError(msg)
        return member

    def _member_id(self, peer: Mapping[str, Iterable[bytes]]) -> str:
        shown = list(peer.get("x509_pem_cert", ()))
        names = certified_names(shown[0]) if len(shown) == 1 else ()
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


def require(*roles: Role) -> None:
    """Raise NotPermittedError unless the calling member has one of the roles."""
    member = CALLER.get()
    if member.roles.isdisjoint(roles):
        names = " or ".join(repr(role.value) for role in roles)
        msg = f"{member.id!r} does not have the role {names}"
        raise NotPermittedError(msg)


def reads_private_parts_of(contributor: str) -> bool:
    """Whether the calling member may read the private parts of an entry of that member."""
    member = CALLER.get()
    return member.id == contributor or not member.roles.isdisjoint(READERS)
