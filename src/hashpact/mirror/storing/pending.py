"""Pending checkpoints: the newest that the log has signed, posted by it or copied from it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from hashpact.domain.ports import Cosigned, Log
from hashpact.domain.state import Evidence, KeptCheckpoint
from hashpact.errors import ConflictError


@dataclass(slots=True)
class Pending:
    """`Cosigned` of one log: the larger of the checkpoint that was posted last and the one that is copied.

    So a posted checkpoint has to extend what the mirror has verified by itself. ``accuse`` is called with
    evidence that is certain. Any thread may call it; one process has it.
    """

    posted: Cosigned
    copy: Log
    accuse: Callable[[Evidence], object] = field(repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def latest(self, origin: str) -> KeptCheckpoint | None:
        """The newest checkpoint of the log."""
        posted, copied = self.posted.latest(origin), self.copy.checkpoints.newest()
        if posted is None or (copied is not None and copied.size >= posted.size):
            return copied
        return posted

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

    def close(self) -> None:
        """Give the files of what was posted back."""
        self.posted.close()
