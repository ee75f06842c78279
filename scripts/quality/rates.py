"""The table of measured false matches in the package, made from the distances in docs/methods."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from quality.distances import FILE, STEPS

from hashpact.domain.fingerprints import TYPES, FingerprintType, Measure

MODULE: Final = Path(__file__).resolve().parents[2] / "src/hashpact/domain/measured/counts.py"

_HEAD: Final = '''\
"""The counts that `rates` has: `scripts/bench quality --write` makes this module of distances.json.

For each type the comparisons of unrelated content, and how many of them were at most so far apart: in bits,
or for minhash/1 in values of 128 that differ. A distance that is absent has the count of the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MEASURED: Final[Mapping[str, tuple[int, Mapping[int, int]]]] = {
'''


def write(distances: Path = FILE, module: Path = MODULE) -> None:
    """Make the module of the distances."""
    module.write_text(text_of(json.loads(distances.read_text(encoding="utf-8"))), encoding="utf-8")


def text_of(distances: Mapping[str, Any]) -> str:
    """The module's text, formatted as the others are."""
    rows = []
    for name, counts in distances.items():
        kind, unrelated = TYPES[name], counts.get("unrelated", [])
        if sum(unrelated):
            found = ", ".join(f"{far}: {count}" for far, count in _steps(kind, unrelated))
            rows.append(f'    "{name}": ({sum(unrelated)}, {{{found}}}),\n')
    return f"{_HEAD}{''.join(rows)}}}\n"


def _steps(kind: FingerprintType, counts: list[int]) -> list[tuple[int, int]]:
    """The distances up to the type's ceiling at which there are more, each with how many are within it."""
    hamming = kind.measure is Measure.HAMMING
    nearest_first = counts if hamming else counts[::-1]
    furthest = int(kind.ceiling) if hamming else int((1 - kind.ceiling) * STEPS)
    within = list(itertools.accumulate(nearest_first[: furthest + 1]))
    return [(far, count) for far, count in enumerate(within) if count > (within[far - 1] if far else 0)]
