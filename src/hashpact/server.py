"""The composition root of a server: puts index, services and wire over a home, and serves it.

The home itself is `hashpact.home`; the member's side is put together in `hashpact.member`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop
from structlog.typing import FilteringBoundLogger

from hashpact.audit.auditor import Auditor
from hashpact.audit.source import ledger_source
from hashpact.clock import unix_time
from hashpact.config import EVERYWHERE, split_address
from hashpact.domain.ports import Log
from hashpact.durable import write_public
from hashpact.errors import CommitFailedError, ConfigError, CorruptError, HashpactError
from hashpact.events import event_log
from hashpact.home.clock import CheckedClock
from hashpact.home.lease import REFRESH, Lease
from hashpact.home.listening import Listening
from hashpact.home.opening import Home, open_home
from hashpact.home.trust import ServerTrust
from hashpact.http.client import WitnessClient
from hashpact.keys.passphrase import Passphrases
from hashpact.log import proofs
from hashpact.service.append import Appender
from hashpact.service.check import Checker
from hashpact.service.cosign import Quorum, WitnessLink
from hashpact.service.follow import Follower, IndexSaver, check_reflects
from hashpact.service.intake import Intake
from hashpact.service.prove import Prover
from hashpact.service.publish import Publisher
from hashpact.service.read import Reader
from hashpact.service.renew import Renewer
from hashpact.service.sign import SigningGuard

if TYPE_CHECKING:
    from hashpact.lookup.directory import Frozen, IndexDirectory
    from hashpact.lookup.native import NativeIndex

_POLL: Final = 0.05
"""Seconds between two looks at the ledger's head, for leaves that other processes append."""
_PAUSE: Final = 1.0
"""Seconds to wait after the log could not be followed."""
_SEAL: Final = 1.0
"""Seconds between two times that the log is published; each append is signed before it is answered."""
_ALARM: Final = 10.0
"""Seconds until sealing is tried again when it cannot be, with a line of log each time."""
_LOOK: Final = 10.0
"""Seconds between two looks at how far the index has moved since it was saved."""
_FAR: Final = 100_000
"""So many leaves must be replayed at most, and some, when a server starts after a crash."""
_DAY: Final = 24 * 3600
_GRACE: Final = 5.0
"""Seconds that calls under way get when the server stops."""


def serve(
    directory: Path,
    listen: str | None,
    ready: Callable[[str, str], None],
    passphrases: Passphrases | None = None,
    *,
    verify: bool = False,
) -> None:
    """Serve a home until SIGTERM or SIGINT; ``listen`` replaces the configuration's HOST:PORT.

    ``passphrases`` open its keys (None: from the environment). With ``verify`` every leaf is compared first,
    and every row of the state with what the leaves add up to; the index is then made again from them.

    ``ready`` is called with the origin and the bound HOST:PORT once the server answers. Raises ConfigError
    for a home or an address that cannot be used, CorruptError for a damaged ledger or one that lacks what was
    published, and CommitFailedError when the disk refused a commit: then the process must end, and a new one
    start from what is on the disk.
    """
    with open_home(directory, passphrases) as home:
        home.publisher().check()
        if verify:
            home.integrity().check()
            _check_state(home)
        home.lease().claim()
        uvloop.run(_serve(home, listen or home.config.listen, ready, verify=verify))
        home.lease().give_back()


def _check_state(home: Home) -> None:
    """Raise CorruptError, naming the leaf, if a home's tables are not what its leaves add up to."""
    with ledger_source(home.ledger) as source:
        report = Auditor(source, unix_time, lambda *_: None).run()
    for finding in report.findings:
        known = {} if finding.index is None else {"index": str(finding.index)}
        msg = f"{finding.message}; see all that is wrong with: hashpact log verify {home.paths.home}"
        raise CorruptError(msg, **known)


async def _serve(home: Home, listen: str, ready: Callable[[str, str], None], *, verify: bool) -> None:
    log = event_log()
    stop = _Stop(asyncio.get_running_loop(), log)
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.event.set)
    async with _health(home, stop):
        await _serve_members(home, listen, ready, stop, verify=verify)


