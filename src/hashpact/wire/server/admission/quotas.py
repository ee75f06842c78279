"""Quotas: what a member may do in a minute, by the policy, and how much it may ask about at once.

A bucket for each member and kind holds a minute's number and fills evenly. What is asked for is counted after
it is let in: a batch of any size passes, and the next one waits longer. The counts are this
process's own and begin anew with it. Of several processes on one home each gives out its share: connections
spread over them, and a member with a single one gets a share only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from hashpact.domain.kinds import ADMIN
from hashpact.domain.state import Charter
from hashpact.errors import OverloadedError
from hashpact.wire.server.admission.pools import Deferred

CHECK: Final = "check"
"""The kind by which a policy bounds the fingerprints that a member asks about."""
AT_ONCE: Final = 16 * 1024
"""Fingerprints that a member may be asking about at once: four of the largest batches."""
AGAIN: Final = 0.1
"""Seconds that a caller is asked to wait if its member asks about too many at once."""
MINUTE: Final = 60.0
_FRESH: Final = 1.0
"""Seconds after which the policy is read again."""
_SLIPS: Final = 32.0
"""Appends beyond its rate that a member may send before further ones are refused unread for a while."""
_FORGIVEN: Final = 8.0
"""Of these, how many are forgotten in a second."""


class _Bucket:
    """A number that fills up to ``full`` at ``rate`` a second."""

    __slots__ = ("at", "level")

    def __init__(self, full: float, now: float) -> None:
        self.level = full
        self.at = now

    def wait(self, full: float, rate: float, now: float) -> float:
        """The seconds until there is one in it, or all that it can hold; 0 if there is."""
        self.level = min(full, self.level + rate * (now - self.at))
        self.at = now
        return max(min(1.0, full) - self.level, 0.0) / rate


class Quotas:
    """Refuses with OverloadedError what is over a member's quota. Any thread may ask it.

    ``charter`` reads the policy in force; ``timer`` counts seconds, from any moment; ``workers`` is how many
    processes share the quotas. Administrators have none.
    """

    def __init__(
        self,
        charter: Callable[[], Charter | None] = lambda: None,
        timer: Callable[[], float] = lambda: 0.0,
        workers: int = 1,
        at_once: int = AT_ONCE,
    ) -> None:
        self._charter = charter
        self._timer = timer
        self._workers = workers
        self._at_once = at_once
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._slips: dict[str, _Bucket] = {}
        self._asking: dict[str, int] = {}
        self._read: float | None = None
        self._rates: dict[str, int] = {}
        self._rates_of: dict[tuple[str, str], int] = {}

    def take(self, member: str, kind: str, count: int = 1) -> None:
        """Count so many of a kind. Raises OverloadedError."""
        if member == ADMIN:
            return
        self._refresh()
        with self._lock:
            error = self._over(member, kind)
            if error is None:
                bucket = self._buckets.get((member, kind))
                if bucket is not None:
                    bucket.level -= count
                return
            if kind != CHECK:
                now = self._timer()
                slips = self._slips.setdefault(member, _Bucket(_SLIPS, now))
                slips.wait(_SLIPS, _FORGIVEN, now)
                slips.level = max(slips.level - 1, 0.0)
        raise error

    def asking(self, member: str, count: int) -> AbstractContextManager[None]:
        """Count the fingerprints of a check for the length of a block. Raises OverloadedError."""
        return _Asking(self, member, count)

    def begin(self, member: str, count: int) -> None:
        """Count the fingerprints of a check until `end`. Raises OverloadedError."""
        self.take(member, CHECK, count)
        with self._lock:
            asked = self._asking.get(member, 0)
            # One that is alone is taken whatever its size.
            if asked and asked + count > self._at_once:
                msg = f"{member!r} asks about {asked} fingerprints now, and may about {self._at_once}"
                raise _overloaded(msg, member, CHECK, AGAIN)
            self._asking[member] = asked + count

    def end(self, member: str, count: int, *, again: bool) -> None:
        """Count them no more; if they are to be asked ``again``, they were not asked yet."""
        with self._lock:
            left = self._asking.pop(member) - count
            if left:
                self._asking[member] = left
            bucket = self._buckets.get((member, CHECK))
            if again and bucket is not None:
                bucket.level += count

    def before_check(self, member: str) -> OverloadedError | None:
        """The error with which a check of that member is refused unread; None if it is not."""
        if not self._buckets or self._is_stale():
            return None
        with self._lock:
            return self._over(member, CHECK)

    def before_append(self, member: str) -> OverloadedError | None:
        """The error with which an append is refused unread, after too many that were refused; or None."""
        if member not in self._slips:
            return None
        with self._lock:
            wait = self._slips[member].wait(_SLIPS, _FORGIVEN, self._timer())
        if not wait:
            return None
        msg = f"{member!r} sends statements beyond its rates without pause; wait before the next"
        return _overloaded(msg, member, "append", 1.0)

    def _over(self, member: str, kind: str) -> OverloadedError | None:
        most = self._rates_of.get((member, kind), self._rates.get(kind))
        if most is None:
            self._buckets.pop((member, kind), None)
            return None
        now, full = self._timer(), most / self._workers
        bucket = self._buckets.get((member, kind))
        if bucket is None:
            bucket = self._buckets[member, kind] = _Bucket(full, now)
        wait = bucket.wait(full, full / MINUTE, now)
        if not wait:
            return None
        what = "queries in checks" if kind == CHECK else f"{kind} statements"
        msg = f"{member!r} has reached its rate of {most} {what} in a minute; the policy can raise it"
        return _overloaded(msg, member, kind, wait)

    def _is_stale(self) -> bool:
        return self._read is None or self._timer() - self._read >= _FRESH

    def _refresh(self) -> None:
        """Read the policy again, if that was a while ago."""
        if not self._is_stale():
            return
        self._read = self._timer()
        charter = self._charter()
        if charter is not None:
            self._rates = dict(charter.rates)
            self._rates_of = {(member, kind): most for member, (kind, most) in charter.rates_of}


class _Asking:
    """What `Quotas.asking` counts; a generator would cost a check twice as much."""

    __slots__ = ("_count", "_member", "_quotas")

    def __init__(self, quotas: Quotas, member: str, count: int) -> None:
        self._quotas = quotas
        self._member = member
        self._count = count

    def __enter__(self) -> None:
        self._quotas.begin(self._member, self._count)

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        self._quotas.end(self._member, self._count, again=kind is Deferred)


def _overloaded(msg: str, member: str, quota: str, wait: float) -> OverloadedError:
    # A little more, because a sum of fractions may fall short of one.
    return OverloadedError(msg, member=member, quota=quota, retry_after=f"{wait + 0.001:.3f}")
