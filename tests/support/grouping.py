"""A process that appends a group to a ledger, and is killed when it looks at the clock for the n-th time.

    python grouping.py DATABASE COUNT AT

The clock is asked once for each statement of the group, between what is staged before it and after.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from builders import World, fingerprint

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.messages import Submission
from hashpact.member.author import Reason
from hashpact.service.append import Appender, opened
from hashpact.storage.sqlite import SqliteLedger

ENVIRON = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]),
}


def submissions(world: World, count: int) -> list[Submission]:
    """The statements of the group: always the same ones of a new world."""
    author = world.author("acme")
    return [author.submit([fingerprint(PDQ, f"{n}")], Reason(frozenset({"ncii"}))) for n in range(count)]


def main(database: str, count: int, at: int) -> None:
    """Append, and die."""
    world, asked = World(), 0
    made = submissions(world, count)

    def clock() -> int:
        nonlocal asked
        asked += 1
        if asked == at:
            sys.stdout.write("killed\n")
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return world.clock()

    with closing(SqliteLedger.open(Path(database))) as ledger:
        group = Appender(ledger, clock).append_group([opened("acme", [one]) for one in made])
        sys.stdout.write(f"appended {len(group.added)}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
