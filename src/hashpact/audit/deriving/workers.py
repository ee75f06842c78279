"""Processes that judge leaves (`judging`), each an interpreter of its own behind a pair of pipes.

What goes through a pipe is a pickle behind its length. Both ends are this program. A worker ends when its
pipe does, however the process ends that has started it.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Final, TypeVar

from hashpact.audit.deriving.judging import JudgedLeaf, Known, unpacked
from hashpact.errors import HashpactError, UnavailableError

AHEAD: Final = 3
"""Batches that a worker has at a time: it judges one, and the next are on their way."""
_LENGTH: Final = 8
_MODULE: Final = "hashpact.audit.deriving.worker"

Batch = TypeVar("Batch")


def send(pipe: IO[bytes], message: object) -> None:
    """Write a message. Raises OSError."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(len(data).to_bytes(_LENGTH) + data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> object:
    """Read a message. Raises EOFError at the end of the pipe."""
    size = pipe.read(_LENGTH)
    data = pipe.read(int.from_bytes(size))
    if len(size) < _LENGTH or len(data) < int.from_bytes(size):
        raise EOFError
    return pickle.loads(data)  # noqa: S301  # of a process of ours


class Workers:
    """Some processes. Close it to end them."""

    def __init__(self, count: int) -> None:
        command = [sys.executable, "-P", "-m", _MODULE]
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  # our own
            for _ in range(count)
        ]

    def judged(
        self, batches: Iterator[Batch], data: Callable[[Batch], list[bytes]], known: Known
    ) -> Iterator[tuple[Batch, Sequence[JudgedLeaf]]]:
        """Each batch with what was found of its leaves, in order; ``data`` gives the bytes of these.

        An error of ``batches`` is raised after what came before it. Raises UnavailableError if a process
        ends.
        """
        waiting: deque[tuple[int, Batch]] = deque()
        number, error = 0, None
        while error is None:
            try:
                batch = next(batches, None)
            except HashpactError as exc:
                error = exc
                break
            if batch is None:
                break
            worker = number % len(self._processes)
            self._send(worker, (data(batch), dict(known)))
            waiting.append((worker, batch))
            number += 1
            if len(waiting) >= AHEAD * len(self._processes):
                yield self._received(*waiting.popleft())
        while waiting:
            yield self._received(*waiting.popleft())
        if error is not None:
            raise error

    def _send(self, worker: int, message: object) -> None:
        pipe = self._processes[worker].stdin
        assert pipe is not None  # noqa: S101  # it was asked for
        try:
            send(pipe, message)
        except OSError as exc:
            raise _ended() from exc

    def _received(self, worker: int, batch: Batch) -> tuple[Batch, Sequence[JudgedLeaf]]:
        pipe = self._processes[worker].stdout
        assert pipe is not None  # noqa: S101  # it was asked for
        try:
            found = receive(pipe)
        except EOFError as exc:
            raise _ended() from exc
        assert isinstance(found, list)  # noqa: S101  # as `worker` sends it
        return batch, [unpacked(one) for one in found]

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            with process:  # closes its pipes, and waits
                pass


def _ended() -> UnavailableError:
    return UnavailableError("a process that verifies leaves has ended; there may be too little memory")
