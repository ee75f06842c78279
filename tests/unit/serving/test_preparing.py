"""A process that answers may open as many files as the system lets it, and its threads take turns soon."""

from __future__ import annotations

import subprocess
import sys

PREPARED = """
import resource, sys
from hashpact.serving.preparing import prepare
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, most))
prepare()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] == most, sys.getswitchinterval())
"""


def test_its_limits_are_raised_and_its_threads_switch_soon() -> None:
    done = subprocess.run([sys.executable, "-c", PREPARED], capture_output=True, text=True, check=True)
    raised, interval = done.stdout.split()
    assert raised == "True"
    assert float(interval) <= 0.0002
