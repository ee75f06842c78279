"""The environment of an editable installation is made anew when a Python file comes, goes or moves."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TREE = {
    "pyproject.toml": "",
    "CMakeLists.txt": "",
    "scripts/generate": "",
    "src/kernel/store.cpp": "",
    "src/hashpact/clock.py": "x = 1\n",
    "src/hashpact/wire/codec.py": "",
    "tests/fuzz/target.cpp": "",
    "proto/log.proto": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small checkout."""
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def depends_on(tree: Path, what: str) -> str:
    script = f"set -eu; root={tree}; . {ROOT}/scripts/environment.sh; sources {what}"
    return subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True, text=True).stdout


def move(tree: Path) -> None:
    """A module becomes a package of the same name."""
    (tree / "src/hashpact/clock").mkdir()
    shutil.move(tree / "src/hashpact/clock.py", tree / "src/hashpact/clock/__init__.py")


def edit(tree: Path) -> None:
    (tree / "src/hashpact/clock.py").write_text("x = 2\n")


def generate(tree: Path) -> None:
    (tree / "src/hashpact/wire/v1").mkdir()
    (tree / "src/hashpact/wire/v1/log_pb2.py").write_text("")


def change_kernel(tree: Path) -> None:
    (tree / "src/kernel/store.cpp").write_text("int x;\n")


@pytest.mark.parametrize(
    ("change", "editable", "copied"),
    [(move, True, True), (edit, False, True), (generate, False, False), (change_kernel, True, True)],
)
def test_what_makes_an_environment_stale(
    tree: Path,
    change: Callable[[Path], None],
    editable: bool,  # noqa: FBT001 - a parameter of the test
    copied: bool,  # noqa: FBT001 - the same
) -> None:
    before = depends_on(tree, "editable"), depends_on(tree, "install")
    change(tree)
    after = depends_on(tree, "editable"), depends_on(tree, "install")
    assert (after[0] != before[0], after[1] != before[1]) == (editable, copied)
