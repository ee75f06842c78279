"""The callers that a mirror admits, and the calls that it refuses.

A process that may open its socket asks as the mirror's own member; over TLS only the members that
mirror.toml names are admitted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, NoReturn

from hashpact.domain.messages import Submission
from hashpact.domain.ports import Clock
from hashpact.domain.renewal import Renewal
from hashpact.domain.state import Member, View
from hashpact.errors import ElsewhereError, NotPermittedError, UnavailableError
from hashpact.wire.server.identity import Gate
from hashpact.wire.server.streams import Peer

LOCAL: Final = [b"local"]
"""What gRPC says of a connection over a Unix socket, in ``transport_security_type``."""


@dataclass(slots=True)
class MirrorGate:
    """Lets in the member ``owner`` over the Unix socket, and the ``members`` over TLS, known by ``gate``.

    ``snapshot``, ``clock`` and ``changes`` are as in `Gate`: the owner is looked up as a certificate is.
    """

    gate: Gate
    owner: str
    members: Collection[str]
    snapshot: Callable[[], AbstractContextManager[View]]
    clock: Clock
    changes: Callable[[], int]
    _known: tuple[tuple[int, int], Member | None] = field(default=((0, -1), None), init=False)

    def admit(self, peer: Peer, method: str, /) -> Member:
        """The member at the other end of a channel. Raises as `Gate.admit`, and for one who is not let in."""
        if list(peer.get("transport_security_type", ())) == LOCAL:
            return self._owner()
        member = self.gate.admit(peer, method)
        if member.id not in self.members:
            msg = f"{member.id!r} is not let in by this mirror; members in its mirror.toml says who is"
            raise NotPermittedError(msg)
        return member

    def _owner(self) -> Member:
        now = (self.clock(), self.changes())
        then, member = self._known
        if then != now or member is None:
            with self.snapshot() as view:
                member = view.member(self.owner)
            if member is None:
                msg = f"this mirror's copy of the log does not reach the enrolment of {self.owner!r} yet"
                raise UnavailableError(msg)
            self._known = now, member
        if member.suspended_index is not None:
            msg = f"{self.owner!r} is suspended; administrators can resume it"
            raise NotPermittedError(msg)
        return member


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Stands for what takes statements, proposals and renewals. ``address`` is the clearinghouse's."""

    address: str

    def append(self, _member_id: str, _submission: Submission, _pause: object, /) -> NoReturn:
        """Raises ElsewhereError."""
        self._refuse("takes no statements")

    def renew(self, _member_id: str, _renewal: Renewal, /) -> NoReturn:
        """Raises ElsewhereError."""
        self._refuse("issues no certificates")

    def propose(self, _data: bytes, _documents: Sequence[bytes] = (), /) -> NoReturn:
        """Raises ElsewhereError."""
        self._refuse("takes no proposals")

    def all(self) -> NoReturn:
        """Raises ElsewhereError."""
        self._refuse("has no proposals")

    def of(self, _member_id: str, /) -> NoReturn:
        """Raises ElsewhereError."""
        self._refuse("does not know when certificates were used")

    def _refuse(self, what: str) -> NoReturn:
        msg = f"this is a mirror, which {what}; ask the clearinghouse at {self.address}"
        raise ElsewhereError(msg, address=self.address)
