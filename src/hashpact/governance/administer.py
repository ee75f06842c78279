"""Administer: the administrators' statements, from the founding of a log on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hashpact.domain.keys import KEY_LIFE, NamedKey, Signer
from hashpact.domain.kinds import ADMIN, AnyBody, Genesis, KeyEnrol, MemberEnrol, Policy
from hashpact.domain.messages import Submission
from hashpact.domain.ports import Clock, Entropy
from hashpact.domain.state import Leaf, Role, Use, Witness
from hashpact.domain.statements import REQUEST_SIZE, Statement, key_name
from hashpact.errors import ConfigError
from hashpact.governance.drafts import Draft
from hashpact.governance.joining import Join
from hashpact.governance.labels import DEFAULT_LABELS


@dataclass(frozen=True, slots=True)
class Drafter:
    """Writes unsigned statements of the administrators.

    ``named`` is the 32-byte id of the administrator's key that each statement names; that key must sign.
    """

    origin: str
    named: bytes
    clock: Clock
    entropy: Entropy

    def draft(self, body: AnyBody) -> Draft:
        """An unsigned statement of that body, with the time now."""
        return Draft.of(
            Statement(
                log=self.origin,
                member=ADMIN,
                key=self.named,
                request=self.entropy(REQUEST_SIZE),
                time=self.clock(),
                body=body,
            )
        )

    def admit(self, join: Join, roles: frozenset[Role]) -> list[Draft]:
        """The statements that enrol a member with the keys of its join file; each key must sign its own.

        Raises ConfigError if the file is meant for another log.
        """
        if join.log != self.origin:
            msg = f"the join file is for the log {join.log!r}, this one is {self.origin!r}"
            raise ConfigError(msg)
        expires = self.clock() + KEY_LIFE
        bodies: list[AnyBody] = [
            MemberEnrol(join.member, roles),
            KeyEnrol(join.member, join.key.name, join.key.public, Use.SIGN, expires),
        ]
        if join.recovery is not None:
            name, public = join.recovery.name, join.recovery.public
            bodies.append(KeyEnrol(join.member, name, public, Use.RECOVERY, expires))
        return [self.draft(body) for body in bodies]


@dataclass(frozen=True, slots=True)
class Administrators:
    """The administrators whose keys are at hand; ``append`` appends all of some statements, or none."""

    origin: str
    signers: Sequence[tuple[NamedKey, Signer]]
    append: Callable[[Sequence[Submission]], list[Leaf]]
    clock: Clock
    entropy: Entropy

    def found(
        self, threshold: int, log_keys: tuple[bytes, ...], labels: Iterable[str] = DEFAULT_LABELS
    ) -> list[Leaf]:
        """Write the first two leaves: genesis, and the policy with these labels."""
        return self.found_by(threshold, log_keys, Policy(1, tuple(sorted(labels))))

    def found_by(  # noqa: PLR0913, PLR0917 - what a genesis names, and the policy
        self,
        threshold: int,
        log_keys: tuple[bytes, ...],
        policy: Policy,
        documents: Sequence[bytes] = (),
        attestation_keys: tuple[bytes, ...] = (),
        log_mldsa_keys: tuple[Witness, ...] = (),
    ) -> list[Leaf]:
        """Write the first two leaves: genesis, and that policy with its documents."""
        admins = tuple(named for named, _ in self.signers)
        body = Genesis(admins, threshold, log_keys, (), None, attestation_keys, log_mldsa_keys)
        genesis = self._signed(body)
        founding = Submission(self._signed(policy).data, documents=documents)
        return self.append([Submission(genesis.data), founding])

    def enrol(self, member_id: str, roles: frozenset[Role], key: NamedKey, owner: Signer) -> list[Leaf]:
        """Enrol a member with its first key, which signs its own enrolment: both, or neither.

        ``key.name`` is the key's name without the member's.
        """
        return self._append([self._signed(MemberEnrol(member_id, roles)), self._key(member_id, key, owner)])

    def enrol_key(self, member_id: str, key: NamedKey, owner: Signer) -> list[Leaf]:
        """Enrol another key of a member, which signs its own enrolment."""
        return self._append([self._key(member_id, key, owner)])

    def say(self, *bodies: AnyBody, documents: Sequence[bytes] = ()) -> list[Leaf]:
        """Append statements of these bodies, signed by every administrator at hand: all, or none.

        ``documents`` are those that each of them names.
        """
        drafts = [self._signed(body) for body in bodies]
        return self.append([Submission(draft.data, documents=documents) for draft in drafts])

    def _key(self, member_id: str, key: NamedKey, owner: Signer) -> Draft:
        enrolment = KeyEnrol(member_id, key.name, key.public, Use.SIGN, self.clock() + KEY_LIFE)
        return self._signed(enrolment).signed(key_name(member_id, key.name), key.public, owner)

    def _signed(self, body: AnyBody) -> Draft:
        first, _ = self.signers[0]
        draft = Drafter(self.origin, first.id, self.clock, self.entropy).draft(body)
        for key, signer in self.signers:
            draft = draft.signed(key_name(ADMIN, key.name), key.public, signer)
        return draft

    def _append(self, drafts: Iterable[Draft]) -> list[Leaf]:
        return self.append([Submission(draft.data) for draft in drafts])
