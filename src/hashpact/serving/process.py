"""The composition root of a process that serves a home: index, services and wire over it.

The home itself is `hashpact.home`; the member's side is put together in `hashpact.member`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from hashpact.audit.auditor import audit_whole
from hashpact.audit.source import ledger_source
from hashpact.clock import unix_time
from hashpact.domain.kinds import ADMIN, Methods
from hashpact.domain.ports import Log
from hashpact.durable import write_public
from hashpact.errors import CorruptError
from hashpact.governance.publishing import published
from hashpact.home.clock import CheckedClock
from hashpact.home.listening import Listening
from hashpact.home.opening import Home, open_home
from hashpact.home.trust import ServerTrust
from hashpact.keys.passphrase import Passphrases
from hashpact.keys.uses import LastUses
from hashpact.log import proofs
from hashpact.observing.observation import Observation
from hashpact.service.append import Appender, Intake
from hashpact.service.check import Checker
from hashpact.service.conduct import MatterReader
from hashpact.service.cosign import Quorum
from hashpact.service.follow import Compactor, Follower, IndexSaver
from hashpact.service.propose import Proposals
from hashpact.service.prove import Prover
from hashpact.service.read import PrivateParts, Reader
from hashpact.service.renew import Renewer
from hashpact.service.sign import SigningGuard
from hashpact.serving.duty import ALONE, Duty
from hashpact.serving.indexing import IndexKeeping
from hashpact.serving.outward import open_log, quorum_of
from hashpact.serving.preparing import prepare
from hashpact.serving.upkeep import Keeping, SigningTask, Stop, Upkeep
from hashpact.settings import EVERYWHERE, join_address, split_address

if TYPE_CHECKING:
    from hashpact.lookup.native import NativeIndex
    from hashpact.observing.sampling import Loads
    from hashpact.wire.server.guard import Guard
    from hashpact.wire.server.handlers import Services

_REPLAYED: Final = 2000
"""Leaves that are replayed before the server looks again whether it must stop."""
_REPORT: Final = 5.0
"""Seconds between two events that report the progress of a start."""
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
    """Serve a home in this process alone until SIGTERM or SIGINT; ``listen`` replaces the configuration's.

    ``passphrases`` open its keys (None: from the environment). With ``verify`` every leaf is compared first,
    and every row of the state with what the leaves add up to; the index is then made again from them.

    ``ready`` is called with the origin and the bound HOST:PORT once the server answers. Raises ConfigError
    for a home or an address that cannot be used, CorruptError for a damaged ledger or one without what was
    published, and CommitFailedError when the disk refused a commit: then the process must end, and a new one
    start from what is on the disk.

    On a full disk it answers all that writes nothing; an append is refused with UnavailableError.
    """
    with open_home(directory, passphrases, reserve=True) as home:
        check_home(home, verify=verify)
        run(home, home.config.bound_at(listen), ready, verify=verify)
        home.lease().give_back()


def check_home(home: Home, *, verify: bool) -> None:
    """Raise CorruptError if what was published is not in the ledger; with ``verify``, on any fault."""
    for publisher in home.publishers():
        publisher.check()
    if verify:
        home.integrity().check()
        _check_state(home)


def run(  # noqa: PLR0913 - what a process is started with
    home: Home,
    listen: str,
    ready: Callable[[str, str], None],
    duty: Duty = ALONE,
    *,
    verify: bool = False,
    leash: int | None = None,
) -> None:
    """Do a duty for an open home until SIGTERM or SIGINT, or until the file ``leash`` can be read.

    With ``verify`` no saved index is believed. Raises as `serve` does.
    """
    if not home.full:
        home.lease().claim()
    prepare()
    uvloop.run(_run(home, listen, ready, duty, verify=verify, leash=leash))


def _check_state(home: Home) -> None:
    """Raise CorruptError, naming the leaf, if a home's tables are not what its leaves add up to."""
    with ledger_source(home.ledger) as source:
        report = audit_whole(source, unix_time, lambda *_: None)
    for finding in report.findings:
        known = {} if finding.index is None else {"index": str(finding.index)}
        msg = f"{finding.message}; see all that is wrong with: hashpact log verify {home.paths.home}"
        raise CorruptError(msg, **known)


async def _run(  # noqa: PLR0913 - as `run`
    home: Home,
    listen: str,
    ready: Callable[[str, str], None],
    duty: Duty,
    *,
    verify: bool,
    leash: int | None,
) -> None:
    loop = asyncio.get_running_loop()
    observation = Observation(home.config, duty.name, ports=duty.answers and duty.keeps)
    stop = Stop(loop, observation.log, home.reserve())
    observation.serving = lambda: stop.serving
    if home.full and duty.keeps:
        stop.log.error(
            "the disk is full", home=str(home.paths.home), mode="read-only: free space and restart"
        )
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_, stop.event.set)
    if leash is None:  # else the supervisor takes it
        loop.add_signal_handler(signal.SIGHUP, _cannot_reload, stop)
    else:
        loop.add_reader(leash, _leave, loop, leash, stop)
    alone = duty.answers and duty.keeps
    async with observation.running(), open_log(home, stop.log) if alone else contextlib.nullcontext():
        parts = await _put_together(home, stop, duty, observation, verify=verify)
        if duty.answers:
            await _answer(home, parts, listen, ready, duty)
        else:
            await _keep(home, parts, ready)


