"""Runs a gateway until it is stopped: puts its parts together."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop
from structlog.typing import FilteringBoundLogger

from hashpact.clock import unix_time
from hashpact.errors import ConfigError
from hashpact.events import event_log
from hashpact.gateway.clearing import Checking, Clearinghouse, MirroredChecking, RemoteChecking
from hashpact.gateway.configured import MEBIBYTE, GatewayConfig
from hashpact.gateway.curating import Curator
from hashpact.gateway.hashing import Hasher
from hashpact.gateway.keeping.folder import GatewayPaths, open_banks
from hashpact.gateway.keeping.listing import ListSearch
from hashpact.gateway.keeping.moments import PassedMoments
from hashpact.gateway.keeping.store import BankStore
from hashpact.gateway.keeping.tokens import TokenFile
from hashpact.gateway.matching import BankIndex, Matcher
from hashpact.gateway.rest.app import gateway_app
from hashpact.gateway.rest.uses import GatewayUses
from hashpact.gateway.retrieving import Retriever
from hashpact.gateway.signals import Signals
from hashpact.gateway.slots import Slots
from hashpact.gateway.upkeep import GatewayUpkeep
from hashpact.http.door import Door, DoorLimits
from hashpact.keys.passphrase import Passphrases
from hashpact.member.awaiting import AsyncClient
from hashpact.member.profile import Profile
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.home import configured
from hashpact.mirror.local import Mirror
from hashpact.settings import join_address, split_address

ROUND: Final = 5.0
"""Seconds between rounds."""
FIRST: Final = 3.0
"""Seconds that a start waits for the clearinghouse."""

CONTENTS: Final = 8
"""Requests that hold content at a time, each about twice as much as one file may have."""
WAITING: Final = 128
"""Requests with content that wait, unread, until others are answered."""

_LIMITS: Final = DoorLimits(connections=512, request_time=60.0)


@dataclass(frozen=True, slots=True)
class GatewayStarted:
    """A gateway that answers: its member, its log's origin, and its HOST:PORT."""

    member: str
    origin: str
    address: str


@dataclass(frozen=True, slots=True)
class OpenGateway:
    """A gateway whose files are open."""

    directory: Path
    config: GatewayConfig
    profile: Profile
    store: BankStore
    mirror: Mirror | None
    log: FilteringBoundLogger


def serve_gateway(
    directory: Path, config: GatewayConfig, passphrases: Passphrases, ready: Callable[[GatewayStarted], None]
) -> None:
    """Serve the gateway of a state directory until SIGTERM or SIGINT; ``ready`` is called once it answers.

    Raises ConfigError for what cannot be used, and CorruptError.
    """

    async def serve() -> None:
        stop = asyncio.Event()
        for one in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(one, stop.set)
        await answer_until(stop, opened, ready)

    with (
        open_gateway(directory, config, passphrases) as opened,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(serve())


@contextlib.contextmanager
def open_gateway(directory: Path, config: GatewayConfig, passphrases: Passphrases) -> Iterator[OpenGateway]:
    """The gateway of a state directory, with its mirror if it has one. Raises ConfigError, CorruptError."""
    log = event_log(config.log_format, config.log_level)
    profile = Profile.load(config.profile, passphrases)
    with contextlib.ExitStack() as stack:
        banks = open_banks(directory, passphrases, unencrypted=profile.unencrypted)
        store = stack.enter_context(banks)
        mirror = None
        if config.mirror is not None:
            if configured(config.mirror).genesis != profile.genesis:
                msg = f"{config.mirror} is a mirror of another log than the profile's"
                raise ConfigError(msg, field="mirror")

            def alarmed(alarm: Alarm) -> None:
                log.warning("mirror", alarm=alarm.kind)

            mirror = stack.enter_context(Mirror(config.mirror, on_alarm=alarmed, passphrases=passphrases))
        yield OpenGateway(directory, config, profile, store, mirror, log)


async def answer_until(
    stop: asyncio.Event, opened: OpenGateway, ready: Callable[[GatewayStarted], None]
) -> None:
    """Answer requests until ``stop`` is set. Raises ConfigError for an address that cannot be used."""
    config, profile, log = opened.config, opened.profile, opened.log
    reached = profile if config.address is None else profile.at(config.address)
    async with (
        AsyncClient(reached, timeout=config.timeout, channels=1, lists=False) as client,
        uses_of(opened, client) as uses,
    ):
        upkeep = GatewayUpkeep(uses.curator, log)
        await upkeep.learn_lists()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST):
                await upkeep.keep_up()
        host, port = split_address("listen", config.listen)
        app = gateway_app(uses, TokenFile(GatewayPaths(opened.directory).tokens), log)
        door = Door(app, log, _LIMITS)
        address = join_address(host, await door.open(host, port))
        if config.stopncii:
            log.warning("stopncii is served, and its clients up to tx 1.2.17 keep what is withdrawn")
        log.info("serving", member=profile.member, origin=profile.origin, address=address)
        ready(GatewayStarted(profile.member, profile.origin, address))
        try:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), ROUND)
                if not stop.is_set():
                    await upkeep.keep_up()
        finally:
            log.info("stopping")
            await door.close()


@contextlib.asynccontextmanager
async def uses_of(opened: OpenGateway, client: AsyncClient) -> AsyncIterator[GatewayUses]:
    """The use cases of a gateway. Raises CorruptError."""
    config, mirror = opened.config, opened.mirror
    with contextlib.ExitStack() as stack:
        checks: Checking = (
            RemoteChecking(client)
            if mirror is None
            else stack.enter_context(contextlib.closing(MirroredChecking(mirror, opened.profile.own)))
        )
        moments = PassedMoments(opened.store, served_in(config, opened.profile))
        house, signals = Clearinghouse(checks, client, moments), Signals.named(config.signal_types)
        index = BankIndex(signals)
        lists = stack.enter_context(contextlib.closing(lists_of(opened.profile)))
        curator = Curator(config, opened.store, index, house, lists, unix_time, opened.log)
        await asyncio.to_thread(curator.load)
        slots = Slots(CONTENTS, WAITING)
        hasher = stack.enter_context(contextlib.closing(Hasher(config.hashing_threads)))
        content = Retriever(config.allowed_hosts, config.max_upload * MEBIBYTE)
        retriever = stack.enter_context(contextlib.closing(content))
        matcher = Matcher(index, house, lists)
        yield GatewayUses(config, signals, house, matcher, curator, hasher, retriever, slots, unix_time)


def served_in(config: GatewayConfig, profile: Profile) -> str:
    """What StopNCII's form is served from: the log, the labels, and the members that are left out."""
    never = sorted(profile.own.never)
    return " ".join([profile.genesis.hex(), *sorted(config.stopncii), "without", *never])


def lists_of(profile: Profile) -> ListSearch:
    """The private lists of a profile that was loaded from a directory."""
    lists = profile.lists
    assert lists is not None  # noqa: S101 - it has a directory
    return ListSearch(lists, profile.own)
