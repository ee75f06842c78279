"""The unit for systemd and the Containerfile: what they promise, without either being started."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
from clones import ROOT
from commands import COMMANDS

UNIT = ROOT / "deploy" / "hashpact.service"
CONTAINERFILE = ROOT / "Containerfile"
RISK = 20
"""The most that `systemd-analyze security` may find, in tenths; a unit without any protection has 96."""


def service() -> dict[str, str]:
    """The settings of the unit's service; of one that is repeated, the first."""
    parser = RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their capitals
    parser.read_string(UNIT.read_text("utf-8"))
    return dict(parser["Service"])


def stages() -> list[list[tuple[str, str]]]:
    """For each stage of the Containerfile its instructions and their arguments, FROM first."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", CONTAINERFILE.read_text("utf-8")))
    lines = [line.partition(" ") for line in text.splitlines() if line]
    found: list[list[tuple[str, str]]] = []
    for name, _, value in lines:
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append((name, value))
    return found


def test_the_unit_serves_a_home_that_it_may_write() -> None:
    unit = service()
    program, *words, home = shlex.split(unit["ExecStart"])
    assert Path(program).is_absolute()
    assert tuple(words) in COMMANDS
    assert unit["ReadWritePaths"] == home
    assert unit["ProtectSystem"] == "strict"
    assert unit["User"] != "root"
    assert unit["Type"] == "exec"  # the server sends no notification, which the type notify waits for
    assert unit["Restart"] == "on-failure"


def test_the_passphrase_is_a_credential() -> None:
    unit = service()
    name, _, file = unit["LoadCredentialEncrypted"].partition(":")
    assert unit["Environment"] == f"HASHPACT_PASSPHRASE_FILE=%d/{name}"
    assert Path(file).is_absolute()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_understands_the_unit_and_finds_little_risk(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    program = shlex.split(service()["ExecStart"])[0]
    copy.write_text(UNIT.read_text("utf-8").replace(program, "/bin/true"))
    for options in (["verify"], ["security", "--offline=true", f"--threshold={RISK}"]):
        command = [shutil.which("systemd-analyze") or "", *options, str(copy)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        assert "Unknown" not in run.stderr


def test_the_last_stage_installs_wheels_alone() -> None:
    build, last = stages()
    assert build[0][1].endswith(" AS build")
    assert " AS " not in last[0][1]
    runs = [value for name, value in last if name == "RUN"]
    installs = [value for value in runs if re.search(r"\bpip\b", value)]
    assert len(installs) == 1
    assert "--no-index --only-binary :all: --find-links /wheels hashpact" in installs[0]
    assert "--mount=type=bind,from=build,source=/wheels," in installs[0]
    assert any("--wheel-dir /wheels" in value for name, value in build if name == "RUN")
    assert not {"COPY", "ADD"} & {name for name, _ in last}
    assert not re.search(r"apt|gcc|g\+\+|clang|cmake", " ".join(runs))


def test_the_container_runs_the_command_as_an_ordinary_user() -> None:
    _, last = stages()
    names = [name for name, _ in last]
    values = dict(last)
    assert json.loads(values["ENTRYPOINT"]) == ["hashpact"]
    words = json.loads(values["CMD"])
    assert tuple(words[:-1]) in COMMANDS
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", values["USER"])
    assert names.count("USER") == 1
    assert names.index("USER") > max(at for at, name in enumerate(names) if name == "RUN")
    (volume,) = json.loads(values["VOLUME"])
    assert words[-1].startswith(f"{volume}/")


def test_what_the_build_copies_is_the_sources() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
    assert {".git", ".venv", "build", "dist"} <= set(ignored)
    needed = {"src", "proto", "scripts", "pyproject.toml", "CMakeLists.txt", "README.md", "LICENSE"}
    assert not needed & set(ignored)
