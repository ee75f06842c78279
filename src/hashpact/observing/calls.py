"""The metrics of calls, taken in a few times a second, all calls at once.

A check costs a third of a millisecond in all. So a call leaves one tuple here, and what it means for the
metrics is worked out for all calls of a quarter of a second together.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict, deque
from typing import Final

from hashpact.observing.metrics import Metrics
from hashpact.observing.tracing import Spans
from hashpact.wire.server.ended import Ended

_MOST: Final = 100_000
"""Calls that wait at most; the oldest are left out beyond that."""
_OURS: Final = "/hashpact.wire.v1."


class CallMeter:
    """Counts calls in metrics, and has spans made of them; either may be missing. Any thread may record."""

    def __init__(self, metrics: Metrics | None, spans: Spans | None) -> None:
        self._metrics = metrics
        self._spans = spans
        self._ended: deque[tuple[float, Ended]] = deque(maxlen=_MOST)
        self._flushing = threading.Lock()

    def record(self, ended: Ended) -> None:
        """A call has ended, now."""
        self._ended.append((time.time(), ended))

    def flush(self) -> None:
        """Take in what was recorded."""
        with self._flushing:
            ended = [self._ended.popleft() for _ in range(len(self._ended))]
            if self._metrics is not None:
                _count(self._metrics, ended)
            if self._spans is not None:
                for at, call in ended:
                    self._spans.record(at, call)


def _count(metrics: Metrics, ended: list[tuple[float, Ended]]) -> None:
    seconds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    refused: Counter[tuple[str, str]] = Counter()
    for _, call in ended:
        seconds[call.rpc, call.code].append(call.seconds)
        if call.reason is not None:
            refused[call.reason, call.caller] += 1
    for (rpc, code), some in seconds.items():
        metrics.rpc_seconds.labels(short(rpc), code).take_in(some)
    for labels, count in refused.items():
        metrics.refused.labels(*labels).inc(count)


def short(rpc: str) -> str:
    """The name of a method in metrics and spans: SERVICE/METHOD, without the package if that is ours."""
    return rpc.removeprefix(_OURS).removeprefix("/")
