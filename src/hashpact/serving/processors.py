"""How many processors a process may use."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")


def processors(cgroups: Path = CGROUPS, own: Path = OWN) -> int:
    """Those that it may run on, or as many as its container or its systemd unit has time for; at least 1.

    The time is `cpu.max` of control groups v2, of the process's own group and of each above it
    (https://docs.kernel.org/admin-guide/cgroup-v2.html). A share of two and a half counts as three.
    """
    number = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # another system, or one without control groups
        group = cgroups / own.read_text().strip().rpartition("::")[2].strip("/")
        for each in (group, *group.parents):
            limit = each / "cpu.max"
            if limit.is_file():
                time, period = limit.read_text().split()
                if time != "max":
                    number = min(number, math.ceil(int(time) / int(period)))
            if each == cgroups:
                break
    return max(1, number)
