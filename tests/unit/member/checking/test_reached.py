"""How far a client's own statements reach: the largest receipt, whatever their order."""

from __future__ import annotations

import gc
import os
import threading

from hypothesis import given
from hypothesis import strategies as st

from hashpact.domain.state import Receipt
from hashpact.member.checking.reached import Reached


def receipt(size: int) -> Receipt:
    """A receipt in a tree of that size."""
    return Receipt(0, bytes(32), size, bytes(32), (), b"")


@given(st.lists(st.integers(1, 2**63)))
def test_it_never_goes_back(sizes: list[int]) -> None:
    reached, largest = Reached(), 0
    for size in sizes:
        reached.note(receipt(size))
        largest = max(largest, size)
        assert reached.size == largest


def test_a_forked_process_goes_on_while_another_thread_notes_a_receipt() -> None:
    reached = Reached()
    reached.note(receipt(7))
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with reached._lock:
            held.set()
            go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        gc.freeze()  # collecting a channel of grpc.aio would hang: its thread is not in a fork
        noting = threading.Thread(target=reached.note, args=(receipt(9),), daemon=True)
        noting.start()
        noting.join(120)
        os._exit(reached.size)
    go.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert reached.size == 7
