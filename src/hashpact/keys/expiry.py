"""Expiry: which keys and certificates end soon, and at which severity to warn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from hashpact.domain import standing
from hashpact.domain.grammar import MAX_INTEGER
from hashpact.domain.state import Key, State

DAY: Final = 24 * 3600
KEY_DAYS: Final = (7, 30, 60)
"""Days before its end at which a key is warned of: urgently, again, and first."""
CERTIFICATE_DAYS: Final = (2, 5, 10)
"""The same for a member's certificate, which lasts 30 days."""

_LEVELS: Final = ("urgent", "warning", "notice")


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that ends at the Unix time ``expires``, in ``days`` whole days (below 0: it has ended).

    ``level`` is notice, warning or urgent; ``remedy`` the command that helps.
    """

    what: str
    expires: int
    days: int
    level: str
    remedy: str = ""

    @property
    def text(self) -> str:
        """The same in one line."""
        if self.days < 0:
            return f"{self.what} has expired"
        return f"{self.what} expires in {self.days} day{'' if self.days == 1 else 's'}"


def ending(
    what: str, expires: int, now: int, steps: tuple[int, ...] = KEY_DAYS, remedy: str = ""
) -> Ending | None:
    """The warning due for an end at ``expires``; None if none is due. ``remedy`` is a command."""
    days = (expires - now) // DAY
    for level, step in zip(_LEVELS, steps, strict=True):
        if days < step:
            return Ending(what, expires, days, level, remedy)
    return None


class Registry:
    """The members' keys, and the state of each now."""

    def __init__(self, keys: Iterable[Key], now: int) -> None:
        self._now = now
        self._view = State()
        known = tuple(keys)
        for key in (*known, *standing.settled(known)):
            self._view.put(key)

    def endings(self) -> Iterator[Ending]:
        """The warnings due for keys that are in use: not replaced, and not revoked."""
        for key in self._view.registry.values():
            found = ending(f"the key {key.member}/{key.name}", key.expires, self._now)
            if found is not None and self._stands(key) and not standing.replaced(self._view, key):
                yield found

    def state(self, key: Key) -> str:
        """The state of a key now, in a few words."""
        if not self._stands(key):
            state = "void, as the rotation that brought it is"
            return state if key.cutoff is None else f"revoked from leaf {key.cutoff}"
        if key.suspended_index is not None:
            return "suspended"
        if standing.replaced(self._view, key):
            return "retired" if standing.retired(self._view, key, self._now) else "retiring"
        if key.expires <= self._now:
            return "expired"
        return "waiting" if key.valid_from > self._now else "in use"

    def _stands(self, key: Key) -> bool:
        """Whether what the key would sign next would stand."""
        return standing.stands(self._view, key.id, MAX_INTEGER)
