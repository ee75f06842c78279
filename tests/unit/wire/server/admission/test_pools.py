"""Pools: no member takes all of a pool, and a call that waits lets others run."""

from __future__ import annotations

import itertools
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from hashpact.errors import OverloadedError
from hashpact.wire.server.admission import pools
from hashpact.wire.server.admission.pools import Arrivals, Pool
from hashpact.wire.server.admission.turns import Turns
from hashpact.wire.server.transport import Limits

SOON = 60
"""Seconds after which a test fails that waits for something."""


class Work:
    """Work that begins and ends when a test wants."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()

    def __call__(self, result: str = "done") -> str:
        """Wait for the test."""
        self.begun.release()
        assert self.go.wait(SOON)
        return result

    def begins(self, times: int = 1) -> None:
        """Wait until it has begun so often."""
        for _ in range(times):
            assert self.begun.acquire(timeout=SOON)

    @property
    def waits(self) -> bool:
        """Whether it has not begun again."""
        return not self.begun.acquire(blocking=False)


def always() -> bool:
    return True


@pytest.fixture
def pool() -> Iterator[Pool]:
    """Sixteen threads, of which two run; one slot for what takes long; sixteen calls a member."""
    pool = Pool("check", 2, 16, 16, Turns(1, 1), 1)
    yield pool
    pool.shutdown(cancel_futures=True)


def first(args: tuple[Any, ...]) -> str:
    """The member whose call it is, in pools that are told so."""
    return str(args[0])


def results(futures: list[Future[Any]]) -> list[Any]:
    return [future.result(SOON) for future in futures]


def test_two_run_at_a_time_and_the_others_follow(pool: Pool) -> None:
    work = Work()
    calls = [pool.submit(work, str(number)) for number in range(8)]
    work.begins(2)
    assert work.waits
    work.go.set()
    assert results(calls) == [str(number) for number in range(8)]


def test_the_thread_that_ran_last_runs_next(pool: Pool) -> None:
    both = Work()
    first = [pool.submit(both) for _ in range(2)]
    both.begins(2)
    both.go.set()
    results(first)
    threads = {pool.submit(threading.get_ident).result(SOON) for _ in range(100)}
    assert len(threads) <= 2


def test_an_error_of_the_work_is_the_futures(pool: Pool) -> None:
    def fails() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        pool.submit(fails).result(SOON)
    assert pool.submit(str).result(SOON) == ""


def test_44_a_member_has_so_many_calls_under_way() -> None:
    pool, work = Pool("check", 2, 16, 3, Turns(1, 1), 1, Arrivals(first)), Work()
    calls = [pool.submit(work, "acme") for _ in range(3)]
    with pytest.raises(OverloadedError, match="'acme' has 3 check calls under way") as caught:
        pool.submit(work, "acme").result(SOON)
    assert caught.value.details == {"member": "acme", "retry_after": "0.1"}
    calls.append(pool.submit(work, "bravo"))
    work.go.set()
    assert results(calls) == ["acme"] * 3 + ["bravo"]
    assert pool.submit(work, "acme").result(SOON) == "acme"
    pool.shutdown()


def test_44_members_that_take_all_they_can_get_leave_threads_to_others() -> None:
    pool, work = Pool("check", 2, 64, 16, Turns(1, 1), 1, Arrivals(first)), Work()
    taken: Counter[str] = Counter()
    for member in ("acme", "bravo", "carol", "dora", "emil"):
        for _ in range(16):
            call = pool.submit(work, member)
            taken[member] += not (call.done() and call.exception())
    assert taken == {"acme": 16, "bravo": 16, "carol": 16, "dora": 8, "emil": 4}
    innocent = pool.submit(work, "an innocent")
    work.go.set()
    assert innocent.result(SOON) == "an innocent"
    pool.shutdown()


def test_37_a_call_that_is_hindered_is_refused_at_once() -> None:
    refused = []

    def hindrance(member: str) -> OverloadedError | None:
        return OverloadedError("over its rate") if member == "acme" else None

    arrivals = Arrivals(first, hindrance, lambda member, args, error: refused.append((member, args, error)))
    pool = Pool("check", 2, 16, 3, Turns(1, 1), 1, arrivals)
    pool.submit(str, "acme").result(SOON)
    assert pool.submit(str, "bravo").result(SOON) == "bravo"
    ((member, args, error),) = refused
    assert (member, args, error.message) == ("acme", ("acme",), "over its rate")
    pool.shutdown()


def test_65_a_member_with_many_calls_leaves_a_thread_to_others_and_comes_in_turn() -> None:
    pool = Pool("check", 2, 64, 64, Turns(1, 1), 1, Arrivals(first))
    order: list[str] = []
    pool.submit(str, "bravo").result(SOON)
    pool.submit(str, "acme").result(SOON)  # acme is not alone
    work = Work()
    greedy = [pool.submit(work, "acme") for _ in range(6)]
    work.begins()
    assert pool.submit(str, "bravo").result(SOON) == "bravo"  # while one of acme's runs, and five wait
    assert work.waits
    hold = Work()
    held = pool.submit(hold, "carol")
    hold.begins()
    lined = [pool.submit(order.append, name) for name in ("acme", "acme", "bravo", "acme")]
    hold.go.set()
    work.go.set()
    results([*greedy, held, *lined])
    assert order.index("bravo") == 0
    pool.shutdown()


def test_65_a_member_that_is_alone_has_all_threads(pool: Pool) -> None:
    work = Work()
    calls = [pool.submit(work) for _ in range(4)]
    work.begins(2)
    work.go.set()
    results(calls)


def test_65_a_request_that_does_not_arrive_delays_no_other_call_of_its_member() -> None:
    pool = Pool("check", 2, 16, 16, Turns(1, 1), 1, Arrivals(lambda _args: names.pop(0)))
    names = ["bravo", "acme", "acme"]
    pool.submit(str).result(SOON)
    arrive = Work()
    held = pool.submit(pool.receive, arrive, always, lambda: None)
    arrive.begins()
    assert pool.submit(str).result(SOON) == ""
    arrive.go.set()
    held.result(SOON)
    pool.shutdown()


def test_44_grpc_takes_more_calls_than_the_pools_have_threads() -> None:
    limits = Limits()
    pools = limits.pools()
    held = sum(pool.threads for pool in (pools.checks, pools.appends, pools.reads, pools.streams))
    assert limits.concurrent_rpcs > held


def long(pool: Pool, member: str, work: Work, wanted: Callable[[], bool] = always) -> str:
    """Work that takes long, in a turn."""
    with pool.turn(member, wanted):
        return work(member)


def test_41_work_that_takes_long_leaves_threads_to_others(pool: Pool) -> None:
    greedy, modest = Work(), Work()
    calls = [pool.submit(long, pool, "acme", greedy) for _ in range(6)]
    greedy.begins()
    # Five wait for their turns, and two threads could not have come so far.
    other = pool.submit(modest)
    modest.begins()
    assert greedy.waits
    modest.go.set()
    greedy.go.set()
    assert results(calls) == ["acme"] * 6
    assert other.result(SOON) == "done"


def test_41_a_turn_that_nobody_waits_for_is_not_taken(pool: Pool) -> None:
    work, there = Work(), threading.Event()
    there.set()
    held = pool.submit(long, pool, "acme", work)
    work.begins()
    left = pool.submit(long, pool, "acme", work, there.is_set)
    kept = pool.submit(long, pool, "acme", work)
    there.clear()
    with pytest.raises(CancelledError):
        left.result(SOON)
    work.go.set()
    assert results([held, kept]) == ["acme"] * 2
    with pytest.raises(CancelledError):
        pool.submit(long, pool, "acme", work, there.is_set).result(SOON)


def test_41_calls_that_wait_do_not_keep_the_others_from_running() -> None:
    pool, work, looks = Pool("check", 2, 512, 256, Turns(1, 1), 1), Work(), itertools.count()
    last = Work()

    def wanted() -> bool:
        next(looks)
        return True

    held = pool.submit(long, pool, "acme", work)
    work.begins()
    waiting = [pool.submit(long, pool, "acme", last, wanted) for _ in range(200)]
    pool.submit(str).result(SOON)  # all of them wait by now, and each has looked once
    since, looked = time.monotonic(), next(looks)
    for _ in range(2000):
        pool.submit(str).result(SOON)
    assert next(looks) - looked <= 200 + 2 * 500 * (time.monotonic() - since)
    last.go.set()
    work.go.set()
    results([held, *waiting])
    pool.shutdown()


def test_41_requests_that_do_not_arrive_leave_threads_to_others(pool: Pool) -> None:
    arrive = Work()
    held = [pool.submit(pool.receive, arrive, always, lambda: None) for _ in range(6)]
    # Each is put aside for the next, though but two run at a time.
    arrive.begins(6)
    assert pool.submit(str).result(SOON) == ""
    arrive.go.set()
    assert results(held) == ["done"] * 6
    again = Work()
    after = [pool.submit(again) for _ in range(4)]
    again.begins(2)
    assert again.waits  # those that were put aside are counted again
    again.go.set()
    results(after)


def test_41_a_call_whose_request_never_arrives_is_given_up(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "RECEIVE", 0.0)
    gone = threading.Event()

    def read() -> str:
        assert gone.wait(SOON)
        return "cancelled"

    assert pool.submit(pool.receive, read, always, gone.set).result(SOON) == "cancelled"


def test_a_call_waits_while_the_system_has_no_thread_to_give(pool: Pool) -> None:
    usual = threading.stack_size(1 << 46)  # more than there is
    try:
        waiting = pool.submit(str)
    finally:
        threading.stack_size(usual)
    assert results([pool.submit(str), waiting]) == ["", ""]
    for _ in range(2):
        pool.submit(str).result(SOON)


def test_an_idle_thread_keeps_nothing_of_its_last_call(pool: Pool) -> None:
    class Call:
        """What a call holds: its request, its connection."""

    call = Call()
    kept = weakref.ref(call)
    gone = threading.Event()
    weakref.finalize(call, gone.set)
    pool.submit(id, call).result(SOON)
    del call
    assert gone.wait(SOON), kept()


def test_threads_end_when_there_is_nothing_to_do() -> None:
    pool = Pool("append", 64, 128, 64, Turns(64, 64), 32)
    work = Work()
    calls = [pool.submit(work) for _ in range(40)]
    work.begins(40)
    busy = threading.active_count()
    work.go.set()
    results(calls)
    for _ in itertools.repeat(None, 10_000):
        if threading.active_count() <= busy - 40 + pools.IDLE:
            break
        pool.submit(str).result(SOON)
    assert threading.active_count() <= busy - 40 + pools.IDLE
    pool.shutdown()


def test_a_pool_that_is_closed_finishes_what_runs_and_begins_nothing(pool: Pool) -> None:
    work = Work()
    running = [pool.submit(work) for _ in range(2)]
    work.begins(2)
    waiting = pool.submit(work)
    closing = threading.Thread(target=lambda: pool.shutdown(cancel_futures=True))
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(SOON)
    assert closing.is_alive()
    work.go.set()
    closing.join(SOON)
    assert results(running) == ["done"] * 2
    assert work.waits
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(work)


def test_the_work_of_a_members_open_calls_is_done_one_piece_at_a_time(pool: Pool) -> None:
    first, second, other = Work(), Work(), Work()
    for work in (first, second):
        pool.work("acme", work)
    first.begins()
    pool.work("bolt", other)
    other.begins()  # a thread was free, and acme has only one
    assert second.waits
    first.go.set()
    second.begins()
    for work in (second, other):
        work.go.set()
    again = Work()
    again.go.set()
    pool.work("acme", again)
    again.begins()


def test_work_that_fails_keeps_none_of_its_member_back(pool: Pool) -> None:
    def fail() -> None:
        msg = "a mistake"
        raise ValueError(msg)

    after = Work()
    after.go.set()
    for work in (fail, fail, after):
        pool.work("acme", work)
    after.begins()
    pool.shutdown()
    with pytest.raises(RuntimeError, match="closed"):
        pool.work("acme", after)
