"""The shape of the code: who may import whom, how large files grow, and which names they have.

`ROOMS` is the plan: each room lists the rooms that it imports, all of them below it. Imports inside functions
and under TYPE_CHECKING count.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hashpact import errors
from hashpact.errors import HashpactError
from hashpact.wire.errors import STATUS

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "hashpact"
MAX_LINES = 400
MAX_FILES = 12
NAME = r"hashpact(\.\w+)+"
RETIRED_CLASSES = {"Acting", "Asked", "Desk", "Keeper", "Patience", "Rounds", "Sealing", "Side", "Told"}
"""Names of classes that were replaced by ones that say what the class is."""
FORBIDDEN_NAMES = {"utils", "common", "helpers", "models", "manager"}


@dataclass(frozen=True)
class Room:
    """What a room may import: prefixes of modules of ours (itself not listed), and packages of others."""

    ours: frozenset[str]
    others: frozenset[str] = frozenset()
    pure: bool = False


def room(ours: str = "", others: str = "", *, pure: bool = False) -> Room:
    """A room from lists of words; ``hashpact.`` stands before each of ours."""
    return Room(frozenset(f"hashpact.{name}" for name in ours.split()), frozenset(others.split()), pure)


GRPC = "grpc grpc_status grpc_health grpc_reflection google"
ROOMS = {
    "errors": room(pure=True),
    "log": room("errors", pure=True),
    "domain": room("errors log", "cryptography", pure=True),
    "clock": room(),
    "events": room(others="structlog"),
    "durable": room("errors"),
    "settings": room("errors"),
    "config": room("errors log domain settings"),
    # The native kernel stands beside the rooms that use it: lookup, fingerprint and keys.
    "_kernel": room("lookup.shapes", "numpy"),  # a stub: types only
    "_instruments": room("_kernel"),  # as above; only the benchmarks use it
    "lookup": room("errors domain durable _kernel", "numpy"),
    # What other programs write and read, over streams of bytes.
    "exchange": room("errors domain", "ijson", pure=True),
    "fingerprint": room("errors domain _kernel", "PIL cv2 numpy imagehash datasketch pillow_heif pylibjxl"),
    "report": room("errors log domain", pure=True),
    # Of the log the layout of tiles, which it reads and writes.
    "storage": room("errors log.tiles log.lines domain durable", "apsw"),
    "keys": room("errors domain durable _kernel", "cryptography"),
    "lists": room("errors domain durable lookup keys exchange", "apsw cryptography numpy"),
    "governance": room("errors log domain durable keys report"),
    "service": room("errors log domain keys.certificates governance.drafts", pure=True),
    "wire": room(
        "errors domain settings keys.certificates keys.uses governance.drafts service",
        GRPC + " cryptography structlog",
    ),
    "http": room("errors log service", "httptools starlette structlog uvicorn"),
    # The kinds of objects that its clients take as they are.
    "member": room(
        "errors log domain clock durable settings config fingerprint keys lists wire governance",
        "cryptography datasketch imagehash",
    ),
    "home": room(
        "errors log domain clock durable settings config storage keys service governance member.paths",
        "cryptography structlog",
    ),
    "audit": room(
        "errors log domain clock durable settings config storage lookup keys service wire http member home"
    ),
    "witness": room(
        "errors log domain clock events durable settings config storage keys http", "cryptography"
    ),
    "observing": room(
        "errors domain clock events settings config keys service wire.server.ended http home",
        "structlog prometheus_client opentelemetry starlette",
    ),
    "serving": room(
        "errors log domain clock durable settings lookup keys governance service wire http home audit "
        "observing",
        "structlog uvloop",
    ),
    "mirror": room(
        "errors log domain clock durable settings config storage lookup keys service wire http member "
        "home audit witness observing serving",
        "cryptography numpy structlog uvloop grpc",
    ),
    "gateway": room(
        "errors domain clock events durable settings config fingerprint keys lists lookup http member mirror",
        "apsw numpy starlette structlog uvloop",
    ),
    "__init__": room("errors log.checkpoint domain fingerprint member mirror"),
    # It plays everybody: those who run a clearinghouse, and its members.
    "demo": room(
        "errors domain config durable storage fingerprint keys governance service member home report",
        "cryptography PIL numpy",
    ),
    "cli": room(
        "errors log.checkpoint domain clock settings config exchange fingerprint keys lists governance "
        "member home audit witness serving mirror gateway report demo durable http.hma",
        "click rich",
    ),
    "__main__": room("cli"),
}
"""The rooms from the ground up: each imports only from those above its line."""
IMPURE = {"asyncio", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil"}
IMPURE |= {"socket", "sqlite3", "subprocess", "tempfile", "time", "urllib", "uuid"}
"""Where input, output, clocks, randomness and loggers come from: to a pure room they are arguments."""


def python_files(root: Path) -> list[Path]:
    """The hand-written Python files below a directory, scripts without a suffix among them."""
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.parent.name != "v1":
            script = not path.suffix and path.read_bytes().startswith(b"#!/usr/bin/env python3")
            if path.suffix in {".py", ".pyi"} or script:
                found.append(path)
    return found


def imports(path: Path, source: Path, *, at_once: bool = False) -> Iterator[tuple[int, str]]:
    """``(line, module)`` of every import in a file; with ``at_once``, of those outside blocks only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ["hashpact", *path.relative_to(source).parent.parts]
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    dynamic = any(ast.unparse(one).endswith(("import_module", "__import__")) for one in called)
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = is_module(module, alias.name, source)
                yield node.lineno, f"{module}.{alias.name}" if whole else module
        elif dynamic and isinstance(node, ast.Constant) and re.fullmatch(NAME, str(node.value)):
            # A module that is imported by its name in a string, which need not stand in the call itself.
            yield node.lineno, str(node.value)


