"""scripts/mutate: it catches a mutant, passes the fold itself, and knows which mutants are equivalent."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from mutating.sites import files, mutants

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "mutate"
EQUIVALENT = ROOT / "scripts" / "mutating" / "equivalent.toml"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], check=False, capture_output=True, text=True
    )


def test_one_mutant_is_caught() -> None:
    """The fold itself agrees with the vectors, or the script says so and fails."""
    done = run("--only", "authors.py:check: about != case.member", "--jobs", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "mutants": 1,
        "caught": 1,
        "score": 100.0,
        "equivalent": 0,
        "survivors": [],
    }


def test_each_equivalent_mutant_is_one_and_has_a_reason() -> None:
    """A change of the code takes its mutants' names away: then the list is to be looked at again."""
    listed = tomllib.loads(EQUIVALENT.read_text("utf-8"))
    known = {each.name for path in files() for each in mutants(path)}
    assert sorted(listed.keys() - known) == []
    assert [name for name, reason in listed.items() if len(reason) < 20] == []
    assert len(listed) < len(known) / 20


def test_the_help_has_an_example() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "scripts/mutate --only domain/kinds/keyring" in done.stdout


@pytest.mark.slow
def test_the_vectors_catch_the_mutants() -> None:
    done = run("--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["score"] >= 95
