"""How often entries that do not flood are put into quarantine, and how soon those that do.

    scripts/bench quarantine [--entries N] [--windows N] [--json] [--check]

Matches are drawn for each window from distributions that are harsher than the one that the bound is made of,
and counted as a mirror counts them (docs/decisions/quarantine.md). They are no real traffic. It also prints
the bounds themselves. With --check it exits with 1 unless the promises hold.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from benchmarks.gate import Promise
from benchmarks.machine import describe
from benchmarks.report import print_json, print_table
from numpy.typing import NDArray

from hashpact.mirror.flooding.baseline import LEARNING, RARE, Baseline, bound
from hashpact.mirror.flooding.quarantine import QuarantineTerms

Random = np.random.Generator
Drawn = NDArray[np.int64]

TERMS: Final = QuarantineTerms()
RATES: Final = (1, 10, 100)
"""Matches of an entry in a window, on average."""
EXPECTED: Final = (1, 2, 5, 10, 50, 100, 500)
"""Means of which the bound is printed."""
FLOODS: Final = (3, 10, 30, 100)
MOST_STEADY: Final = 10.0
"""Entries that keep their rate and are put into quarantine, in a million windows of one entry, at most."""
LEAST_FOUND: Final = 99.0
"""Per cent of the floods of 10 times a rate of 10 and more that are found in their first window, at least."""
FOUND_AT: Final = 10
MILLION: Final = 1_000_000
SETTLED: Final = LEARNING + 30


def _steady(random: Random, rate: float, count: int, _window: int) -> Drawn:
    return random.poisson(rate, count)


def _varying(deviation: float) -> Callable[[Random, float, int, int], Drawn]:
    """A rate that varies from window to window; its standard deviation is so many times the rate."""
    shape = 1 / deviation**2

    def draw(random: Random, rate: float, count: int, _window: int) -> Drawn:
        return random.poisson(random.gamma(shape, rate / shape, count))

    return draw


def _daily(random: Random, rate: float, count: int, window: int) -> Drawn:
    return random.poisson(rate * (1 + 0.8 * math.sin(2 * math.pi * window / 24)), count)


def _growing(random: Random, rate: float, count: int, window: int) -> Drawn:
    return random.poisson(min(rate * 1.1**window, 10 * rate), count)


STREAMS: Final[dict[str, Callable[[Random, float, int, int], Drawn]]] = {
    "steady": _steady,
    "varies by half": _varying(0.5),
    "varies by itself": _varying(1.0),
    "between 1/5 and 9/5, 24 windows a turn": _daily,
    "a tenth more in each window, up to 10 times": _growing,
}


def bounds() -> list[dict[str, Any]]:
    """A row for each mean: from how many matches on a window is a flood."""
    return [
        {"expected": mean, "quarantine from": max(TERMS.least, bound(mean, TERMS.window + 1))}
        for mean in EXPECTED
    ]


def _window_of(drawn: Drawn) -> list[int]:
    """The matches of a window, entry by entry."""
    entries: list[int] = np.repeat(np.arange(len(drawn)), np.minimum(drawn, TERMS.window)).tolist()
    return entries


def false_alarms(entries: int, windows: int) -> list[dict[str, Any]]:
    """A row for each stream and rate: entries that are put into quarantine, in a million windows of one."""
    rows = []
    for name, stream in STREAMS.items():
        for rate in RATES:
            random = np.random.default_rng(rate)
            baseline, found = Baseline(TERMS.window, TERMS.least), 0
            for window in range(LEARNING + windows):
                drawn = stream(random, rate, entries, window)
                found += len({one.entry for one in baseline.count(_window_of(drawn), TERMS.window)})
            tried = entries * windows
            rows.append(
                {
                    "matches of an entry": name,
                    "in a window": rate,
                    "windows": tried,
                    "put into quarantine": found,
                    "in a million": found / tried * MILLION,
                }
            )
    return rows


def floods(entries: int) -> list[dict[str, Any]]:
    """A row for each rate and flood: how many are found in its first window, and after how many matches."""
    rows = []
    for rate in RATES:
        for times in FLOODS:
            random = np.random.default_rng(rate)
            baseline = Baseline(TERMS.window, TERMS.least)
            for _ in range(SETTLED):
                baseline.count(_window_of(random.poisson(rate, entries)), TERMS.window)
            flood = random.poisson(rate * times, entries)
            first: dict[int, int] = {}
            for one in baseline.count(_window_of(flood), TERMS.window):
                first.setdefault(one.entry, one.matches)
            rows.append(
                {
                    "in a window": rate,
                    "times as many": times,
                    "found, %": 100 * len(first) / entries,
                    "after matches": float(np.median(list(first.values()))) if first else None,
                }
            )
    return rows


def main() -> int:
    """Measure, then print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench quarantine",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--entries", type=int, default=300, help="entries of each rate")
    parser.add_argument("--windows", type=int, default=200, help="windows of each entry")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    options = parser.parse_args()
    wrong, right = false_alarms(options.entries, options.windows), floods(options.entries)
    kept = [
        Promise(f"steady, {row['in a window']}, in a million", row["in a million"], most=MOST_STEADY)
        for row in wrong
        if row["matches of an entry"] == "steady"
    ]
    kept += [
        Promise(f"found of {row['in a window']} times {FOUND_AT}, %", row["found, %"], least=LEAST_FOUND)
        for row in right
        if row["times as many"] == FOUND_AT <= row["in a window"]
    ]
    report: dict[str, Any] = {
        "machine": describe(),
        "window": TERMS.window,
        "least": TERMS.least,
        "rare": RARE,
        "bounds": bounds(),
        "false": wrong,
        "floods": right,
        "promises": [one.row() for one in kept],
    }
    if options.json:
        print_json(report)
    else:
        print_table("Matches in a window", report["bounds"])
        print_table("Put into quarantine without a flood", wrong)
        print_table("Floods, in their first window", right)
        print_table("Promises", report["promises"])
    return 1 if options.check and not all(one.kept for one in kept) else 0


if __name__ == "__main__":
    sys.exit(main())