@contextlib.asynccontextmanager
async def _health(home: Home, stop: _Stop) -> AsyncIterator[None]:
    """The health port, if the configuration has one, for the length of the block."""
    if home.config.health is None:
        yield
        return
    from hashpact.http.door import Door  # noqa: PLC0415  # Starlette is loaded where it is used
    from hashpact.http.health import health_app  # noqa: PLC0415  # as above

    host, port = split_address("health", home.config.health)
    door = Door(health_app(lambda: stop.serving), stop.log)
    bound = await door.open(host, port)
    stop.log.info("health", address=_joined(host, bound))
    try:
        yield
    finally:
        await door.close()


async def _serve_members(
    home: Home, listen: str, ready: Callable[[str, str], None], stop: _Stop, *, verify: bool
) -> None:
    # gRPC and the index are loaded by the one command that serves, so that the others start quickly.
    from hashpact.lookup.directory import IndexDirectory  # noqa: PLC0415  # see above
    from hashpact.wire.guard import AccessLog, Guard  # noqa: PLC0415  # see above
    from hashpact.wire.handlers import Services  # noqa: PLC0415  # see above
    from hashpact.wire.identity import Gate  # noqa: PLC0415  # see above
    from hashpact.wire.server import build_server, server_credentials  # noqa: PLC0415  # see above

    host, port = split_address("listen", listen)
    log = stop.log
    trust = ServerTrust(home, log)
    authority = home.open_authority() if home.paths.ca_key.exists() else None
    segments = IndexDirectory(home.paths.segments, home.ledger.indexes)
    index, position = await asyncio.to_thread(_open_index, home.ledger, segments, log, verify=verify)
    follower = _follower(home.ledger, index, position)
    keeper = IndexSaver(follower, home.ledger, index.freeze, segments.save)
    position = await asyncio.to_thread(follower.catch_up)
    reader, clock = Reader(home.ledger), home.clock()
    quorum = _quorum(home, clock)
    for complaint in await asyncio.to_thread(_check_witnesses, home.ledger, quorum):
        log.warning("cannot ask a witness", reason=complaint)
    sealing = _Sealing(SigningGuard(home.ledger, home.open_log_key(), quorum), home.publisher(), stop)
    await sealing.once()
    services = Services(
        Intake(Appender(home.ledger, clock), follower, sealing.guard, stop.on_fault),
        Checker(home.ledger, index, follower),
        reader,
        Prover(home.ledger),
        Renewer(home.charter().origin, authority, home.ledger, unix_time),
    )
    gate = Gate(home.charter().origin, home.ledger.snapshot, unix_time)
    guard = Guard(gate, log, time.monotonic, access=AccessLog(home.config.access_log))
    credentials = server_credentials(trust.tls, trust)
    listening = Listening(home.paths.home, host, port)
    with listening.claimed():
        server = build_server(services, guard, address=listen, credentials=credentials)
        await server.start()
    address = _joined(host, server.port)
    # Members enrolled from now on find this server, unless hashpact.toml says otherwise.
    reachable = "localhost" if host in EVERYWHERE else host
    write_public(home.paths.bound, f"{_joined(reachable, server.port)}\n".encode(), replace=True)
    log.info("serving", origin=home.charter().origin, address=address, position=position, items=len(index))
    stop.serving = True
    ready(home.charter().origin, address)
    tasks = [
        asyncio.create_task(_follow(home.ledger, follower, log)),
        asyncio.create_task(_watch(trust)),
        asyncio.create_task(sealing.run()),
        asyncio.create_task(_hold(home.lease(), stop)),
    ]
    if segments.may_save:
        tasks.append(asyncio.create_task(_keep(keeper, log)))
    await stop.event.wait()
    stop.serving = False
    log.info("stopping", position=follower.position)
    for task in tasks:
        task.cancel()
    await server.stop(_GRACE)
    listening.close()
    if stop.failure is not None:
        raise stop.failure
    await sealing.once()
    if quorum is not None:
        quorum.close()
    if segments.may_save:
        await _save(keeper, log)
    segments.close()


def _quorum(home: Home, clock: CheckedClock) -> Quorum | None:
    """The witnesses that cosign the log's checkpoints, if it has any; the clock learns of their times."""
    asked = [
        WitnessLink(one.witness, WitnessClient(one.url), heard=clock.heard) for one in home.config.witnesses
    ]
    return Quorum(asked, home.config.quorum, lambda: home.ledger.head().size) if asked else None


