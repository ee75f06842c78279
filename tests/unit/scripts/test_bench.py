"""scripts/bench: lists and describes its benchmarks without an environment, and otherwise makes its own."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from clones import ROOT, bare, clone

BENCHMARKS = {
    "append",
    "attested",
    "audit",
    "benign",
    "check-under-history",
    "fingerprint",
    "follow",
    "freshness",
    "gateway",
    "lists",
    "lookup",
    "minhash",
    "mirror",
    "ocr",
    "parts",
    "quality",
    "quarantine",
    "quantum",
    "replay",
    "retro",
    "segments",
    "serve",
    "state",
    "withdrawals",
    "workers",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean clone, in which nothing is to be built."""
    return clone(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize("arguments", [[], ["planting"], ["nothing"]], ids=["none", "no main", "unknown"])
def test_without_a_benchmark_it_lists_them_and_makes_no_environment(base: Path, arguments: list[str]) -> None:
    command = [str(base / "scripts" / "bench"), *arguments]
    run = subprocess.run(command, env=bare(PYTHON="/bin/false"), capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stdout == ""
    listed = re.search(r"^There are: (.*)$", run.stderr, re.MULTILINE)
    assert listed
    assert set(listed[1].split()) == BENCHMARKS
    assert not (base / "build").exists()


def test_help_lists_the_benchmarks(base: Path) -> None:
    command = [str(base / "scripts" / "bench"), "--help"]
    run = subprocess.run(command, env=bare(PYTHON="/bin/false"), capture_output=True, text=True, check=True)
    listed = re.search(r"^There are: (.*)$", run.stdout, re.MULTILINE)
    assert listed
    assert set(listed[1].split()) == BENCHMARKS


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_help_of_a_benchmark_needs_nothing_but_python(base: Path, tmp_path: Path, name: str) -> None:
    # Isolated, and without site-packages: only the standard library can be imported.
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    (tmp_path / "python").chmod(0o755)
    command = [str(base / "scripts" / "bench"), name, "--help"]
    environ = bare(PYTHON=str(tmp_path / "python"))
    run = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert f"scripts/bench {name} [--" in run.stdout
    source = (base / "scripts" / "benchmarks" / f"{name.replace('-', '_')}.py").read_text()
    for option in re.findall(r'add_argument\(\s*"(--[a-z-]+)"', source):
        assert re.search(rf"^  {option} +\S", run.stdout, re.MULTILINE), option
    assert not (base / "build").exists()


def write_wheel(directory: Path, name: str, version: str, needs: str = "") -> None:
    """A wheel with one empty module."""
    info = f"{name}-{version}.dist-info"
    with ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        required = f"Requires-Dist: {needs}\n" if needs else ""
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def test_peers_that_cannot_be_installed_are_named_and_left_out(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write_wheel(wheels, "peer_here", "1.0")
    write_wheel(wheels, "peer_greedy", "1.0", needs="ours>=2")
    write_wheel(wheels, "ours", "1.0")
    write_wheel(wheels, "ours", "2.0")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["ours<2"]\n'
        '[project.optional-dependencies]\nbench = ["peer_gone>=3", "peer_greedy", "peer_here"]\n'
    )
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (packages,) = (venv / "lib").glob("python*/site-packages")
    ours = importlib.util.find_spec("pip")
    assert ours is not None
    assert ours.origin is not None
    (packages / "pip").symlink_to(
        Path(ours.origin).parent
    )  # installing it takes longer than all that is tested
    (venv / "hashpact-stamp").touch()
    script = f'set -eu; root={tmp_path}; . {ROOT}/scripts/environment.sh; peers {venv} bench; echo "goes on"'

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", script],
            env=bare(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels), PYTHON=sys.executable),
            capture_output=True,
            text=True,
            check=True,
        )

    first = run()
    assert first.stdout == "goes on\n"
    assert re.findall(r"Going on without (\S+), ", first.stderr) == ["peer_gone>=3", "peer_greedy"]
    assert {path.stem for path in packages.glob("*.py")} >= {"peer_here"}
    assert not {"ours", "peer_greedy"} & {path.stem for path in packages.glob("*.py")}
    assert run().stderr == ""  # not tried again


@pytest.mark.slow
def test_a_benchmark_is_the_first_command_on_a_clean_clone(tmp_path: Path) -> None:
    options = ["--sizes", "1e4", "--sets", "random", "--queries", "100", "--no-inserting"]
    command = [str(clone(tmp_path) / "scripts" / "bench"), "lookup", *options]
    run = subprocess.run(command, env=bare(), capture_output=True, text=True, timeout=1200, check=False)
    assert run.returncode == 0, run.stderr
    assert "Searches at radius 31, 256 bits" in run.stdout
