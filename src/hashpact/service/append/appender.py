"""The appender decides whether a statement may become a leaf, and writes it: the log's only writer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hashpact.domain import rules
from hashpact.domain.fingerprints import Fingerprint
from hashpact.domain.kinds import ADMIN, AnyBody, Submit, moment
from hashpact.domain.messages import Submission
from hashpact.domain.ports import Clock, Ledger, Transaction
from hashpact.domain.state import Basis, Charter, Enclosed, Head, Leaf, RecentTimes
from hashpact.domain.statements import SignedStatement, Statement
from hashpact.errors import (
    ClockSkewError,
    CommitFailedError,
    CorruptError,
    InvalidInputError,
    NotPermittedError,
    RequestReusedError,
    UnavailableError,
)
from hashpact.log import tree
from hashpact.service.append.opened import Opened, Pause, Unit, no_pause, opened

MAX_SKEW: Final = 600
"""Seconds by which a statement's time may differ from the server's clock."""
MAX_AGE: Final = 7 * 24 * 3600
"""Seconds that administrators may take, on several machines, to sign one statement."""


@dataclass(frozen=True, slots=True)
class Group:
    """What became of several units: the leaves of each, or its error; and all that is new in the log."""

    outcomes: list[list[Leaf] | Exception]
    added: list[tuple[Leaf, Opened]]


@dataclass(frozen=True, slots=True)
class Appender:
    """The only writer of the log. ``clock`` may raise UnavailableError, and then nothing is appended.

    ``refuse`` is given the fingerprints of an entry, and raises what they may not be near
    (`matching.benign.Benign.refuse`).
    """

    ledger: Ledger
    clock: Clock
    refuse: Callable[[Sequence[Fingerprint]], None] = lambda _: None

    def append(self, caller: str | None, submission: Submission) -> Leaf:
        """Append one statement and return its leaf; the same bytes again return the same leaf.

        ``caller`` is the member that the channel authenticates; None is the operator at the home itself,
        without a channel. Raises the HashpactError of the first check that fails; then nothing has changed:
        format, caller, private parts, replay, the server's clock, the statement's time, rules
        (`rules.decide`).
        """
        (leaf,) = self.append_all(caller, [submission])
        return leaf

    def append_all(self, caller: str | None, submissions: Sequence[Submission]) -> list[Leaf]:
        """Append several statements in one transaction: all of them, or none."""
        (outcome,) = self.append_group([opened(caller, submissions)]).outcomes
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def append_group(self, units: Sequence[Unit], pause: Pause = no_pause) -> Group:
        """Append the units in one transaction, in their order; one that is refused leaves nothing behind.

        Raises what ends the transaction for all of them: UnavailableError if it cannot begin,
        CommitFailedError.
        """
        group = Group([], [])
        with self.ledger.begin() as transaction:
            staging = _Staging(self, transaction, self.ledger.head())
            for unit in units:
                pause()
                before, known = staging.head, len(group.added)
                try:
                    with transaction.savepoint():
                        leaves = [staging.leaf_of(one, group.added) for one in unit]
                except CommitFailedError:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, it is the error of this unit
                    staging.head = before
                    del group.added[known:]
                    group.outcomes.append(error)
                else:
                    group.outcomes.append(leaves)
        return group

    def check_time(self, statement: Statement, times: RecentTimes) -> None:
        """Raise ClockSkewError for a time that is off, UnavailableError if the server's own seems to be."""
        now, allowed = self.clock(), MAX_AGE if statement.member == ADMIN else MAX_SKEW
        # After a mend the log's moment is another, and the mend must not be refused for what it mends.
        behind = moment.of_log(statement.body.counted(times, statement.time)) - now
        if behind > MAX_SKEW:
            msg = (
                f"the server's clock is {behind} s behind what most of the log's last signers have stated; "
                "set the machine's clock, or if theirs were wrong, have a clock-mend statement signed"
            )
            raise UnavailableError(msg, server_time=str(now))
        if not now - allowed <= statement.time <= now + MAX_SKEW:
            msg = (
                f"the statement's time is off the server's clock: at most {MAX_SKEW} s ahead "
                f"and {allowed} s behind are taken; set the clock and sign again"
            )
            raise ClockSkewError(msg, server_time=str(now))


