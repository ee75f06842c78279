"""An OpenTelemetry collector that keeps what it gets: OTLP over gRPC on loopback."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans that it is sent, and the bytes that they came in."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.bytes = b""
        self._server = grpc.server(ThreadPoolExecutor(1))
        serve: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server  # it has no types
        serve(self, self._server)
        self.url = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def Export(self, request: Any, context: object) -> Any:  # noqa: ANN401, ARG002, N802  # gRPC names it; protobuf
        """Keep what is sent."""
        self.bytes += request.SerializeToString()
        for resource in request.resource_spans:
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def attributes(self, number: int) -> dict[str, str]:
        """The attributes of a span."""
        return {each.key: each.value.string_value for each in self.spans[number].attributes}

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()
