"""Sets of codes as members fill them, and copies of a code at an exact distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]


def sparse(count: int, width: int, share: float, rng: np.random.Generator) -> Codes:
    """Rows of bits of which that share is set."""
    flat = np.flatnonzero(rng.random(count * width * 8, dtype=np.float32) < share)
    rows = np.zeros(count * width, dtype=np.uint8)
    np.bitwise_or.at(rows, flat // 8, (1 << (flat % 8)).astype(np.uint8))
    return rows.reshape(count, width)


def make_codes(kind: str, count: int, width: int, rng: np.random.Generator) -> Codes:
    """Sets as members fill them: unrelated, with one crowd or many or two close ones, with dependent bits."""
    codes = rng.integers(0, 256, (count, width), dtype=np.uint8)
    part = count // 3
    match kind:
        case "crowd":
            codes[:part] = codes[0] ^ sparse(part, width, 0.02, rng)
        case "crowds":
            codes = codes[rng.integers(0, max(1, count // 700), count)] ^ sparse(count, width, 0.02, rng)
        case "overlapping crowds":
            codes[:part] = codes[0] ^ sparse(part, width, 0.03, rng)
            codes[part : 2 * part] = codes[0] ^ sparse(1, width, 0.08, rng) ^ sparse(part, width, 0.06, rng)
        case "copies":
            codes[:part] = codes[0]
            codes[part:] = codes[0] ^ sparse(count - part, width, 0.01, rng)
        case "dependent bits":
            third = width // 3
            codes[:, :third] = sparse(count, third, 0.01, rng)
            codes[:, third : 2 * third] = codes[:, 2 * third : 3 * third] ^ sparse(count, third, 0.05, rng)
    return codes


def flipped(code: Codes, distance: int, rng: np.random.Generator) -> bytes:
    """The code with exactly that many bits changed."""
    bits = np.unpackbits(code)
    bits[rng.choice(len(bits), distance, replace=False)] ^= 1
    return np.packbits(bits).tobytes()
