"""The benchmark of a server: what it counts, its ratios and promises, and a small run of all of it."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from benchmarks import batching, exchange, serve, streaming
from benchmarks.driving import Turn, drive
from benchmarks.processes import Server, running
from benchmarks.serve import AIO, BOUNDS, FLIGHTS, FOUR, FOUR_MATCH, MATCH, MISS, OURS, SWEEP, SYNC

BUSY = """
import sys, threading, time
def burn():
    while time.thread_time() < 0.2: pass
thread = threading.Thread(target=burn)
thread.start(); thread.join()
print(time.process_time(), flush=True)
sys.stdin.read()
"""


def test_the_time_of_a_process_counts_threads_that_have_ended() -> None:
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        own = float(process.stdout.readline())
        counted = Server(process.pid, "").seconds()
        process.communicate()
    assert 0.2 <= own <= counted < own + 0.1


def test_a_server_that_does_not_start_ends_the_benchmark_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no port left')"]
    with pytest.raises(SystemExit, match="no port left"), running(command, tmp_path / "log"):
        pass


@contextmanager
def serving(
    method: Callable[[bytes, grpc.ServicerContext], bytes],
) -> Iterator[grpc.UnaryUnaryMultiCallable[bytes, bytes]]:
    """A method of a server in this process."""
    server = grpc.server(ThreadPoolExecutor(8))
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Call": grpc.unary_unary_rpc_method_handler(method)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel.unary_unary("/test.Test/Call")
    server.stop(None).wait()


@pytest.mark.parametrize("at_once", [1, 4])
def test_so_many_calls_are_in_flight_and_no_more(at_once: int) -> None:
    barrier, counting, under_way, most = threading.Barrier(at_once), threading.Lock(), 0, 0

    def method(request: bytes, _context: grpc.ServicerContext) -> bytes:
        nonlocal under_way, most
        with counting:
            under_way += 1
            most = max(most, under_way)
        barrier.wait(120)
        with counting:
            under_way -= 1
        return request

    with serving(method) as call:
        assert len(drive(call, [b"x"] * 12, at_once)) == 12
    assert most == at_once


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_call_that_fails_ends_the_benchmark(at_once: int) -> None:
    def method(request: bytes, context: grpc.ServicerContext) -> bytes:
        if request == b"bad":
            context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        return request

    with serving(method) as call, pytest.raises(SystemExit, match="away"):
        drive(call, [b"good", b"bad", b"good"], at_once)


def a_round(ours: float, aio: float, sync: float) -> dict[str, Turn]:
    return {OURS: Turn(ours, 2.0, [0.001] * 4), AIO: Turn(aio, 1.0, [0.002]), SYNC: Turn(sync, 1.0, [0.003])}


def test_ratios_are_of_one_round_and_their_median_counts() -> None:
    found = serve.figures([a_round(100, 100, 50), a_round(400, 200, 100), a_round(900, 300, 900)])
    assert (found["ours_us"], found["aio_us"], found["sync_us"]) == (400, 200, 100)
    assert (found["x_aio"], found["x_aio_of_rounds"]) == (2, [1, 2, 3])
    assert found["x_sync"] == 2
    assert (found["calls/s"], found["aio_calls/s"]) == (2, 1)
    assert found["ours_p99_ms"] == pytest.approx(1)


def rows_at_the_bounds() -> list[dict[str, Any]]:
    rows = [
        {"entries": 1000, "case": case, "in_flight": flight, "x_aio": 9.0, "x_sync": 9.0}
        for case in (MISS, MATCH, FOUR, FOUR_MATCH)
        for flight in FLIGHTS
    ]
    for case, flight, echoed, most in BOUNDS:
        (row,) = (row for row in rows if (row["case"], row["in_flight"]) == (case, flight))
        row[f"x_{echoed}"] = most
    return rows


def test_the_promises_are_kept_at_their_bounds_and_each_can_be_missed() -> None:
    rows = rows_at_the_bounds()
    assert [promise.kept for promise in serve.promises(rows)] == [True] * len(BOUNDS)
    for case, flight, echoed, most in BOUNDS:
        worse = [dict(row) for row in rows]
        (row,) = (row for row in worse if (row["case"], row["in_flight"]) == (case, flight))
        row[f"x_{echoed}"] = most + 0.01
        (missed,) = (promise for promise in serve.promises(worse) if not promise.kept)
        assert missed.what == f"1,000: {case}, {flight} in flight / {echoed} echo"


def test_a_batch_costs_what_its_turn_took_for_a_code_and_shares_are_of_one_round() -> None:
    played = [Turn(us, 1.0, [0.025] * 3) for us in (20_000, 40_000, 30_000)]
    found = batching.figures(played, [19.0, 20.0, 27.0])
    assert (found["us"], found["kernel_us"]) == (30, 20)
    assert found["share_of_rounds"] == [0.95, 0.5, 0.9]
    assert found["share"] == 0.9
    assert found["checks/s/core"] == pytest.approx(33_333, abs=1)
    assert found["kernel_checks/s"] == 50_000
    assert found["p50_ms"] == 25


def a_batch(entries: int, share: float, rate: float) -> dict[str, Any]:
    return {
        "entries": entries,
        "batch": batching.SOME,
        "in_flight": 4,
        "share": share,
        "checks/s/core": rate,
    }


@pytest.mark.parametrize(
    ("entries", "share", "rate"),
    [(100_000, None, 35_000), (1_000_000, 0.95, 35_000), (10_000_000, 0.95, 15_000)],
)
def test_the_promises_of_batches_are_kept_at_their_bounds_and_each_can_be_missed(
    entries: int, share: float | None, rate: float
) -> None:
    def missed(share: float, rate: float) -> list[str]:
        held = batching.promises([a_batch(entries, share, rate)])
        return [promise.what.partition("in flight")[2] for promise in held if not promise.kept]

    least = 0.0 if share is None else share
    assert missed(least, rate) == []
    assert missed(least, rate - 1) == [", checks/s/core"]
    assert missed(least - 0.001, rate) == ([] if share is None else [" / the kernel"])


def test_a_message_is_compared_with_a_call_of_the_same_round_and_its_promise_can_be_missed() -> None:
    played = [
        {"unary": Turn(unary, 1.0, [0.1]), "stream": Turn(stream, 2.0, [0.002] * 4)}
        for unary, stream in ((100, 50), (400, 240), (100, 90))
    ]
    found = streaming.figures(played)
    assert (found["stream_us"], found["unary_us"], found["x_unary"]) == (90, 100, 0.6)
    assert found["x_unary_of_rounds"] == [0.5, 0.6, 0.9]
    assert (found["messages/s"], found["p50_ms"]) == (2, 2)
    row = {"entries": 1000, "case": MISS, "in_flight": 16, **found}
    (promise,) = streaming.promises([row, row | {"case": MATCH}, row | {"in_flight": 1}], MISS)
    assert promise.kept
    (promise,) = streaming.promises([row | {"x_unary": 0.61}], MISS)
    assert not promise.kept


def test_theirs_is_compared_within_a_round() -> None:
    played = [
        {OURS: Turn(us, 1.0, [0.001] * 4), exchange.THEIRS: Turn(theirs, 2.0, [0.002] * 4)}
        for us, theirs in ((100, 500), (50, 150), (200, 800))
    ]
    found = exchange.figures(played, OURS)
    assert (found["ours_us"], found["theirs_us"], found["x"]) == (100, 500, 4)
    assert found["x_of_rounds"] == [3, 4, 5]
    assert (found["ours_calls/s"], found["theirs_calls/s"]) == (4, 2)


def test_those_that_match_are_spread_over_a_batch() -> None:
    assert list(batching.places(0)) == []
    assert list(batching.places(10)) == list(range(0, 1000, 100))


def test_a_small_run_has_all_cases_of_a_real_server(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (serve, exchange):
        monkeypatch.setattr(module, "REQUESTS", 50)
    monkeypatch.setattr(batching, "BATCHES", 3)
    arguments = "serve --sizes 256 --rounds 1 --calls 10 --batches 3 --json --check"
    monkeypatch.setattr(sys, "argv", arguments.split())
    status = serve.main()
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    measured = {(row["case"], row["in_flight"]) for row in report["rows"] if row["ours_us"] > 0}
    expected = set(itertools.product((MATCH, FOUR, FOUR_MATCH), FLIGHTS))
    assert measured == expected | set(itertools.product((MISS,), SWEEP))
    batched = {
        (row["batch"], row["in_flight"]) for row in report["batches"] if row["us"] > row["kernel_us"] > 0
    }
    assert batched == set(itertools.product(batching.CASES, batching.FLIGHTS))
    streamed = {(row["case"], row["in_flight"]) for row in report["streams"] if row["stream_us"] > 0}
    assert streamed == set(itertools.product((MISS, MATCH, FOUR, FOUR_MATCH), streaming.FLIGHTS))
    missed = sum(promise["verdict"] == "FAIL" for promise in report["promises"])
    assert printed.err.count("missed: ") == missed
    assert status == (missed > 0)
    serve.show(report)
    shown = capsys.readouterr().out
    assert "Batches" in shown
    assert "Streams" in shown
    assert "Promises" in shown
