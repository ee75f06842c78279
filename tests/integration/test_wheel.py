"""Hashpact is installed from wheels and runs where nothing can be compiled."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from clones import ROOT, bare, clone

MINUTES = 60.0
EXPECTED = re.compile(r"^demo: (\d+) checks, \1 as expected$", re.MULTILINE)


def run(*command: str, directory: Path, **environ: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        command,
        cwd=directory,
        env=bare(**environ),
        capture_output=True,
        text=True,
        timeout=15 * MINUTES,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
def test_the_wheel_runs_the_demonstration_without_a_compiler(tmp_path: Path) -> None:
    source = clone(tmp_path / "source")
    out = run("scripts/wheel", "--prove", directory=source, PYTHON=sys.executable)
    assert EXPECTED.search(out)
    wheels = sorted(path.name for path in (source / "dist").iterdir())
    assert [re.sub(r"-[\d.]+-", "-", name).rpartition("-linux")[0] for name in wheels] == [
        "hashpact-cp311-abi3"
    ]
    with ZipFile(source / "dist" / wheels[0]) as wheel:
        assert [name for name in wheel.namelist() if name.endswith(".so")] == ["hashpact/_kernel.abi3.so"]

    # The commands of the Containerfile's two stages, on these wheels: the second uses no index of packages.
    collect, install = re.findall(r"python -m (pip .*)", (ROOT / "Containerfile").read_text("utf-8"))
    venv, collected = tmp_path / "venv", str(tmp_path / "wheels")
    run(sys.executable, "-m", "venv", str(venv), directory=tmp_path)
    for command in (collect, install):
        line = f"{venv}/bin/python -m {command.replace('/wheels', collected)}"
        run("/bin/sh", "-euc", line, directory=source, CC="/bin/false", CXX="/bin/false")
    demo = run(f"{venv}/bin/hashpact", "demo", directory=tmp_path, PATH=f"{venv}/bin")
    assert EXPECTED.search(demo)
