"""A real gRPC server on loopback with real TLS, over a ledger and an index in memory, and its clients."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import grpc
import structlog
from builders import Identity, World
from linear import LinearIndex
from memory import MemoryLedger, MemoryWaiting
from structlog.testing import LogCapture

from hashpact.keys import certificates
from hashpact.keys.certificates import Credential, Grant, Tls
from hashpact.keys.uses import LastUses
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.awaiting import AsyncClient
from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.service.append import Intake
from hashpact.service.check import Checker
from hashpact.service.conduct import MatterReader
from hashpact.service.follow import Follower
from hashpact.service.propose import Proposals
from hashpact.service.prove import Prover
from hashpact.service.read import PrivateParts, Reader
from hashpact.service.renew import Renewer
from hashpact.wire.client.endpoint import Endpoint
from hashpact.wire.server.guard import Guard
from hashpact.wire.server.handlers import Services
from hashpact.wire.server.identity import Gate
from hashpact.wire.server.transport import Limits, Server, build_server, server_credentials

HOST = "127.0.0.1"


def wall_clock() -> int:
    """The clock of certificates: TLS looks at the real one."""
    return int(time.time())


@dataclass(slots=True)
class Clearinghouse:
    """One server with the members ``acme`` and ``bolt``, and profiles to reach it with."""

    world: World = field(default_factory=World)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    events: LogCapture = field(default_factory=LogCapture)
    faults: list[Exception] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    recheck: float = 0.2
    unread: float = 60.0
    renewed: Callable[[], Tls | None] = lambda: None
    server: Server = field(init=False)
    guard: Guard = field(init=False)
    started: bool = False
    authority: Credential = field(init=False)
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        """Found the log."""
        self.world.found(self.ledger, "acme", "bolt")
        self.authority = certificates.make_authority(self.world.origin, wall_clock)
        index = LinearIndex()
        follower = Follower(self.ledger, index, EntryCatalog(self.ledger))
        intake = Intake(
            self.world.appender(self.ledger), follower, self.world.guard(self.ledger), self.faults.append
        )
        self.services = Services(
            intake,
            Checker(self.ledger, index, follower),
            Reader(self.ledger),
            PrivateParts(self.ledger, self.world.clock),
            Prover(self.ledger),
            Renewer(self.world.origin, self.authority, self.ledger, wall_clock),
            Proposals(intake, self.ledger, MemoryWaiting(), wall_clock),
            LastUses(Path("/nonexistent"), wall_clock),
            MatterReader(self.ledger, self.world.clock),
        )

    @property
    def intake(self) -> Intake:
        """What takes statements here."""
        return cast("Intake", self.services.intake)

    def alter(self, **parts: Any) -> None:  # noqa: ANN401  # of any type
        """Serve with other parts: fields of Services or of its intake."""
        intake = {name: parts.pop(name) for name in ("appender", "guard") if name in parts}
        self.services = replace(self.services, intake=replace(self.intake, **intake), **parts)

    def tls(self, credential: Credential, authority: Credential | None = None) -> Tls:
        """One end of a channel."""
        return Tls(credential.key, credential.certificate, (authority or self.authority).certificate)

    async def start(self, port: int = 0, hosts: tuple[str, ...] = (HOST,), listen: str = HOST) -> Server:
        """Build a server and start it."""
        log = structlog.wrap_logger(
            None, processors=[self.events], wrapper_class=structlog.make_filtering_bound_logger("info")
        )
        self.guard = Guard(
            Gate(
                self.world.origin,
                self.ledger.snapshot,
                self.world.clock,
                lambda: self.intake.follower.changes,
            ),
            log,
            lambda facts: log.info("rpc", **facts),
            time.monotonic,
            recheck=self.recheck,
            unread=self.unread,
        )
        self.server = build_server(
            self.services,
            self.guard,
            address=f"{listen}:{port}",
            credentials=server_credentials(
                self.tls(certificates.issue_server(self.authority, hosts, wall_clock)), self.renewed
            ),
            limits=self.limits,
        )
        self.intake.follower.catch_up()
        self.server.start()
        self.started = True
        return self.server

    def member(self, member_id: str, **fields: Any) -> Credential:  # noqa: ANN401  # of any type
        """A member's certificate, vouched for by its key ``1``; ``fields`` of the grant replace others."""
        grant = replace(Grant(member_id, Identity.of(member_id).id), **fields)
        return certificates.issue_member(self.authority, self.world.origin, grant, wall_clock)

    def profile(self, member_id: str, tls: Tls | None = None) -> Profile:
        """A member's profile for this server."""
        who = Identity.of(member_id)
        endpoint = Endpoint(HOST, self.server.port, tls or self.tls(self.member(member_id)))
        return Profile(
            self.world.origin, member_id, who.key, who.private, endpoint, self.world.pinned, self.genesis
        )

    @property
    def genesis(self) -> bytes:
        """The SHA-256 of leaf 0."""
        return hashlib.sha256(next(self.ledger.leaves(0, 1)).data).digest()

    def channel(self, tls: Tls) -> grpc.aio.Channel:
        """A bare gRPC channel to this server."""
        credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
        return grpc.aio.secure_channel(f"{HOST}:{self.server.port}", credentials)

    async def stop(self) -> None:
        """Stop the server, if there is one."""
        if self.started:
            await asyncio.to_thread(self.server.stop, 0)


class Caller:
    """Either client behind one face: every method is awaited, and lists are lists."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self.client = client

    async def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # any method
        """Call a method and wait for it, in a thread if it blocks."""
        function = getattr(self.client, method)
        if isinstance(self.client, Client):
            result = await asyncio.to_thread(lambda: function(*args, **kwargs))
            return await asyncio.to_thread(list, result) if isinstance(result, Iterator) else result
        result = function(*args, **kwargs)
        return [item async for item in result] if isinstance(result, AsyncIterator) else await result


Connect: TypeAlias = Callable[..., Caller]
"""Makes a caller from a profile and the settings of a client."""
