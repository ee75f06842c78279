"""The machine's clock. Everything that needs the time takes it as an argument; compositions pass this one."""

from __future__ import annotations

import time


def unix_time() -> int:
    """Seconds since 1970 in UTC."""
    return int(time.time())