def _check_witnesses(ledger: Log, quorum: Quorum | None) -> list[str]:
    """Raise CorruptError if a witness knows a larger log; tell of those that cannot be asked."""
    latest = ledger.checkpoints.latest()
    if quorum is None or latest is None:
        return []
    return quorum.check(latest.note, lambda old: proofs.consistency(old, latest.size, ledger.tree.node))


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(slots=True)
class _Stop:
    """Why and when the server ends. Any thread may end it; ``event`` belongs to the loop."""

    loop: asyncio.AbstractEventLoop
    log: FilteringBoundLogger
    event: asyncio.Event = field(default_factory=asyncio.Event)
    failure: HashpactError | None = None
    serving: bool = False

    def end(self, failure: HashpactError) -> None:
        """Stop, and let the process end with that error."""
        self.failure = failure
        self.loop.call_soon_threadsafe(self.event.set)

    def on_fault(self, error: Exception) -> None:
        """Stop after a failed commit; anything else is the caller's answer and a line of log."""
        self.log.error("append failed", reason=type(error).__name__)
        if isinstance(error, CommitFailedError):
            self.end(error)


async def _watch(trust: ServerTrust) -> None:
    """Warn of certificates that will expire soon, once a day."""
    while True:
        trust.warn()
        await asyncio.sleep(_DAY)


@dataclass(slots=True)
class _Sealing:
    """Signs and publishes what is appended, by other processes too, while nothing is wrong with it."""

    guard: SigningGuard
    publisher: Publisher
    stop: _Stop

    async def run(self) -> None:
        """Seal now and then."""
        pause = _SEAL
        while True:
            await asyncio.sleep(pause)
            pause = _SEAL if await self.once() else _ALARM

    async def once(self) -> bool:
        """Sign and publish what is new; False if that cannot be, which is logged."""
        try:
            await asyncio.to_thread(self._seal)
        except HashpactError as error:
            self.stop.log.warning("cannot seal the log", reason=error.code, message=error.message)
            if isinstance(error, CommitFailedError):
                self.stop.on_fault(error)
            return False
        return True

    def _seal(self) -> None:
        self.guard.sign()
        self.publisher.publish()


async def _hold(lease: Lease, stop: _Stop) -> None:
    """Keep the home for this machine; stop if another one has taken it."""
    while stop.failure is None:
        await asyncio.sleep(REFRESH)
        try:
            await asyncio.to_thread(lease.refresh)
        except ConfigError as error:
            stop.end(error)


async def _follow(ledger: Log, follower: Follower, log: FilteringBoundLogger) -> None:
    """Apply what other processes append to the same ledger, and settle what revocations have changed."""
    pause: float = _POLL
    while True:
        await asyncio.sleep(pause)
        pause = _POLL
        try:
            if ledger.head().size != follower.position:
                await asyncio.to_thread(follower.catch_up)
            if follower.unsettled:
                await asyncio.to_thread(follower.settle)
                pause = 0
        except HashpactError as error:
            log.warning("cannot follow the log", reason=error.code, message=error.message)
            pause = _PAUSE


def _open_index(
    ledger: Log, segments: IndexDirectory, log: FilteringBoundLogger, *, verify: bool
) -> tuple[NativeIndex, int]:
    """The index that was saved last and its position, or an empty one to be filled from the log.

    With ``verify`` nothing that is saved is believed.
    """
    from hashpact.lookup.native import NativeIndex  # noqa: PLC0415  # only the command that serves needs it

    if verify:
        log.info("the index is made again from the log", reason="--verify believes no saved index")
        return NativeIndex(), 0
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


def _follower(ledger: Log, index: NativeIndex, position: int) -> Follower:
    from hashpact.lookup.catalog import EntryCatalog  # noqa: PLC0415  # only the command that serves needs it

    return Follower(ledger, index, EntryCatalog(ledger), position)


async def _keep(keeper: IndexSaver[Mapping[str, Frozen]], log: FilteringBoundLogger) -> None:
    """Save the index whenever it has moved far enough."""
    while True:
        await asyncio.sleep(_LOOK)
        if keeper.behind >= _FAR:
            await _save(keeper, log)


async def _save(keeper: IndexSaver[Mapping[str, Frozen]], log: FilteringBoundLogger) -> None:
    try:
        position = await asyncio.to_thread(keeper.save)
    except (HashpactError, OSError) as error:
        # The log has everything: the next start takes longer, that is all.
        log.warning("cannot save the index", reason=str(error))
    else:
        log.info("saved the index", position=position)
