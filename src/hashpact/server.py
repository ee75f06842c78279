"""The composition root of a server: puts index, services and wire over a home, and serves it.

The home itself is `hashpact.home`; the member's side is put together in `hashpact.sdk`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
import uvloop
from structlog.typing import FilteringBoundLogger

from hashpact.config import MAX_SIZE, split_address
from hashpact.domain.errors import CommitFailedError, CorruptError, HashpactError
from hashpact.home import EVERYWHERE, Home, open_home, unix_time
from hashpact.service.append import Appender
from hashpact.service.check import Checker
from hashpact.service.follow import Follower, Keeper, check_reflects
from hashpact.service.keyring import Passphrases
from hashpact.service.read import Reader
from hashpact.service.transparency.prove import Prover
from hashpact.service.transparency.sign import SigningGuard
from hashpact.storage.files import (
    read_bytes,
    write_public,
)
from hashpact.storage.sqlite import SqliteLedger

if TYPE_CHECKING:
    from hashpact.lookup.directory import Frozen, IndexDirectory
    from hashpact.lookup.native import NativeIndex

_POLL: Final = 0.05
"""Seconds between two looks at the ledger's head, for leaves that other processes append."""
_PAUSE: Final = 1.0
"""Seconds to wait after the log could not be followed."""
_LOOK: Final = 10.0
"""Seconds between two looks at how far the index has moved since it was saved."""
_FAR: Final = 100_000
"""So many leaves must be replayed at most, and some, when a server starts after a crash."""
_GRACE: Final = 5.0
"""Seconds that calls under way get when the server stops."""


def serve(
    directory: Path, listen: str | None, ready: Callable[[str], None], passphrases: Passphrases | None = None
) -> None:
    """Serve a home until SIGTERM or SIGINT; ``listen`` replaces the configuration's HOST:PORT.

    ``passphrases`` open its keys (None: from the environment).
    ``ready`` is called with the bound HOST:PORT once the server answers. Raises ConfigError for a home or an
    address that cannot be used, CorruptError for a damaged ledger, and CommitFailedError when the disk
    refused a commit: then the process must end, and a new one start from what is on the disk.
    """
    with open_home(directory, passphrases) as home:
        uvloop.run(_serve(home, listen or home.config.listen, ready))


async def _serve(home: Home, listen: str, ready: Callable[[str], None]) -> None:
    # gRPC writes lines of its own about each refused handshake; ours are JSON, and tell of every RPC.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # gRPC and the index are loaded by the one command that serves, so that the others start quickly.
    from hashpact.lookup.directory import IndexDirectory  # noqa: PLC0415  # see above
    from hashpact.wire.identity import Gate, Tls  # noqa: PLC0415  # see above
    from hashpact.wire.interceptors import Guard  # noqa: PLC0415  # see above
    from hashpact.wire.server import build_server  # noqa: PLC0415  # see above
    from hashpact.wire.servicers import Services  # noqa: PLC0415  # see above

    host, _ = split_address("listen", listen)
    credential = home.credential(home.paths.server_key, home.paths.server_cert)
    log = _event_log()
    stop = _Stop(asyncio.Event(), log)
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.event.set)
    segments = IndexDirectory(home.paths.segments)
    index, position = await asyncio.to_thread(_open_index, home.ledger, segments, log)
    follower = Follower(home.ledger, index, position)
    keeper = Keeper(follower, home.ledger, index.freeze, segments.save)
    position = await asyncio.to_thread(follower.catch_up)
    reader = Reader(home.ledger)
    guard = SigningGuard(home.ledger, home.log_key)
    server = build_server(
        Services(
            Appender(home.ledger, unix_time),
            Checker(home.ledger, index, follower),
            reader,
            follower,
            guard,
            Prover(home.ledger),
            on_fault=stop.on_fault,
        ),
        Guard(Gate(home.charter.origin, reader.member), log, time.monotonic),
        address=listen,
        tls=Tls(credential.key, credential.certificate, read_bytes(home.paths.ca_cert, MAX_SIZE)),
    )
    await server.start()
    address = _joined(host, server.port)
    # Members enrolled from now on find this server, unless hashpact.toml says otherwise.
    reachable = "localhost" if host in EVERYWHERE else host
    write_public(home.paths.bound, f"{_joined(reachable, server.port)}\n".encode(), replace=True)
    log.info("serving", origin=home.charter.origin, address=address, position=position, items=len(index))
    ready(address)
    tasks = [asyncio.create_task(_follow(home.ledger, follower, log))]
    if segments.may_save:
        tasks.append(asyncio.create_task(_keep(keeper, log)))
    await stop.event.wait()
    log.info("stopping", position=follower.position)
    for task in tasks:
        task.cancel()
    await server.stop(_GRACE)
    if stop.failure is not None:
        raise stop.failure
    if segments.may_save:
        await _save(keeper, log)
    segments.close()


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(slots=True)
class _Stop:
    """Why and when the server ends."""

    event: asyncio.Event
    log: FilteringBoundLogger
    failure: CommitFailedError | None = None

    def on_fault(self, error: Exception) -> None:
        """Stop after a failed commit; anything else is the caller's answer and a line of log."""
        self.log.error("append failed", reason=type(error).__name__)
        if isinstance(error, CommitFailedError):
            self.failure = error
            self.event.set()


async def _follow(ledger: SqliteLedger, follower: Follower, log: FilteringBoundLogger) -> None:
    """Apply what other processes append to the same ledger."""
    while True:
        await asyncio.sleep(_POLL)
        try:
            if ledger.head().size != follower.position:
                await asyncio.to_thread(follower.catch_up)
        except HashpactError as error:
            log.warning("cannot follow the log", reason=error.code, message=error.message)
            await asyncio.sleep(_PAUSE)


def _open_index(
    ledger: SqliteLedger, segments: IndexDirectory, log: FilteringBoundLogger
) -> tuple[NativeIndex, int]:
    """The index that was saved last and its position, or an empty one to be filled from the log."""
    from hashpact.lookup.native import NativeIndex  # noqa: PLC0415  # only the command that serves needs it

    try:
        opened = NativeIndex.open(segments)
        if opened is not None:
            index, saved = opened
            check_reflects(ledger, saved.position, saved.root)
            log.info("opened the index", position=saved.position, items=len(index))
            return index, saved.position
    except (CorruptError, OSError) as error:
        log.warning("the index is made again from the log", reason=str(error))
    return NativeIndex(), 0


async def _keep(keeper: Keeper[Mapping[str, Frozen]], log: FilteringBoundLogger) -> None:
    """Save the index whenever it has moved far enough."""
    while True:
        await asyncio.sleep(_LOOK)
        if keeper.behind >= _FAR:
            await _save(keeper, log)


async def _save(keeper: Keeper[Mapping[str, Frozen]], log: FilteringBoundLogger) -> None:
    try:
        position = await asyncio.to_thread(keeper.save)
    except (HashpactError, OSError) as error:
        # The log has everything: the next start takes longer, that is all.
        log.warning("cannot save the index", reason=str(error))
    else:
        log.info("saved the index", position=position)


def _event_log() -> FilteringBoundLogger:
    """One JSON object a line on standard error. It never holds content, fingerprints or keys."""
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return log
