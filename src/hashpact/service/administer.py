"""Administer: found a log, set its policy, enrol members and their keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hashpact.domain import statements
from hashpact.domain.keys import NamedKey, Signer
from hashpact.domain.kinds import ADMIN, AnyBody, Genesis, KeyEnrol, MemberEnrol, Policy
from hashpact.domain.ports import Clock, Entropy
from hashpact.domain.state import Leaf, Role, Use
from hashpact.domain.statements import Statement, key_name
from hashpact.service.append import Appender, Submission
from hashpact.service.author import REQUEST_SIZE

DEFAULT_LABELS: Final = (
    "csam",
    "fraud",
    "harassment",
    "hate",
    "incitement",
    "minors",
    "ncii",
    "other",
    "other-illegal",
    "terrorism",
)

KEY_LIFE: Final = 365 * 24 * 3600
"""Seconds for which a newly enrolled key is valid."""


@dataclass(frozen=True, slots=True)
class Administrators:
    """The administrators whose keys are at hand, and the log that they act on."""

    origin: str
    signers: Sequence[tuple[NamedKey, Signer]]
    appender: Appender
    clock: Clock
    entropy: Entropy

    def found(
        self, threshold: int, log_keys: tuple[bytes, ...], labels: Iterable[str] = DEFAULT_LABELS
    ) -> list[Leaf]:
        """Write the first two leaves: genesis, and the policy with these labels."""
        admins = tuple(named for named, _ in self.signers)
        return self._append(
            self._signed(Genesis(admins, threshold, log_keys)),
            self._signed(Policy(1, tuple(sorted(labels)))),
        )

    def enrol(self, member_id: str, roles: frozenset[Role], key: NamedKey, owner: Signer) -> list[Leaf]:
        """Enrol a member with its first key, which signs its own enrolment: both, or neither.

        ``key.name`` is the key's name without the member's.
        """
        return self._append(
            self._signed(MemberEnrol(member_id, roles)),
            self._signed(
                KeyEnrol(member_id, key.name, key.public, Use.SIGN, self.clock() + KEY_LIFE),
                (NamedKey(key_name(member_id, key.name), key.public), owner),
            ),
        )

    def _signed(self, body: AnyBody, *owners: tuple[NamedKey, Signer]) -> bytes:
        first, _ = self.signers[0]
        statement = Statement(
            log=self.origin,
            member=ADMIN,
            key=first.id,
            request=self.entropy(REQUEST_SIZE),
            time=self.clock(),
            body=body,
        )
        named = [(NamedKey(key_name(ADMIN, key.name), key.public), signer) for key, signer in self.signers]
        return statements.sign(statement, [*named, *owners])

    def _append(self, *leaves: bytes) -> list[Leaf]:
        return self.appender.append_all(None, [Submission(leaf) for leaf in leaves])
