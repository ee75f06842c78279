"""A thread beside a block."""

from __future__ import annotations

import threading

import pytest

from hashpact.mirror.threads.beside import beside


def test_it_works_beside_the_block_and_has_ended_after_it() -> None:
    begun, done = threading.Event(), []

    def work(stop: threading.Event) -> None:
        begun.set()
        stop.wait()
        done.append(threading.current_thread().name)

    with beside(work, "hashpact-x"):
        assert begun.wait(120)
        assert done == []
    assert done == ["hashpact-x"]


def test_it_ends_with_a_block_that_fails() -> None:
    done = []

    def work(stop: threading.Event) -> None:
        stop.wait()
        done.append(True)

    with pytest.raises(RuntimeError), beside(work, "hashpact-x"):
        raise RuntimeError
    assert done == [True]
