"""Author: a member's statements, composed and signed where its key is."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from hashpact.domain import statements
from hashpact.domain.fingerprints import Fingerprint, PrivatePart, commitment
from hashpact.domain.keys import KEY_LIFE, NamedKey, Signer
from hashpact.domain.kinds import (
    AnyBody,
    GiveOpinion,
    KeyRotate,
    Submit,
    Withdraw,
)
from hashpact.domain.kinds.conduct.words import Words
from hashpact.domain.messages import Submission
from hashpact.domain.ports import Clock, Entropy
from hashpact.domain.renewal import MAX_DAYS, Renewal, Voucher
from hashpact.domain.state import Basis, Stance
from hashpact.domain.statements import REQUEST_SIZE, Statement
from hashpact.errors import InvalidInputError

Choice = TypeVar("Choice", bound=enum.Enum)

NONCE_SIZE: Final = 32

_CLOCKS_APART: Final = 600
"""Seconds by which the clock that gave the time of a removal may be ahead of the author's."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why content was removed, as a submission states it.

    ``labels`` are of the policy's taxonomy, 1 to 8. With basis ``law``, ``authority`` is the member that
    ordered it and ``article`` the provision. ``jurisdictions`` are ISO 3166-1 codes.
    """

    labels: frozenset[str]
    basis: Basis = Basis.GUIDELINE
    authority: str | None = None
    article: str | None = None
    jurisdictions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Paper:
    """A statement without its commitments: ``body`` makes it of those to its fingerprints and to its words.

    ``texts`` are its words by their names, ``documents`` what it names.
    """

    body: Callable[[Sequence[bytes], bytes | None], AnyBody]
    texts: Mapping[str, str] = field(default_factory=dict)
    fingerprints: tuple[Fingerprint, ...] = ()
    documents: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Author:
    """Signs statements of one member for one log. ``key.name`` is the key's name without the member's."""

    origin: str
    member: str
    key: NamedKey
    signer: Signer
    clock: Clock
    entropy: Entropy

    def submit(
        self, fingerprints: Sequence[Fingerprint], reason: Reason, removed: int | None = None
    ) -> Submission:
        """A submission of 1 to 256 fingerprints of one piece of content; ``removed`` in Unix seconds (now).

        Raises InvalidInputError for a field that has no spelling, and a removal in the future.
        """
        if not fingerprints:
            msg = "a submission has at least one fingerprint"
            raise InvalidInputError(msg, field="fingerprints")
        if removed is not None and removed > self.clock() + _CLOCKS_APART:
            msg = "the content was removed in the future; give the time of the removal"
            raise InvalidInputError(msg, field="removed")
        private = [PrivatePart(each.shared(), self.entropy(NONCE_SIZE)).text() for each in fingerprints]
        body = Submit(
            labels=tuple(sorted(reason.labels)),
            basis=reason.basis,
            authority=reason.authority,
            article=reason.article,
            jurisdictions=tuple(sorted(reason.jurisdictions)),
            removed=self.clock() if removed is None else removed,
            items=tuple(commitment(part) for part in private),
        )
        return Submission(self._sign(body), private)

    def withdraw(self, entry: int, reason: str) -> Submission:
        """The withdrawal of the member's own entry at that log index."""
        return Submission(self._sign(Withdraw(entry, reason)))

    def opinion(
        self, entry: int, stance: Stance, reason: str | None = None, *, replace: bool = False
    ) -> Submission:
        """An opinion on another member's entry, with a slug as its reason.

        ``replace`` goes with the stance seen: it takes back an endorsement or dispute.
        """
        return Submission(self._sign(GiveOpinion(entry, stance, reason, replace)))

    def rotate(self, old: bytes, new: NamedKey, successor: Signer, overlap: int) -> Submission:
        """The replacement of the member's key of the id ``old``, which stays valid for ``overlap`` seconds.

        It is signed by the author's key, which is the old key or a recovery key, and by the new key.
        """
        body = KeyRotate(old, new.name, new.public, self.clock() + KEY_LIFE, overlap)
        return Submission(self._sign(body, (new, successor)))

    def say(self, body: AnyBody) -> Submission:
        """A statement of any other kind, without private parts."""
        return Submission(self._sign(body))

    def file(self, paper: Paper) -> Submission:
        """A statement of the code of conduct, with its words and what else goes with it."""
        shared = [PrivatePart(each.shared(), self.entropy(NONCE_SIZE)).text() for each in paper.fingerprints]
        words = Words(self.entropy(NONCE_SIZE), **paper.texts).text() if paper.texts else None
        body = paper.body([commitment(part) for part in shared], None if words is None else commitment(words))
        private = shared if words is None else [*shared, words]
        return Submission(self._sign(body), private, paper.documents)

    def again(self, kept: Submission) -> Submission:
        """The same statement signed anew: another time and request id, and the same private parts."""
        body = statements.parse(kept.statement).statement.body
        return Submission(self._sign(body), kept.private, kept.documents)

    def renewal(self, request: bytes, days: int = MAX_DAYS, *, check_only: bool = False) -> Renewal:
        """The renewal that asks for a certificate of so many days for a certificate request (PEM).

        With ``check_only`` the certificate's holder may check and nothing else.
        """
        digest = hashlib.sha256(request).digest()
        voucher = Voucher(self.origin, self.member, self.key.id, self.clock(), digest, days, check_only)
        return Renewal(request, voucher.sign(self.key, self.signer))

    def _sign(self, body: AnyBody, *others: tuple[NamedKey, Signer]) -> bytes:
        statement = Statement(
            log=self.origin,
            member=self.member,
            key=self.key.id,
            request=self.entropy(REQUEST_SIZE),
            time=self.clock(),
            body=body,
        )
        signers = [
            (NamedKey(statements.key_name(self.member, key.name), key.public), signer)
            for key, signer in ((self.key, self.signer), *others)
        ]
        return statements.sign(statement, signers)


def reason_of(
    labels: Iterable[str],
    basis: Basis | str,
    authority: str | None,
    article: str | None,
    jurisdictions: Iterable[str],
) -> Reason:
    """The reason from a caller's arguments. Raises InvalidInputError for an unknown basis."""
    return Reason(names(labels), chosen(Basis, basis, "basis"), authority, article, names(jurisdictions))


def names(values: Iterable[str]) -> frozenset[str]:
    """The names in an iterable; a string is one name, not its letters."""
    return frozenset((values,) if isinstance(values, str) else values)


def chosen(choices: type[Choice], value: Choice | str, field: str) -> Choice:
    """The one of the choices that a caller names. Raises InvalidInputError."""
    try:
        return choices(value)
    except ValueError:
        msg = f"{field} is one of {', '.join(each.value for each in choices)}"
        raise InvalidInputError(msg, field=field) from None
