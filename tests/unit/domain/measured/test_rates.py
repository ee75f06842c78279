"""The measured rate of false matches: what docs/methods has, and nothing where nothing was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clones import ROOT
from quality import rates

from hashpact.domain.checks import Match
from hashpact.domain.fingerprints import MINHASH, PARTS, PDQ, PHASH, SHA256, TYPES, WINNOW, FingerprintType
from hashpact.domain.measured.rates import MeasuredRate, rate_of

DISTANCES = json.loads((ROOT / "docs" / "methods" / "distances.json").read_text("utf-8"))


def test_each_rate_is_what_the_distances_of_the_docs_say() -> None:
    for kind in (PDQ, PHASH):
        counts = DISTANCES[kind.name]["unrelated"]
        for distance in range(int(kind.ceiling) + 1):
            assert rate_of(kind, distance) == MeasuredRate(sum(counts[: distance + 1]), sum(counts))
    counts = DISTANCES["minhash/1"]["unrelated"]
    for equal in range(52, 129):
        assert rate_of(MINHASH, equal / 128) == MeasuredRate(sum(counts[equal:]), sum(counts))


def test_something_is_measured_and_a_farther_match_is_never_rarer() -> None:
    found = [rate_of(PHASH, distance) for distance in range(11)]
    shares = [rate.share for rate in found if rate is not None]
    assert shares == sorted(shares)
    assert len(shares) == 11
    assert 0 < shares[-1] < 0.01


@pytest.mark.parametrize("kind", [SHA256, WINNOW, PARTS], ids=lambda kind: kind.name)
def test_what_was_not_measured_has_no_rate(kind: FingerprintType) -> None:
    assert rate_of(kind, 0) is None
    match = Match(1, kind.name, kind.measure, 0, ("a",), "guideline", (), "acme", 0, 0, 1)
    assert match.false_matches is None


def test_a_match_has_the_rate_of_its_type_and_distance() -> None:
    match = Match(1, "phash/1", PHASH.measure, 8, ("a",), "guideline", (), "acme", 0, 0, 1)
    assert match.false_matches == rate_of(TYPES["phash/1"], 8)


def test_the_module_is_what_the_benchmark_makes_of_the_distances(tmp_path: Path) -> None:
    module = ROOT / "src" / "hashpact" / "domain" / "measured" / "counts.py"
    assert rates.text_of(DISTANCES) == module.read_text("utf-8")
    rates.write(module=tmp_path / "measured.py")
    assert (tmp_path / "measured.py").read_text("utf-8") == module.read_text("utf-8")
