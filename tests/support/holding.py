"""`hashpact` whose keeper stands still at one place, once, and says so in the file HASHPACT_TEST_HELD.

HASHPACT_TEST_HOLD names the place: "save", when one file of the index is written and the manifest is not, or
"merge", when a merge has begun. Processes that are spawned import this module too, and so hold as well.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hashpact.cli.main import run
from hashpact.lookup.directory import IndexDirectory
from hashpact.lookup.native import NativeIndex

HELD = Path(os.environ["HASHPACT_TEST_HELD"])


def hold() -> None:
    """Say which process stands still here, and stand still; nothing if one did before."""
    if not HELD.exists():
        draft = HELD.with_suffix(".draft")
        draft.write_text(str(os.getpid()))
        draft.rename(HELD)
        threading.Event().wait()


def held_after(write: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, held when it has returned."""

    def held(*given: object) -> object:
        written = write(*given)
        hold()
        return written

    return held


def held_at_first(merge: Callable[..., Iterator[None]]) -> Callable[..., Iterator[None]]:
    """The same steps, held after the first."""

    def held(*given: Any) -> Iterator[None]:  # noqa: ANN401 - as given
        for step in merge(*given):
            hold()
            yield step

    return held


if os.environ["HASHPACT_TEST_HOLD"] == "save":
    IndexDirectory._write = held_after(IndexDirectory._write)  # type: ignore[method-assign]  # it is to stand there
else:
    NativeIndex.compaction = held_at_first(NativeIndex.compaction)  # type: ignore[method-assign]  # as above

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
