"""The composition root of a server: puts index, services and wire over a home, and serves it.

The home itself is `hashpact.home`; the member's side is put together in `hashpact.member`.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
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
from hashpact.errors import CorruptError
from hashpact.home.clock import CheckedClock
from hashpact.home.listening import Listening
from hashpact.home.opening import Home, open_home
from hashpact.home.trust import ServerTrust
from hashpact.http.client import WitnessClient
from hashpact.keys.passphrase import Passphrases
from hashpact.keys.uses import LastUses
from hashpact.log import proofs
from hashpact.observing.observation import Observation
from hashpact.service.append import Appender, Intake
from hashpact.service.check import Checker
from hashpact.service.cosign import Quorum, WitnessLink
from hashpact.service.follow import Compactor, Follower, IndexSaver, check_reflects
from hashpact.service.propose import Proposals
from hashpact.service.prove import Prover
from hashpact.service.read import PrivateParts, Reader
from hashpact.service.renew import Renewer
from hashpact.service.sign import SigningGuard
from hashpact.upkeep import Sealing, Stop, Upkeep

if TYPE_CHECKING:
    from hashpact.lookup.directory import IndexDirectory
    from hashpact.lookup.native import NativeIndex
    from hashpact.wire.server.guard import Guard
    from hashpact.wire.server.handlers import Services

_SWITCH: Final = 0.001
"""Seconds for which a thread keeps others from running Python: a short check must not wait long for it."""
_REPLAYED: Final = 2000
"""Leaves that are replayed between two looks at whether the server is to stop."""
_TELL: Final = 5.0
"""Seconds between two events that say how far a start has come."""
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

    On a full disk it answers all that writes nothing; an append is refused with UnavailableError.
    """
    _raise_file_limit()
    with open_home(directory, passphrases, reserve=True) as home:
        home.publisher().check()
        if verify:
            home.integrity().check()
            _check_state(home)
        if not home.full:
            home.lease().claim()
        sys.setswitchinterval(_SWITCH)
        uvloop.run(_serve(home, listen or home.config.listen, ready, verify=verify))
        home.lease().give_back()


def _raise_file_limit() -> None:
    """Let the process open as many files as it may: each connection is one, and a shell's limit is 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _check_state(home: Home) -> None:
    """Raise CorruptError, naming the leaf, if a home's tables are not what its leaves add up to."""
    with ledger_source(home.ledger) as source:
        report = Auditor(source, unix_time, lambda *_: None).run()
    for finding in report.findings:
        known = {} if finding.index is None else {"index": str(finding.index)}
        msg = f"{finding.message}; see all that is wrong with: hashpact log verify {home.paths.home}"
        raise CorruptError(msg, **known)


async def _serve(home: Home, listen: str, ready: Callable[[str, str], None], *, verify: bool) -> None:
    observation = Observation(home.config)
    stop = Stop(asyncio.get_running_loop(), observation.log, home.reserve())
    observation.serving = lambda: stop.serving
    if home.full:
        stop.log.error(
            "the disk is full", home=str(home.paths.home), mode="read-only: free space and restart"
        )
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.event.set)
    async with observation.running():
        await _serve_members(home, listen, ready, stop, observation, verify=verify)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What answers and keeps one home, before it is followed to the log's end."""

    index: NativeIndex
    follower: Follower
    quorum: Quorum | None
    upkeep: Upkeep
    services: Services
    segments: IndexDirectory
    trust: ServerTrust


async def _put_together(home: Home, stop: Stop, observation: Observation, *, verify: bool) -> _Parts:
    # gRPC and the index are loaded by the one command that serves, so that the others start quickly.
    from hashpact.lookup.directory import IndexDirectory  # noqa: PLC0415  # see above
    from hashpact.wire.server.handlers import Services  # noqa: PLC0415  # see above

    trust = ServerTrust(home, stop.log)
    authority = home.open_authority() if home.paths.ca_key.exists() else None
    segments = IndexDirectory(home.paths.segments, home.ledger.indexes)
    index, position = await asyncio.to_thread(_open_index, home.ledger, segments, stop.log, verify=verify)
    follower = _follower(home.ledger, index, position)
    may_save = segments.may_save and not home.full
    # It counts from where the follower stands now: what is replayed next is to be saved.
    saver = IndexSaver(follower, home.ledger, index.freeze, segments.save) if may_save else None
    compactor = Compactor(follower, index.compaction, time.monotonic)
    clock = home.clock()
    quorum = _quorum(home, clock)
    signing = SigningGuard(home.ledger, home.open_log_key(), quorum)
    sealing = None if home.full else Sealing(signing, home.publisher(), stop)
    uses = LastUses(home.paths.uses, unix_time)
    upkeep = Upkeep(home, follower, trust, stop, sealing, saver, compactor, uses, observation.flush)
    intake = Intake(Appender(observation.timed(home.ledger), clock), follower, signing, stop.on_fault)
    services = Services(
        intake,
        Checker(home.ledger, index, follower),
        Reader(home.ledger),
        PrivateParts(home.ledger, unix_time),
        Prover(home.ledger),
        Renewer(home.charter().origin, authority, home.ledger, unix_time),
        Proposals(intake, home.ledger, home.waiting(), unix_time),
        uses,
    )
    return _Parts(index, follower, quorum, upkeep, services, segments, trust)


