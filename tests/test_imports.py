"""Every module can be imported alone, and what the core imports stays light."""

from __future__ import annotations

import ast
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from forking import UNMEASURED
from test_meta import SOURCE, imports, python_files

import hashpact

HEAVY = {"grpc", "google", "apsw", "sqlite3", "numpy", "PIL", "datasketch", "structlog", "uvloop"}

# A process imports a module and forks one for each that imports it first of all, so that what they share is
# loaded once, and nothing is loaded that a module does not import itself. What others made may be loaded
# before: that hides nothing of ours, and is many times faster.
DRIVER = """
import importlib, json, os, sys
heavy, tree, before = map(json.loads, sys.argv[1:])
for name in before:
    importlib.import_module(name)
def grow(parent):
    for name in tree.get(parent, ()):
        if os.fork() == 0:
            try:
                importlib.import_module(name)
                error = ""
            except BaseException as caught:
                error = repr(caught)
            tops = {module.partition(".")[0] for module in sys.modules}
            os.write(1, (json.dumps([name, error, sorted(tops.intersection(heavy))]) + "\\n").encode())
            grow(name)
            os._exit(0)
        os.wait()
grow("")
"""


def import_alone(
    tree: Mapping[str, Sequence[str]], path: list[str], before: Sequence[str] = ()
) -> dict[str, tuple[str, list[str]]]:
    """For each module its error, empty if it has none, and the heavy packages that came with it.

    ``tree`` has for each module those that are imported after it; those after "" are imported first.
    """
    command = [sys.executable, "-c", DRIVER, *map(json.dumps, (sorted(HEAVY), tree, before))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), **UNMEASURED}
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return {name: (error, heavy) for name, error, heavy in map(json.loads, run.stdout.splitlines())}


def tree_of(imported: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """Each module after the one of its imports that imports most itself, and "" if all of them import it."""

    @functools.cache
    def closure(name: str) -> frozenset[str]:
        found, found_of = {name}, [name]
        while found_of:
            new = imported.get(found_of.pop(), set()) - found
            found |= new
            found_of += new
        return frozenset(found)

    tree: dict[str, list[str]] = {}
    for name, before in imported.items():
        earlier = [other for other in before & imported.keys() if name not in closure(other)]
        parent = max(earlier, key=lambda other: (len(closure(other)), other), default="")
        tree.setdefault(parent, []).append(name)
    return tree


CORE = re.compile(r"hashpact(\.(errors|domain|log|service|governance|config|clock|durable)(\..*)?)?")
LIGHT = ["asyncio", "cryptography.x509", "cryptography.hazmat.primitives.asymmetric.ed25519"]
BEFORE = [
    *(
        "PIL.Image",
        "apsw",
        "click",
        "grpc",
        "grpc_health.v1",
        "grpc_reflection.v1alpha",
        "httptools",
        "numpy",
    ),
    *("grpc_status.rpc_status", "rich.console", "rich.progress", "rich.table", "structlog", "uvloop", *LIGHT),
]


def test_every_module_can_be_imported_alone_and_the_core_stays_light() -> None:
    imported = {}
    for path in python_files(SOURCE):
        if path.suffix == ".py" and path.name != "__main__.py":
            parts = path.relative_to(SOURCE).with_suffix("").parts
            name = ".".join(["hashpact", *parts]).removesuffix(".__init__")
            imported[name] = {module for _, module in imports(path, SOURCE, at_once=True)}
    places = [entry for entry in sys.path if entry]
    pure = {name: before for name, before in imported.items() if CORE.fullmatch(name)}
    core = import_alone(tree_of(pure), places, LIGHT)
    rest = import_alone(tree_of(imported), places, BEFORE)
    assert core.keys() == pure.keys()
    assert rest.keys() == imported.keys()
    assert {name: error for name, (error, _) in (rest | core).items() if error} == {}
    assert len(core) > 20
    assert {name: heavy for name, (_, heavy) in core.items() if heavy} == {}


def test_the_importer_sees_errors_and_weight(tmp_path: Path) -> None:
    (tmp_path / "light.py").write_text("import json\n")
    (tmp_path / "heavy.py").write_text("import apsw\n")
    (tmp_path / "broken.py").write_text("raise SystemExit\n")
    (tmp_path / "after.py").write_text("import heavy\n")
    tree = tree_of({"light": {"json"}, "heavy": set(), "broken": {"light"}, "after": {"light", "heavy"}})
    assert tree == {"": ["light", "heavy"], "light": ["broken", "after"]}
    alone = import_alone(tree, [str(tmp_path)])
    heavy = ("", ["apsw"])
    assert alone == {"light": ("", []), "heavy": heavy, "broken": ("SystemExit()", []), "after": heavy}


def test_modules_that_import_each_other_are_imported_first() -> None:
    assert tree_of({"a": {"b"}, "b": {"a"}, "c": {"a"}}) == {"": ["a", "b"], "a": ["c"]}


def names_for_type_checkers(source: str) -> list[str]:
    """The names that ``if TYPE_CHECKING`` gives a module."""
    found = []
    for block in ast.parse(source).body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for node in block.body:
                if isinstance(node, ast.ImportFrom):
                    found += [alias.asname or alias.name for alias in node.names]
                elif isinstance(node, ast.AnnAssign):
                    found.append(ast.unparse(node.target))
    return found


def test_a_type_checker_knows_every_public_name() -> None:
    source = (SOURCE / "__init__.py").read_text(encoding="utf-8")
    assert sorted(names_for_type_checkers(source)) == sorted(hashpact.__all__)
