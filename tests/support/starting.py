"""`hashpact serve` whose replay of the log waits for a line on its standard input.

python starting.py HOME ADDRESS
"""

from __future__ import annotations

import sys

from hashpact.cli.main import run
from hashpact.service.follow import Follower

replay = Follower.catch_up


def held(self: Follower, most: int) -> int:
    """Say that the replay begins, and wait; then go on as ever."""
    Follower.catch_up = replay  # type: ignore[method-assign]  # only the first step waits
    print("replaying", flush=True)  # noqa: T201 - the test reads it
    sys.stdin.readline()
    return self.catch_up(most)


if __name__ == "__main__":
    home, address = sys.argv[1:]
    Follower.catch_up = held  # type: ignore[method-assign,assignment]  # the start passes how many
    sys.exit(run(["serve", home, "--listen", address]))
