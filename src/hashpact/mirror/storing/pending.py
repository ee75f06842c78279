"""Pending checkpoints: the newest that the log has signed, posted by it or copied from it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from hashpact.domain.ports import Checkpoints, Cosigned
from hashpact.domain.state import Evidence, KeptCheckpoint
from hashpact.errors import ConflictError


@dataclass(slots=True)
class Pending:
    """`Cosigned` of one log: the largest of what was posted last and what the ``others`` keep.

    The others are what is copied, and what is cosigned: so a posted checkpoint has to extend what the mirror
    has verified by itself. ``accuse`` is called with evidence that is certain. Any thread may call it; one
    process has it.
    """

    posted: Cosigned
    others: tuple[Checkpoints, ...]
    accuse: Callable[[Evidence], object] = field(repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def latest(self, origin: str) -> KeptCheckpoint | None:
        """The newest checkpoint of the log."""
        kept = [*(each.newest() for each in self.others), self.posted.latest(origin)]
        return max((one for one in kept if one is not None), key=lambda one: one.size, default=None)

    def advance(self, origin: str, last: KeptCheckpoint | None, new: KeptCheckpoint) -> None:
        """Replace ``last`` by ``new``, as `Cosigned.advance`."""
        with self._lock:
            newest = self.latest(origin)
            size = 0 if newest is None else newest.size
            if newest is not None and (last is None or size != last.size):
                msg = f"size {size} was taken meanwhile"
                raise ConflictError(msg, size=str(size))
            self.posted.advance(origin, self.posted.latest(origin), new)

    def keep_evidence(self, origin: str, evidence: Evidence) -> None:
        """Keep it as a witness does; what is certain is reported too."""
        self.posted.keep_evidence(origin, evidence)
        if evidence.certain:
            self.accuse(evidence)
