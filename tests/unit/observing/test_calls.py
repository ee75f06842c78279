"""Calls are counted together, by method, status, reason and class; what is too much is bounded."""

from __future__ import annotations

import pytest
from promql import series

from hashpact.observing import calls
from hashpact.observing.calls import CallMeter
from hashpact.observing.metrics import Metrics
from hashpact.wire.server.ended import Ended

CHECK = "/hashpact.wire.v1.CheckService/Check"


def counted(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by its labels, in the order of their names."""
    found = series(metrics.exposed().decode())
    return {
        tuple(value for _, value in sorted(labels.items())): value
        for key, labels, value in found
        if key == name
    }


def test_calls_are_counted_when_they_are_flushed() -> None:
    metrics = Metrics()
    meter = CallMeter(metrics, None)
    for seconds in (0.001, 0.002):
        meter.record(Ended(CHECK, "OK", seconds, None, "", "r", None))
    meter.record(Ended(CHECK, "RESOURCE_EXHAUSTED", 0.0, "OVERLOADED", "checker", "r", None))
    meter.record(Ended("/grpc.health.v1.Health/Check", "OK", 0.0, None, "", "r", None))
    assert counted(metrics, "hashpact_rpc_duration_seconds_count") == {}
    meter.flush()
    meter.flush()
    assert counted(metrics, "hashpact_rpc_duration_seconds_count") == {
        ("OK", "CheckService/Check"): 2,
        ("RESOURCE_EXHAUSTED", "CheckService/Check"): 1,
        ("OK", "grpc.health.v1.Health/Check"): 1,
    }
    assert counted(metrics, "hashpact_rpc_duration_seconds_sum")["OK", "CheckService/Check"] == 0.003
    assert counted(metrics, "hashpact_refused_calls_total") == {("checker", "OVERLOADED"): 1}


def test_calls_that_are_not_flushed_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_MOST", 3)
    metrics = Metrics()
    meter = CallMeter(metrics, None)
    for _ in range(5):
        meter.record(Ended(CHECK, "OK", 1.0, None, "", "r", None))
    meter.flush()
    assert counted(metrics, "hashpact_rpc_duration_seconds_count") == {("OK", "CheckService/Check"): 3}
