"""Processes that judge leaves: the same as without them, in order, and what becomes of one that ends."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from builders import Identity, World
from streams import ordinary, spoken

from hashpact.audit.deriving import ordered
from hashpact.audit.deriving.judging import judged, packed
from hashpact.audit.deriving.ordered import judged_leaves
from hashpact.audit.deriving.worker import work
from hashpact.audit.deriving.workers import Workers, receive, send
from hashpact.audit.source import ReportedLeaf
from hashpact.errors import CorruptError, UnavailableError
from hashpact.keys.verifying import BatchVerifier


class Leaves:
    """A source of nothing but leaves."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = leaves

    def leaves(self, start: int, stop: int) -> Iterator[ReportedLeaf]:
        """Those that it has, then an error."""
        for index in range(start, stop):
            if index == len(self._leaves):
                msg = f"leaf {index} is torn"
                raise CorruptError(msg, index=str(index))
            yield ReportedLeaf(index, self._leaves[index])


@pytest.fixture(scope="module")
def leaves() -> list[bytes]:
    """Statements of all kinds, good and bad."""
    return [*spoken(ordinary(5, turn) for turn in range(200))[1], b"no leaf"]


def test_processes_find_what_is_found_without_them(
    leaves: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {key.id: (f"{key.owner}/1", key.public) for key in map(Identity.of, ("acme", "bravo"))}
    wanted = list(zip(leaves, judged(leaves, known, BatchVerifier()), strict=True))
    assert {found.signed for _, found in wanted} >= set(known.values())
    monkeypatch.setattr(ordered, "AT_ONCE", 7)
    for many in (10_000, 1):
        monkeypatch.setattr(ordered, "MANY", many)
        source: object = Leaves(leaves)
        found = [(one.data, each) for one, each in judged_leaves(source, 0, len(leaves), known)]  # type: ignore[arg-type]  # it is asked for leaves alone
        assert [(data, packed(each)) for data, each in found[:-1]] == [
            (data, packed(each)) for data, each in wanted[:-1]
        ]
        assert str(found[-1][1].error) == str(wanted[-1][1].error)
        torn = judged_leaves(source, 0, len(leaves) + 5, known)  # type: ignore[arg-type]  # as above
        for data in leaves:
            assert next(torn)[0].data == data
        with pytest.raises(CorruptError, match="is torn"):
            next(torn)


def test_a_process_that_ends_ends_the_work(leaves: list[bytes]) -> None:
    workers = Workers(1)
    reading = workers.judged(iter([leaves] * 20), list, {})
    next(reading)
    workers._processes[0].kill()  # as the kernel does when memory is short
    with pytest.raises(UnavailableError, match="has ended"):
        list(reading)
    workers.close()


def test_a_process_ends_with_the_one_that_has_started_it() -> None:
    code = (
        "import os, signal\nfrom hashpact.audit.deriving.workers import Workers\n"
        "some = Workers(2)\n"
        "list(some.judged(iter([[b'x']] * 2), list, {}))\n"
        "print(*[one.pid for one in some._processes], flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    first, second = map(int, run.stdout.split())
    for process in (first, second):
        _gone(process)


def _gone(process: int) -> None:
    """Wait until a process that is no child of ours has ended."""
    try:
        waiting = os.pidfd_open(process)
    except ProcessLookupError:
        return
    import select  # noqa: PLC0415 - for this alone

    ready, _, _ = select.select([waiting], [], [], 30)
    os.close(waiting)
    assert ready, f"the process {process} lives on"


def test_the_program_of_a_worker_answers_each_message_until_the_pipe_ends() -> None:
    leaf = World().genesis()
    source, sink = io.BytesIO(), io.BytesIO()
    for batch in ([leaf], [], [b"x", leaf]):
        send(source, (batch, {}))
    source.seek(0)
    work(source, sink)
    sink.seek(0)
    answers = [receive(sink) for _ in range(3)]
    assert [len(one) for one in answers if isinstance(one, list)] == [1, 0, 2]
    with pytest.raises(EOFError):
        receive(sink)
