"""The gRPC server of one process: channels, limits, health, reflection, and how it stops.

Everything is an argument: nothing here reads a configuration or keeps a global.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from hashpact.errors import ConfigError, StoppingError
from hashpact.keys.certificates import Tls
from hashpact.wire.codec import MAX_MESSAGE
from hashpact.wire.server.admission.arrivals import Refusals
from hashpact.wire.server.admission.pools import Arrivals, Pool
from hashpact.wire.server.admission.turns import Turns
from hashpact.wire.server.conversations import Conversations
from hashpact.wire.server.guard import Guard, Handler
from hashpact.wire.server.handlers import (
    CertificateHandler,
    CheckHandler,
    GovernanceHandler,
    LogHandler,
    Pools,
    Services,
)
from hashpact.wire.server.identity import CHECK_STREAM, CHECKS
from hashpact.wire.v1 import (
    certificate_pb2,
    certificate_pb2_grpc,
    check_pb2,
    check_pb2_grpc,
    governance_pb2,
    governance_pb2_grpc,
    log_pb2,
    log_pb2_grpc,
)

CHECK_SERVICE: Final = check_pb2.DESCRIPTOR.services_by_name["CheckService"].full_name
CERTIFICATE_SERVICE: Final = certificate_pb2.DESCRIPTOR.services_by_name["CertificateService"].full_name
GOVERNANCE_SERVICE: Final = governance_pb2.DESCRIPTOR.services_by_name["GovernanceService"].full_name
LOG_SERVICE: Final = log_pb2.DESCRIPTOR.services_by_name["LogService"].full_name
APPENDS: Final = frozenset(
    {f"/{LOG_SERVICE}/Append", f"/{GOVERNANCE_SERVICE}/Propose", f"/{GOVERNANCE_SERVICE}/ListProposals"}
)
"""The methods that write, or read beside those that do."""
SERVICES: Final = (CHECK_SERVICE, LOG_SERVICE, CERTIFICATE_SERVICE, GOVERNANCE_SERVICE)

CONNECTIONS: Final = 2000
"""The most connections of one process. An idle one costs 70 to 92 KB, one in a handshake 20 to 45 KB: so they
cost less than 200 MB together. Fewer would be quicker to use up."""

_SECOND: Final = 1000
_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one server; times in seconds.

    A call has ``headers`` bytes of metadata at most.

    Above ``connections`` a new one is closed at once. One in a handshake counts; it ends after ``handshake``,
    and one without a call after ``connection_idle``, so that an unused connection gives its place back.

    A connection ends at ``connection_age`` (gRPC spreads it by a tenth to either side), so that clients
    spread over new processes and a revoked certificate's channel does not live on; a call under way then
    has ``connection_grace`` to end.

    ``checks`` threads answer checks at a time, and half of them those that take long; an append may wait for
    the disk or for witnesses, so there are many of those. A member has so many calls of each kind under way
    at most, in one process: ``member_calls`` checks, appends and reads each, ``member_streams`` of all
    ``streams``, and ``member_conversations`` of all ``conversations`` (CheckStream), which keep no threads.
    ``concurrent_rpcs`` is more than all pools have threads: gRPC refuses what is beyond it without a look at
    the caller.
    """

    headers: int = 8192
    connections: int = CONNECTIONS
    concurrent_rpcs: int = 2048
    streams_per_connection: int = 100
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

    def pools(self, arrivals: Callable[[str], Arrivals] = lambda _name: Arrivals()) -> Pools:
        """The threads of each kind of call; ``arrivals`` of a kind are those of its calls."""

        def pool(name: str, running: int, slots: int) -> Pool:
            turns, each = Turns(slots, max(1, slots // 2)), max(1, running // 2)
            calls = self.member_calls
            return Pool(name, running, 4 * calls, calls, turns, each, arrivals(name))

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
                arrivals("stream"),
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


class Server:
    """One gRPC server. Make it with `build_server`."""

    def __init__(
        self,
        server: grpc.Server,
        state: health.HealthServicer,
        conversations: Conversations,
        parts: tuple[Guard, Pools, Refusals],
        port: int,
    ) -> None:
        self.port = port
        self._server = server
        self._health = state
        self._conversations = conversations
        self._parts = parts

    def start(self, *, serving: bool = True) -> None:
        """Listen, and report SERVING, or NOT_SERVING while calls are held (`Guard.hold`)."""
        self.set_serving(serving=serving)
        self._server.start()

    def set_serving(self, *, serving: bool) -> None:
        """Report SERVING or NOT_SERVING for every service, as when the index has fallen behind."""
        for name in ("", *SERVICES):
            self._health.set(name, _SERVING if serving else _NOT_SERVING)

    def loads(self) -> dict[str, tuple[int, int]]:
        """Of each pool the calls that are under way, and those that wait for a thread."""
        _, pools, _ = self._parts
        some = {"check": pools.checks, "append": pools.appends, "read": pools.reads, "stream": pools.streams}
        return {name: pool.load for name, pool in some.items()}

    def stop(self, grace: float) -> None:
        """Report NOT_SERVING, accept no more calls, give those under way ``grace`` seconds, and end.

        An append that has begun is finished even after that: its bytes may be on the disk already.
        """
        self._health.enter_graceful_shutdown()
        self._conversations.drain(StoppingError("the server is stopping; ask again"))
        guard, pools, refusals = self._parts
        refusals.close()  # those that are held would take of the grace, and some be lost
        self._server.stop(grace).wait()
        guard.close()
        pools.close()


class _Registry:
    """Takes the handlers of services as a gRPC server does, and gives the server guarded ones."""

    def __init__(self, server: grpc.Server, guard: Guard, pools: Pools, conversations: Conversations) -> None:
        self._server = server
        self._conversations = conversations
        self._guard = guard
        self._pools = pools

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Leave them alone: they are registered by name, too."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Guard the handlers of a service."""
        guarded = {}
        for name, handler in handlers.items():
            method = f"/{service}/{name}"
            if method == CHECK_STREAM:
                guarded[name] = self._guard.lasting(method, self._conversations.begin, self._pools.checks)
                continue
            guarded[name] = self._guard.before(method, handler, self._pool(method, handler))
        self._server.add_registered_method_handlers(service, guarded)

    def _pool(self, method: str, handler: Handler) -> Pool:
        if method in CHECKS:
            return self._pools.checks
        if method in APPENDS:
            return self._pools.appends
        return self._pools.streams if handler.response_streaming else self._pools.reads


def build_server(
    services: Services,
    guard: Guard,
    *,
    address: str,
    credentials: grpc.ServerCredentials,
    limits: Limits | None = None,
) -> Server:
    """A server that is bound to ``address`` (host:port; port 0 picks one) and not started yet.

    Raises ConfigError if the address or the credentials cannot be used.
    """
    bounds = limits or Limits()
    refusals, quotas = Refusals(guard.refused, guard.bars), services.quotas
    others = refusals.arrivals()
    arrivals = {
        "check": refusals.arrivals(quotas.before_check),
        "append": refusals.arrivals(quotas.before_append),
    }
    pools = bounds.pools(lambda name: arrivals.get(name, others))
    server = grpc.server(
        pools.reads, options=bounds.options(), maximum_concurrent_rpcs=bounds.concurrent_rpcs
    )
    state = health.HealthServicer()
    bound = (bounds.conversations, bounds.member_conversations)
    conversations = Conversations(services.checker, pools.checks, quotas, *bound)
    registry: Any = _Registry(
        server, guard, pools, conversations
    )  # has of a server what the generated functions use
    checks = CheckHandler(services.checker, pools.checks, quotas)
    check_pb2_grpc.add_CheckServiceServicer_to_server(checks, registry)
    log_pb2_grpc.add_LogServiceServicer_to_server(LogHandler(services, pools), registry)
    certificate_pb2_grpc.add_CertificateServiceServicer_to_server(
        CertificateHandler(services.renewer, services.uses, pools.reads), registry
    )
    governance_pb2_grpc.add_GovernanceServiceServicer_to_server(
        GovernanceHandler(services.proposals, pools.appends), registry
    )
    health_pb2_grpc.add_HealthServicer_to_server(state, registry)
    names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, registry)
    try:
        port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        msg = f"cannot listen on {address}: check the address, the port and the server's certificate"
        raise ConfigError(msg) from error
    return Server(server, state, conversations, (guard, pools, refusals), port)


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
