"""The counts that `rates` has: `scripts/bench quality --write` makes this module of distances.json.

For each type the comparisons of unrelated content, and how many of them were at most so far apart: in bits,
or for minhash/1 in values of 128 that differ. A distance that is absent has the count of the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MEASURED: Final[Mapping[str, tuple[int, Mapping[int, int]]]] = {
    "pdq/1": (124206, {}),
    "phash/1": (213300, {6: 7, 8: 24, 10: 65}),
    "minhash/1": (145920, {66: 2}),
}