@dataclass(slots=True)
class _Staging:
    """A transaction, and the head after what is staged in it."""

    appender: Appender
    transaction: Transaction
    head: Head

    def leaf_of(self, opened: Opened, added: list[tuple[Leaf, Opened]]) -> Leaf:
        """The leaf of a statement: staged now, and then ``added``, unless the log has it already."""
        statement = opened.signed.statement
        earlier = self.transaction.request(statement.member, statement.request)
        if earlier is None:
            leaf = self._stage(opened)
            added.append((leaf, opened))
        else:
            leaf = self._known(earlier, added)
            _check_replay(leaf, opened.signed)
        return leaf

    def _stage(self, opened: Opened) -> Leaf:
        signed, head = opened.signed, self.head
        statement = signed.statement
        self.appender.check_time(statement, self.transaction.times())
        charter = self.transaction.charter()
        _check_allowed(charter, statement.body, opened.fingerprints)
        records = rules.decide(self.transaction, head.size, signed)
        if charter is not None and not charter.matching.mark_benign and _is_matched(statement.body):
            self.appender.refuse(opened.fingerprints)
        self._check_documents(statement.body, opened.enclosed)
        hash_ = tree.leaf_hash(signed.data)
        leaf = Leaf(
            index=head.size,
            data=signed.data,
            hash=hash_,
            nodes=tree.completed(head.size, head.edge, hash_),
            member=statement.member,
            request=statement.request,
            time=statement.time,
        )
        self.transaction.append(leaf, opened.private, records, opened.enclosed)
        self.head = head.after(leaf)
        return leaf

    def _check_documents(self, body: AnyBody, enclosed: Enclosed) -> None:
        """Refuse a statement that names a document which is neither enclosed nor kept."""
        given = {hashlib.sha256(document).digest() for document in enclosed.documents}
        for digest in body.documents():
            if digest not in given and self.appender.ledger.document(digest) is None:
                msg = f"enclose the document with the SHA-256 {digest.hex()}, which the statement names"
                raise InvalidInputError(msg, field="documents")

    def _known(self, index: int, added: Sequence[tuple[Leaf, Opened]]) -> Leaf:
        if added and index >= added[0][0].index:
            return added[index - added[0][0].index][0]
        leaf = next(self.appender.ledger.leaves(index, index + 1), None)
        if leaf is None:
            msg = f"the log has no leaf {index}, which its index of requests names"
            raise CorruptError(msg)
        return leaf


def _check_replay(leaf: Leaf, signed: SignedStatement) -> None:
    if leaf.data != signed.data:
        msg = "this request id was used for another statement; nothing has changed"
        raise RequestReusedError(msg)


def _is_matched(body: AnyBody) -> bool:
    return isinstance(body, Submit) and body.basis is not Basis.BENIGN


def _check_allowed(charter: Charter | None, body: AnyBody, fingerprints: Sequence[Fingerprint]) -> None:
    """Refuse a fingerprint of an opt-in type under a label for which the policy does not allow it.

    The log does not show the type, so that this is the server's to enforce, and no rule of the fold.
    """
    if not isinstance(body, Submit) or charter is None:
        return
    if body.basis is Basis.BENIGN:
        return  # it has none of the policy's labels, and never matches
    for name in {one.type.name for one in fingerprints if one.type.opt_in}:
        wrong = [label for label in body.labels if (name, label) not in charter.allowed]
        if wrong:
            msg = f"the policy does not allow {name} under the label {wrong[0]!r}; share the entry without it"
            raise NotPermittedError(msg)
