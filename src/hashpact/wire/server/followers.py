"""Followers: the streams of Follow, each of which keeps a thread that waits most of the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Final

from hashpact.domain.messages import Followed, FollowRequest
from hashpact.domain.state import Member
from hashpact.errors import StoppingError
from hashpact.service.following import LOOK, Following
from hashpact.wire.server.admission.pools import Pool, in_turns

LASTS: Final = 240.0
"""Seconds after which a stream ends, before its connection does; another one goes on."""
STILL: Final = 10.0
"""Seconds after which a follower hears that nothing is new."""


@dataclass(frozen=True, slots=True)
class Followers:
    """Sends what is signed to those who follow the log; ``pool`` bounds how many of a member's there are.

    Streams end once ``stopping`` is set. ``timer`` counts seconds, from any moment.
    """

    following: Following
    pool: Pool
    stopping: Event
    timer: Callable[[], float]

    def stream(self, caller: Member, asked: FollowRequest, wanted: Callable[[], bool]) -> Iterator[Followed]:
        """The messages of one stream, until the caller does not want it any more.

        The next is read when the transport has taken the one before.
        """
        at, sent = asked.start, b""
        ends, heard = self.timer() + LASTS, self.timer()
        while wanted() and self.timer() < ends:
            newest = self.following.newest(at_once=not sent)
            if newest is not None and newest.note != sent:
                sent = newest.note
                yield Followed(at, sent)
                leaves = self.following.leaves(caller, at, newest.size, private=asked.with_private)
                for batch in in_turns(self.pool, caller.id, leaves, wanted, at_once=1):
                    yield batch
                    at = batch.stop
                    if self.timer() >= ends:
                        return
                heard = self.timer()
            elif self.timer() - heard >= STILL:
                yield Followed(at)
                heard = self.timer()
            if self.stopping.wait(LOOK):
                msg = "the server is stopping; go on from the last response"
                raise StoppingError(msg)
