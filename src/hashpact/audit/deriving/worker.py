"""The program of one of the `Workers`: reads batches of leaves, and writes what is found of each."""

from __future__ import annotations

import gc
import os
import queue
import signal
import sys
import threading
from typing import IO, Any

from hashpact.audit.deriving.judging import judged, packed
from hashpact.audit.deriving.workers import receive, send
from hashpact.keys.verifying import BatchVerifier


def work(source: IO[bytes], sink: IO[bytes]) -> None:
    """Answer every message of ``source``, in order, until it ends.

    A thread reads ahead, so that who sends never waits for one who waits to be read.
    """
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        try:
            while True:
                waiting.put(receive(source))
        except (EOFError, OSError):
            waiting.put(None)

    threading.Thread(target=read, daemon=True).start()
    verifier = BatchVerifier()
    while (message := waiting.get()) is not None:
        leaves, known = message
        send(sink, [packed(found) for found in judged(leaves, known, verifier)])


if __name__ == "__main__":
    gc.disable()  # what is made for a batch has no cycles, and there is much of it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that has started it
    try:
        work(sys.stdin.buffer, sys.stdout.buffer)
    except OSError:
        os._exit(1)
