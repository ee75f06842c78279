"""The methods statement: of what is in force, with the numbers that docs/methods has."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from noticing import LABELS, Noticed

from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH, TYPES
from hashpact.errors import MalformedError
from hashpact.report.methods import MEASURED, NOTES, methods_statement, parse_methods

DISTANCES = Path(__file__).resolve().parents[3] / "docs" / "methods" / "distances.json"
SETTINGS = {"access_log": "calls", "witnesses": [1, 2]}


def test_it_has_what_is_in_force_and_one_spelling() -> None:
    charter = Noticed().log.state.charter()
    assert charter is not None
    data = methods_statement(charter, SETTINGS)
    assert data == methods_statement(charter, dict(SETTINGS))
    value = parse_methods(data)
    assert [one["type"] for one in value["fingerprints"]] == list(TYPES)
    assert value["policy"]["labels"] == list(LABELS)
    assert value["policy"]["clocks"]["vulnerable"] == 6 * 3600
    assert value["policy"]["priorities"] == {"minors": "vulnerable"}
    assert value["quorums"] == {"administrators": [2, 2], "panel": [2, 2]}
    assert value["settings"] == SETTINGS
    assert all(note["en"] and note["vi"] and note["en"] != note["vi"] for note in value["notes"].values())
    assert value["notes"].keys() == NOTES.keys()


def test_the_measured_numbers_are_those_of_the_page() -> None:
    measured = json.loads(DISTANCES.read_text("utf-8"))
    for kind in (PDQ, PHASH, MINHASH):
        of = measured[kind.name]
        within = slice(None, int(kind.default) + 1)
        if kind is MINHASH:
            within = slice(math.ceil(kind.default * 128), None)
        assert MEASURED[kind.name] == {
            "copies": sum(of["copies"]),
            "found": sum(of["copies"][within]),
            "unrelated": sum(of["unrelated"]),
            "matched": sum(of["unrelated"][within]),
        }
    assert MEASURED.keys() == measured.keys()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"format":"other"}', b"[" * 9999])
def test_what_is_no_methods_statement(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_methods(data)
