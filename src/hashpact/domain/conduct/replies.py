"""Replies that are awaited from authorities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hashpact.domain.conduct import clocks
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.kinds import Appeal, AuthorityReply, Decision, Question
from hashpact.domain.kinds.conduct.appeals import awaited_from
from hashpact.domain.kinds.conduct.filed import newest, stands
from hashpact.domain.state import Filing, View

ANSWERABLE: Final = (Question, Decision, Appeal)
"""The kinds that an authority may have to reply to."""


@dataclass(frozen=True, slots=True)
class AwaitedReply:
    """What an authority is to reply to, as it stands at a moment. ``due`` is in Unix seconds."""

    filing: Filing
    authority: str
    due: int
    reply: Filing | None
    standing: Standing


def awaited(view: View, filing: Filing, now: int) -> Iterator[AwaitedReply]:
    """The replies that are awaited to that filing, by authority; none if it does not stand."""
    if not stands(view, filing):
        return
    until = clocks.due(view, filing, "reply")
    for authority in sorted(awaited_from(view, filing)):
        given = newest(view, AuthorityReply, filing.index, authority)
        reply = None if given is None or given.moment > now else given
        answered = None if reply is None else reply.moment
        standing = clocks.standing_at(now, filing.moment, until, answered)
        yield AwaitedReply(filing, authority, until, reply, standing)