def _guard(home: Home, parts: _Parts, observation: Observation) -> Guard:
    from hashpact.wire.server.guard import AccessLog, Guard  # noqa: PLC0415  # as above
    from hashpact.wire.server.identity import Gate  # noqa: PLC0415  # as above

    gate = Gate(
        home.charter().origin,
        home.ledger.snapshot,
        unix_time,
        lambda: parts.follower.changes,
        parts.services.uses.note,
    )
    return Guard(
        gate,
        observation.log,
        observation.calls.record,
        time.monotonic,
        access=AccessLog(observation.access_log),
        ended=observation.ended,
    )


async def _serve_members(  # noqa: PLR0913  # what the command gives, and what all of it shares
    home: Home,
    listen: str,
    ready: Callable[[str, str], None],
    stop: Stop,
    observation: Observation,
    *,
    verify: bool,
) -> None:
    from hashpact.wire.server.transport import build_server, server_credentials  # noqa: PLC0415  # as above

    host, port = split_address("listen", listen)
    parts = await _put_together(home, stop, observation, verify=verify)
    guard = _guard(home, parts, observation)
    listening = Listening(home.paths.home, host, port)
    if listening.is_shared():
        # Others of this home answer there; whoever came here instead would have to wait.
        await _replay(home.ledger, parts.follower, stop)
    guard.hold(lambda: _progress(home.ledger, parts.follower))
    with listening.claimed():
        credentials = server_credentials(parts.trust.tls, parts.trust)
        server = build_server(parts.services, guard, address=listen, credentials=credentials)
        observation.observe(
            home, parts.trust, parts.follower, parts.index, server.loads, parts.upkeep.unsaved
        )
        server.start(serving=False)
    try:
        await _replay(home.ledger, parts.follower, stop)
        for complaint in await asyncio.to_thread(_check_witnesses, home.ledger, parts.quorum):
            stop.log.warning("cannot ask a witness", reason=complaint)
        if not stop.event.is_set():
            await parts.upkeep.prepare()
            guard.release()
            server.set_serving(serving=True)
            await _until_stopped(home, parts, _joined(host, server.port), ready, stop)
    finally:
        await asyncio.to_thread(server.stop, _GRACE)
        listening.close()
    await parts.upkeep.finish()
    if parts.quorum is not None:
        parts.quorum.close()
    parts.segments.close()


async def _until_stopped(
    home: Home, parts: _Parts, address: str, ready: Callable[[str, str], None], stop: Stop
) -> None:
    origin = home.charter().origin
    if not home.full:
        _record_address(home, address)
    position, items = parts.follower.position, len(parts.index)
    stop.log.info("serving", origin=origin, address=address, position=position, items=items)
    stop.serving = True
    ready(origin, address)
    with parts.upkeep.running():
        await stop.event.wait()
        stop.serving = False
        stop.log.info("stopping", position=parts.follower.position)


async def _replay(ledger: Log, follower: Follower, stop: Stop) -> None:
    """Follow the log to its end, in steps of which a stop waits for one at most."""
    told = time.monotonic()
    while not stop.event.is_set() and follower.position < ledger.head().size:
        await asyncio.to_thread(follower.catch_up, _REPLAYED)
        if time.monotonic() - told > _TELL:
            told = time.monotonic()
            stop.log.info("starting", reason=_progress(ledger, follower))
    stop.log.debug("followed the log", position=follower.position)


def _progress(ledger: Log, follower: Follower) -> str:
    return (
        f"the server is starting: it has read {follower.position} of the log's {ledger.head().size} leaves; "
        "try again"
    )


def _record_address(home: Home, address: str) -> None:
    """Let members who are enrolled from now on find this server, unless hashpact.toml says otherwise."""
    host, port = split_address("listen", address)
    reachable = "localhost" if host in EVERYWHERE else host
    write_public(home.paths.bound, f"{_joined(reachable, port)}\n".encode(), replace=True)


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
