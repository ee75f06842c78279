"""A real server under real traffic: what dashboard and alerts ask for is there, and calls can be followed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
from builders import fingerprint
from collector import Collector
from promql import DASHBOARD, RULES, rules, selectors, series, targets
from running import BOTH, RunningServer, answered, found, plain_port

from hashpact.domain.fingerprints import PDQ
from hashpact.errors import NotFoundError
from hashpact.member.clients import Client
from hashpact.wire.v1 import log_pb2


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the member acme-video."""
    return found(tmp_path_factory.mktemp("observing"), {"acme-video": BOTH})


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[RunningServer]:
    """A server of it that has answered calls of several kinds."""
    with RunningServer(home, HASHPACT_METRICS="127.0.0.1:0", HASHPACT_HEALTH="localhost:0") as running:
        work(running)
        yield running


def work(server: RunningServer) -> None:
    """Checks, an append, and a call that is refused."""
    with Client(server.profile("acme-video")) as client:
        for number in range(5):
            client.check([fingerprint(PDQ, str(number))])
        client.submit([fingerprint(PDQ, str(time.time_ns()))], labels=["fraud"])
        with contextlib.suppress(NotFoundError):
            client.entry(10**6)


Scrape: TypeAlias = list[tuple[str, dict[str, str], float]]


def scraped(server: RunningServer, holds: Callable[[dict[tuple[str, ...], float]], bool]) -> Scrape:
    """A scrape of which that holds: calls are counted, and gauges set, a little later.

    It gets the values by the names of their metrics with the values of their labels, in order.
    """
    deadline = time.monotonic() + 120
    while True:
        status, body = answered(plain_port(server.log, "metrics"), "/metrics")
        assert status == 200
        found = list(series(body.decode()))
        if holds(by_labels(found)):
            return found
        assert time.monotonic() < deadline, by_labels(found)
        time.sleep(0.05)


def by_labels(scrape: Scrape) -> dict[tuple[str, ...], float]:
    """The values by the names of their metrics with the values of their labels, in order."""
    return {(name, *sorted(labels.values())): value for name, labels, value in scrape}


def test_every_query_of_dashboard_and_alerts_finds_what_it_asks_for(server: RunningServer) -> None:
    values = scraped(
        server,
        lambda found: (
            {
                ("hashpact_refused_calls_total", "NOT_FOUND", "contributor"),
                ("hashpact_member_keys_ending", "7"),
            }
            <= set(found)
        ),
    )
    for title, expression, _ in targets():
        for one in selectors(expression):
            assert any(one.takes(name, labels) for name, labels, _ in values), (title, one)
    never = {"OVERLOADED", "UNAUTHENTICATED"}
    for rule in rules():
        for one in selectors(rule["expr"]):
            absent = any(word in value for _, _, value in one.matchers for word in (*never, "INTERNAL"))
            there = any(one.takes(name, labels) for name, labels, _ in values)
            elsewhere = one.name == "up" or one.name.startswith("hashpact_mirror_")  # a mirror has these
            assert there or absent or elsewhere, (rule["alert"], one)


def test_the_values_are_those_of_the_server(server: RunningServer, home: Path) -> None:
    published = home / "log" / "checkpoint"
    values = by_labels(
        scraped(
            server,
            lambda found: (
                found.get(("hashpact_refused_calls_total", "NOT_FOUND", "contributor"), 0) > 0
                and found.get(("hashpact_index_items", "pdq/1"), 0) > 0
                and found.get(("hashpact_checkpoint_time_seconds",)) == published.stat().st_mtime
                and found["hashpact_log_leaves",] == found["hashpact_index_position",] == 5
                and found["hashpact_unsigned_leaves",] == found["hashpact_unpublished_leaves",] == 0
            ),
        )
    )
    assert values["hashpact_rpc_duration_seconds_count", "CheckService/Check", "OK"] == 5
    assert values["hashpact_commit_duration_seconds_count",] == 1
    assert values["hashpact_serving",] == 1
    assert abs(values["hashpact_resident_memory_bytes",] / server.memory - 1) < 0.5
    assert 0 < values["hashpact_cpu_seconds_total",] < 600
    year = 365 * 24 * 3600
    assert (
        abs(values["hashpact_certificate_expiry_time_seconds", "server"] - time.time() - year) < 2 * 24 * 3600
    )
    assert values["hashpact_member_keys_ending", "60"] == 0


