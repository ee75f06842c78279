"""What is given to implementations by others is of every kind, and no verdict of theirs is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from builders import Identity
from interoperation import golang, speaking
from interoperation.parts import bundle_parts, proof_parts
from interoperation.theirs import Case
from interoperation.verdicts import Count, Verdict, Verdicts

from hashpact.domain.kinds import KINDS
from hashpact.domain.rules.replay import replay
from hashpact.domain.statements import kind_of
from hashpact.log.cosignature import Witness
from hashpact.member.trusting import bundle
from hashpact.member.trusting.bundle import BundlePart

ROOT = Path(__file__).resolve().parents[3]
NOW = 1_800_000_000
WITNESSES = [Witness(f"witness.example/{name}", Identity.of(name).public) for name in ("a", "b")]
SAYS = "import sys; [print(line) for line in sys.argv[1:]]; "


def test_the_log_has_a_statement_of_every_kind_and_keeps_every_rule(tmp_path: Path) -> None:
    log = speaking.spoken(tmp_path / "home", NOW, WITNESSES[:1], 100)
    assert len(log.leaves) == 100
    assert {kind: kind_of(log.leaves[index]) for kind, index in log.first.items()} == {
        kind: kind for kind in KINDS
    }
    folded = replay(log.leaves)
    assert folded.faults == []
    charter = folded.state.charters()[-1]
    assert (charter.witnesses, charter.witness_quorum) == (tuple(WITNESSES[:1]), 1)


def test_a_kind_without_an_example_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "KINDS", {**KINDS, "brand-new": KINDS["void"]})
    with pytest.raises(LookupError, match=r"no statement of the kinds brand-new: add one to speaking\.py"):
        speaking.spoken(tmp_path / "home", NOW, WITNESSES[:1], 0)


def test_the_readers_for_others_cut_what_our_writers_write() -> None:
    parts = [
        BundlePart("root", 0, b"a\n\nb"),
        BundlePart("tlog-proof", 0, b""),
        BundlePart("private", 7, b"\n"),
    ]
    data = bundle.encode(parts)
    assert list(bundle_parts(data)) == [(part.kind, part.index, part.data) for part in parts]
    for broken in (data[1:], data[:-1], data.replace(b" 0 4\n", b" 0 5\n")):
        with pytest.raises(ValueError, match=r"ashpact|root 0|tlog-proof|private 7"):
            list(bundle_parts(broken))
    assert proof_parts(b"c2sp.org/tlog-proof@v1\nindex 5\nAAAA\n\nx\n\ny\n") == (5, [b"\0\0\0"], b"x\n\ny\n")
    with pytest.raises(ValueError, match="extra"):
        proof_parts(b"c2sp.org/tlog-proof@v1\nextra \nindex 5\n\nx\n")


def test_a_checkpoint_is_tampered_with_where_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_text("log\n9\nAAAA\n\n— log AAAA\n— north QUFBQUFBQUFBQUFBQUFB\n")
    for name, key in (("log", "log+1+AA"), ("witness", "north+1+AA")):
        (tmp_path / f"{name}.key").write_text(key)
    changed = dict(Case(tmp_path).tampered("log", "witness"))
    assert len(set(changed.values())) == len(changed) == 6
    assert b"north QUFBQUFBQUFBQUFAQUFB" in changed["another time of witness"]
    assert Case(tmp_path).without("witness") == "log\n9\nAAAA\n\n— log AAAA\n".encode()


def test_surprises_are_counted_and_are_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    count = Count()
    asked = Verdicts("they", count.take)
    asked.accepts("a leaf", lambda: None)
    asked.refuses("a leaf changed", int, "x")
    assert count.close() == 0
    asked.accepts("a root", lambda: False)
    asked.refuses("a root changed", lambda: True)
    assert count.close() == 1
    assert capsys.readouterr().out.splitlines() == [
        "they: a leaf: accepted",
        "they: a leaf changed: refused (ValueError)",
        "1 accepted, 1 tampered and refused, 0 surprises",
        "they: a root: refused   <- SURPRISE",
        "they: a root changed: accepted   <- SURPRISE",
        "1 accepted, 1 tampered and refused, 2 surprises",
    ]


@pytest.mark.parametrize(("lines", "end"), [([], ""), (["good"], "sys.exit(3)"), ([], "sys.exit(3)")])
def test_a_process_that_fails_or_says_nothing_is_a_surprise(
    lines: list[str], end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.dumps({"by": "they", "what": "a leaf", "tampered": True, "accepted": False})
    count = Count(as_json=True)
    count.run([sys.executable, "-c", SAYS + end, *[good for _ in lines]], {})
    assert (count.refused, count.surprises, count.close()) == (len(lines), 1, 1)
    *verdicts, failed, sums = map(json.loads, capsys.readouterr().out.splitlines())
    assert [verdict["surprise"] for verdict in verdicts] == [False for _ in lines]
    assert (failed["surprise"], failed["verdicts"]) == (True, len(lines))
    assert sums == {"accepted": 0, "refused": len(lines), "surprises": 1}


def test_who_is_not_installed_is_named_and_nobody_asked_is_no_success(
    capsys: pytest.CaptureFixture[str],
) -> None:
    count = Count()
    count.run([sys.executable, "-c", SAYS, '{"by": "they", "absent": true}'], {})
    assert count.close() == 1
    assert "they: not installed, not asked" in capsys.readouterr().out


def test_a_verdict_is_a_surprise_if_it_is_not_the_wanted_one() -> None:
    wanted = [Verdict("they", "it", tampered=tampered, accepted=not tampered) for tampered in (True, False)]
    other = [Verdict("they", "it", tampered=tampered, accepted=tampered) for tampered in (True, False)]
    assert [each.surprise for each in (*wanted, *other)] == [False, False, True, True]


def test_without_go_the_packages_to_install_are_named(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "interop"), "--go"]
    run = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (77, "")
    assert run.stderr == "Go is not installed: apt-get install golang-go golang-golang-x-mod-dev\n"


def test_without_x_mod_the_packages_to_install_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(golang, "GOPATH", tmp_path)
    assert golang.lacking() == "Go's golang.org/x/mod"
