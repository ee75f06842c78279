"""What docs/methods/parts-1.md defines, in plain NumPy: votes for one placing of an entry's picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNIT = np.dtype([("descriptor", "u1", 32), ("x", ">u2"), ("y", ">u2"), ("size", "u1"), ("angle", "u1")])
TOLERANCE = 0.02
OCTAVES = 0.6
DEGREES = 30.0
BASES = 64
TRIED = 4
ROUNDS = 3
LEAST_SCALE, MOST_SCALE = 1 / 16, 16.0


@dataclass(frozen=True)
class Placed:
    """How many keypoints agree, and the placing: ``by`` scales and turns, then ``to`` moves."""

    points: int
    by: complex
    to: complex


def units(value: bytes) -> NDArray[np.void]:
    """The keypoints of a parts/1."""
    return np.frombuffer(value, UNIT)


def apart(some: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The Hamming distances of all pairs."""
    wide = np.bitwise_xor(
        np.ascontiguousarray(some).view(np.uint64)[:, None], np.ascontiguousarray(others).view(np.uint64)
    )
    counted: NDArray[np.int64] = np.bitwise_count(wide).sum(axis=2, dtype=np.int64)
    return counted


def exact(query: bytes, entry: bytes, radius: int = 28) -> Placed:
    """The placing of an entry for which most pairs of descriptors within ``radius`` bits of 256 vote."""
    asked, shared = units(query), units(entry)
    distances = apart(asked["descriptor"], shared["descriptor"])
    pairs = np.argwhere(distances <= radius)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], distances[pairs[:, 0], pairs[:, 1]]))
    pairs = pairs[order]
    return placed(*fine(asked[pairs[:, 0]]), *fine(shared[pairs[:, 1]]), pairs)


def fine(some: NDArray[np.void]) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Places in units of the long side, and sizes with angles, as complex numbers."""
    place = (some["x"] + 0.5) / 65536 + 1j * ((some["y"] + 0.5) / 65536)
    form = 2 ** (some["size"] / 32) * np.exp(2j * np.pi * some["angle"] / 256)
    return place.astype(np.complex128), form.astype(np.complex128)


def placed(
    asked: NDArray[np.complex128],
    asked_form: NDArray[np.complex128],
    shared: NDArray[np.complex128],
    shared_form: NDArray[np.complex128],
    pairs: NDArray[np.int64],
) -> Placed:
    """The placing for which most of these votes are, the first votes being the best ones."""
    best = Placed(0, 0j, 0j)
    if not len(pairs):
        return best
    each = asked_form / shared_form

    def agree(by: complex, to: complex, tolerance: float) -> NDArray[np.bool_]:
        off = np.abs(asked - by * shared - to) <= tolerance * min(1.0, abs(by))
        form = each / by
        kept: NDArray[np.bool_] = (
            off & (np.abs(np.log2(np.abs(form))) <= OCTAVES) & (np.abs(np.angle(form)) <= np.radians(DEGREES))
        )
        return kept

    def usable(by: complex) -> bool:
        return LEAST_SCALE <= abs(by) <= MOST_SCALE

    bases = range(min(len(pairs), BASES))
    first = [
        agree(each[base], asked[base] - each[base] * shared[base], 3 * TOLERANCE)
        if usable(each[base])
        else np.zeros(len(pairs), bool)
        for base in bases
    ]
    counts = np.array([kept.sum() for kept in first])
    for base in np.argsort(-counts, kind="stable")[:TRIED]:
        kept = first[base]
        by, to = 0j, 0j
        for _ in range(ROUNDS):
            if kept.sum() < 2:
                break
            one, other = shared[kept] - shared[kept].mean(), asked[kept] - asked[kept].mean()
            spread = (np.abs(one) ** 2).sum()
            by = (other * one.conj()).sum() / spread if spread else 0j
            if not usable(by):
                kept = np.zeros(len(pairs), bool)
                break
            to = asked[kept].mean() - by * shared[kept].mean()
            kept = agree(by, to, TOLERANCE)
        points = min(len(np.unique(asked[kept])), len(np.unique(shared[kept]))) if kept.any() else 0
        if points > best.points:
            best = Placed(points, by, to)
    return best
