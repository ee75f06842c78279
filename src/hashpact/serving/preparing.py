"""What a process that answers asks of the system and of the interpreter before it begins."""

from __future__ import annotations

import resource
import sys
from typing import Final

_SWITCH: Final = 0.0001
"""Seconds for which a thread keeps others from running Python: a short check must not wait long for it."""


def prepare() -> None:
    """Let this process open as many files as it may, and its threads take turns soon.

    Each connection is a file, and a shell's limit is 1024.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sys.setswitchinterval(_SWITCH)