def is_module(package: str, name: str, source: Path) -> bool:
    """Whether ``from package import name`` imports a module of ours."""
    if package.partition(".")[0] != "hashpact":
        return False
    path = source.joinpath(*package.split(".")[1:], name)
    return path.is_dir() or path.with_suffix(".py").is_file() or path.with_suffix(".pyi").is_file()


def arrow_faults(source: Path) -> list[str]:
    """Every import that the arrow or a room's list does not allow."""
    faults = []
    for path in python_files(source):
        name = path.relative_to(source).parts[0].removesuffix(".pyi").removesuffix(".py")
        rules = ROOMS.get(name)
        if rules is None:
            faults.append(f"{path.relative_to(source)}: the arrow does not know the room {name!r}")
            continue
        for line, module in imports(path, source):
            top = module.partition(".")[0]
            if top == "hashpact":
                prefixes = {f"hashpact.{name}", *rules.ours}
                allowed = any(f"{module}.".startswith(f"{ours}.") for ours in prefixes)
            else:
                allowed = top in rules.others or (
                    top in sys.stdlib_module_names and not (rules.pure and top in IMPURE)
                )
            if not allowed:
                faults.append(f"{path.relative_to(source)}:{line}: {name} does not import {module}")
    return faults


def unused_permissions(source: Path) -> list[str]:
    """Everything that a room may import and none of its modules does."""
    used: dict[str, set[str]] = {}
    for path in python_files(source):
        name = path.relative_to(source).parts[0].removesuffix(".pyi").removesuffix(".py")
        used.setdefault(name, set()).update(module for _, module in imports(path, source))
    return [
        f"{name}: {allowed}"
        for name, rules in ROOMS.items()
        for allowed in sorted(rules.ours | rules.others)
        if not any(f"{module}.".startswith(f"{allowed}.") for module in used.get(name, ()))
    ]


def size_faults(roots: list[Path], source: Path) -> list[str]:
    """Every file that is too long, every room with too many files, every name that says nothing."""
    faults = []
    for path in (path for root in roots for path in python_files(root)):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MAX_LINES:
            faults.append(f"{path}: {lines} lines")
        if FORBIDDEN_NAMES & {part.removesuffix(".py") for part in path.parts[len(ROOT.parts) :]}:
            faults.append(f"{path}: a name that says nothing")
    rooms = Counter(path.parent for path in python_files(source) if path.suffix == ".py")
    for directory, count in rooms.items():
        if count > MAX_FILES:
            faults.append(f"{directory}: {count} files")
    return faults


def name_faults(source: Path) -> list[str]:
    """Every public class with a retired name or that of another one, and every file name used three times."""
    paths = [path for path in python_files(source) if path.suffix == ".py"]
    classes: dict[str, list[str]] = {}
    for path in paths:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes.setdefault(node.name, []).append(str(path.relative_to(source)))
    files = Counter(path.name for path in paths if not path.name.startswith("__"))
    retired = sorted(RETIRED_CLASSES & classes.keys())
    twice = {name: places for name, places in classes.items() if len(places) > 1}
    return [
        *(f"the class {name} of {', '.join(classes[name])} has a retired name" for name in retired),
        *(f"the class {name} is in {', '.join(places)}" for name, places in twice.items()),
        *(f"{count} files are named {name}" for name, count in files.items() if count > 2),
    ]


