"""The moment: the time by which the log judges a statement, which no single statement can move for others.

A statement's own time is what its author writes. The **log's moment** M is the lower median of the times of
the last 11 signers, or 0 while there are fewer than two. A member is one signer, however many keys it has,
and so are the administrators together. A signer's time is the moment of its newest statement. The **moment of
a statement** is the later of its own time and the log's moment before it.

A statement that is dated ahead spoils its own validity only, unless more than half of the signers do the
same. No statement counts as earlier than the log's moment before it, so M never falls; only a `clock-mend`
sets it back. docs/decisions/time.md has the proofs and reasons.
"""

from __future__ import annotations

from typing import Final

from hashpact.domain.state import RecentTimes, SignerTime

SIGNERS: Final = 11
"""Signers whose times are kept: with 11 of them, 5 that lie move nothing."""
SPAN: Final = 20 * 60
"""Seconds by which honest statements may be apart: a server takes 10 minutes to both sides of its clock."""


def of_log(times: RecentTimes) -> int:
    """The log's moment: the lower median of the times, 0 if fewer than two signers have one."""
    ordered = sorted(each.time for each in times.signers)
    return ordered[(len(ordered) - 1) // 2] if len(ordered) > 1 else 0


def of_statement(times: RecentTimes, time: int) -> int:
    """The moment of a statement of that time, after statements of these times."""
    return max(time, of_log(times))


def after(times: RecentTimes, signer: str, moment: int) -> RecentTimes:
    """The times after one more statement, which that signer made at that moment."""
    others = [each for each in times.signers if each.signer != signer]
    return RecentTimes((*others, SignerTime(signer, moment))[-SIGNERS:])


def mended(times: RecentTimes, time: int) -> RecentTimes:
    """The times, none of them later than ``time``."""
    return RecentTimes(tuple(SignerTime(each.signer, min(each.time, time)) for each in times.signers))


def newest(times: RecentTimes) -> int:
    """The moment of the newest statement, 0 before the first."""
    return times.signers[-1].time if times.signers else 0
