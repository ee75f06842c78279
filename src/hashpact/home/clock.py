"""The server's clock, compared with its witnesses and with a steady clock before the log goes by it.

docs/decisions/time.md gives the reasons for the bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

from hashpact.domain.keys import verify
from hashpact.domain.ports import Clock
from hashpact.errors import BadSignatureError, UnavailableError
from hashpact.log import checkpoint, cosignature
from hashpact.log.cosignature import Witness
from hashpact.service.append import MAX_SKEW

_REMEDY: Final = "nothing is appended until the machine's clock is right; checks go on"


class CheckedClock:
    """A clock that gives the time, in Unix seconds, while nothing contradicts it. Any thread may call it.

    ``wall`` is the machine's clock. ``timer`` counts seconds from any start, steadily: setting the machine's
    clock does not change it. ``cosigned`` are the times of the cosignatures that the log has kept last.
    """

    def __init__(self, wall: Clock, timer: Callable[[], float], cosigned: Collection[int] = ()) -> None:
        self._wall = wall
        self._timer = timer
        self._cosigned = tuple(cosigned)
        self._start = wall() - timer()
        self._witnesses: dict[str, float] = {}

    def heard(self, witness: str, time: int) -> None:
        """A witness has just cosigned, at ``time`` by its clock; it counts in place of the start."""
        self._witnesses[witness] = time - self._timer()

    def __call__(self) -> int:
        """The time. Raises UnavailableError, which says what contradicts it and what to do."""
        now = self._wall()
        witnesses = dict(self._witnesses)
        if witnesses:
            self._check_witnesses(now, witnesses)
        else:
            self._check_alone(now)
        return now

    def _check_witnesses(self, now: int, witnesses: dict[str, float]) -> None:
        steady = self._timer()
        off = {name: now - (start + steady) for name, start in witnesses.items()}
        wrong = {name: by for name, by in off.items() if abs(by) > MAX_SKEW}
        if 2 * len(wrong) > len(off):
            each = ", ".join(f"{_apart(by)} that of {name}" for name, by in sorted(wrong.items()))
            msg = f"the server's clock is {each}; {_REMEDY} (or take a wrong witness out of hashpact.toml)"
            raise UnavailableError(msg, server_time=str(now))

    def _check_alone(self, now: int) -> None:
        ahead = [time for time in self._cosigned if time > now + MAX_SKEW]
        if 2 * len(ahead) > len(self._cosigned):
            msg = f"the server's clock is {_apart(now - min(ahead))} the log's newest cosignatures; {_REMEDY}"
            raise UnavailableError(msg, server_time=str(now))
        jump = now - (self._start + self._timer())
        if abs(jump) > MAX_SKEW:
            msg = (
                f"the server's clock is {_apart(jump)} what it was at the start, counted on; {_REMEDY} "
                "(if it is right now, restart the server)"
            )
            raise UnavailableError(msg, server_time=str(now))


def cosigned_times(note: bytes, witnesses: Iterable[Witness]) -> list[int]:
    """The times at which these witnesses have cosigned a checkpoint of the log, of those that have."""
    opened = checkpoint.parse(note).note
    times = []
    for witness in witnesses:
        try:
            time = cosignature.verify(opened, witness, verify)
        except BadSignatureError:
            continue  # the key of a witness may have been replaced since
        if time is not None:
            times.append(time)
    return times


def _apart(seconds: float) -> str:
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"
