"""The composition root of a mirror's server: it copies, and answers from the copy what a member may ask."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import uvloop

from hashpact.clock import unix_time
from hashpact.durable import claimed
from hashpact.errors import CommitFailedError, ConfigError, HashpactError, UnavailableError
from hashpact.home.listening import Listening
from hashpact.home.reserve import Reserve, wait_for_room
from hashpact.home.trust import ServerTrust
from hashpact.lookup.catalog import EntryCatalog
from hashpact.lookup.directory import IndexDirectory
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import member_of
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.copying import Copying
from hashpact.mirror.flooding.baseline import Flood
from hashpact.mirror.flooding.keeping import open_quarantine
from hashpact.mirror.flooding.quarantine import Quarantine
from hashpact.mirror.freshness import Freshness
from hashpact.mirror.gate import Elsewhere, MirrorGate
from hashpact.mirror.home import MirrorHome, renew_certificate
from hashpact.mirror.retro.opening import open_window
from hashpact.mirror.retro.window import Window
from hashpact.mirror.snapshots.files import SnapshotFile
from hashpact.mirror.snapshots.starting import copied_from
from hashpact.mirror.storing.serving import storing
from hashpact.observing.observation import Observation
from hashpact.service.check import Checker
from hashpact.service.conduct import MatterReader
from hashpact.service.follow import Compactor, Follower, IndexSaver
from hashpact.service.prove import Prover
from hashpact.service.read import PrivateParts, Reader
from hashpact.serving.adopting import open_index
from hashpact.serving.indexing import IndexKeeping, follow
from hashpact.serving.preparing import prepare
from hashpact.serving.upkeep import Stop
from hashpact.settings import UNIX, join_address, socket_path, split_address

if TYPE_CHECKING:
    from hashpact.lookup.native import NativeIndex
    from hashpact.wire.server.guard import Guard
    from hashpact.wire.server.handlers import Services
    from hashpact.wire.server.transport import Server

_REPLAYED: Final = 2000
_GRACE: Final = 5.0
_LOOK: Final = 0.05
"""Seconds between two looks at whether the copy is level with the log for the first time."""
_OWNER: Final = 0o177
"""What the mode of the socket leaves out: only its owner may open it."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of leaves that are copied, and of those that are announced."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a mirror's server says when it begins to answer."""

    origin: str
    position: int
    addresses: tuple[str, ...]
    http: str | None = None


def serve_mirror(
    home: MirrorHome,
    ready: Callable[[Served], None],
    progress: Progress,
    *,
    once: bool,
    snapshot: SnapshotFile | None = None,
) -> int:
    """Copy, and answer from the copy until SIGTERM or SIGINT; with ``once`` only copy until it is level.

    The copy begins with a ``snapshot`` if there is one. Returns how many leaves it has in the end. ``ready``
    is called once it answers, and ``progress`` while the log is copied for the first time. Raises ConfigError
    for a profile or an address that cannot be used, or if another process answers already; CommitFailedError
    if the disk refused a commit; as `copied_from`; with ``once`` UnavailableError if the source cannot be
    copied.
    """
    home.profile()  # what is wrong with it is said at once
    prepare()
    with claimed(home.paths.answering) as mine:
        if not mine:
            msg = f"another process serves {home.paths.home}; stop that one first"
            raise ConfigError(msg)
        if not once:
            _free_socket(home)  # rather now than when all is copied
        uvloop.run(_run(home, ready, progress, snapshot, once=once))
    return home.served.ledger.head().size


@dataclass(frozen=True, slots=True)
class _Parts:
    stop: Stop
    index: NativeIndex
    follower: Follower
    freshness: Freshness
    copying: Copying
    keeping: IndexKeeping
    observation: Observation
    window: Window | None
    counter: Quarantine | None


async def _run(
    home: MirrorHome,
    ready: Callable[[Served], None],
    progress: Progress,
    snapshot: SnapshotFile | None,
    *,
    once: bool,
) -> None:
    loop = asyncio.get_running_loop()
    observation = Observation(home.served.config)
    stop = Stop(loop, observation.log, Reserve(home.paths.reserve))
    observation.serving = lambda: stop.serving
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_, stop.event.set)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(observation.running())
        kept = stack.enter_context(_keeping(home, stop))
        parts = await _put_together(home, stop, observation, *kept)
        with _upkeep(home, parts):
            if snapshot is not None:
                await asyncio.to_thread(_begin, snapshot, home, parts, progress)
            if not stop.event.is_set():
                with parts.copying.running():
                    await _level(home, parts, progress, once=once)
                    if not once and not stop.event.is_set():
                        await _answer(home, parts, ready)
        observation.flush()
        await parts.keeping.finish()
    if stop.failure is not None:
        raise stop.failure


