"""Pools: no member takes all of a pool, and a call that waits lets others run."""

from __future__ import annotations

import contextlib
import contextvars
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
from hashpact.wire.server.admission.pools import AT_ONCE, Deferred, Pool
from hashpact.wire.server.core.turns import Turns

SOON = 120
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
    pool.close()


def submit(pool: Pool, member: str, work: Callable[..., Any], *args: object) -> Future[Any]:
    """Have a thread do some work of a member's; what becomes of it."""
    done: Future[Any] = Future()

    def job() -> None:
        try:
            done.set_result(work(*args))
        except BaseException as error:  # noqa: BLE001 - it is the future's
            done.set_exception(error)

    pool.submit(member, job)
    return done


def results(futures: list[Future[Any]]) -> list[Any]:
    return [future.result(SOON) for future in futures]


def test_two_run_at_a_time_and_the_others_follow(pool: Pool) -> None:
    work = Work()
    calls = [submit(pool, "acme", work, str(number)) for number in range(8)]
    work.begins(2)
    assert work.waits
    work.go.set()
    assert results(calls) == [str(number) for number in range(8)]


def test_the_thread_that_ran_last_runs_next(pool: Pool) -> None:
    both = Work()
    first = [submit(pool, "acme", both) for _ in range(2)]
    both.begins(2)
    both.go.set()
    results(first)
    threads = {submit(pool, "acme", threading.get_ident).result(SOON) for _ in range(100)}
    assert len(threads) <= 2


def test_an_error_of_the_work_is_the_futures(pool: Pool) -> None:
    def fails() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        submit(pool, "acme", fails).result(SOON)
    assert submit(pool, "acme", str).result(SOON) == ""


def test_44_a_member_has_so_many_calls_under_way() -> None:
    pool = Pool("check", 2, 16, 3, Turns(1, 1), 1)
    for _ in range(3):
        pool.enter("acme")
    with pytest.raises(OverloadedError, match="'acme' has 3 check calls under way") as caught:
        pool.enter("acme")
    assert caught.value.details == {"member": "acme", "retry_after": "0.1"}
    pool.enter("bravo")
    assert pool.load == (4, 0)
    pool.leave("acme")
    pool.enter("acme")
    with pytest.raises(OverloadedError):
        pool.enter("acme")


def test_44_members_that_take_all_they_can_get_leave_threads_to_others() -> None:
    pool = Pool("check", 2, 64, 16, Turns(1, 1), 1)
    taken: Counter[str] = Counter()
    for member in ("acme", "bravo", "carol", "dora", "emil"):
        with contextlib.suppress(OverloadedError):
            for _ in range(16):
                pool.enter(member)
                taken[member] += 1
    assert taken == {"acme": 16, "bravo": 16, "carol": 16, "dora": 8, "emil": 4}
    pool.enter("an innocent")


def test_37_a_call_that_is_hindered_does_not_enter() -> None:
    def hindrance(member: str) -> OverloadedError | None:
        return OverloadedError("over its rate") if member == "acme" else None

    pool = Pool("check", 2, 16, 3, Turns(1, 1), 1, hindrance)
    with pytest.raises(OverloadedError, match="over its rate"):
        pool.enter("acme")
    pool.enter("bravo")
    assert pool.load == (1, 0)


def test_what_takes_long_is_deferred_where_nobody_may_wait(pool: Pool) -> None:
    def at_once() -> None:
        AT_ONCE.set(True)
        with pool.turn("acme", always):
            pass

    with pytest.raises(Deferred):
        contextvars.copy_context().run(at_once)
    assert submit(pool, "acme", long, pool, "acme", str).result(SOON) == "acme"


def test_65_a_member_with_many_calls_leaves_a_thread_to_others_and_comes_in_turn() -> None:
    pool = Pool("check", 2, 64, 64, Turns(1, 1), 1)
    order: list[str] = []
    submit(pool, "bravo", str, "bravo").result(SOON)
    submit(pool, "acme", str, "acme").result(SOON)  # acme is not alone
    work = Work()
    greedy = [submit(pool, "acme", work, "acme") for _ in range(6)]
    work.begins()
    assert submit(pool, "bravo", str, "bravo").result(SOON) == "bravo"  # beside one of acme's
    assert work.waits
    hold = Work()
    held = submit(pool, "carol", hold, "carol")
    hold.begins()
    lined = [submit(pool, name, order.append, name) for name in ("acme", "acme", "bravo", "acme")]
    hold.go.set()
    work.go.set()
    results([*greedy, held, *lined])
    assert order.index("bravo") == 0
    pool.close()


def test_65_a_member_that_is_alone_has_all_threads(pool: Pool) -> None:
    work = Work()
    calls = [submit(pool, "acme", work) for _ in range(4)]
    work.begins(2)
    work.go.set()
    results(calls)


