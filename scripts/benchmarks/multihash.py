"""faiss IndexBinaryMultiHash: as threatexchange sets it, and at its best setting for the codes at hand.

Only settings are tried that find everything: of ``tables`` tables one holds the code under at most
floor(31 / tables) flips of its key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from benchmarks.machine import available, say
from benchmarks.peers import (
    BEST_MULTIHASH,
    THEIR_MULTIHASH,
    Asked,
    Contender,
    Peer,
    Task,
    built,
    need,
    range_searched,
)
from benchmarks.planting import BITS, RADIUS
from benchmarks.timing import Side, interleave

TRIAL_QUERIES: Final = 100
TRIAL_SECONDS: Final = 10.0
SLOW_TO_BUILD: Final = 3_000_000
SPARE: Final = 4 << 30


@dataclass(frozen=True)
class Setting:
    """That many tables, each keyed by so many bits; all keys within the fewest flips that miss nothing."""

    tables: int
    key_bits: int

    @property
    def flips(self) -> int:
        """By the pigeonhole principle."""
        return RADIUS // self.tables

    @property
    def name(self) -> str:
        """As it stands in the table."""
        return f"{self.tables}x{self.key_bits}, {self.flips} flips"

    def memory(self, codes: int) -> float:
        """About how many bytes it takes: a node and a vector for a filled bucket, a number for a code."""
        buckets = 2.0**self.key_bits
        filled = buckets * -np.expm1(-codes / buckets)
        return float(self.tables * (100 * filled + 16 * codes) + BITS // 8 * codes)


# Keys are as wide as fits: narrower ones were slower at every size, as were other numbers of tables.
THEIRS: Final = Setting(16, 16)
SETTINGS: Final = (THEIRS, Setting(13, 19), Setting(12, 21), Setting(11, 23), Setting(10, 25))
# Above 3 million codes each takes minutes to build, and those with narrow keys have no chance.
SETTINGS_OF_LARGE: Final = (Setting(11, 23), Setting(10, 25))


def build(setting: Setting, task: Task) -> Asked:
    """The index with this setting."""
    index = need("faiss").IndexBinaryMultiHash(BITS, setting.tables, setting.key_bits)
    index.nflip = setting.flips
    index.add(task.codes)
    return range_searched(index, task, setting.name)


def contenders(task: Task) -> list[Contender]:
    """Theirs, and the one of all settings whose median over a few queries is the least."""
    if need("faiss") is None:
        return []
    theirs = _built(THEIR_MULTIHASH, THEIRS, task)
    if theirs is None:
        return []
    best, least = None, float("inf")
    settings = SETTINGS if len(task.codes) <= SLOW_TO_BUILD else SETTINGS_OF_LARGE
    for setting in settings:
        trial = theirs if setting is THEIRS else _built(BEST_MULTIHASH, setting, task)
        if trial is None:
            continue
        median = _trial(trial, task)
        say(f"faiss multihash {setting.name}: about {median:,.0f} us")
        if median < least:
            best, least = trial, median
        del trial
    if best is None:
        return [theirs]
    return [theirs, Contender(BEST_MULTIHASH, best.asked, best.build_s, best.grown)]


def _built(name: str, setting: Setting, task: Task) -> Contender | None:
    if setting.memory(len(task.codes)) > available() - SPARE:
        say(f"without faiss multihash {setting.name}: it would take more memory than there is")
        return None
    say(f"building faiss multihash {setting.name}")
    return built(Peer(name, lambda given: build(setting, given)), task)


def _trial(trial: Contender, task: Task) -> float:
    """The median of a few queries."""
    count = min(TRIAL_QUERIES, len(task.queries))
    side = Side(trial.name, trial.asked.call)
    return interleave([side], count, blocks=4, budget=TRIAL_SECONDS)[0].p50
