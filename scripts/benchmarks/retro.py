"""What it costs to compare the uploads that a mirror has checked with entries that arrive later.

    scripts/bench retro [--uploads 1e7] [--entries 1000] [--json] [--check]

Uploads of one pdq code each are kept as a mirror keeps them: *keep* is the processor time of that for each,
256 at once, and *one* if they come alone. Then so many entries with one pdq code each are shared, of which
one in ten is near an upload. *run* looks for all uploads among them, in one thread: it decrypts the window
and searches; *again* is the next run, with nothing new. With --check it exits with 1 unless a run takes less
than 60 s and reports every upload that was planted, once.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from benchmarks import machine
from benchmarks.check_under_history import near
from benchmarks.machine import say
from benchmarks.report import print_json, print_table
from benchmarks.submissions import MEMBER, REASON, author_of, random_codes

from hashpact.clock import unix_time
from hashpact.config import HomeConfig
from hashpact.demo.stage import BOTH, ORIGIN
from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import Home, open_home
from hashpact.lookup.native import NativeIndex
from hashpact.member.profile import Profile
from hashpact.mirror.retro.matching import Retro, RetroMatch
from hashpact.mirror.retro.window import DAY, Window, WindowSize
from hashpact.service.append import Appender

ALLOWED: Final = 60.0
"""Seconds that a run may take."""
KEY: Final = bytes(range(32))
TOGETHER: Final = 256
ALONE: Final = 2000
LARGE: Final = 1 << 40


def measure(uploads: int, entries: int) -> dict[str, Any]:
    """One row."""
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name:
        place = Path(name)
        create_home(place / "home", HomeConfig(ORIGIN), admins=2, threshold=2, passphrase=None)
        with open_home(place / "home") as home:
            enrol_member(home, MEMBER, BOTH, place / MEMBER, None)
            position = home.ledger.head().size
            say(f"keeping {uploads} uploads")
            planted, keep, one = _kept(place / "retro", uploads, position, entries // 10)
            say(f"sharing {entries} entries")
            _share(home, Profile.load(place / MEMBER), planted, entries)
            say("looking")
            told: list[RetroMatch] = []
            start, worked = time.perf_counter(), time.process_time()
            run = Retro(place / "retro", KEY, home.ledger, NativeIndex()).run(told.append)
            took, busy = time.perf_counter() - start, time.process_time() - worked
            start = time.perf_counter()
            again = Retro(place / "retro", KEY, home.ledger, NativeIndex()).run(told.append)
            idle = time.perf_counter() - start
        size = sum(path.stat().st_size for path in (place / "retro").iterdir())
    row = {
        "uploads": run.uploads,
        "entries": entries,
        "bytes_each": size / run.uploads,
        "keep_us": keep,
        "one_us": one,
        "run_s": took,
        "run_cpu_s": busy,
        "again_s": idle,
        "planted": len(planted),
        "told": len({match.reference for match in told} - {""}),
        "told_again": again.matches,
    }
    return {"machine": machine.describe(), "rows": [row]}


def _kept(directory: Path, uploads: int, position: int, plant: int) -> tuple[list[Fingerprint], float, float]:
    """Keep so many uploads; some of them, and the microseconds for each, together and alone."""
    planted: list[Fingerprint] = []

    def failed(error: Exception) -> None:
        raise error

    with Window(directory, KEY, WindowSize(DAY, LARGE), unix_time, failed) as window:
        codes, spent = _codes(), 0.0
        for count in range(0, uploads - ALONE - plant, TOGETHER):
            some = list(itertools.islice(codes, min(TOGETHER, uploads - ALONE - plant - count)))
            start = time.thread_time()
            window.keep([(Query(code),) for code in some], position)
            spent += time.thread_time() - start
        alone = list(itertools.islice(codes, ALONE))
        start = time.thread_time()
        for code in alone:
            window.keep([(Query(code),)], position)
        one = time.thread_time() - start
        for number, code in enumerate(itertools.islice(codes, plant)):
            planted.append(code)
            window.keep([(Query(code),)], position, f"upload {number}")
    return planted, spent / max(uploads - ALONE - plant, 1) * 1e6, one / ALONE * 1e6


def _codes() -> Iterator[Fingerprint]:
    """Codes of pdq without end, from a fixed seed."""
    low, high = PDQ.popcount or (0, 256)
    random = np.random.default_rng(7)
    while True:
        rows = random.integers(0, 256, (65_536, PDQ.size), np.uint8)
        bits = np.bitwise_count(rows).sum(axis=1)
        for row in rows[(bits >= low) & (bits <= high)]:
            yield Fingerprint(PDQ, row.tobytes())


def _share(home: Home, profile: Profile, planted: list[Fingerprint], entries: int) -> None:
    """Share entries, of which the first are near what was planted."""
    author, appender = author_of(profile), Appender(home.ledger, unix_time)
    others = itertools.islice(random_codes(PDQ), entries - len(planted))
    codes = [*(Fingerprint(PDQ, near(code).value, 100) for code in planted), *others]
    for first in range(0, len(codes), 32):
        appender.append_all(MEMBER, [author.submit([code], REASON) for code in codes[first : first + 32]])


def main() -> int:
    """Measure, print, and compare with the promise."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench retro", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uploads", default="1e7", help="uploads of the window")
    parser.add_argument("--entries", type=int, default=1000, help="entries that arrive later")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promise holds")
    options = parser.parse_args()
    report = measure(int(float(options.uploads)), options.entries)
    if options.json:
        print_json(report)
    else:
        print_table("Past uploads against new entries", report["rows"])
    (row,) = report["rows"]
    if options.check and (row["run_s"] >= ALLOWED or row["told"] != row["planted"] or row["told_again"]):
        print(f"a run takes {row['run_s']:.1f} s and tells {row['told']} uploads", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
