"""A process that saves and opens indexes, for tests that need one to run beside it, to fail or to be killed.

    saver.py search FILE     open, say the hits of a search, wait for a line, say them again
    saver.py full FILE       save where the file size limit forbids it
    saver.py over FILE       save two indexes over each other for ever
    saver.py compacted DIR   add to an index, merge it and save it in a directory, for ever
    saver.py fork            search in a forked process, and end it as any other
    saver.py crowded         run out of memory while segments are merged into one, then get more
    saver.py memory          run out of memory in the background, then get more

Each line on standard output is one event.
"""

from __future__ import annotations

import errno
import gc
import itertools
import os
import resource
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
from segments import ROUND, phash, random_codes

from hashpact.lookup import HammingIndex, NativeIndex
from hashpact.lookup.directory import IndexDirectory
from hashpact.storage.sqlite import SqliteLedger

SIZES = (40_000, 50_000)
"""Of the two indexes that are saved over each other."""

LIMIT = 64 * 1024
ROOM = 16 << 20
"""Bytes that are left for what a writer merges itself, and too few for what the background merges."""


LITTLE = 1 << 20
"""Fewer bytes than any process has: it gets no more, but for small things."""


def say(event: str) -> None:
    """One event, in one write, so that a kill cannot tear or hold it back."""
    os.write(1, event.encode() + b"\n")


def build(count: int) -> HammingIndex:
    """An index of so many codes; the first is all zeros."""
    codes = random_codes(count, 8, 1)
    codes[0] = 0
    return HammingIndex.build(codes, np.arange(count))


def hits(index: HammingIndex) -> str:
    """What a search gives."""
    return f"hits {index.search(bytes(8), 12)}"


def search(path: Path) -> None:
    """Search a file before and after whatever is done to it."""
    index = HammingIndex.open(path)
    say(hits(index))
    sys.stdin.readline()
    say(hits(index))


def full(path: Path) -> None:
    """Fill the disk, as far as this process is concerned."""
    index = build(SIZES[0])
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    try:
        index.save(path)
    except OSError as error:
        say(f"refused {errno.errorcode[error.errno or 0]} {error.filename}")


def over(path: Path) -> None:
    """Save two indexes in turn."""
    indexes = [build(size) for size in SIZES]
    say("ready")
    for index in itertools.cycle(indexes):
        index.save(path)


def compacted(path: Path) -> None:
    """Go on from what was saved: at position n the index holds the first n * ROUND items."""
    directory = IndexDirectory(path / "segments", SqliteLedger.open(path / "register.db").indexes)
    opened = NativeIndex.open(directory)
    index, position = (NativeIndex(), 0) if opened is None else (opened[0], opened[1].position)
    say("ready")
    while True:
        index.add((item, phash(item)) for item in range(position * ROUND, (position + 1) * ROUND))
        index.freeze()  # a second segment
        for _ in index.compaction():
            time.sleep(0.001)
        position += 1
        directory.save(index.freeze(), position, bytes(32))
        say(f"saved {position}")


def grow(index: HammingIndex, start: int) -> int:
    """Add until there is something for the background to merge; the next free id."""
    while len(index.stats()["segments"]) < 3:
        index.add(random_codes(2000, 8, start), np.arange(start, start + 2000))
        start += 2000
    return start


def fork() -> None:
    """Be two processes, of which one has no background."""
    warnings.simplefilter("ignore", DeprecationWarning)  # that fork and threads do not mix is the point
    index = build(SIZES[0])
    grow(index, SIZES[0])
    index.settle()
    child = os.fork()
    say(f"{'parent' if child else 'child'} {hits(index)}")
    if child:
        _, status = os.waitpid(child, 0)
        say(f"status {status}")
    del index
    gc.collect()


def others_run() -> bool:
    """Whether another thread of this process is at work, or waits for a processor."""
    own = threading.get_native_id()
    states = (
        (task / "stat").read_text().rpartition(")")[2].split()[0]
        for task in Path("/proc/self/task").iterdir()
        if task.name != str(own)
    )
    return "R" in states


def memory() -> None:
    """Let the background run out of memory, and see which call reports it."""
    index = build(300_000)
    next_id = grow(index, 300_000)
    index.settle()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, hard))
    deadline = time.monotonic() + 100
    try:
        while time.monotonic() < deadline:
            index.add(random_codes(500, 8, next_id), np.arange(next_id, next_id + 500))
            next_id += 500
            time.sleep(0.001)
            while others_run():  # the memory is the background's to run out of, whenever it gets a processor
                time.sleep(0.001)
    except MemoryError:
        say("refused")
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    assert len(index) == next_id
    index.add(random_codes(1, 8, 1), [next_id])
    index.settle()
    assert len(index) == next_id + 1
    say(f"settled {len(index.stats()['segments'])}")


def crowded() -> None:
    """Ask for one segment without memory for it, which nobody hears of, and with."""
    index = build(300_000)
    index.add(random_codes(20_000, 8, 2), np.arange(300_000, 320_000))
    index.settle()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    index.compact()  # starts the threads, which need memory themselves
    index.settle()
    index.add(random_codes(20_000, 8, 3), np.arange(320_000, 340_000))
    index.settle()
    before = hits(index)
    resource.setrlimit(resource.RLIMIT_AS, (LITTLE, hard))
    index.compact()
    while index.compacting:
        time.sleep(0.001)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    assert hits(index) == before
    say(f"kept {len(index.stats()['segments'])}")
    index.add(random_codes(1, 8, 1), [340_000])
    index.compact()
    index.settle()
    say(f"merged {len(index.stats()['segments'])} of {len(index)}")


def main() -> None:
    """Do what the command line says."""
    match sys.argv[1:]:
        case ["search", path]:
            search(Path(path))
        case ["full", path]:
            full(Path(path))
        case ["over", path]:
            over(Path(path))
        case ["compacted", path]:
            compacted(Path(path))
        case ["fork"]:
            fork()
        case ["crowded"]:
            crowded()
        case ["memory"]:
            memory()


if __name__ == "__main__":
    main()
