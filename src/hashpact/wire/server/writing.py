"""What RPCs call that only the clearinghouse does: a mirror answers each of them with where that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from hashpact.domain.messages import Appended, Submission
from hashpact.domain.renewal import Renewal
from hashpact.domain.state import Receipt


class Appends(Protocol):
    """Takes a member's statements: `Intake` at the clearinghouse; a mirror says where that is."""

    def append(self, member_id: str, submission: Submission, pause: Callable[[], object], /) -> Receipt:
        """The receipt of a statement; ``pause`` is called between two pieces of the work."""
        ...


class Renews(Protocol):
    """Renews certificates of channels: `Renewer` at the clearinghouse."""

    def renew(self, member_id: str, renewal: Renewal, /) -> bytes:
        """A new certificate."""
        ...


class Proposes(Protocol):
    """Takes what administrators propose: `Proposals` at the clearinghouse."""

    def propose(self, data: bytes, documents: Sequence[bytes] = (), /) -> tuple[Appended, ...]:
        """What of a proposal is in the log now."""
        ...

    def all(self) -> tuple[bytes, ...]:
        """The proposals that wait."""
        ...


class Uses(Protocol):
    """Knows when certificates were used: `LastUses` at the clearinghouse."""

    def of(self, member_id: str, /) -> tuple[tuple[bytes, int], ...]:
        """A member's certificates, each with the day of its last use."""
        ...
