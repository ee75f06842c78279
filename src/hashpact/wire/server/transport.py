"""The gRPC server of one process: channels, limits, health, reflection, and how it stops.

Everything is an argument: nothing here reads a configuration or keeps a global.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from hashpact.errors import ConfigError, OverloadedError, StoppingError
from hashpact.keys.certificates import Tls
from hashpact.wire.codec import MAX_MESSAGE
from hashpact.wire.server.admission.pools import Pool
from hashpact.wire.server.admission.refusals import Refusals
from hashpact.wire.server.admission.untaken import Untaken
from hashpact.wire.server.conduct import ConductHandler
from hashpact.wire.server.conversations import Conversations
from hashpact.wire.server.core.loop import Loop
from hashpact.wire.server.core.turns import Turns
from hashpact.wire.server.guard import Guard
from hashpact.wire.server.handlers import (
    CertificateHandler,
    CheckHandler,
    GovernanceHandler,
    LogHandler,
    Pools,
    Services,
)
from hashpact.wire.server.identity import CHECK, CHECK_STREAM, CHECKS
from hashpact.wire.server.reception import Handler, Reception
from hashpact.wire.v1 import (
    certificate_pb2,
    certificate_pb2_grpc,
    check_pb2,
    check_pb2_grpc,
    conduct_pb2,
    conduct_pb2_grpc,
    governance_pb2,
    governance_pb2_grpc,
    log_pb2,
    log_pb2_grpc,
)

CHECK_SERVICE: Final = check_pb2.DESCRIPTOR.services_by_name["CheckService"].full_name
CERTIFICATE_SERVICE: Final = certificate_pb2.DESCRIPTOR.services_by_name["CertificateService"].full_name
CONDUCT_SERVICE: Final = conduct_pb2.DESCRIPTOR.services_by_name["ConductService"].full_name
GOVERNANCE_SERVICE: Final = governance_pb2.DESCRIPTOR.services_by_name["GovernanceService"].full_name
LOG_SERVICE: Final = log_pb2.DESCRIPTOR.services_by_name["LogService"].full_name
APPENDS: Final = frozenset(
    {f"/{LOG_SERVICE}/Append", f"/{GOVERNANCE_SERVICE}/Propose", f"/{GOVERNANCE_SERVICE}/ListProposals"}
)
"""The methods that write, or read beside those that do."""
SERVICES: Final = (CHECK_SERVICE, LOG_SERVICE, CERTIFICATE_SERVICE, GOVERNANCE_SERVICE, CONDUCT_SERVICE)

CONNECTIONS: Final = 2000
"""The most connections of one process. An idle one costs 70 to 92 KB, one in a handshake 20 to 45 KB: so they
cost less than 200 MB together. Fewer would be quicker to use up."""

_SECOND: Final = 1000
_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


Hindrance: TypeAlias = Callable[[str], OverloadedError | None]
"""Gives a reason why a member's calls are refused, if there is one."""


