"""The shape of the kernel: who includes whom, who knows Python, and how large files grow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_meta import MAX_LINES

KERNEL = Path(__file__).resolve().parent.parent / "src" / "kernel"
INCLUDES = {
    "store": set(),
    "isa": set(),
    "text": {"isa"},
    "image": {"isa"},
    "edwards": set(),
    "hamming": {"store", "isa", "instruments"},
    "minhash": {"store", "isa", "text"},
    "parts": {"store", "isa"},
    "winnow": {"store", "minhash"},
    "instruments": {"store"},
    "bind": {
        "store",
        "isa",
        "text",
        "image",
        "hamming",
        "minhash",
        "parts",
        "winnow",
        "edwards",
        "instruments",
        "",
    },
    "": {"store", "hamming", "minhash", "parts", "winnow"},
}
"""The folders whose headers each folder includes; "" is src/kernel itself."""
INCLUDE = re.compile(r'^#include [<"]([^>"]+)[>"]', re.MULTILINE)
PYTHON = re.compile(r"nanobind|Python\.h")


def sources() -> list[Path]:
    """The hand-written sources of the kernel."""
    return sorted(path for path in KERNEL.rglob("*") if path.suffix in {".cpp", ".hpp"})


def faults(name: str, text: str) -> list[str]:
    """Each include in a file that the plan does not allow."""
    folder = name.rpartition("/")[0]
    found = []
    for header in INCLUDE.findall(text):
        if header.endswith(".hpp"):
            other = header.rpartition("/")[0]
            if other != folder and other not in INCLUDES[folder]:
                found.append(f"{name} includes {header}")
        elif PYTHON.match(header) and folder != "bind":
            found.append(f"{name} knows Python: {header}")
    return found


def test_folders_include_each_other_as_planned_and_only_the_binding_knows_python() -> None:
    assert {path.relative_to(KERNEL).parent.as_posix() for path in sources()} == {
        folder or "." for folder in INCLUDES
    }
    named = [(path.relative_to(KERNEL).as_posix(), path.read_text("utf-8")) for path in sources()]
    assert [fault for name, text in named for fault in faults(name, text)] == []


def test_no_file_is_too_long() -> None:
    fuzz = KERNEL.parent.parent / "tests" / "fuzz"
    long = [
        path
        for path in (*sources(), *fuzz.iterdir())
        if len(path.read_text("utf-8").splitlines()) > MAX_LINES
    ]
    assert long == []


def test_only_a_counting_build_includes_the_instruments() -> None:
    for path in (KERNEL / "hamming").iterdir():
        for place in re.finditer(r'#include "instruments/', text := path.read_text("utf-8")):
            assert text[: place.start()].rstrip().endswith("#ifdef HASHPACT_INSTRUMENTS"), path


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("store/rows.hpp", '#include "hamming/segment.hpp"'),
        ("isa/cpu.cpp", '#include "store/rows.hpp"'),
        ("store/rows.hpp", "#include <nanobind/nanobind.h>"),
        ("hamming/plan.cpp", "#include <Python.h>"),
    ],
)
def test_the_checker_sees_an_include_against_the_plan(name: str, line: str) -> None:
    assert len(faults(name, f"#include <vector>\n{line}\n")) == 1
