"""Append: a signed statement becomes a leaf of the log, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hashpact.domain import rules, statements
from hashpact.domain.fingerprints import commitment, parse_private
from hashpact.domain.kinds import ADMIN, Submit, moment
from hashpact.domain.messages import Submission
from hashpact.domain.ports import Clock, Ledger, Transaction
from hashpact.domain.state import Head, Leaf, RecentTimes
from hashpact.domain.statements import SignedStatement, Statement
from hashpact.errors import (
    ClockSkewError,
    CorruptError,
    InvalidInputError,
    MalformedError,
    NotPermittedError,
    RequestReusedError,
    UnavailableError,
)
from hashpact.log import tree

MAX_SKEW: Final = 600
"""Seconds by which a statement's time may differ from the server's clock."""
MAX_AGE: Final = 7 * 24 * 3600
"""Seconds that administrators may take, on several machines, to sign one statement."""


@dataclass(frozen=True, slots=True)
class Appender:
    """The only writer of the log. ``clock`` may raise UnavailableError, and then nothing is appended."""

    ledger: Ledger
    clock: Clock

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
        opened = [(_open(caller, submission), submission.private) for submission in submissions]
        leaves = []
        with self.ledger.begin() as transaction:
            head = self.ledger.head()
            staged: dict[int, Leaf] = {}
            for signed, private in opened:
                statement = signed.statement
                earlier = transaction.request(statement.member, statement.request)
                if earlier is None:
                    leaf = self._stage(transaction, head, signed, private)
                    staged[leaf.index] = leaf
                    head = Head(leaf.index + 1, leaf.edge)
                else:
                    leaf = staged.get(earlier) or self._committed(earlier)
                    _check_replay(leaf, signed)
                leaves.append(leaf)
        return leaves

    def _stage(
        self, transaction: Transaction, head: Head, signed: SignedStatement, private: Sequence[bytes]
    ) -> Leaf:
        statement = signed.statement
        self._check_time(statement, transaction.times())
        records = rules.decide(transaction, head.size, signed)
        hash_ = tree.leaf_hash(signed.data)
        edge = tree.extend(head.size, head.edge, hash_)
        leaf = Leaf(
            index=head.size,
            data=signed.data,
            hash=hash_,
            root=tree.root(edge),
            edge=edge,
            member=statement.member,
            request=statement.request,
            time=statement.time,
        )
        transaction.append(leaf, private, records)
        return leaf

    def _committed(self, index: int) -> Leaf:
        leaf = next(self.ledger.leaves(index, index + 1), None)
        if leaf is None:
            msg = f"the log has no leaf {index}, which its index of requests names"
            raise CorruptError(msg)
        return leaf

    def _check_time(self, statement: Statement, times: RecentTimes) -> None:
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


def _check_replay(leaf: Leaf, signed: SignedStatement) -> None:
    if leaf.data != signed.data:
        msg = "this request id was used for another statement; nothing has changed"
        raise RequestReusedError(msg)


def _open(caller: str | None, submission: Submission) -> SignedStatement:
    """The parsed statement, after the checks that do not need the log."""
    signed = statements.parse(submission.statement)
    member = signed.statement.member
    if caller is not None and member != caller:
        msg = f"the statement is by {member!r}, the channel is of {caller!r}"
        raise NotPermittedError(msg)
    body = signed.statement.body
    items = body.items if isinstance(body, Submit) else ()
    if len(submission.private) != len(items):
        msg = f"{len(submission.private)} private parts for {len(items)} items"
        raise InvalidInputError(msg, field="private")
    for number, (item, private) in enumerate(zip(items, submission.private, strict=True)):
        if commitment(private) != item:
            msg = f"private part {number} is not what item {number} commits to"
            raise MalformedError(msg, field="private")
        parse_private(private)
    return signed
