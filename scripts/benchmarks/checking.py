"""A program that has opened a mirror and makes so many checks a second of it, as a process of its own.

    python -m benchmarks.checking HOME RATE

It copies the log into the mirror's home. It prints `ready` when the copy is level, and then answers lines on
its standard input: `matched HEX` waits until a check of that pdq code matches, `gone HEX` until none does,
and either prints the time of that check by the clock that all processes of the machine share
(CLOCK_MONOTONIC). `rate` prints how many checks a second it has made since the last such line. It ends with
its standard input.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.submissions import fingerprints

from hashpact import Mirror
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.mirror.threads.beside import beside

WAIT: Final = 60.0
"""Seconds after which what is waited for has not come."""
LOOK: Final = 0.001
"""Seconds between two checks of what is waited for."""
_TICK: Final = 0.01
"""Seconds whose checks are made one right after the other."""


@dataclass(slots=True)
class Load:
    """Makes so many checks a second that match nothing; one that comes late does not put off the others."""

    mirror: Mirror
    rate: int
    made: int = 0
    since: float = field(default_factory=time.perf_counter)

    def run(self, stop: threading.Event) -> None:
        """Check until it is to stop."""
        codes, each = fingerprints(1000), max(1, round(self.rate * _TICK))
        due = time.perf_counter()
        while not stop.wait(max(0.0, due - time.perf_counter())):
            for _ in range(each):
                self.mirror.check([codes[self.made % len(codes)]])
                self.made += 1
            due += each / self.rate

    def reached(self) -> float:
        """Checks a second since the last time."""
        made, now = self.made, time.perf_counter()
        found = made / (now - self.since)
        self.made, self.since = self.made - made, now
        return found


def serve_lines() -> None:
    """Answer lines while the checks are made."""
    home, rate = sys.argv[1:]
    with Mirror(Path(home)) as mirror:
        limit = time.monotonic() + WAIT
        while mirror.lag is None:
            if time.monotonic() > limit:
                sys.exit(f"the copy is not level after {WAIT:g} s")
            time.sleep(LOOK)
        load = Load(mirror, int(rate))
        with beside(load.run, "load"):
            print("ready", flush=True)
            for line in sys.stdin:
                match line.split():
                    case ["rate"]:
                        print(load.reached(), flush=True)
                    case [wanted, code]:
                        print(_seen(mirror, bytes.fromhex(code), wanted == "matched"), flush=True)


def _seen(mirror: Mirror, code: bytes, wanted: bool) -> float:  # noqa: FBT001 - what is waited for
    """When a check first matches, or no longer does. Raises SystemExit if that does not come."""
    asked = [Fingerprint(PDQ, code)]
    limit = time.monotonic() + WAIT
    while bool(mirror.check(asked, min_position=0).matches) is not wanted:
        if time.monotonic() > limit:
            sys.exit(f"{'no match' if wanted else 'a match'} after {WAIT:g} s")
        time.sleep(LOOK)
    return time.clock_gettime(time.CLOCK_MONOTONIC)


if __name__ == "__main__":
    serve_lines()
