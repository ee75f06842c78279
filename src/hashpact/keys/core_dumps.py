"""No core dump of a process that holds private keys."""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # of <linux/prctl.h>


def forbid_core_dumps() -> None:
    """Keep this process's memory out of core dumps: none is written, nor given to what collects them.

    The limit holds for its children too; what collects dumps on Linux must be refused by each process.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # a program that collects dumps gets them whatever the limit is
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
