"""The serving thread, with a real client: what it does for calls, in which order, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from waits import wait_until

from hashpact.wire.server.core import loop
from hashpact.wire.server.core.incoming import IncomingCall
from hashpact.wire.server.core.loop import EVENTS, LOOKING, Loop

ECHO = "/test.Service/Echo"
OTHER = "/test.Service/Other"
SOON = 120.0


class House:
    """A server, the calls that have arrived at it, and a channel to it."""

    def __init__(self) -> None:
        self.crashes: list[Exception] = []
        self.loop = Loop([("grpc.so_reuseport", 0)], self.crashes.append)
        self.arrived: Callable[[IncomingCall], None] = lambda call: call.refuse(Refused())
        self.loop.serve(ECHO, self._take)

    def _take(self, call: IncomingCall) -> None:
        self.arrived(call)

    def start(self) -> grpc.Channel:
        """Serve, and connect."""
        local = grpc.local_server_credentials(grpc.LocalConnectionType.LOCAL_TCP)
        port = self.loop.listen("127.0.0.1:0", local)
        assert port
        self.loop.start()
        credentials = grpc.local_channel_credentials(grpc.LocalConnectionType.LOCAL_TCP)
        return grpc.secure_channel(f"127.0.0.1:{port}", credentials)


class Refused(grpc.Status):
    """A status of our own."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    details = "not today"
    trailing_metadata = (("why", "because"),)


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.loop.stop(0)
    assert not house.crashes


def echo(call: IncomingCall) -> None:
    """Answer a call with its request."""
    call.read(call.answer)


def unary(channel: grpc.Channel, method: str = ECHO) -> Any:  # noqa: ANN401 - a stub has no types
    return channel.unary_unary(method)


def test_a_call_is_answered_with_what_it_brought(house: House) -> None:
    house.arrived = echo
    with house.start() as channel:
        assert unary(channel)(b"hello", timeout=SOON) == b"hello"
        assert unary(channel)(b"", timeout=SOON) == b""


def test_a_call_is_refused_with_status_details_and_metadata(house: House) -> None:
    with house.start() as channel, pytest.raises(grpc.RpcError) as caught:
        unary(channel)(b"hello", timeout=SOON)
    error: Any = caught.value
    assert (error.code(), error.details()) == (Refused.code, "not today")
    assert ("why", "because") in [tuple(pair) for pair in error.trailing_metadata()]


def test_an_unknown_method_is_unimplemented(house: House) -> None:
    with house.start() as channel, pytest.raises(grpc.RpcError) as caught:
        unary(channel, OTHER)(b"hello", timeout=SOON)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_status_that_was_set_ends_the_call(house: House) -> None:
    def arrived(call: IncomingCall) -> None:
        call.set_code(grpc.StatusCode.NOT_FOUND)
        call.answer(b"")
        call.answer(b"twice")  # it has ended, so this does nothing
        call.refuse(Refused())

    house.arrived = arrived
    with house.start() as channel, pytest.raises(grpc.RpcError) as caught:
        unary(channel)(b"hello", timeout=SOON)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.NOT_FOUND


def test_messages_go_both_ways_and_a_caller_that_leaves_is_noticed(house: House) -> None:
    ended, left = threading.Event(), threading.Event()

    def serve(call: IncomingCall) -> None:
        try:
            for request in call.requests():
                call.send(request.upper())()
            while True:  # until the caller has left
                call.send(b"more")()
        except CancelledError:
            left.set()

    def arrived(call: IncomingCall) -> None:
        call.watch()
        call.add_callback(ended.set)
        threading.Thread(target=serve, args=(call,), daemon=True).start()

    house.arrived = arrived
    with house.start() as channel:
        method: Any = channel.stream_stream(ECHO)
        stream = method(iter([b"a", b"b"]), timeout=SOON)
        assert [next(stream) for _ in range(3)] == [b"A", b"B", b"more"]
        stream.cancel()
        assert left.wait(SOON)
        assert ended.wait(SOON)


def test_a_call_that_is_over_takes_no_callbacks_and_no_operations(house: House) -> None:
    calls: list[IncomingCall] = []
    over = threading.Event()

    def arrived(call: IncomingCall) -> None:
        calls.append(call)
        call.add_callback(over.set)
        call.cancel()

    house.arrived = arrived
    with house.start() as channel:
        with pytest.raises(grpc.RpcError):
            unary(channel)(b"hello", timeout=SOON)
        assert over.wait(SOON)
    (call,) = calls
    assert not call.is_active()
    assert not call.read(lambda _: None)
    assert not call.write(b"", lambda: None)
    assert not call.add_callback(over.set)
    call.answer(b"")
    with pytest.raises(CancelledError):
        call.send(b"")()
    assert list(call.requests()) == []


def test_short_work_is_done_in_a_fair_order_of_the_members(house: House) -> None:
    order: list[str] = []
    calls: list[IncomingCall] = []

    def finish() -> None:
        for call in calls:
            call.answer(b"")

    def arrived(call: IncomingCall) -> None:
        calls.append(call)
        if len(calls) == 1:
            for member in ("acme", "acme", "acme", "bolt"):
                house.loop.soon(member, lambda name=member: order.append(name))  # type: ignore[misc]  # it has a default
            assert house.loop.waiting == 3  # the first piece, and two members with more
            house.loop.soon("acme", finish)

    house.arrived = arrived
    with house.start() as channel:
        unary(channel)(b"hello", timeout=SOON)
    assert order[0] == "acme"
    assert "bolt" in order[1:3]
    assert sorted(order) == ["acme", "acme", "acme", "bolt"]


