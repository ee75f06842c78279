"""Turns: who may work next."""

from __future__ import annotations

import threading

from hashpact.wire.server.core.turns import ALONE, FairQueue, Turns


def waits(turns: Turns, member: str) -> threading.Event:
    """A turn that does not come at once."""
    turn = turns.take(member)
    assert turn is not None
    return turn


def test_41_the_members_that_wait_have_their_turns_one_after_another() -> None:
    turns = Turns(1, 1)
    assert turns.take("acme") is None
    greedy = [waits(turns, "acme") for _ in range(3)]
    modest = waits(turns, "bravo")
    order = []
    last = "acme"
    for _ in range(4):
        turns.give_back(last)
        (next_,) = [turn for turn in (*greedy, modest) if turn.is_set() and turn not in order]
        order.append(next_)
        last = "bravo" if next_ is modest else "acme"
    assert order == [greedy[0], modest, greedy[1], greedy[2]]
    turns.give_back("acme")
    assert turns.take("bravo") is None


def test_41_a_member_has_its_part_of_the_slots_even_if_nobody_waits() -> None:
    turns = Turns(4, 2)
    assert turns.take("acme") is None
    assert turns.take("acme") is None
    third = waits(turns, "acme")
    assert turns.take("bravo") is None
    turns.give_back("bravo")
    assert not third.is_set()
    turns.give_back("acme")
    assert third.is_set()


def test_a_turn_that_nobody_waits_for_any_more_goes_to_the_next() -> None:
    turns = Turns(1, 1)
    assert turns.take("acme") is None
    first, second, third = waits(turns, "bravo"), waits(turns, "bravo"), waits(turns, "carol")
    turns.leave("bravo", second)
    turns.give_back("acme")
    assert first.is_set()
    turns.leave("bravo", first)  # it has come, and is not used
    assert third.is_set()
    turns.give_back("carol")
    assert not second.is_set()
    assert turns.take("acme") is None


def taken(queue: FairQueue[str], count: int) -> str:
    """The next items, each done before the one after it."""
    found = ""
    for _ in range(count):
        item = queue.take()
        queue.done(item)
        found += item
    return found


def test_65_a_member_that_had_nothing_lately_comes_first() -> None:
    queue: FairQueue[str] = FairQueue(2)
    for _ in range(9):
        queue.put("a", "a")
    assert taken(queue, 3) == "aaa"
    queue.put("b", "b")
    queue.put("b", "b")
    queue.put("c", "c")
    assert len(queue) == 3
    # a's next had its place already; after it they come in turn.
    assert taken(queue, 5) == "bcaba"
    assert taken(queue, 4) == "aaaa"
    assert not queue.ready()


def test_65_who_waits_is_not_overtaken_without_end() -> None:
    queue: FairQueue[str] = FairQueue(9)
    for _ in range(9):
        queue.put("a", "a")
    queue.put("b", "b")
    queue.put("c", "c")
    for _ in range(6):  # each comes again as soon as it is done
        taken(queue, 2)
        queue.put("b", "b")
        queue.put("c", "c")
    assert "a" in taken(queue, 3)


def test_65_a_member_has_its_part_unless_it_is_alone() -> None:
    queue: FairQueue[str] = FairQueue(1)
    queue.put("b", "b")
    assert taken(queue, 1) == "b"
    for _ in range(ALONE + 3):
        queue.put("a", "a")
    assert queue.take() == "a"
    assert not queue.ready()
    assert len(queue) == 1
    queue.done("a")
    assert queue.ready()
    assert taken(queue, ALONE - 1) == "a" * (ALONE - 1)
    assert queue.take() == "a"
    assert queue.ready()  # alone by now
    queue.met("a")
    assert queue.ready()
    queue.put("b", "b")
    assert taken(queue, 1) in "ab"


def test_65_a_member_is_not_alone_while_another_asks_elsewhere() -> None:
    queue: FairQueue[str] = FairQueue(1)
    for _ in range(ALONE + 3):
        queue.put("a", "a")
    assert taken(queue, ALONE) == "a" * ALONE
    queue.met("b")
    assert queue.take() == "a"
    assert not queue.ready()
    queue.done("a")
    assert queue.ready()


def test_65_whoever_comes_first_is_alone() -> None:
    queue = FairQueue[int](1)
    queue.met("a")
    for item in range(3):
        queue.put("a", item)
    assert [queue.take(), queue.take()] == [0, 1]
    assert queue.ready()


def test_65_what_waits_for_something_else_does_not_count() -> None:
    queue: FairQueue[str] = FairQueue(1)
    queue.put("b", "b")
    assert taken(queue, 1) == "b"
    queue.put("a", "a")
    queue.put("a", "a")
    assert queue.take() == "a"
    assert not queue.ready()
    queue.done("a")
    assert queue.take() == "a"
    queue.again("a")
    queue.put("a", "a")
    queue.done("a")
    assert not queue.ready()
    queue.done("a")
    assert queue.ready()
    assert queue.clear() == ["a"]
    assert not queue.ready()
