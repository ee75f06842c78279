"""Propose: administrators' statements are appended when enough have signed, and wait here until then.

A proposal is a file of statements as `governance.drafts` reads it. What waits is no part of the log: it is
lost with the home's disk, and its signers send it again.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hashpact.domain import rules
from hashpact.domain.kinds import ADMIN
from hashpact.domain.messages import Appended
from hashpact.domain.ports import Clock, Ledger, Waiting
from hashpact.domain.state import Charter
from hashpact.domain.statements import key_name
from hashpact.errors import (
    BadSignatureError,
    ConflictError,
    HashpactError,
    InvalidInputError,
    MissingSignatureError,
    NotPermittedError,
    OverloadedError,
)
from hashpact.governance import drafts
from hashpact.governance.drafts import MAX_STATEMENTS, MAX_WAITING, Draft
from hashpact.service.append import MAX_AGE, Intake

MAX_OF_ONE: Final = 16
"""Those of them that only one administrator has signed, for each administrator."""
MAX_BYTES: Final = 4 * 1024 * 1024
"""Their bytes altogether: they are listed in one message."""


@dataclass(slots=True)
class Proposals:
    """Takes in administrators' statements from afar. Any thread may call it."""

    intake: Intake
    ledger: Ledger
    waiting: Waiting
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def propose(self, data: bytes, documents: Sequence[bytes] = ()) -> tuple[Appended, ...]:
        """Append a file's statements, all of them or none, with all signatures that are known of them.

        If not all who must sign have signed, they wait, and the result is empty. A proposal of the same
        statements adds its signatures to those that wait. The ``documents`` that the statements name are
        needed once all have signed; they do not wait.

        Raises MalformedError for a file that holds anything else, InvalidInputError for too many statements,
        NotPermittedError for one that is not the administrators'. Raises BadSignatureError unless an
        administrator has signed each, and for a signature that does not verify by a known key;
        OverloadedError if too many wait; and the error of any other rule that they break.
        """
        proposed = drafts.parse(data)
        if len(proposed) > MAX_STATEMENTS:
            msg = f"a proposal of {len(proposed)} statements; the limit is {MAX_STATEMENTS}"
            raise InvalidInputError(msg, field="statements")
        with self._lock:
            charter = self._charter()
            if (logged := self._logged(proposed)) is not None:
                return self._append(logged, documents)
            kept, name = self._current(charter), drafts.name_of(proposed)
            merged = drafts.merge([kept.get(name, proposed), proposed])
            check_signed(merged, charter)
            try:
                appended = self._append(merged, documents)
            except MissingSignatureError:
                self._foresee(merged[0])
                _check_room({**kept, name: merged}, charter)
                self.waiting.put(name, drafts.write(merged))
                return ()
            self.waiting.drop(name)
            return appended

    def _append(self, proposal: Sequence[Draft], documents: Sequence[bytes]) -> tuple[Appended, ...]:
        receipts = self.intake.append_all(ADMIN, drafts.submissions(proposal, documents))
        return tuple(Appended(draft.data, one) for draft, one in zip(proposal, receipts, strict=True))

    def _logged(self, proposal: Sequence[Draft]) -> list[Draft] | None:
        """The statements with the signatures that they have in the log; None unless just these are there."""
        found: list[Draft] = []
        with self.ledger.snapshot() as view:
            for draft in proposal:
                index = view.request(ADMIN, draft.statement.request)
                if index is not None:
                    found += (
                        each
                        for leaf in self.ledger.leaves(index, index + 1)
                        for each in drafts.parse(leaf.data)
                    )
        return found if [each.text for each in found] == [each.text for each in proposal] else None

    def all(self) -> tuple[bytes, ...]:
        """The files of the proposals that wait, in the order of their names."""
        with self._lock:
            return tuple(map(drafts.write, self._current(self._charter()).values()))

    def _current(self, charter: Charter) -> dict[str, list[Draft]]:
        """What waits, after removing what cannot be appended any more: too old, in the log, or not signed."""
        oldest, found = self.clock() - MAX_AGE, {}
        with self.ledger.snapshot() as view:
            for name, data in self.waiting.all().items():
                try:
                    proposal = drafts.parse(data)
                    check_signed(proposal, charter)
                except HashpactError:  # an administrator of before, or a file that something else wrote
                    proposal = []
                waits = [
                    each.statement.time >= oldest and view.request(ADMIN, each.statement.request) is None
                    for each in proposal
                ]
                if waits and all(waits):
                    found[name] = proposal
                else:
                    self.waiting.drop(name)
        return found

    def _charter(self) -> Charter:
        with self.ledger.snapshot() as view:
            charter = view.charter()
        if charter is None:
            msg = "the log has no genesis statement yet"
            raise ConflictError(msg)
        return charter

    def _foresee(self, draft: Draft) -> None:
        """Raise the error of a rule that the statement breaks however many sign it."""
        with self.ledger.snapshot() as view:
            rules.foresee(view, self.ledger.head().size, draft.statement)


def _check_room(waiting: Mapping[str, Sequence[Draft]], charter: Charter) -> None:
    """Raise OverloadedError if these are more than may wait."""
    signers = [check_signed(each, charter) for each in waiting.values()]
    most = max(Counter(each for each in signers if len(each) == 1).values(), default=0)
    size = sum(len(drafts.write(each)) for each in waiting.values())
    if len(waiting) > MAX_WAITING or size > MAX_BYTES or most > MAX_OF_ONE:
        msg = (
            f"too many proposals wait: at most {MAX_WAITING} in all, of {MAX_BYTES} bytes, "
            f"and {MAX_OF_ONE} that one administrator alone has signed; have some of them signed"
        )
        raise OverloadedError(msg)


def check_signed(proposal: Sequence[Draft], charter: Charter) -> frozenset[str]:
    """The note names of the administrators that have signed some of the statements.

    Raises as `Proposals.propose`, unless an administrator has signed each and every signature verifies.
    """
    admins = {key_name(ADMIN, admin.name) for admin in charter.admins}
    signers: set[str] = set()
    for draft in proposal:
        if draft.statement.member != ADMIN:
            msg = f"a proposal holds statements of the administrators only, not of {draft.statement.member!r}"
            raise NotPermittedError(msg)
        if draft.statement.log != charter.origin:
            msg = f"the statement is for the log {draft.statement.log!r}, this one is {charter.origin!r}"
            raise InvalidInputError(msg, field="log")
        signed = drafts.signatures(draft, charter)
        bad = next((one.name for one in signed if one.valid is not True), None)
        if bad is not None:
            msg = f"the signature of {bad!r} does not verify by a key that the log or the statement names"
            raise BadSignatureError(msg)
        found = admins.intersection(one.name for one in signed)
        if not found:
            msg = "no administrator has signed one of the statements"
            raise BadSignatureError(msg)
        signers |= found
    return frozenset(signers)
