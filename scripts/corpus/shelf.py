"""Packages of Debian, fetched and unpacked for their pictures, fonts and translations; never installed.

The shelf is a directory: build/corpus of this checkout, or the one that HASHPACT_CORPUS names, so that
several checkouts can share it. A package that cannot be had is left out, with a line that says so: figures of
a smaller corpus have wider intervals, and a report says how many pictures it has.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PLACE: Final = "HASHPACT_CORPUS"


def shelf() -> Path:
    """Where packages are unpacked, and where what is made of them is kept."""
    place = Path(os.environ.get(PLACE) or ROOT / "build" / "corpus")
    place.mkdir(parents=True, exist_ok=True)
    return place


def debian(package: str) -> Path | None:
    """The root of an unpacked package; None if it cannot be had, which is tried once for each shelf."""
    place = shelf() / package
    if place.is_dir():
        return place
    failed = place.with_suffix(".missing")
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if failed.exists() or apt is None or dpkg is None:
        return None
    making = place.with_suffix(f".{os.getpid()}")
    making.mkdir()
    try:
        _run(making, apt, "download", "-q", package)
        for file in making.glob("*.deb"):
            _run(making, dpkg, "-x", file.name, "unpacked")
        (making / "unpacked").rename(place)
    except (subprocess.CalledProcessError, OSError) as exc:
        if not place.is_dir():  # another process may have been faster
            failed.write_text(f"{exc}\n", encoding="utf-8")
            print(f"Going on without {package}: {exc}. To try again, remove {failed}.", file=sys.stderr)
            return None
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return place


def _run(directory: Path, *command: str) -> None:
    subprocess.run(command, cwd=directory, check=True, capture_output=True)  # noqa: S603 - apt and dpkg of the system
