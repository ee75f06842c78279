"""Spans, as a collector gets them."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import structlog
from collector import Collector
from structlog.testing import LogCapture

from hashpact.observing.tracing import Spans
from hashpact.wire.server.ended import Ended

CHECK = "/hashpact.wire.v1.CheckService/Check"
TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"


def test_a_call_is_one_span_under_its_callers() -> None:
    now = time.time()
    with Collector() as collector:
        spans = Spans(collector.url, structlog.get_logger())
        spans.record(now, Ended(CHECK, "OK", 0.25, None, "", "r-1", TRACE))
        spans.record(now, Ended(CHECK, "UNAVAILABLE", 0.5, "UNAVAILABLE", "checker", "r-2", None))
        spans.close()
        first, second = collector.spans
        assert (first.trace_id, first.parent_span_id) == (bytes.fromhex("ab" * 16), bytes.fromhex("cd" * 8))
        assert first.name == "hashpact.wire.v1.CheckService/Check"
        assert abs(first.end_time_unix_nano - first.start_time_unix_nano - 250_000_000) < 1000
        assert abs(first.end_time_unix_nano - now * 1e9) < 1e6
        assert collector.attributes(0) == {
            "rpc.system": "grpc",
            "rpc.service": "hashpact.wire.v1.CheckService",
            "rpc.method": "Check",
            "rpc.response.status_code": "OK",
            "hashpact.request_id": "r-1",
        }
        assert (first.status.code, second.status.code, second.parent_span_id) == (0, 2, b"")
        assert b"checker" not in collector.bytes


def test_a_collector_that_is_not_there_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")  # seconds of trying again; ten otherwise
    events = LogCapture()
    with Collector() as gone:
        url = gone.url
    spans = Spans(url, structlog.wrap_logger(None, processors=[events]))
    spans._provider.force_flush(1)
    spans.record(time.time(), Ended(CHECK, "OK", 0.1, None, "", "r", None))
    spans.close()
    assert {entry["event"] for entry in events.entries} == {"spans cannot be sent"}


def test_without_opentelemetry_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from hashpact.errors import ConfigError\n"
        "from hashpact.observing.tracing import Spans\n"
        "try:\n    Spans('http://127.0.0.1:1', None)\n"
        "except ConfigError as error:\n    print(error.message)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "traces needs OpenTelemetry: pip install 'hashpact[otel]'\n"
