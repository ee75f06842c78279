"""A clean clone: the sources and nothing that was built from them, and the environment of a new user."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def clone(directory: Path) -> Path:
    """Copy what a build reads into a directory; the directory."""
    for name in ("src", "proto", "scripts"):
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "CMakeLists.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, directory / name)
    shutil.rmtree(directory / "src" / "hashpact" / "wire" / "v1", ignore_errors=True)
    return directory


def bare(**environ: str) -> dict[str, str]:
    """An environment with nothing of the one that runs the tests but how pip finds packages."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name == "HOME"}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", **kept, **environ}
