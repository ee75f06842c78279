"""What the type checker finds depends on the sources alone, not on which other packages are installed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


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


def others_imported() -> Iterator[tuple[Path, str]]:
    """Every top-level module of others that our files import, with the file."""
    ours = {
        path.stem for name in ("src", "scripts", "tests", "tests/support") for path in (ROOT / name).iterdir()
    }
    for path in (path for name in ("src", "scripts", "tests") for path in (ROOT / name).rglob("*.py")):
        if path.parent.name == "v1":
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for top in {name.partition(".")[0] for name in names} - ours - sys.stdlib_module_names:
                yield path, top


def test_a_module_is_of_a_package_that_is_always_installed_or_its_types_are_never_read() -> None:
    required, overridden, found = always_there(), skipped(), packages_distributions()
    unsure = [
        f"{path.relative_to(ROOT)} imports {top}"
        for path, top in others_imported()
        if top not in overridden and not required & {normalised(name) for name in found.get(top, ())}
    ]
    assert unsure == []


def test_what_is_overridden_is_imported_and_not_always_installed() -> None:
    assert skipped() <= {top for _, top in others_imported()}
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
