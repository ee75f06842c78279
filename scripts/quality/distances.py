"""How far copies are from their originals, and unrelated content from each other: a histogram for each type.

From these a platform reads what a distance means, and a later version of Hashpact may say it with each match.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hashpact import TYPES, Fingerprint
from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import FingerprintType, Measure

Counts = NDArray[np.int64]

FILE: Final = Path(__file__).resolve().parents[2] / "docs" / "methods" / "distances.json"
STEPS: Final = 128
"""Similarities are counted in so many steps: minhash/1 has as many values."""

KINDS: Final = tuple(kind for kind in TYPES.values() if kind.measure in (Measure.HAMMING, Measure.JACCARD))


def places(kind: FingerprintType) -> int:
    """How many different distances, or similarities, a histogram of this type has."""
    return kind.size * 8 + 1 if kind.measure is Measure.HAMMING else STEPS + 1


def apart(kind: FingerprintType, one: Fingerprint, others: NDArray[np.uint8]) -> Counts:
    """The place in the histogram of one fingerprint with each of others, a row of bytes each.

    A Hamming distance in bits, or the number of equal values.
    """
    value = np.frombuffer(one.value, np.uint8)
    if kind.measure is Measure.HAMMING:
        return np.asarray(np.bitwise_count(others ^ value).sum(axis=1, dtype=np.int64))
    equal = others.view(np.uint32) == value.view(np.uint32)
    return np.asarray(equal.sum(axis=1, dtype=np.int64))


def rows(fingerprints: Sequence[Fingerprint]) -> NDArray[np.uint8]:
    """The bytes of fingerprints of one type, one in a row."""
    return np.frombuffer(b"".join(one.value for one in fingerprints), np.uint8).reshape(len(fingerprints), -1)


class Distances:
    """Histograms that are filled while the benchmark runs."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], Counts] = {}

    def copies(self, shared: Sequence[Fingerprint], asked: Sequence[Query]) -> None:
        """A copy: for each type the best that a query about it reaches, if both have a fingerprint of it."""
        for kind in KINDS:
            mine = [one for one in shared if one.type == kind]
            queries = _of(kind, asked)
            if mine and queries:
                table = rows(mine)
                best = _best(kind, [apart(kind, query, table) for query in queries])
                self._count(kind, "copies", _best(kind, list(best[:, None])))

    def unrelated(self, number: int, asked: Sequence[Query], shared: Sequence[Sequence[Fingerprint]]) -> None:
        """Content ``number`` with every other that was shared: the best that a query about it reaches."""
        for kind in KINDS:
            mine = [(owner, one) for owner, some in enumerate(shared) for one in some if one.type == kind]
            queries = _of(kind, asked)
            if mine and queries:
                owners = np.array([owner for owner, _ in mine])
                table = rows([one for _, one in mine])
                best = _best(kind, [apart(kind, query, table) for query in queries])
                self._count(kind, "unrelated", best[owners != number])

    def add(self, other: Distances) -> None:
        """Take in what another one has counted."""
        for key, counts in other.counts.items():
            mine = self.counts.setdefault(key, np.zeros_like(counts))
            mine += counts

    def write(self, path: Path = FILE) -> None:
        """As JSON: for each type the unit, and for both relations how often each distance occurred."""
        path.write_text(json.dumps(self.report(), separators=(",", ":")) + "\n", encoding="utf-8")

    def report(self) -> dict[str, Any]:
        """What is written."""
        unit = {Measure.HAMMING: "bits that differ", Measure.JACCARD: f"of {STEPS} values that are equal"}
        return {
            kind.name: {
                "unit": unit[kind.measure],
                **{
                    relation: counts.tolist()
                    for (name, relation), counts in self.counts.items()
                    if name == kind.name
                },
            }
            for kind in KINDS
            if any(name == kind.name for name, _ in self.counts)
        }

    def _count(self, kind: FingerprintType, relation: str, found: Counts) -> None:
        counts = self.counts.setdefault((kind.name, relation), np.zeros(places(kind), np.int64))
        counts += np.bincount(found, minlength=places(kind))


def _of(kind: FingerprintType, asked: Sequence[Query]) -> list[Fingerprint]:
    return [query.fingerprint for query in asked if query.fingerprint.type == kind]


def _best(kind: FingerprintType, each: Sequence[Counts]) -> Counts:
    """For each of the others, the nearest of some queries."""
    stacked = np.stack(each)
    return np.asarray(stacked.min(axis=0) if kind.measure is Measure.HAMMING else stacked.max(axis=0))
