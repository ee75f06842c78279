"""What a command takes: `python -m benchmarks.watched ARGUMENT...` runs `hashpact ARGUMENT...`."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from typing import Any, Final

from hashpact.cli import exits
from hashpact.cli.main import run

WORKERS: Final = os.cpu_count() or 1


def measured(*arguments: str) -> dict[str, Any]:
    """What a command took, with its start. Raises SystemExit if it has found a fault, or failed."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.watched", *arguments]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # this module
    seconds = time.perf_counter() - start
    if ran.returncode not in {exits.OK, exits.NEWS}:
        sys.exit(f"{' '.join(arguments)}: {ran.stderr}{ran.stdout}")
    return {"seconds": seconds, **json.loads(ran.stdout.splitlines()[-1])}


def main() -> int:
    """Run the command, then print what it took.

    The memory is this process's largest, and for each of its workers as much as the largest of them.
    """
    status = run(sys.argv[1:])
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    memory = own.ru_maxrss + workers.ru_maxrss * WORKERS
    cpu = own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime
    print(json.dumps({"cpu_s": cpu, "memory_MB": memory / 1024}))
    return status


if __name__ == "__main__":
    sys.exit(main())