def long(pool: Pool, member: str, work: Callable[[str], str], wanted: Callable[[], bool] = always) -> str:
    """Work that takes long, in a turn."""
    with pool.turn(member, wanted):
        return work(member)


def test_41_work_that_takes_long_leaves_threads_to_others(pool: Pool) -> None:
    greedy, modest = Work(), Work()
    calls = [submit(pool, "acme", long, pool, "acme", greedy) for _ in range(6)]
    greedy.begins()
    # Five wait for their turns, and two threads could not have come so far.
    other = submit(pool, "acme", modest)
    modest.begins()
    assert greedy.waits
    modest.go.set()
    greedy.go.set()
    assert results(calls) == ["acme"] * 6
    assert other.result(SOON) == "done"


def test_41_a_turn_that_nobody_waits_for_is_not_taken(pool: Pool) -> None:
    work, there = Work(), threading.Event()
    there.set()
    held = submit(pool, "acme", long, pool, "acme", work)
    work.begins()
    left = submit(pool, "acme", long, pool, "acme", work, there.is_set)
    kept = submit(pool, "acme", long, pool, "acme", work)
    there.clear()
    with pytest.raises(CancelledError):
        left.result(SOON)
    work.go.set()
    assert results([held, kept]) == ["acme"] * 2
    with pytest.raises(CancelledError):
        submit(pool, "acme", long, pool, "acme", work, there.is_set).result(SOON)


def test_41_calls_that_wait_do_not_keep_the_others_from_running() -> None:
    pool, work, looks = Pool("check", 2, 512, 256, Turns(1, 1), 1), Work(), itertools.count()
    last = Work()

    def wanted() -> bool:
        next(looks)
        return True

    held = submit(pool, "acme", long, pool, "acme", work)
    work.begins()
    waiting = [submit(pool, "acme", long, pool, "acme", last, wanted) for _ in range(200)]
    submit(pool, "acme", str).result(SOON)  # all of them wait by now, and each has looked once
    since, looked = time.monotonic(), next(looks)
    for _ in range(2000):
        submit(pool, "acme", str).result(SOON)
    assert next(looks) - looked <= 200 + 2 * 500 * (time.monotonic() - since)
    last.go.set()
    work.go.set()
    results([held, *waiting])
    pool.close()


def test_a_call_waits_while_the_system_has_no_thread_to_give(pool: Pool) -> None:
    usual = threading.stack_size(1 << 46)  # more than there is
    try:
        waiting = submit(pool, "acme", str)
    finally:
        threading.stack_size(usual)
    assert not waiting.done()
    pool.retry()
    assert waiting.result(SOON) == ""
    for _ in range(2):
        submit(pool, "acme", str).result(SOON)


def test_an_idle_thread_keeps_nothing_of_its_last_call(pool: Pool) -> None:
    class Call:
        """What a call holds: its request, its connection."""

    call = Call()
    kept = weakref.ref(call)
    gone = threading.Event()
    weakref.finalize(call, gone.set)
    submit(pool, "acme", id, call).result(SOON)
    del call
    assert gone.wait(SOON), kept()


def test_threads_end_when_there_is_nothing_to_do() -> None:
    pool = Pool("append", 64, 128, 64, Turns(64, 64), 32)
    work = Work()
    calls = [submit(pool, "acme", work) for _ in range(40)]
    work.begins(40)
    busy = threading.active_count()
    work.go.set()
    results(calls)
    for _ in itertools.repeat(None, 10_000):
        if threading.active_count() <= busy - 40 + pools.IDLE:
            break
        submit(pool, "acme", str).result(SOON)
    assert threading.active_count() <= busy - 40 + pools.IDLE
    pool.close()


def test_a_pool_that_is_closed_finishes_what_runs_and_begins_nothing(pool: Pool) -> None:
    work = Work()
    running = [submit(pool, "acme", work) for _ in range(2)]
    work.begins(2)
    waiting = submit(pool, "acme", work)
    closing = threading.Thread(target=pool.close)
    closing.start()
    closing.join(0.01)
    assert closing.is_alive()
    work.go.set()
    closing.join(SOON)
    assert results(running) == ["done"] * 2
    assert not waiting.done()
    assert work.waits
    with pytest.raises(RuntimeError, match="closed"):
        submit(pool, "acme", work)


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
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.work("acme", after)


def test_a_thread_gives_way_between_two_pieces_of_work() -> None:
    gave: list[str] = []
    pool = Pool("check", 2, 16, 16, Turns(1, 1), 1, give_way=lambda: gave.append(" "))

    def work() -> bool:
        gave.append("begun")
        with pool.turn("acme", always):
            gave.append("in turn")
            return pool.between(always)()

    try:
        assert submit(pool, "acme", work).result(SOON)
    finally:
        pool.close()
    assert gave == [" ", "begun", " ", "in turn", " "]
