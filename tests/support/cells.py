"""What an index of parts finds, in plain NumPy: docs/methods/parts-1.md, "The index"."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from voting import Placed, apart, fine, placed, units

TABLE = Path(__file__).parents[2] / "src/kernel/parts/words.txt"
PROBES = 64
RADIUS = 12
MOST_VOTES = 512


@cache
def table() -> tuple[NDArray[np.int64], tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """The bits of a signature, and the centers of each half."""
    first, *rest = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    halves = [
        np.array([list(bytes.fromhex(line.split()[half])) for line in rest], np.uint8) for half in (0, 1)
    ]
    return np.array(first.split(), np.int64), (halves[0], halves[1])


def signatures(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """64 of 256 bits."""
    bits, _ = table()
    return np.packbits(np.unpackbits(descriptors, axis=1)[:, bits], axis=1)


def near(descriptors: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The 64 nearest cells of each descriptor, the nearest first."""
    _, centers = table()
    far = [apart(descriptors[:, 16 * half : 16 * half + 16], centers[half]) for half in (0, 1)]
    found = []
    for one, other in zip(*far, strict=True):
        # A cell among the nearest has words among the nearest.
        words = np.meshgrid(
            *(np.argsort(each, kind="stable")[:PROBES] for each in (one, other)), indexing="ij"
        )
        first, second = (each.ravel() for each in words)
        order = np.lexsort((second, other[second], first, one[first], one[first] + other[second]))
        found.append((first * 1024 + second)[order[:PROBES]])
    return np.array(found)


def cells(descriptors: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The cell of each descriptor."""
    _, centers = table()
    first, second = (
        apart(descriptors[:, 16 * half : 16 * half + 16], centers[half]).argmin(axis=1) for half in (0, 1)
    )
    cell: NDArray[np.int64] = first * 1024 + second
    return cell


@lru_cache(64)
def probed(query: bytes) -> NDArray[np.int64]:
    """The cells that are looked into for each keypoint of a query."""
    return near(units(query)["descriptor"])


@lru_cache(4096)
def filed(entry: bytes) -> NDArray[np.int64]:
    """The cells of an entry's keypoints."""
    return cells(units(entry)["descriptor"])


def coarse(some: NDArray[np.void]) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """As `voting.fine`, of what an index keeps: ten bits of each coordinate, six of size and direction."""
    place = ((some["x"] >> 6) + 0.5) / 1024 + 1j * (((some["y"] >> 6) + 0.5) / 1024)
    size = (some["size"] >> 2) * 4 + 1.5
    angle = (some["angle"] >> 2) * 4 + 1.5
    form = 2 ** (size / 32) * np.exp(2j * np.pi * angle / 256)
    return place.astype(np.complex128), form.astype(np.complex128)


def found(query: bytes, entries: Mapping[int, bytes], points: int) -> list[tuple[int, Placed]]:
    """The entries for which so many keypoints agree, most first."""
    asked = units(query)
    hits = []
    for number, entry in entries.items():
        shared = units(entry)
        distances = apart(signatures(asked["descriptor"]), signatures(shared["descriptor"]))
        seen = (probed(query)[:, :, None] == filed(entry)).any(axis=1)
        pairs = np.argwhere(seen & (distances <= RADIUS))
        order = np.lexsort((pairs[:, 1], pairs[:, 0], distances[pairs[:, 0], pairs[:, 1]]))
        pairs = pairs[order[:MOST_VOTES]]
        placing = placed(*fine(asked[pairs[:, 0]]), *coarse(shared[pairs[:, 1]]), pairs)
        if placing.points >= points:
            hits.append((number, placing))
    return sorted(hits, key=lambda hit: (-hit[1].points, hit[0]))
