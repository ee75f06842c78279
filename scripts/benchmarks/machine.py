"""What the benchmark runs on: memory of this process and of the machine (Linux), load, versions."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import resource
import sys
import time
from importlib import metadata
from pathlib import Path

KIB = 1024
_START = time.monotonic()


def resident() -> int:
    """Bytes of this process in memory, after what was freed has been handed back."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def peak_resident() -> int:
    """The most that this process had in memory since ``forget_peak``."""
    return _field("/proc/self/status", "VmHWM")


def forget_peak() -> None:
    """Begin to look for the peak anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def available() -> int:
    """Bytes that processes can still take from the machine."""
    return _field("/proc/meminfo", "MemAvailable")


def on_huge_pages() -> int:
    """Bytes of this process, of its own and of mapped files, that lie on huge pages."""
    return sum(_field("/proc/self/smaps_rollup", name) for name in ("AnonHugePages", "FilePmdMapped"))


def describe() -> dict[str, str | float | int]:
    """For the head of a report: the figures mean little without it."""
    described: dict[str, str | float | int] = {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }
    for name in (
        "numpy",
        "pillow",
        "faiss-cpu",
        "threatexchange",
        "usearch",
        "imagehash",
        "datasketch",
        "rensa",
    ):
        try:
            described[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            described[name] = "not installed"
    return described


def say(line: str) -> None:
    """Tell whoever waits, on standard error, what is being done."""
    print(f"[{time.monotonic() - _START:6.0f} s] {line}", file=sys.stderr, flush=True)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _field(path: str, name: str) -> int:
    for line in Path(path).read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * KIB
    msg = f"{path} does not tell {name}"
    raise OSError(msg)