def none(_member: str) -> None:
    """No reason."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one server; times in seconds.

    A call has ``headers`` bytes of metadata at most, and a connection ``streams_per_connection`` calls: twice
    what a member may have under way, because gRPC counts those that have just ended, and refuses any above.

    Above ``connections`` a new one is closed at once. One in a handshake counts; it ends after ``handshake``,
    and one without a call after ``connection_idle``, so that an unused connection gives its place back.

    A connection ends at ``connection_age`` (gRPC spreads it by a tenth to either side), so that clients
    spread over new processes and a revoked certificate's channel does not live on; a call under way then
    has ``connection_grace`` to end.

    ``checks`` threads answer the checks that are not short, and half of them those that take long; an append
    may wait for the disk or for witnesses, so there are many threads for those. In one process a member has
    at most ``member_calls`` checks, appends and reads each under way, ``member_streams`` of all ``streams``,
    and ``member_conversations`` of all ``conversations`` (CheckStream), which keep no threads.
    It is answered until ``untaken`` bytes of its answers wait for it to read them.
    """

    headers: int = 8192
    connections: int = CONNECTIONS
    streams_per_connection: int = 256
    connection_age: float = 300
    connection_grace: float = 60
    connection_idle: float = 30
    handshake: float = 10
    keepalive: float = 60
    keepalive_timeout: float = 20
    min_ping_interval: float = 30
    checks: int = 2
    appends: int = 64
    reads: int = 2
    streams: int = 256
    member_calls: int = 128
    member_streams: int = 16
    conversations: int = 1024
    member_conversations: int = 16
    untaken: int = 64 * 1024 * 1024

    def pools(
        self,
        hindrances: Mapping[str, Hindrance] = MappingProxyType({}),
        crashed: Callable[[Exception], None] = lambda _error: None,
        give_way: Callable[[], None] = lambda: None,
    ) -> Pools:
        """The threads of each kind of call; ``hindrances`` by the name of the pool."""

        def pool(name: str, running: int, slots: int) -> Pool:
            turns, each = Turns(slots, max(1, slots // 2)), max(1, running // 2)
            calls, hindrance = self.member_calls, hindrances.get(name, none)
            return Pool(name, running, 4 * calls, calls, turns, each, hindrance, crashed, give_way)

        return Pools(
            checks=pool("check", self.checks, max(1, self.checks // 2)),
            appends=pool("append", self.appends, self.appends),
            reads=pool("read", self.reads, self.reads),
            # A stream waits for its caller again and again, so all that there are may run.
            streams=Pool(
                "stream",
                self.streams,
                self.streams,
                self.member_streams,
                Turns(2, 1),
                self.streams,
                none,
                crashed,
                give_way,
            ),
        )

    def options(self) -> list[tuple[str, int]]:
        """The same as gRPC channel arguments."""
        return [
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            # With it gRPC takes in megabytes of a fast caller's call that nobody reads, instead of 64 KiB.
            ("grpc.http2.bdp_probe", 0),
            # gRPC would take some of those in between, and not others.
            ("grpc.max_metadata_size", self.headers),
            ("grpc.absolute_max_metadata_size", self.headers),
            ("grpc.max_allowed_incoming_connections", self.connections),
            ("grpc.max_connection_idle_ms", int(self.connection_idle * _SECOND)),
            ("grpc.max_concurrent_streams", self.streams_per_connection),
            ("grpc.max_connection_age_ms", int(self.connection_age * _SECOND)),
            ("grpc.max_connection_age_grace_ms", int(self.connection_grace * _SECOND)),
            ("grpc.server_handshake_timeout_ms", int(self.handshake * _SECOND)),
            ("grpc.keepalive_time_ms", int(self.keepalive * _SECOND)),
            ("grpc.keepalive_timeout_ms", int(self.keepalive_timeout * _SECOND)),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", int(self.min_ping_interval * _SECOND)),
        ]


@dataclass(frozen=True, slots=True)
class Server:
    """One gRPC server, which listens on ``port``. Make it with `build_server`."""

    port: int
    _loop: Loop
    _health: health.HealthServicer
    _conversations: Conversations
    _stopping: Event
    _guard: Guard
    _pools: Pools
    _refusals: Refusals

    def start(self, *, serving: bool = True) -> None:
        """Listen, and report SERVING, or NOT_SERVING while calls are held (`Guard.hold`)."""
        self.set_serving(serving=serving)
        self._loop.start()

    def set_serving(self, *, serving: bool) -> None:
        """Report SERVING or NOT_SERVING for every service, as when the index has fallen behind."""
        for name in ("", *SERVICES):
            self._health.set(name, _SERVING if serving else _NOT_SERVING)

    def loads(self) -> dict[str, tuple[int, int]]:
        """Of each pool the calls that are under way, and those that wait for a thread."""
        pools = self._pools
        some = {"check": pools.checks, "append": pools.appends, "read": pools.reads, "stream": pools.streams}
        loads = {name: pool.load for name, pool in some.items()}
        under_way, waiting = loads["check"]
        return loads | {"check": (under_way, waiting + self._loop.waiting)}

    def stop(self, grace: float) -> None:
        """Report NOT_SERVING, accept no more calls, give those under way ``grace`` seconds, and end.

        An append that has begun is finished even after that: its bytes may be on the disk already.
        """
        self._health.enter_graceful_shutdown()
        self._conversations.drain(StoppingError("the server is stopping; ask again"))
        self._stopping.set()
        self._refusals.close()  # those that are held would take of the grace, and some be lost
        self._loop.stop(grace)
        self._guard.close()
        self._pools.close()


class _Registry:
    """Takes the handlers of services as a gRPC server does."""

    def __init__(self, reception: Reception, pools: Pools, conversations: Conversations) -> None:
        self._reception = reception
        self._pools = pools
        self._conversations = conversations

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Leave them alone: they are registered by name, too."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Have the calls of a service received."""
        for name, handler in handlers.items():
            method = f"/{service}/{name}"
            if method == CHECK_STREAM:
                self._reception.last(method, self._conversations.begin)
            else:
                pool = self._pool(method, handler)
                self._reception.serve(method, handler, pool, short=method == CHECK)

    def _pool(self, method: str, handler: Handler) -> Pool:
        if method in CHECKS:
            return self._pools.checks
        if method in APPENDS:
            return self._pools.appends
        return self._pools.streams if handler.response_streaming else self._pools.reads


def build_server(  # noqa: PLR0913  # its parts, and where it listens
    services: Services,
    guard: Guard,
    *,
    address: str,
    credentials: grpc.ServerCredentials,
    limits: Limits | None = None,
    also: Sequence[tuple[str, grpc.ServerCredentials]] = (),
) -> Server:
    """A server that is bound to ``address`` (host:port; port 0 picks one) and not started yet.

    It is bound to the addresses ``also`` too, each with its credentials, which may be unix:PATH. Raises
    ConfigError if an address or the credentials cannot be used.
    """
    bounds = limits or Limits()
    stopping = Event()
    refusals, quotas, loop = Refusals(), services.quotas, Loop(bounds.options(), guard.crashed)
    hindrances = {"check": quotas.before_check, "append": quotas.before_append}
    pools = bounds.pools(hindrances, guard.crashed, loop.give_way)
    loop.ticks.append(guard.streams.retry)
    loop.ticks += [pool.retry for pool in (pools.checks, pools.appends, pools.reads, pools.streams)]
    state = health.HealthServicer()
    bound = (bounds.conversations, bounds.member_conversations)
    conversations = Conversations(services.checker, loop, pools.checks, quotas, *bound)
    # It has of a server what the generated functions use.
    registry: Any = _Registry(Reception(guard, loop, refusals, Untaken(bounds.untaken)), pools, conversations)
    checks = CheckHandler(services.checker, pools.checks, quotas, services.attester)
    check_pb2_grpc.add_CheckServiceServicer_to_server(checks, registry)
    log_pb2_grpc.add_LogServiceServicer_to_server(
        LogHandler(services, pools, stopping, guard.timer), registry
    )
    certificate_pb2_grpc.add_CertificateServiceServicer_to_server(
        CertificateHandler(services.renewer, services.uses, pools.reads), registry
    )
    governance_pb2_grpc.add_GovernanceServiceServicer_to_server(
        GovernanceHandler(services.proposals, pools.appends), registry
    )
    conduct_pb2_grpc.add_ConductServiceServicer_to_server(
        ConductHandler(services.matters, pools.reads, pools.streams, stopping, guard.timer), registry
    )
    health_pb2_grpc.add_HealthServicer_to_server(state, registry)
    names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, registry)
    ports = []
    for place, its in ((address, credentials), *also):
        ports.append(loop.listen(place, its))
        if not ports[-1]:
            msg = f"cannot listen on {place}: check the address, the port and the server's certificate"
            raise ConfigError(msg)
    return Server(ports[0], loop, state, conversations, stopping, guard, pools, refusals)


def server_credentials(tls: Tls, renewed: Callable[[], Tls | None]) -> grpc.ServerCredentials:
    """The credentials of a server that requires a certificate of every client.

    ``renewed`` is called at each handshake, in a thread of gRPC: it returns the credentials to
    use from now on, or None to keep the current ones. It must not raise: gRPC would silently keep them.
    """

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        new = renewed()
        return None if new is None else _configuration(new)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(tls),
        fetch,  # type: ignore[arg-type]  # None is allowed; the stub omits it
        require_client_authentication=True,
    )


def _configuration(tls: Tls) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(tls.key, tls.certificate)], tls.authority)
