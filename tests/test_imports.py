"""Every module can be imported alone, and what the core imports stays light."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from forking import UNMEASURED
from test_meta import SOURCE, python_files

HEAVY = {"grpc", "google", "apsw", "sqlite3", "numpy", "PIL", "datasketch", "structlog", "uvloop"}

# One clean interpreter forks for each module, so that a module costs its own imports and nothing more. What
# others made may be loaded before: that hides nothing of ours, and is many times faster.
DRIVER = """
import importlib, json, os, sys
heavy, names, before = map(json.loads, sys.argv[1:])
for name in before:
    importlib.import_module(name)
def tops():
    return {module.partition(".")[0] for module in sys.modules}
limit, running, heavy = os.cpu_count() or 1, 0, set(heavy)
for name in names:
    if running >= limit:
        os.wait()
        running -= 1
    running += 1
    if os.fork() == 0:
        try:
            importlib.import_module(name)
            error = ""
        except BaseException as caught:
            error = repr(caught)
        os.write(1, (json.dumps([name, error, sorted(tops() & heavy)]) + "\\n").encode())
        os._exit(0)
while running:
    os.wait()
    running -= 1
"""


def import_alone(
    names: list[str], path: list[str], before: Sequence[str] = ()
) -> dict[str, tuple[str, list[str]]]:
    """For each module its error, empty if it has none, and the heavy packages that came with it."""
    command = [sys.executable, "-c", DRIVER, *map(json.dumps, (sorted(HEAVY), names, before))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), **UNMEASURED}
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return {name: (error, heavy) for name, error, heavy in map(json.loads, run.stdout.splitlines())}


CORE = re.compile(r"hashpact(\.(errors|domain|log|service|governance|config|clock|durable)(\..*)?)?")
LIGHT = ["asyncio", "cryptography.x509", "cryptography.hazmat.primitives.asymmetric.ed25519"]
BEFORE = [
    *("PIL.Image", "apsw", "click", "grpc", "grpc_health.v1", "grpc_reflection.v1alpha", "h11", "numpy"),
    *("grpc_status.rpc_status", "rich.console", "rich.progress", "rich.table", "structlog", "uvloop", *LIGHT),
]


def test_every_module_can_be_imported_alone_and_the_core_stays_light() -> None:
    names = []
    for path in python_files(SOURCE):
        if path.suffix == ".py" and path.name != "__main__.py":
            parts = path.relative_to(SOURCE).with_suffix("").parts
            names.append(".".join(["hashpact", *parts]).removesuffix(".__init__"))
    places = [entry for entry in sys.path if entry]
    core = import_alone([name for name in names if CORE.fullmatch(name)], places, LIGHT)
    rest = import_alone([name for name in names if not CORE.fullmatch(name)], places, BEFORE)
    assert core.keys() | rest.keys() == set(names)
    assert {name: error for name, (error, _) in (core | rest).items() if error} == {}
    assert len(core) > 20
    assert {name: heavy for name, (_, heavy) in core.items() if heavy} == {}


def test_the_importer_sees_errors_and_weight(tmp_path: Path) -> None:
    (tmp_path / "light.py").write_text("import json\n")
    (tmp_path / "heavy.py").write_text("import apsw\n")
    (tmp_path / "broken.py").write_text("raise SystemExit\n")
    alone = import_alone(["light", "heavy", "broken"], [str(tmp_path)])
    assert alone == {"light": ("", []), "heavy": ("", ["apsw"]), "broken": ("SystemExit()", [])}
