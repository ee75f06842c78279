"""A mirror's copy of a log as a process, to be killed: prints the size of the copy after each commit.

python copier.py PROFILE ADDRESS DIRECTORY
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from copying import opened

from hashpact.clock import unix_time
from hashpact.member.profile import Profile
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.believing import Trust
from hashpact.mirror.replica import Replica, Taken
from hashpact.mirror.replicating import Replicator, connecting


def taken(leaves: Sequence[Taken]) -> None:
    """Say how far the copy is."""
    print(leaves[-1][0].index + 1, flush=True)  # noqa: T201  # the test reads it


def refused(alarm: Alarm) -> None:
    """Say what is wrong."""
    print(alarm.kind, flush=True)  # noqa: T201  # as above


if __name__ == "__main__":
    profile, address, directory = sys.argv[1:]
    of = Profile.load(profile).at(address)
    replica = Replica(opened(Path(directory) / "hashpact.db"), Trust.of(of), Path(directory), unix_time)
    Replicator(replica, connecting(of), unix_time, refused, taken).run(threading.Event())