@contextlib.contextmanager
def _keeping(home: MirrorHome, stop: Stop) -> Iterator[tuple[Window | None, Quarantine | None]]:
    """The window of what is checked, and the quarantine, if there are such."""
    unkept = partial(_unkept, stop, "uploads are not kept")
    uncounted = partial(_unkept, stop, "the quarantine is not kept")
    with (
        open_window(home, unkept) as window,
        open_quarantine(home, partial(_flooded, stop), uncounted) as counter,
    ):
        yield window, counter


def _unkept(stop: Stop, event: str, error: HashpactError) -> None:
    stop.log.error(event, reason=error.message)


def _flooded(stop: Stop, flood: Flood) -> None:
    facts = {"entry": flood.entry, "matches": flood.matches, "expected": round(flood.expected)}
    stop.log.warning("entry in quarantine", **facts)


async def _put_together(
    home: MirrorHome,
    stop: Stop,
    observation: Observation,
    window: Window | None,
    counter: Quarantine | None,
) -> _Parts:
    ledger = home.served.ledger
    files = IndexDirectory(home.paths.segments, ledger.indexes)
    index, saved = await asyncio.to_thread(open_index, ledger, files, stop.log, verify=False)
    follower = Follower(ledger, index, EntryCatalog(ledger), 0 if saved is None else saved.position)
    saver = IndexSaver(follower, ledger, index.freeze, files.save)
    keeping = IndexKeeping(files, saver, Compactor(follower, index.compaction, time.monotonic), stop.log)
    freshness = Freshness(home.paths.copied, unix_time, home.config.max_lag)
    while not stop.event.is_set() and follower.position < ledger.head().size:
        await asyncio.to_thread(follower.catch_up, _REPLAYED)
    copying = Copying(home, follower, freshness, partial(_alarmed, stop), partial(_ended, home, stop))
    return _Parts(stop, index, follower, freshness, copying, keeping, observation, window, counter)


def _begin(snapshot: SnapshotFile, home: MirrorHome, parts: _Parts, progress: Progress) -> None:
    """Begin the copy with a snapshot, until it is all there or the process is to stop."""
    with contextlib.closing(copied_from(snapshot, home)) as batches:
        for copied in batches:
            for fault in copied.faults:
                _alarmed(parts.stop, Alarm.of_leaf(fault, unix_time()))
            with contextlib.suppress(HashpactError):  # what follows the ledger tries again
                parts.follower.take(copied.leaves)
            progress(copied.stop, snapshot.size)
            if parts.stop.event.is_set():
                return


def _alarmed(stop: Stop, alarm: Alarm) -> None:
    evidence = {} if alarm.evidence is None else {"evidence": str(alarm.evidence)}
    stop.log.error("the source is not believed", kind=alarm.kind, reason=alarm.message, **evidence)


def _ended(home: MirrorHome, stop: Stop, error: HashpactError, over: threading.Event) -> None:
    """Go on answering while the disk is full: the next process could not copy, either."""
    stop.log.error("cannot copy", reason=error.code, message=error.message, ends="once the disk has room")
    if isinstance(error, CommitFailedError) and wait_for_room(home.paths.home, over):
        stop.end(error)