def error_class_faults(source: Path) -> list[str]:
    """Every class of the error tree that stands elsewhere, where no table of statuses would find it."""
    known = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    return [
        f"{path.relative_to(source)}: {node.name}"
        for path in python_files(source)
        if path != source / "errors.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and known & {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    ]


def tree_of_errors(cls: type[HashpactError] = HashpactError) -> set[type[HashpactError]]:
    """The class and all below it, those of errors.py."""
    below = {one for sub in cls.__subclasses__() for one in tree_of_errors(sub)}
    return {one for one in {cls, *below} if one.__module__ == errors.__name__}


def test_the_arrow() -> None:
    assert arrow_faults(SOURCE) == []


def test_every_room_uses_what_it_may_import() -> None:
    assert unused_permissions(SOURCE) == []


def test_no_import_climbs() -> None:
    order = list(ROOMS)
    for number, (name, rules) in enumerate(ROOMS.items()):
        below = set(order[:number])
        uses = {module.split(".")[1] for module in rules.ours}
        assert uses <= below | ({"lookup"} if name == "_kernel" else set()), name


def test_no_two_classes_and_no_three_files_share_a_name_and_no_class_has_a_retired_one() -> None:
    assert name_faults(SOURCE) == []


def test_no_file_or_room_is_too_large_and_names_say_something() -> None:
    assert size_faults([SOURCE, ROOT / "tests", ROOT / "scripts"], SOURCE) == []


def test_the_error_tree_stands_in_one_file_and_its_codes_differ() -> None:
    assert error_class_faults(SOURCE) == []
    codes = [cls.code for cls in tree_of_errors()]
    assert len(set(codes)) == len(codes) > 20


def test_every_error_has_a_status() -> None:
    assert set(STATUS) == tree_of_errors()


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A small tree that keeps every rule."""
    for name, text in {
        "domain/rules.py": "import hashlib\nfrom cryptography import x509\nfrom hashpact.log import note\n",
        "log/note.py": "from hashpact.errors import MalformedError\n",
        "service/append.py": "from hashpact.domain import rules\nfrom hashpact.log import note\n",
        "wire/codec.py": "import grpc\nfrom hashpact.service import append\n",
        "serving/process.py": "import os\nfrom hashpact.wire import codec\nfrom hashpact.home import paths\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "errors.py").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("domain/rules.py", "import grpc\n"),
        ("domain/rules.py", "import sqlite3\n"),
        ("domain/rules.py", "import time\n"),
        ("domain/rules.py", "from hashpact.service import append\n"),
        ("domain/rules.py", "def late():\n    from hashpact.service.append import Appender\n"),
        ("domain/rules.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy\n"),
        ("domain/rules.py", "from ..service import append\n"),
        ("domain/rules.py", "from .. import service\n"),
        ("domain/rules.py", "import importlib\nimportlib.import_module('hashpact.service.append')\n"),
        ("domain/rules.py", "from hashpact import serving\n"),
        ("domain/rules.py", "from hashpact import Client\n"),
        ("log/note.py", "from hashpact.domain import keys\n"),
        ("log/note.py", "from hashpact.domain import rules\n"),
        ("log/note.py", "import cryptography\n"),
        ("service/append.py", "from hashpact.storage.sqlite import SqliteLedger\n"),
        ("service/append.py", "import google.protobuf\n"),
        ("service/append.py", "import PIL.Image as image\n"),
        ("wire/codec.py", "from hashpact.log import note\n"),
        ("wire/codec.py", "import hashpact.storage\n"),
        ("config.py", "from hashpact.service import append\n"),
        ("parlour/tea.py", ""),
    ],
)
def test_the_checker_sees_an_import_against_the_arrow(fake: Path, name: str, text: str) -> None:
    assert arrow_faults(fake) == []
    (fake / name).parent.mkdir(exist_ok=True)
    (fake / name).write_text(text)
    (fault,) = arrow_faults(fake)
    assert fault.startswith(name)


def test_the_checker_sees_what_a_room_may_import_and_does_not(fake: Path) -> None:
    unused = unused_permissions(fake)
    assert "domain: hashpact.errors" in unused
    assert not {"log: hashpact.errors", "domain: cryptography"} & set(unused)
    (fake / "log" / "note.py").write_text("")
    assert set(unused_permissions(fake)) - set(unused) == {"log: hashpact.errors"}


def test_the_checker_sees_names_that_are_used_twice(fake: Path) -> None:
    assert name_faults(fake) == []
    (fake / "log" / "note.py").write_text("class Note:\n    pass\n")
    (fake / "log" / "rounds.py").write_text("class Rounds:\n    pass\n")
    (fake / "wire" / "codec.py").write_text("class Note:\n    pass\n\n\nclass _Note:\n    pass\n")
    for room in ("log", "wire", "service"):
        (fake / room / "server.py").write_text("")
    places = "log/note.py, wire/codec.py"
    assert name_faults(fake) == [
        "the class Rounds of log/rounds.py has a retired name",
        f"the class Note is in {places}",
        "3 files are named server.py",
    ]


def test_the_checker_sees_sizes_and_names(fake: Path) -> None:
    assert size_faults([fake], fake) == []
    (fake / "log" / "note.py").write_text("x = 1\n" * 401)
    for number in range(12):
        (fake / "domain" / f"m{number}.py").write_text("")
    assert [fault.rsplit(": ", 1)[1] for fault in size_faults([fake], fake)] == ["401 lines", "13 files"]
    deep = fake.joinpath(*["deep"] * len(ROOT.parts), "utils.py")
    deep.parent.mkdir(parents=True)
    deep.write_text("")
    assert any("says nothing" in fault for fault in size_faults([deep.parent], fake))


def test_the_checker_sees_errors_outside_their_file(fake: Path) -> None:
    assert error_class_faults(fake) == []
    (fake / "wire" / "codec.py").write_text("class OddError(errors.ConflictError):\n    pass\n")
    assert error_class_faults(fake) == ["wire/codec.py: OddError"]
