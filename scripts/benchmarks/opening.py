"""From a file on disk to the first answer, in a process that knows nothing yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import say
from benchmarks.planting import RADIUS

from hashpact.lookup import HammingIndex

OPENER: Final = """
import json, sys, time
from hashpact.lookup import HammingIndex
start = time.perf_counter()
index = HammingIndex.open(sys.argv[1])
hits = index.search(bytes.fromhex(sys.argv[2]), int(sys.argv[3]))
print(json.dumps({"first_answer_s": time.perf_counter() - start, "hits": len(hits)}))
"""


def opening(index: HammingIndex, query: bytes) -> dict[str, Any]:
    """A row: time to save, size of the file, and to the first answer with and without it in the page cache.

    Raises SystemExit if the opened index answers otherwise than the one that was saved.
    """
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as folder:
        path = Path(folder) / "index.segment"
        say(f"saving {len(index):,} codes")
        start = time.perf_counter()
        index.save(path)
        saved = time.perf_counter() - start
        _drop_from_cache(path)
        cold, warm = _open(path, query), _open(path, query)
        expected = len(index.search(query, RADIUS))
        if cold["hits"] != expected or warm["hits"] != expected:
            msg = f"saved, the index finds {expected} hits, opened {cold['hits']} and {warm['hits']}"
            raise SystemExit(msg)
        return {
            "codes": len(index),
            "file_MB": path.stat().st_size / 1e6,
            "save_s": saved,
            "first_answer_cold_s": cold["first_answer_s"],
            "first_answer_warm_s": warm["first_answer_s"],
        }


def _open(path: Path, query: bytes) -> dict[str, Any]:
    command = [sys.executable, "-c", OPENER, str(path), query.hex(), str(RADIUS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own code
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _drop_from_cache(path: Path) -> None:
    """Have the next reader read from the disk; the file must be on it, and mapped by nobody."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