def flood(house: House, calls: int, seconds: float) -> list[int]:
    """Send so many calls at once, whose arrival takes that long; after how many more each was done."""
    arrivals: list[int] = []
    done: list[int] = []

    def arrived(call: IncomingCall) -> None:
        arrivals.append(1)
        began = len(arrivals)
        house.loop.soon("acme", lambda: done.append(len(arrivals) - began))
        time.sleep(seconds)
        call.read(call.answer)

    house.arrived = arrived
    with house.start() as channel:
        method = unary(channel)
        futures = [method.future(b"x", timeout=SOON) for _ in range(calls)]
        assert {future.result() for future in futures} == {b"x"}
        assert len(done) >= len(arrivals) // EVENTS
    house.loop.stop(0)
    assert len(done) == len(arrivals) == calls  # what waits at the end is done
    return done


def test_a_flood_of_calls_does_not_keep_work_from_being_done(house: House) -> None:
    """With calls arriving without end, a piece of work is done after so many events at the latest."""
    assert flood(house, 1000, 0)[0] <= EVENTS


def test_events_that_take_long_do_not_keep_work_from_being_done(house: House) -> None:
    assert max(flood(house, 100, 2 * LOOKING)) <= 1


def test_what_raises_is_told_and_ends_nothing_else() -> None:
    house = House()

    def arrived(call: IncomingCall) -> None:
        if house.crashes:
            call.read(call.answer)
            return
        house.loop.soon("acme", fail)
        fail()

    def fail() -> None:
        msg = "a mistake"
        raise ValueError(msg)

    house.arrived = arrived
    house.loop.ticks.append(fail)
    with house.start() as channel:
        with pytest.raises(grpc.RpcError):
            unary(channel)(b"hello", timeout=SOON)
        assert unary(channel)(b"again", timeout=SOON) == b"again"
    house.loop.stop(0)
    assert {type(crash) for crash in house.crashes} == {ValueError}
    assert len(house.crashes) >= 2


def test_a_callback_that_raises_does_not_keep_a_server_from_stopping() -> None:
    house, stopped = House(), threading.Event()

    def fail() -> None:
        msg = "a mistake"
        raise ValueError(msg)

    def arrived(call: IncomingCall) -> None:
        call.add_callback(fail)
        call.read(call.answer)

    def stop() -> None:
        house.loop.stop(0)
        stopped.set()

    house.arrived = arrived
    with house.start() as channel:
        assert unary(channel)(b"hello", timeout=SOON) == b"hello"
    threading.Thread(target=stop, daemon=True).start()
    assert stopped.wait(SOON)
    assert [type(crash) for crash in house.crashes] == [ValueError]


def test_ticks_go_on_when_the_clock_is_set_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: SimpleQueue[None] = SimpleQueue()
    house.loop.ticks.append(lambda: ticks.put(None))
    monkeypatch.setattr(loop, "TICK", 0.1)
    with house.start():
        ticks.get(timeout=SOON)
        real = time.time
        monkeypatch.setattr(loop, "time", SimpleNamespace(time=lambda: real() - 3600))
        while not ticks.empty():
            ticks.get()
        for _ in range(2):
            ticks.get(timeout=SOON)


def test_a_server_that_stops_cancels_what_is_under_way_after_its_grace(house: House) -> None:
    there, calls = threading.Event(), list[IncomingCall]()

    def arrived(call: IncomingCall) -> None:
        call.watch()
        calls.append(call)
        there.set()

    house.arrived = arrived
    with house.start() as channel:
        future = unary(channel).future(b"hello", timeout=SOON)
        assert there.wait(SOON)
        house.loop.stop(0.01)
        assert future.exception() is not None
        assert not calls[0].is_active()
        house.loop.stop(0.01)  # once more does nothing


def test_a_server_that_was_not_started_stops_at_once() -> None:
    Loop([], lambda _: None).stop(60)


def test_an_address_that_cannot_be_bound_has_no_port(house: House) -> None:
    with house.start():
        local = grpc.local_server_credentials(grpc.LocalConnectionType.LOCAL_TCP)
        assert Loop([], lambda _: None).listen("256.0.0.1:1", local) == 0


def test_others_give_way_while_the_serving_thread_has_work(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end, pauses = threading.Event(), threading.Event(), list[float]()

    def arrived(call: IncomingCall) -> None:
        house.loop.give_way()  # it does not give way to itself
        begun.set()
        assert end.wait(SOON)
        echo(call)

    house.arrived = arrived
    with house.start() as channel:
        wait_until(lambda: not house.loop._busy)
        now = [10.0]
        monkeypatch.setattr(
            loop, "time", SimpleNamespace(time=time.time, monotonic=lambda: now[0], sleep=pauses.append)
        )
        house.loop.give_way()
        answer = unary(channel).future(b"hello", timeout=SOON)
        assert begun.wait(SOON)
        assert pauses == []
        house.loop.give_way()
        assert len(pauses) == loop._PAUSES  # and no longer
        house.loop.give_way()  # its own part comes first
        assert len(pauses) == loop._PAUSES
        now[0] += 2 * loop._SLICE
        house.loop.give_way()
        assert len(pauses) == 2 * loop._PAUSES
        now[0] += 2 * loop._SLICE
        end.set()
        assert answer.result() == b"hello"
        wait_until(lambda: not house.loop._busy)
        house.loop.give_way()
        assert len(pauses) == 2 * loop._PAUSES
