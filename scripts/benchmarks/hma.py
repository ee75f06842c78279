"""python-threatexchange's PDQ index behind a gateway's app: how HMA looks a hash up, without its database.

    python hma.py PROFILE CODES [one]

indexes the concatenated codes of a file, and answers over HTTP as a gateway of the profile's member whose
checks are made by that index. It prints its HOST:PORT once it answers, and runs until SIGTERM. With `one`
faiss searches with one thread, otherwise with as many as it chooses.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, cast
from unittest.mock import patch

import uvloop
from benchmarks.peers import need

from hashpact.domain.checks import Answer, Filter, Match, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.gateway import running
from hashpact.gateway.clearing import Health, ReflectedTree
from hashpact.gateway.configured import GatewayConfig
from hashpact.gateway.keeping.folder import make_folder
from hashpact.gateway.running import GatewayStarted, answer_until, open_gateway
from hashpact.keys.passphrase import Passphrases

INDEX: Final = "threatexchange.signal_type.pdq.pdq_index"
LABEL: Final = "other"


@dataclass(frozen=True, slots=True)
class TheirIndex:
    """Answers checks from their index; the terms of all entries are the same."""

    index: Any

    @property
    def reflected(self) -> ReflectedTree:
        """A constant: there is no log."""
        return ReflectedTree(0, 0)

    async def check(self, queries: Sequence[Query], narrow: Filter) -> Answer:
        """The codes near the one that is asked for, the nearest first."""
        del narrow
        found = self.index.query(queries[0].fingerprint.value.hex())
        near = sorted((int(one.similarity_info.distance), one.metadata) for one in found)
        terms = ((LABEL,), "guideline", ("VN",), "acme-video", 0, 0, 0)
        return Answer(tuple(Match(number, PDQ.name, PDQ.measure, far, *terms) for far, number in near), 0)

    async def entry(self, index: int) -> NoReturn:
        """There are none."""
        raise LookupError(index)

    async def labels(self) -> tuple[str, ...]:
        """The label of every code."""
        return (LABEL,)

    async def health(self, stale: float) -> Health:
        """Always there."""
        del stale
        return Health.ALIVE


def built(codes: bytes) -> TheirIndex:
    """Their index of these codes, each with its number."""
    names = [codes[first : first + PDQ.size].hex() for first in range(0, len(codes), PDQ.size)]
    return TheirIndex(need(INDEX).PDQIndex(list(zip(names, range(len(names)), strict=True))))


async def serve(state: Path, profile: Path, theirs: TheirIndex) -> None:
    """Answer until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    config = GatewayConfig(profile, listen="127.0.0.1:0")
    make_folder(state, config)

    def ready(started: GatewayStarted) -> None:
        print(started.address, flush=True)

    with (
        open_gateway(state, config, Passphrases()) as opened,
        patch.object(running, "RemoteChecking", lambda _client: cast("object", theirs)),
    ):
        await answer_until(stop, opened, ready)


def main_of(profile: Path, codes: Path) -> None:
    """Build, then serve."""
    theirs = built(codes.read_bytes())
    with (
        tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(serve(Path(name) / "state", profile, theirs))


if __name__ == "__main__":
    if sys.argv[3:] == ["one"]:
        need("faiss")  # which holds it to one thread
    main_of(Path(sys.argv[1]), Path(sys.argv[2]))
