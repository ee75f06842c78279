"""A log by others asks our witness: `feeding.py DIRECTORY URL KEY`; it runs in their environment."""

from __future__ import annotations

import sys
from pathlib import Path

import aics_witness.feeder as theirs
from interoperation.theirs import Case
from interoperation.verdicts import Verdicts


def main() -> None:
    """Have the log grow, and then fork."""
    case, url, key = Case(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
    known = {(old, new): nodes for old, _, new, _, nodes in case.consistency()}
    verdicts = Verdicts("aics_witness.feeder asks ours")

    def submit(path: str) -> object:
        with theirs.WitnessClient(url, key, max_attempts=1) as client:
            return client.submit(case.read(path), lambda old, new: known[old, new])

    for size in sorted({new for _, new in known}):
        verdicts.accepts(f"checkpoint of {size}", submit, f"checkpoints/{size}")
    verdicts.refuses("a smaller checkpoint", submit, "checkpoints/257")
    verdicts.refuses("a fork", submit, "fork")


if __name__ == "__main__":
    main()
