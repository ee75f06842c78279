"""Turns: who may work next."""

from __future__ import annotations

import threading

from hashpact.wire.server.turns import Turns


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
