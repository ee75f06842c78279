"""Positions of the log, by the moments that were given out with them: what a caller with a time goes on from.

A caller of StopNCII's form names a time, and the clearinghouse knows positions only.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from hashpact.errors import UnavailableError
from hashpact.gateway.keeping.store import BankStore

_MOST: Final = 1000
"""Moments that are remembered: a caller with an older one is given more than it needs."""


class PassedMoments:
    """The moments of one ``scope``: a log, and which of its entries are served.

    They are in the gateway's store, and forgotten once it is opened with another scope: a caller would not
    get the older entries that are served from then on. Raises CorruptError for a row that was altered.
    """

    def __init__(self, store: BankStore, scope: str) -> None:
        self._store = store
        self._scope = scope
        self._positions = store.passed(scope)

    async def note(self, moment: int, position: int) -> None:
        """Remember a position with the log's moment there, in Unix seconds: the first one of each moment."""
        if moment in self._positions:
            return
        self._positions[moment] = position
        while len(self._positions) > _MOST:
            del self._positions[min(self._positions)]
        with contextlib.suppress(UnavailableError):  # a disk that is full costs callers a repetition only
            await asyncio.to_thread(self._store.keep_passed, self._scope, self._positions)

    def before(self, moment: int) -> int:
        """A position up to which everything has happened before a moment; 0 if none is known.

        Never that of the moment itself, at which more may have happened since. A `clock-mend` sets the log's
        moment back, so that an earlier moment can have a later position: such a one is passed over.
        """
        known = self._positions
        later = (position for each, position in known.items() if each > moment)
        given = known[moment] if moment in known else min(later, default=None)
        earlier = (position for each, position in known.items() if each < moment)
        return max((each for each in earlier if given is None or each <= given), default=0)
