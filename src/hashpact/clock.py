"""The machine's clocks. Everything that needs the time takes it as an argument; compositions pass these."""

from __future__ import annotations

import time


def unix_time() -> int:
    """Seconds since 1970 in UTC."""
    return int(time.time())


def steady_time() -> float:
    """Seconds from some start, which setting the clock does not change. On Linux a machine's sleep counts."""
    boot: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)
