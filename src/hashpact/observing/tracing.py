"""OpenTelemetry spans, one for each call, sent to a collector by OTLP over gRPC.

A span has the method, the status, the request id and the times of a call, and nothing of its content or its
member. Its parent is the caller's span, if the call has a `traceparent` (W3C Trace Context).
"""

from __future__ import annotations

import logging
from typing import Final

from structlog.typing import FilteringBoundLogger

from hashpact.errors import ConfigError
from hashpact.wire.server.ended import Ended

try:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as missing:
    _MISSING: ImportError | None = missing
else:
    _MISSING = None

_NANO: Final = 1_000_000_000
_FAULTS: Final = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""The statuses that are errors in a server's span (OpenTelemetry's conventions for gRPC)."""


class Spans:
    """Makes spans of calls that have ended. OTEL_TRACES_SAMPLER and so on say which are kept."""

    def __init__(self, collector: str, log: FilteringBoundLogger) -> None:
        """``collector`` is a URL; with http the channel is not encrypted. Raises ConfigError."""
        if _MISSING is not None:
            msg = "traces needs OpenTelemetry: pip install 'hashpact[otel]'"
            raise ConfigError(msg, field="traces") from _MISSING
        _forward(log)
        exporter = OTLPSpanExporter(endpoint=collector, insecure=collector.startswith("http:"))
        self._provider = TracerProvider(resource=Resource.create({"service.name": "hashpact"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("hashpact")
        self._parents = TraceContextTextMapPropagator()

    def record(self, ended_at: float, call: Ended) -> None:
        """Make the span of a call that ended at a Unix time."""
        service, _, method = call.rpc.removeprefix("/").partition("/")
        end = int(ended_at * _NANO)
        parent = None if call.trace is None else self._parents.extract({"traceparent": call.trace})
        span = self._tracer.start_span(
            f"{service}/{method}",
            context=parent,
            kind=SpanKind.SERVER,
            start_time=end - int(call.seconds * _NANO),
            attributes={
                "rpc.system": "grpc",
                "rpc.service": service,
                "rpc.method": method,
                "rpc.response.status_code": call.code,
                "hashpact.request_id": call.request,
            },
        )
        if call.code in _FAULTS:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)

    def close(self) -> None:
        """Send what there is, and no more after that."""
        self._provider.shutdown()


class _Forwarding(logging.Handler):
    """Passes OpenTelemetry's own warnings on to the event log, without their text."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.warning("spans cannot be sent", reason=record.levelname)


def _forward(log: FilteringBoundLogger) -> None:
    """Let OpenTelemetry write to the event log and nowhere else."""
    theirs = logging.getLogger("opentelemetry")
    theirs.handlers = [_Forwarding(log)]
    theirs.propagate = False
