"""What the type checker finds depends on the sources alone, not on which other packages are installed."""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LIKE_IMPORT = re.compile(r"^ *(?:import|from) (\w+)", re.MULTILINE)
"""What stands where a top-level module does in an import; ruff lets a line import one."""


def normalised(name: str) -> str:
    """A distribution's name in its one spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()


def always_there() -> set[str]:
    """The distributions that the environment of scripts/check is sure to have."""
    extras = PROJECT["project"]["optional-dependencies"]
    lines = [*PROJECT["project"]["dependencies"], *extras["dev"], *extras["test"]]
    ours = re.compile(rf"{PROJECT['project']['name']}\[(.*)\]")
    lines += [
        each
        for line in lines
        if (own := ours.match(line))
        for name in own[1].split(",")
        for each in extras[name]
    ]
    names = [re.match(r"[\w.-]+", line) for line in lines]
    return {normalised(name[0]) for name in names if name}


def skipped() -> set[str]:
    """The modules that mypy is to take as untyped, whatever is installed."""
    (override,) = PROJECT["tool"]["mypy"]["overrides"]
    assert override["ignore_missing_imports"] is True
    assert override["follow_imports"] == "skip"
    return {module.removesuffix(".*") for module in override["module"]}


@functools.cache
def unsure_imports() -> frozenset[tuple[Path, str]]:
    """Every top-level module that our files import and that may be missing or overridden, with the file."""
    required, found = always_there(), packages_distributions()
    sure = {top for top, names in found.items() if required & {normalised(name) for name in names}}
    sure |= sys.stdlib_module_names
    sure |= {
        path.stem for name in ("src", "scripts", "tests", "tests/support") for path in (ROOT / name).iterdir()
    }
    sure -= skipped()
    return frozenset(
        (path, top)
        for name in ("src", "scripts", "tests")
        for path in (ROOT / name).rglob("*.py")
        if path.parent.name != "v1"
        for text in [path.read_text("utf-8")]
        if not sure.issuperset(LIKE_IMPORT.findall(text))
        for top in imported(text) - sure
    )


def imported(text: str) -> set[str]:
    """The top-level modules that a file imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return {name.partition(".")[0] for name in names}


def test_a_module_is_of_a_package_that_is_always_installed_or_its_types_are_never_read() -> None:
    overridden = skipped()
    unsure = [
        f"{path.relative_to(ROOT)} imports {top}" for path, top in unsure_imports() if top not in overridden
    ]
    assert unsure == []


def test_what_is_overridden_is_imported_and_not_always_installed() -> None:
    assert skipped() <= {top for _, top in unsure_imports()}
    assert not skipped() & always_there()


@pytest.mark.parametrize("name", ["rensa", "atheris", "aics_witness"])
def test_an_import_of_it_carries_no_suppression(name: str) -> None:
    # mypy calls a suppression unused, and fails, when the package is there and has types.
    lines = [
        line
        for path in (ROOT / "scripts").rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if re.match(rf"\s*(import|from) {name}\b", line)
    ]
    assert lines
    assert not [line for line in lines if "type: ignore" in line]