@contextlib.contextmanager
def _upkeep(home: MirrorHome, parts: _Parts) -> Iterator[None]:
    """Follow what another process copies, settle, merge and save the index, for the length of the block."""

    def over(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            parts.stop.log.error("upkeep crashed", reason=type(error).__name__)
            parts.stop.end(UnavailableError(f"the upkeep of the mirror failed: {type(error).__name__}"))

    work = [follow(home.served.ledger, parts.follower, parts.stop.log), *parts.keeping.tasks()]
    tasks = [asyncio.create_task(each) for each in work]
    for task in tasks:
        task.add_done_callback(over)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def _level(home: MirrorHome, parts: _Parts, progress: Progress, *, once: bool) -> None:
    """Wait until the copy has been level with the log; with ``once``, since this process has started."""
    began = unix_time()
    while not parts.stop.event.is_set():
        state, position = parts.freshness.state, parts.follower.position
        progress(position, max(state.announced, position))
        level = parts.copying.level_since(began) if once else state.level_at > 0
        if level and home.charter() is not None:
            await asyncio.to_thread(parts.copying.save)  # programs that open the copy now know it, too
            return
        if once:
            parts.copying.check()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(parts.stop.event.wait(), _LOOK)


async def _answer(home: MirrorHome, parts: _Parts, ready: Callable[[Served], None]) -> None:
    """Answer those who are let in until the process is to stop."""
    config, stop = home.config, parts.stop
    if config.listen is not None:
        renew_certificate(home)
    trust = ServerTrust(home.served, stop.log, ProfilePaths(config.profile).ca_cert)
    async with contextlib.AsyncExitStack() as stack:
        server, addresses = stack.enter_context(_listening(home, parts, trust))
        shown = await stack.enter_async_context(
            storing(home, stop.log, partial(_alarmed, stop), partial(_ended, home, stop))
        )
        age = parts.freshness.age
        parts.observation.observe(
            home.served,
            trust,
            parts.follower,
            parts.index,
            server.loads,
            lambda: parts.keeping.saver.behind,
            lambda: age(parts.follower.position),
        )
        server.start()
        served = Served(config.origin, parts.follower.position, addresses, shown)
        facts = {"origin": config.origin, "source": config.address, "position": served.position}
        stop.log.info(
            "mirroring", address=", ".join(addresses), items=len(parts.index), pid=os.getpid(), **facts
        )
        stop.begin()
        ready(served)
        try:
            await stop.event.wait()
        finally:
            stop.serving = False
            stop.log.info("stopping", position=parts.follower.position)
            await asyncio.to_thread(server.stop, _GRACE)


@contextlib.contextmanager
def _listening(
    home: MirrorHome, parts: _Parts, trust: ServerTrust
) -> Iterator[tuple[Server, tuple[str, ...]]]:
    """A server that is bound to the socket and to the port, if there is one; and its addresses."""
    # gRPC is loaded once there is something to answer.
    import grpc

    from hashpact.wire.server.transport import build_server, server_credentials

    path = _free_socket(home)
    place = f"{UNIX}{path}"
    local = place, grpc.local_server_credentials(grpc.LocalConnectionType.UDS)
    doors, listening, host = [local], None, ""
    with contextlib.ExitStack() as stack:
        if home.config.listen is not None:
            host, port = split_address("listen", home.config.listen)
            listening = Listening(home.paths.home, host, port)
            stack.callback(listening.close)
            stack.enter_context(listening.claimed())
            doors.insert(0, (home.config.listen, server_credentials(trust.tls, trust)))
        services, guard = _services(home, parts), _guard(home, parts)
        before = os.umask(_OWNER)
        try:
            server = build_server(
                services, guard, address=doors[0][0], credentials=doors[0][1], also=doors[1:]
            )
        finally:
            os.umask(before)
        stack.callback(Path(path).unlink, missing_ok=True)
        yield server, (place,) if listening is None else (place, join_address(host, server.port))


def _free_socket(home: MirrorHome) -> str:
    """The path of the mirror's socket.

    Raises ConfigError if it is too long, or a process answers there: gRPC would take it from that one.
    """
    other = "name another one with --listen unix:PATH"
    try:
        path = socket_path("socket", home.config.socket or f"{UNIX}{home.paths.socket.absolute()}")
    except ConfigError as error:
        msg = f"{error.message}; {other}"
        raise ConfigError(msg, field="socket") from error
    assert path is not None  # noqa: S101  # it is one
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.settimeout(0)
        try:
            visitor.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return path  # there is none, or one that was left behind
        except BlockingIOError:  # it answers, and is busy
            pass
        except OSError as error:
            msg = f"cannot listen on {UNIX}{path}: {error.strerror}; {other}"
            raise ConfigError(msg, field="socket") from error
    msg = f"another process answers at {UNIX}{path}; stop that one, or {other}"
    raise ConfigError(msg, field="socket")


def _services(home: MirrorHome, parts: _Parts) -> Services:
    from hashpact.wire.server.handlers import Services

    ledger, elsewhere = home.served.ledger, Elsewhere(home.config.address)
    keep = None if parts.window is None else parts.window.keep
    return Services(
        elsewhere,
        Checker(
            ledger,
            parts.index,
            parts.follower,
            lag=parts.freshness.lag,
            keep=keep,
            counter=parts.counter,
        ),
        Reader(ledger),
        PrivateParts(ledger, unix_time),
        Prover(ledger),
        elsewhere,
        elsewhere,
        elsewhere,
        MatterReader(ledger, unix_time),
    )


def _guard(home: MirrorHome, parts: _Parts) -> Guard:
    from hashpact.wire.server.guard import AccessLog, Guard
    from hashpact.wire.server.identity import Gate

    snapshot, owner = home.served.ledger.snapshot, member_of(home.config.profile)
    gate = MirrorGate(
        Gate(home.config.origin, snapshot, unix_time, lambda: parts.follower.changes),
        owner,
        {owner, *home.config.members},
        snapshot,
        unix_time,
        lambda: parts.follower.changes,
    )
    seen = parts.observation
    access = AccessLog(seen.access_log)
    return Guard(gate, seen.log, seen.calls.record, time.monotonic, access=access, ended=seen.ended)
