"""Segment files between processes: shared, removed, killed in the middle, and on a disk that is full."""

from __future__ import annotations

import mmap
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from segments import ROUND, phash, random_codes

from hashpact.domain.fingerprints import PHASH
from hashpact.lookup import HammingIndex, NativeIndex
from hashpact.lookup.directory import IndexFiles
from hashpact.storage.sqlite import SqliteLedger

SAVER = Path(__file__).with_name("saver.py")
TESTS = SAVER.parents[2] / "support"
KILLS = 200
"""At most; what is looked for comes within the first twenty on a machine that is not busy."""
HUGE = 2 << 20
"""Bytes of a huge page, on the processors that we know."""
LONGEST = 0.1
"""Seconds that a process may save before it is killed."""


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, str(SAVER), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )


def run(*arguments: str | Path) -> list[str]:
    """The events of a process that ends by itself, and well."""
    process = start(*arguments)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return out.splitlines()


def saved(path: Path, count: int) -> HammingIndex:
    index = HammingIndex.build(random_codes(count, 8, 1), np.arange(count))
    index.save(path)
    return index


def test_processes_share_a_file_and_keep_it_when_it_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.segment"
    expected = f"hits {saved(path, 3000).search(bytes(8), 12)}\n"
    processes = [start("search", path) for _ in range(2)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == expected
        mine = HammingIndex.open(path)
        path.unlink()
        saved(path, 10)
        mine.verify()
        assert f"hits {mine.search(bytes(8), 12)}\n" == expected
        for process in processes:
            out, _ = process.communicate("go on\n", timeout=120)
            assert (out, process.returncode) == (expected, 0)
    finally:
        for process in processes:
            process.kill()


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.segment"
    saved(path, 100)
    before = path.read_bytes()
    assert run("full", path) == [f"refused EFBIG {path}"]
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.segment"]


@pytest.mark.parametrize("seed", [1])
def test_sigkill_leaves_the_old_file_or_the_new_one(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "a.segment"
    random_ = random.Random(seed)
    sizes: set[int] = set()
    drafts: list[Path] = []
    for _ in range(KILLS):
        process = start("over", path)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(random_.uniform(0, LONGEST))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        if path.exists():
            index = HammingIndex.open(path)
            index.verify()
            sizes.add(len(index))
        drafts = [file for file in tmp_path.iterdir() if file != path]
        if drafts and len(sizes) > 1:
            break
    assert sizes == {40_000, 50_000}
    assert drafts, "no kill came in the middle of a save"
    assert all(file.name.startswith(".a.segment.") and file.name.endswith(".new") for file in drafts)


def test_sigkill_while_a_merged_index_is_saved_leaves_one_that_is_right(tmp_path: Path) -> None:
    register = SqliteLedger.create(tmp_path / "register.db")
    random_ = random.Random(1)
    answered = position = interrupted = 0
    for _ in range(KILLS):
        process = start("compacted", tmp_path)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(random_.uniform(0, LONGEST))
        process.kill()
        out, _ = process.communicate()
        assert process.returncode == -signal.SIGKILL
        answered = max([answered, *(int(line.split()[1]) for line in out.splitlines())])
        directory = IndexFiles(tmp_path / "segments", register.indexes)
        opened = NativeIndex.open(directory)
        if opened is None:
            assert answered == 0
            continue
        index, manifest = opened
        # It may have been killed between a save and its answer, the one before too.
        assert manifest.position - max(answered, position) in {0, 1}
        position = manifest.position
        assert len(index) == position * ROUND
        for item in (0, position * ROUND // 2, position * ROUND - 1):
            assert [hit.item for hit in index.search(phash(item), 0, 5)] == [item]
        assert len(manifest.parts[PHASH.name].segments) == 1
        named = {file.name for file in manifest.files()} | {"manifest", "lock"}
        interrupted += any(file.name not in named for file in directory.path.iterdir())
        if interrupted > 1 and position > 3:
            break
    assert interrupted > 1, "no kill came in the middle of a save"
    assert position > 3
    register.close()


def on_huge_pages(path: Path) -> int:
    """Bytes of a file that this process has mapped on huge pages."""
    maps = Path("/proc/self/smaps").read_text("ascii")
    _, _, of_file = maps.partition(str(path))
    found = re.search(r"^FilePmdMapped: +(\d+) kB$", of_file, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what lies on huge pages")
def test_a_saved_index_is_mapped_on_huge_pages_where_the_file_system_can(tmp_path: Path) -> None:
    path, plain = tmp_path / "a.segment", tmp_path / "plain"
    with plain.open("wb", buffering=0) as written:
        for _ in range(4):
            written.write(bytes(HUGE))
    with plain.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert sum(mapped[::4096]) == 0
        if not on_huge_pages(plain):
            pytest.skip("this file system has no huge pages, or none are free")
    saved(path, 1_000_000)
    index = HammingIndex.open(path)
    index.verify()
    assert on_huge_pages(path) > path.stat().st_size / 2 > 8 * HUGE


def test_a_forked_process_can_search_and_end() -> None:
    events = run("fork")
    hits = f"hits {events[0].partition('hits ')[2]}"
    assert sorted(events) == sorted([f"child {hits}", f"parent {hits}", "status 0"])


@pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="the address sanitizer reserves more than any limit"
)
def test_what_fails_in_the_background_is_raised_by_the_next_add() -> None:
    """And nothing is lost: the merge that ran out of memory is made later."""
    refused, settled = run("memory")
    assert refused == "refused"
    assert int(settled.removeprefix("settled ")) <= 3


@pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="the address sanitizer reserves more than any limit"
)
def test_segments_stay_as_they_are_if_there_is_too_little_memory_for_one() -> None:
    """The next add does not hear of it: nothing depends on one segment."""
    assert run("crowded") == ["kept 2", "merged 1 of 340001"]
