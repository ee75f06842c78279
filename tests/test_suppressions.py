"""Every suppression of a rule names it and has its reason, on its line or in pyproject.toml."""

from __future__ import annotations

import io
import re
import tokenize
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from test_meta import ROOT, python_files

DIRECTIVE = re.compile(
    r"#\s*(noqa(?P<codes>:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*)?"
    r"|type:\s*ignore(?P<kinds>\[[\w, -]+\])?"
    r"|(?P<cover>pragma:\s*no\s*cover))"
)


def directives(path: Path) -> Iterator[tuple[int, str, list[re.Match[str]]]]:
    """``(line, text, directives)`` of every comment of a file that has any."""
    text = path.read_text(encoding="utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline) if DIRECTIVE.search(text) else ()
    for token in tokens:
        found = list(DIRECTIVE.finditer(token.string)) if token.type == tokenize.COMMENT else []
        if found:
            yield token.start[0], token.string, found


def suppression_faults(path: Path) -> list[str]:
    """Every suppression in a file that is blanket or has no reason on its line."""
    faults = []
    for line, text, found in directives(path):
        if any(not (one["codes"] or one["kinds"] or one["cover"]) for one in found):
            faults.append(f"{path.name}:{line}: names no rule: {text}")
        if not re.search("[A-Za-z]{3}", DIRECTIVE.sub("", text)):
            faults.append(f"{path.name}:{line}: has no reason: {text}")
    return faults


def per_file_rules() -> dict[str, list[str]]:
    """The rules that pyproject.toml ignores for the files of each pattern."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, list[str]] = project["tool"]["ruff"]["lint"]["per-file-ignores"]
    return found


def is_matched(name: str, pattern: str) -> bool:
    """Whether a pattern, which may have {a,b}, is that of a file."""
    before, brace, rest = pattern.partition("{")
    inner, _, after = rest.partition("}")
    options = [f"{before}{one}{after}" for one in inner.split(",")] if brace else [pattern]
    return any(fnmatchcase(name, one) for one in options)


def twice_faults(path: Path, root: Path, ignored: Mapping[str, Sequence[str]]) -> list[str]:
    """Every suppression in a file of a rule that is ignored for the whole file."""
    name = path.relative_to(root).as_posix()
    rules = {rule for pattern, of_it in ignored.items() if is_matched(name, pattern) for rule in of_it}
    return [
        f"{name}:{line}: {code}"
        for line, _, found in directives(path)
        for one in found
        for code in re.findall("[A-Z]+[0-9]+", one["codes"] or "")
        if code in rules
    ]


def test_every_suppression_has_its_reason() -> None:
    files = [path for name in ("src", "tests", "scripts") for path in python_files(ROOT / name)]
    assert [fault for path in files for fault in suppression_faults(path)] == []


def test_no_rule_is_suppressed_on_a_line_of_a_file_that_is_free_of_it() -> None:
    ignored = per_file_rules()
    files = [path for name in ("src", "tests", "scripts") for path in python_files(ROOT / name)]
    assert [fault for path in files for fault in twice_faults(path, ROOT, ignored)] == []


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        ("x = 1  # noqa: E501  # a table", 0),
        ("x = 1  # noqa: E501, S101 - a table", 0),
        ("x = 1  # type: ignore[arg-type]  # noqa: E501 - both for the test", 0),
        ("x = '# noqa'", 0),
        ("x = 1  # pragma: no cover  # cannot happen", 0),
        ("x = 1  # noqa: E501", 1),
        ("x = 1  # type: ignore[arg-type]", 1),
        ("x = 1  # type: ignore[arg-type]  # noqa: E501", 1),
        ("x = 1  # pragma: no cover", 1),
        ("x = 1  # noqa  # why not", 1),
        ("x = 1  # type: ignore  # why not", 1),
        ("x = 1  # noqa", 2),
    ],
)
def test_the_checker_sees_suppressions_without_reason(tmp_path: Path, line: str, faults: int) -> None:
    (tmp_path / "m.py").write_text(line + "\n")
    assert len(suppression_faults(tmp_path / "m.py")) == faults


@pytest.mark.parametrize(
    ("name", "line", "faults"),
    [
        ("src/cli/deep/m.py", "import os  # noqa: PLC0415  # late", ["src/cli/deep/m.py:1: PLC0415"]),
        ("src/cli/m.py", "import os  # noqa: E501, PLC0415 - both", ["src/cli/m.py:1: PLC0415"]),
        ("src/b/m.py", "x = 1  # type: ignore[misc]  # noqa: N802 - both", ["src/b/m.py:1: N802"]),
        ("src/c/m.py", "x = 1  # noqa: N802  # not of this file", []),
        ("src/cli/m.py", "x = 1  # noqa: N802  # not this rule", []),
    ],
)
def test_the_checker_sees_a_suppression_that_is_there_twice(
    tmp_path: Path, name: str, line: str, faults: list[str]
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(line + "\n")
    assert twice_faults(path, tmp_path, {"src/cli/**": ["PLC0415"], "src/{a,b}/m.py": ["N802"]}) == faults


def test_every_rule_that_is_ignored_for_files_has_its_reason_and_its_files() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = text.partition("[tool.ruff.lint.per-file-ignores]\n")[2].partition("\n[")[0]
    rules = re.findall(r'^  "[A-Z]+[0-9]+",(.*)$', table, re.MULTILINE)
    assert len(rules) == sum(map(len, per_file_rules().values()))
    assert all(re.fullmatch(r" +# .*[A-Za-z]{3}.*", reason) for reason in rules)
    names = [
        path.relative_to(ROOT).as_posix()
        for name in ("src", "tests", "scripts")
        for path in python_files(ROOT / name)
    ]
    assert [one for one in per_file_rules() if not any(is_matched(name, one) for name in names)] == []