def _cannot_reload(stop: Stop) -> None:
    """Go on: the signal's default would end the server, and a service manager would not start it again."""
    stop.log.warning(
        "nothing is reloaded", reason="one process reads hashpact.toml when it starts: restart it"
    )


def _leave(loop: asyncio.AbstractEventLoop, leash: int, stop: Stop) -> None:
    loop.remove_reader(leash)  # the end of a file can be read again and again
    stop.event.set()


@dataclass(frozen=True, slots=True)
class _Parts:
    """What one process needs for its duty, before the log is followed to its end."""

    stop: Stop
    index: NativeIndex
    follower: Follower
    clock: CheckedClock
    quorum: Quorum | None
    signing: SigningGuard
    trust: ServerTrust
    uses: LastUses
    upkeep: Upkeep
    observation: Observation

    def observe(self, home: Home, loads: Loads | None = None) -> None:
        """Have the gauges read from now on; ``loads`` are those of the pools, if there are any."""
        self.observation.observe(home, self.trust, self.follower, self.index, loads, self.upkeep.unsaved)


async def _put_together(
    home: Home, stop: Stop, duty: Duty, observation: Observation, *, verify: bool
) -> _Parts:
    # The index is loaded by the one command that serves, so that the others start quickly.
    from hashpact.lookup.catalog import EntryCatalog
    from hashpact.lookup.directory import IndexDirectory, IndexFiles
    from hashpact.serving.adopting import Adopter, open_index

    trust = ServerTrust(home, stop.log)
    keeps = duty.keeps and not home.full
    register = home.ledger.indexes
    segments = IndexDirectory(home.paths.segments, register) if keeps else None
    files = segments or IndexFiles(home.paths.segments, register)
    index, saved = await asyncio.to_thread(open_index, home.ledger, files, stop.log, verify=verify)
    follower = Follower(home.ledger, index, EntryCatalog(home.ledger), 0 if saved is None else saved.position)
    clock = home.clock()
    quorum = quorum_of(home, clock)
    signing = SigningGuard(home.ledger, home.open_log_key(), quorum)
    uses = LastUses(home.paths.uses, unix_time)
    keeping = None
    if segments is not None:
        # The saver counts from where the follower stands now: what is replayed next is to be saved.
        saver = IndexSaver(follower, home.ledger, index.freeze, segments.save)
        compactor = Compactor(follower, index.compaction, time.monotonic)
        keeping = Keeping(
            IndexKeeping(segments, saver, compactor, stop.log), SigningTask(signing, home.publishers(), stop)
        )
    adopter = None if duty.keeps else Adopter(home.ledger, files, index, follower, saved)
    upkeep = Upkeep(home, follower, trust, stop, keeping, adopter, uses, observation.flush)
    return _Parts(stop, index, follower, clock, quorum, signing, trust, uses, upkeep, observation)


def _services(home: Home, parts: _Parts, duty: Duty) -> Services:
    # gRPC is loaded by a process that answers, not by one that keeps.
    from hashpact.serving.attesting import attester_of
    from hashpact.wire.server.admission.quotas import Quotas
    from hashpact.wire.server.handlers import Services

    authority = home.open_authority() if home.paths.ca_key.exists() else None
    ledger = parts.observation.timed(home.ledger)
    checker = Checker(home.ledger, parts.index, parts.follower)
    appender = Appender(ledger, parts.clock, checker.benign.refuse)
    intake = Intake(appender, parts.follower, parts.signing, parts.stop.on_fault)
    return Services(
        intake,
        checker,
        Reader(home.ledger),
        PrivateParts(home.ledger, unix_time),
        Prover(home.ledger),
        Renewer(home.charter().origin, authority, home.ledger, unix_time),
        Proposals(intake, home.ledger, home.waiting(), unix_time),
        parts.uses,
        MatterReader(home.ledger, unix_time),
        Quotas(home.charter, time.monotonic, duty.workers),
        attester_of(home, checker),
    )


def _guard(home: Home, parts: _Parts) -> Guard:
    from hashpact.wire.server.guard import AccessLog, Guard
    from hashpact.wire.server.identity import Gate

    gate = Gate(
        home.charter().origin,
        home.ledger.snapshot,
        unix_time,
        lambda: parts.follower.changes,
        parts.uses.note,
    )
    seen = parts.observation
    access = AccessLog(seen.access_log)
    return Guard(gate, seen.log, seen.calls.record, time.monotonic, access=access, ended=seen.ended)


