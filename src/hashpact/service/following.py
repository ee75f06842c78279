"""Following: the newest signed checkpoint, and the leaves up to it in batches that each prove themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

from hashpact.domain.messages import MAX_FOLLOWED, Followed, LeafDetail
from hashpact.domain.state import KeptCheckpoint, Member
from hashpact.log import proofs
from hashpact.service.prove import Prover
from hashpact.service.read import PrivateParts

LOOK: Final = 0.05
"""Seconds between two looks at what is newly signed, however many follow."""
BATCH: Final = 1 << 20
"""Bytes of leaves and private parts in one message, unless it is of one leaf: at most 3 MiB."""


class Following:
    """What those who follow the log are sent. Any thread may call it; ``timer`` counts seconds."""

    def __init__(self, prover: Prover, private: PrivateParts, timer: Callable[[], float]) -> None:
        self._prover = prover
        self._private = private
        self._timer = timer
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._newest: KeptCheckpoint | None = None

    def newest(self, *, at_once: bool = False) -> KeptCheckpoint | None:
        """The newest signed checkpoint with its newest cosignatures, as of a moment ago; None before one.

        With ``at_once`` it is the newest now: another process may have shown it to the caller already.
        """
        with self._lock:
            now = self._timer()
            if at_once or now - self._looked >= LOOK:
                self._newest = self._prover.log.checkpoints.newest()
                self._looked = now
            return self._newest

    def leaves(self, caller: Member, start: int, size: int, *, private: bool) -> Iterator[Followed]:
        """The messages with the leaves from ``start`` up to a signed size, as `messages`.

        Raises OverloadedError as `PrivateParts.permitted`.
        """
        for message in messages(self._prover, start, size, private=private):
            self._private.take(caller, sum(len(leaf.private) for leaf in message.leaves))
            yield message


def messages(prover: Prover, start: int, size: int, *, private: bool) -> Iterator[Followed]:
    """The leaves from ``start`` up to a signed size, with their private parts if these are asked for.

    Each message proves that its leaves are of the tree of that size. Holds one of them at a time.
    """
    batch: list[LeafDetail] = []
    held = 0
    for leaf in prover.leaves(start, size, private=private) if start < size else ():
        length = len(leaf.statement) + sum(map(len, leaf.private))
        if batch and (len(batch) == MAX_FOLLOWED or held + length > BATCH):
            yield _proved(prover, batch, size)
            batch, held = [], 0
        batch.append(leaf)
        held += length
    if batch:
        yield _proved(prover, batch, size)


def _proved(prover: Prover, batch: list[LeafDetail], size: int) -> Followed:
    stop = batch[-1].index + 1
    proof = proofs.consistency(stop, size, prover.log.tree.node)
    return Followed(batch[0].index, None, tuple(batch), proof)
