"""Codes to search among, and queries of which it is known what lies near: all from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

WIDTH: Final = 32
BITS: Final = 8 * WIDTH
RADIUS: Final = 31
CLUSTER_SHARE: Final = 10  # one code in so many lies in the cluster
CLUSTER_FLIPS: Final = 5  # from its centre, so that two are within twice as many bits
CHUNK: Final = 1 << 16

Codes: TypeAlias = NDArray[np.uint8]
SetName: TypeAlias = Literal["random", "skewed"]
SETS: Final[tuple[SetName, ...]] = ("random", "skewed")


@dataclass(frozen=True)
class CodeSet:
    """Codes uint8[n, 32], and the rows of those that lie in the cluster, if there is one."""

    codes: Codes
    cluster: NDArray[np.int64]


def code_set(name: SetName, size: int, rng: np.random.Generator) -> CodeSet:
    """A set of that many codes: uniformly random, or skewed as real lists are.

    In the skewed set one code in ten is a near-copy of one picture, all of these within 10 bits of one
    another and scattered over the set; the bits of the rest are not independent.
    """
    if name == "random":
        return CodeSet(random_codes(size, rng), np.empty(0, dtype=np.int64))
    codes = correlated_codes(size, rng)
    cluster = np.sort(rng.choice(size, size // CLUSTER_SHARE, replace=False))
    centre = correlated_codes(1, rng)
    flips = rng.integers(0, CLUSTER_FLIPS + 1, len(cluster))
    codes[cluster] = flipped(np.broadcast_to(centre, (len(cluster), WIDTH)), flips, rng)
    return CodeSet(codes, cluster)


def random_codes(size: int, rng: np.random.Generator) -> Codes:
    """Uniformly random codes, made in pieces: no more memory than they take themselves."""
    codes = np.empty((size, WIDTH), dtype=np.uint8)
    for first in range(0, size, CHUNK):
        part = codes[first : first + CHUNK]
        part[:] = rng.integers(0, 256, part.shape, dtype=np.uint8)
    return codes


def correlated_codes(size: int, rng: np.random.Generator) -> Codes:
    """The first 80 bits are set 1 time in 64; the next 80 repeat the 80 after, with 1 in 16 flipped."""
    codes = random_codes(size, rng)
    for first in range(0, size, CHUNK):
        part = codes[first : first + CHUNK]
        part[:, 0:10] = _rare(part[:, 0:10].shape, 6, rng)
        part[:, 10:20] = part[:, 20:30] ^ _rare(part[:, 10:20].shape, 4, rng)
    return codes


def flipped(codes: Codes, distances: NDArray[np.integer], rng: np.random.Generator) -> Codes:
    """Each code with that many of its bits, drawn at random, turned over."""
    out = np.empty(codes.shape, dtype=np.uint8)
    for first in range(0, len(codes), CHUNK):
        part = codes[first : first + CHUNK]
        order = rng.random((len(part), BITS), dtype=np.float32).argsort(axis=1)
        turned = order < distances[first : first + CHUNK, None]
        out[first : first + CHUNK] = part ^ np.packbits(turned, axis=1)
    return out


@dataclass(frozen=True)
class Queries:
    """Queries uint8[m, 32]; query i lies ``planted[i]`` bits from a code, or is drawn if that is -1."""

    codes: Codes
    planted: NDArray[np.int64]


def queries_for(name: SetName, among: CodeSet, count: int, rng: np.random.Generator) -> Queries:
    """Every other query planted 0 to 31 bits from a code, each as often; the rest drawn as the codes are.

    Half of those planted in the skewed set lie near codes of the cluster. Any run of them is such a mixture.
    """
    unrelated = random_codes if name == "random" else correlated_codes
    codes = unrelated(count, rng)
    planted = np.full(count, -1, dtype=np.int64)
    near = np.arange(0, count, 2)
    planted[near] = _even_distances(len(near), rng)
    rows = rng.integers(0, len(among.codes), len(near))
    if len(among.cluster):
        rows[::2] = rng.choice(among.cluster, len(rows[::2]))
    codes[near] = flipped(among.codes[rows], planted[near], rng)
    return Queries(codes, planted)


def _even_distances(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Each distance once, in random order, before one comes again."""
    rounds = -(-count // (RADIUS + 1))
    return np.concatenate([rng.permutation(RADIUS + 1) for _ in range(rounds)])[:count]


def _rare(shape: tuple[int, ...], halvings: int, rng: np.random.Generator) -> Codes:
    """Bits that are set once in 2^halvings."""
    bits = rng.integers(0, 256, shape, dtype=np.uint8)
    for _ in range(halvings - 1):
        bits &= rng.integers(0, 256, shape, dtype=np.uint8)
    return bits