async def _answer(
    home: Home, parts: _Parts, listen: str, ready: Callable[[str, str], None], duty: Duty
) -> None:
    """Answer members until the process is to stop."""
    from hashpact.wire.server.transport import build_server, server_credentials

    host, port = split_address("listen", listen)
    services, stop = _services(home, parts, duty), parts.stop
    guard = _guard(home, parts)
    listening = Listening(home.paths.home, host, port)
    if not duty.early or (duty.keeps and listening.is_shared()):
        # Other processes of this home answer there; a caller that reached this one would have to wait.
        await _replay(home.ledger, parts.follower, stop)
    guard.hold(lambda: _progress(home.ledger, parts.follower))
    with listening.claimed():
        credentials = server_credentials(parts.trust.tls, parts.trust)
        server = build_server(services, guard, address=listen, credentials=credentials)
        parts.observe(home, server.loads)
        server.start(serving=False)
    try:
        await _begin(home, parts)
        if not stop.event.is_set():
            guard.release()
            server.set_serving(serving=True)
            address = join_address(host, server.port)
            if not home.full and duty.keeps:
                record_address(home, address)
            await _until_stopped(home, parts, address, ready)
    finally:
        await asyncio.to_thread(server.stop, _GRACE)
        listening.close()
    await _end(parts)


async def _keep(home: Home, parts: _Parts, ready: Callable[[str, str], None]) -> None:
    """Keep the home until the process is to stop, without answering anybody."""
    parts.observe(home)
    await _begin(home, parts)
    if not parts.stop.event.is_set():
        # What was replayed is saved first: workers that start after it open that.
        await parts.upkeep.save()
        await _until_stopped(home, parts, "", ready)
    await _end(parts)


async def _begin(home: Home, parts: _Parts) -> None:
    """Follow the log to its end, and do what is to be done before anybody is answered."""
    await _replay(home.ledger, parts.follower, parts.stop)
    for complaint in await asyncio.to_thread(_check_witnesses, home.ledger, parts.quorum):
        parts.stop.log.warning("cannot ask a witness", reason=complaint)
    if not parts.stop.event.is_set():
        await parts.upkeep.prepare()


async def _end(parts: _Parts) -> None:
    await parts.upkeep.finish()
    if parts.quorum is not None:
        parts.quorum.close()


async def _until_stopped(home: Home, parts: _Parts, address: str, ready: Callable[[str, str], None]) -> None:
    origin, stop = home.charter().origin, parts.stop
    position, items = parts.follower.position, len(parts.index)
    stop.log.info(
        "serving" if address else "keeping",
        origin=origin,
        **({"address": address} if address else {}),
        position=position,
        items=items,
        pid=os.getpid(),
    )
    _warn_of_methods(home, stop)
    stop.begin()
    ready(origin, address)
    with parts.upkeep.running():
        await stop.event.wait()
        stop.serving = False
        stop.log.info("stopping", position=parts.follower.position)


def _warn_of_methods(home: Home, stop: Stop) -> None:
    """Warn if the log has a methods statement that says something else than this server does."""
    with home.ledger.snapshot() as view:
        if view.newest(Methods.kind, Methods.kind, ADMIN) is None:
            return
        _, found = published(view, home.published_settings)
    if found is None:
        stop.log.warning("the methods statement is out of date", remedy="hashpact methods publish")


async def _replay(ledger: Log, follower: Follower, stop: Stop) -> None:
    """Follow the log to its end, in steps of which a stop waits for one at most."""
    reported = time.monotonic()
    while not stop.event.is_set() and follower.position < ledger.head().size:
        await asyncio.to_thread(follower.catch_up, _REPLAYED)
        if time.monotonic() - reported > _REPORT:
            reported = time.monotonic()
            stop.log.info("starting", reason=_progress(ledger, follower))
    stop.log.debug("followed the log", position=follower.position)


def _progress(ledger: Log, follower: Follower) -> str:
    return (
        f"the server is starting: it has read {follower.position} of the log's {ledger.head().size} leaves; "
        "try again"
    )


def record_address(home: Home, address: str) -> None:
    """Let members who are enrolled from now on find this server, unless hashpact.toml says otherwise."""
    host, port = split_address("listen", address)
    reachable = "localhost" if host in EVERYWHERE else host
    write_public(home.paths.bound, f"{join_address(reachable, port)}\n".encode(), replace=True)


def _check_witnesses(ledger: Log, quorum: Quorum | None) -> list[str]:
    """Raise CorruptError if a witness knows a larger log; returns why some could not be asked."""
    latest = ledger.checkpoints.latest()
    if quorum is None or latest is None:
        return []
    return quorum.check(latest.note, lambda old: proofs.consistency(old, latest.size, ledger.tree.node))
