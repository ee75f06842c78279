"""docs/vectors: two implementations that share no code reach each verdict and each state."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest
from independent import Log, report
from streams import EXAMPLES, Step, Stream, draw
from vectoring import deriving, publishing
from vectoring.reading import DIRECTORY, VectorFile, load

from hashpact.domain import statements
from hashpact.domain.kinds import KINDS
from hashpact.domain.rules.replay import Replay, replay

ROOT = Path(__file__).resolve().parents[3]
FILES = load()
EACH = pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])


GAPS = {
    "a replacement that does not stand counts for nothing": "rotation-undone rotations-undone",
    "a recovery key has no overlap when it replaces another key": "recovery-replaces",
    "what a revocation hangs on": "revocation-hangs revocation-hangs-far revocation-hangs-undone",
    "law has both authority and article": "submit-law notice-about",
    "every key is a good point": "keys-root genesis-mixed-order-log witnesses-keys keys-mixed-order",
    "the spelling of signature lines": "signature-lines signature-line-4096",
    "which keys are known to a leaf": "signatures-member signatures-administrators root-signatures",
    "a delay is for enrolments, and recovery keys suspend nothing": "key-delay recovery-key",
    "authorities are enrolled, places and times are any": "submit submit-law",
    "a cutoff is compared before standing is asked": "revocation-hangs revocation-hangs-far",
    "the newest revocation counts, a void of what does not stand": "key-revoke void root-renamed",
    "one equation": "signatures keys-small-order keys-encoding",
}
"""What the document once left open, and the logs that decide it."""


def plain(value: dict[str, Any]) -> object:
    """The value as JSON has it."""
    return json.loads(json.dumps(value))


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """The files that the script makes."""
    return publishing.files()


def test_the_files_are_what_the_script_makes(made: dict[str, str]) -> None:
    assert {path.name for path in DIRECTORY.glob("*.json")} == made.keys()
    for name, text in made.items():
        assert (DIRECTORY / name).read_text("utf-8") == text, f"{name}: run scripts/vectors"


@EACH
def test_the_fold_reaches_each_verdict_and_state(file: VectorFile) -> None:
    for vector in file.vectors:
        leaves = [*file.prelude, *(one.leaf for one in vector.leaves)]
        folded = replay(leaves)
        wrong = [(at, one.code) for at, one in enumerate(vector.leaves, len(file.prelude)) if not one.valid]
        assert [(fault.index, fault.error.code) for fault in folded.faults] == wrong, vector.name
        assert plain(deriving.derived(folded, leaves)) == vector.state, vector.name


@EACH
def test_the_second_implementation_reaches_each_verdict_and_state(file: VectorFile) -> None:
    for vector in file.vectors:
        log = Log()
        assert [log.add(leaf) for leaf in file.prelude] == [None] * len(file.prelude)
        for one in vector.leaves:
            assert (log.add(one.leaf) is None) is one.valid, (vector.name, len(log.leaves) - 1, one.why)
        assert plain(report(log)) == vector.state, vector.name


def test_the_second_implementation_shares_no_code_with_the_first() -> None:
    roots = set()
    for path in (ROOT / "tests" / "support" / "independent").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=names):
                    roots |= {alias.name.partition(".")[0] for alias in names}
                case ast.ImportFrom(module=str(module)):
                    roots.add(module.partition(".")[0])
                case _:
                    pass
    assert roots - sys.stdlib_module_names == {"independent", "cryptography"}


def compare(steps: list[Step]) -> None:
    """Both fold a random stream: statements of all kinds, right and wrong."""
    stream, folded, log = Stream(), Replay(), Log()
    leaves = [submission.statement for submission in stream.founding()]
    for leaf in leaves:
        folded.apply(leaf)
        assert log.add(leaf) is None
    for step in steps:
        leaf = stream.next(step, folded.state).statement
        leaves.append(leaf)
        faults = len(folded.faults)
        folded.apply(leaf)
        assert (log.add(leaf) is None) is (len(folded.faults) == faults), leaf.decode(errors="replace")
    assert plain(report(log)) == plain(deriving.derived(folded, leaves))


@EXAMPLES
def test_both_agree_on_random_streams(examples: int) -> None:
    draw(examples, compare)


def test_every_kind_is_there_right_and_wrong() -> None:
    kinds: dict[bool, set[str]] = {True: set(), False: set()}
    for file in FILES:
        kinds[True] |= {statements.kind_of(leaf) for leaf in file.prelude}
        for vector in file.vectors:
            for one in vector.leaves:
                kinds[one.valid].add(statements.kind_of(one.leaf))
    assert kinds[True] == KINDS.keys()
    assert kinds[False] - {""} == KINDS.keys()


@pytest.mark.parametrize("gap", GAPS)
def test_what_was_open_is_decided(gap: str) -> None:
    vectors = {vector.name: vector for file in FILES for vector in file.vectors}
    verdicts = {one.valid for name in GAPS[gap].split() for one in vectors[name].leaves}
    assert verdicts == {True, False}


def test_there_are_many_and_each_says_what_it_shows() -> None:
    vectors = [vector for file in FILES for vector in file.vectors]
    assert len(vectors) >= 60
    assert len({vector.name for vector in vectors}) == len(vectors)
    assert [one for vector in vectors for one in vector.leaves if not one.valid and not one.why] == []


def test_the_page_counts_what_is_there() -> None:
    page = (DIRECTORY / "README.md").read_text("utf-8")
    vectors = [vector for file in FILES for vector in file.vectors]
    leaves = [one for vector in vectors for one in vector.leaves]
    refused = sum(not one.valid for one in leaves)
    assert f"{len(vectors)} logs" in page
    assert f"{len(leaves)} leaves" in page
    assert f"{refused} of them are refused" in page
    for file in FILES:
        assert f"| [{file.name}.json]({file.name}.json) | {len(file.vectors)} |" in page


def test_the_script_notices_a_changed_file(
    made: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The script in this process, beside files of which one is another."""
    loader = SourceFileLoader("vectors", str(ROOT / "scripts" / "vectors"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(script)
    assert script.FILES == DIRECTORY
    for path in DIRECTORY.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(script, "FILES", tmp_path)
    monkeypatch.setattr(publishing, "files", lambda: made)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", ["vectors", "--check", "--json"])
    assert script.main() == 0
    assert json.loads(capsys.readouterr().out)["changed"] == []
    changed = tmp_path / "root.json"
    changed.write_text(changed.read_text("utf-8").replace('"refused"', '"valid"', 1), "utf-8")
    assert script.main() == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["changed"] == ["root.json"]
    assert printed.err == "vectors: root.json: not what scripts/vectors makes; run it\n"