def test_health_is_on_a_port_of_its_own(server: RunningServer) -> None:
    port = plain_port(server.log, "health")
    assert answered(port, "/livez") == (200, b"ok\n")
    assert answered(port, "/readyz") == (200, b"serving\n")
    assert answered(port, "/metrics")[0] == 404
    assert answered(plain_port(server.log, "metrics"), "/readyz")[0] == 404


def test_workers_are_counted_together_and_what_one_has_counted_stays(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with RunningServer(
        home, "--workers", "2", HASHPACT_METRICS="127.0.0.1:0", HASHPACT_HEALTH="localhost:0"
    ) as server:
        assert answered(plain_port(server.log, "health"), "/readyz") == (200, b"serving\n")
        checks = ("hashpact_rpc_duration_seconds_count", "CheckService/Check", "OK")
        work(server)
        scraped(
            server,
            lambda found: (
                found.get(checks) == 5
                and found.get(("hashpact_serving",)) == 2
                and found.get(("hashpact_index_position",)) == found.get(("hashpact_log_leaves",)) == 5
                and found["hashpact_commit_duration_seconds_count",] == 1
                and found.get(("hashpact_index_unsaved_items",), 0) > 0
            ),
        )
        events = [json.loads(line) for line in server.log.splitlines()]
        workers = [one["pid"] for one in events if one["event"] == "serving" and "pid" in one]
        assert len(workers) == 2
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        replaced = ("hashpact_events_total", "a process ended and is replaced", "error")
        scraped(server, lambda found: found[replaced] == found["hashpact_serving",] == 2)
        work(server)
        scraped(server, lambda found: found.get(checks) == 10)
        assert server.stop() == 0


def test_one_port_for_both(tmp_path: Path) -> None:
    address = "127.0.0.1:0"
    with RunningServer(found(tmp_path, {}), HASHPACT_METRICS=address, HASHPACT_HEALTH=address) as server:
        port = plain_port(server.log, "metrics")
        assert port == plain_port(server.log, "health")
        assert answered(port, "/livez")[0] == answered(port, "/metrics")[0] == 200


def test_no_metrics_unless_they_are_configured(tmp_path: Path) -> None:
    with RunningServer(found(tmp_path, {})) as server:
        assert "metrics" not in [json.loads(line)["event"] for line in server.log.splitlines()]


def refused(server: RunningServer, *metadata: tuple[str, str]) -> dict[str, str]:
    """The trailing metadata of a call that is refused."""
    tls = server.profile("acme-video").endpoint.tls
    credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
    with grpc.secure_channel(server.address, credentials) as channel:
        call: Any = channel.unary_unary(
            "/hashpact.wire.v1.LogService/GetEntry",
            request_serializer=log_pb2.GetEntryRequest.SerializeToString,
        )
        with pytest.raises(grpc.RpcError) as caught:
            call(log_pb2.GetEntryRequest(name="entries/1000000"), timeout=120, metadata=metadata)
    failed: Any = caught.value
    assert failed.code() is grpc.StatusCode.NOT_FOUND
    return {name: value for name, value in failed.trailing_metadata() if name == "x-request-id"}


def lines(server: RunningServer, request: str) -> list[dict[str, Any]]:
    """The lines of log with a request id, once there is one."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        whole = server.log.rpartition("\n")[0].splitlines()
        found = [line for line in map(json.loads, whole) if line.get("request") == request]
        if found:
            return found
        time.sleep(0.05)
    pytest.fail(f"no line has the request id {request}")


def test_a_call_can_be_followed_from_the_caller_to_the_log(server: RunningServer) -> None:
    request = f"upload-{time.time_ns()}"
    assert refused(server, ("x-request-id", request)) == {"x-request-id": request}
    (line,) = lines(server, request)
    assert (line["rpc"].rpartition("/")[2], line["reason"]) == ("GetEntry", "NOT_FOUND")
    made = refused(server, ("x-request-id", "f" * 64))["x-request-id"]
    assert made != "f" * 64
    assert lines(server, made)[0]["member"] == "acme-video"
    assert "f" * 64 not in server.log


def test_a_log_for_people_and_its_level(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with RunningServer(home, HASHPACT_LOG_FORMAT="text", HASHPACT_LOG_LEVEL="debug") as server:
        work(server)
        assert server.stop() == 0
        text = server.log
    assert all(line.startswith("timestamp=") for line in text.splitlines())
    assert " level=info event=rpc rpc=/hashpact.wire.v1.CheckService/Check code=OK " in text
    assert ' level=debug event="followed the log" ' in text
    with RunningServer(home, HASHPACT_LOG_LEVEL="warning") as server:
        work(server)
        assert server.stop() == 0
        assert server.log == text


def test_spans_reach_a_collector(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with Collector() as collector:
        with RunningServer(home, HASHPACT_TRACES=collector.url, HASHPACT_ACCESS_LOG="off") as server:
            work(server)
            assert server.stop() == 0
        methods = [collector.attributes(number)["rpc.method"] for number in range(len(collector.spans))]
        assert methods.count("Check") == 5
        assert {"Append", "GetEntry"} <= set(methods)
        assert b"acme-video" not in collector.bytes


def prometheus(tmp_path: Path, port: int) -> Iterator[int]:
    """A Prometheus that scrapes a port each second, with the shipped rules; the port that it answers on."""
    config = tmp_path / "prometheus.yml"
    job = {"job_name": "hashpact", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    config.write_text(
        json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job], "rule_files": [str(RULES)]})
    )
    log = tmp_path / "prometheus.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [
                shutil.which("prometheus") or "",
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                "--web.listen-address=127.0.0.1:0",
            ],
            stderr=stream,
        )
    try:
        while "Listening on" not in log.read_text() and process.poll() is None:
            time.sleep(0.05)
        (line,) = [line for line in log.read_text().splitlines() if "Listening on" in line]
        address = line.split("address=")[1]
        yield int(address.split()[0].rpartition(":")[2])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


@pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus (Debian: prometheus) is not installed"
)
def test_a_real_prometheus_has_data_for_every_query_of_the_dashboard(
    server: RunningServer, tmp_path: Path
) -> None:
    done = threading.Event()

    def busy() -> None:
        while not done.wait(0.1):
            work(server)

    worker = threading.Thread(target=busy)
    worker.start()
    try:
        with contextlib.contextmanager(prometheus)(tmp_path, plain_port(server.log, "metrics")) as port:
            wanted = {expression.replace("$__rate_interval", "30s") for _, expression, _ in targets()}
            deadline = time.monotonic() + 120
            while wanted:
                wanted = {expression for expression in wanted if not finite(port, expression)}
                assert time.monotonic() < deadline, wanted
            firing = json.loads(answered(port, "/api/v1/alerts")[1])["data"]["alerts"]
            assert [alert for alert in firing if alert["state"] == "firing"] == []
    finally:
        done.set()
        worker.join()


def finite(port: int, expression: str) -> bool:
    """Whether a query is answered with a number."""
    status, body = answered(port, f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
    if status == 503:
        return False  # it is starting
    assert status == 200, (DASHBOARD, expression, body)
    values = [result["value"][1] for result in json.loads(body)["data"]["result"]]
    return bool(values) and "NaN" not in values
