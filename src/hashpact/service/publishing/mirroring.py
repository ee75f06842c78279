"""Mirroring: has a mirror store the leaves of a checkpoint, and takes the cosignature that says so.

To a log's quorum a mirror is one more witness, which cosigns only what it stores (C2SP tlog-mirror). It
learns of the checkpoint as a witness does; then leaves are uploaded until it lacks none. One that lacks many
is brought level beside the checkpoints that are signed meanwhile, and cosigns those that come afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from hashpact.domain.ports import Log
from hashpact.errors import MalformedError, UnavailableError
from hashpact.log import mirroring, proofs
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.log.proofs import Node
from hashpact.service.cosign import CONFLICT, OK, Consistency, Post, Reply, WitnessLink

ENOUGH: Final = 4 * 1024 * 1024
"""Bytes after which a request has no further package."""

_ACCEPTED: Final = 202
_TRIES: Final = 3
_NODES: Final = 4096


@dataclass(frozen=True, slots=True)
class Contents:
    """A log as a mirror gets it: ``leaves(start, stop)`` gives their bytes, ``node`` the tree's hashes."""

    leaves: Callable[[int, int], Iterator[bytes]]
    node: Node

    @classmethod
    def of(cls, log: Log) -> Contents:
        """The public leaves of a log; private parts are in none of them."""
        return cls(
            lambda start, stop: (leaf.data for leaf in log.leaves(start, stop)),
            lru_cache(_NODES)(log.tree.node),
        )


@dataclass(kw_only=True)
class MirrorLink(WitnessLink):
    """One mirror: ``upload`` sends it leaves, ``lacks`` is the first that it lacks, if it has said so."""

    upload: Post = field(repr=False)
    contents: Contents = field(repr=False)
    lacks: int | None = None
    _over: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def cosign(self, signed: SignedCheckpoint, consistency: Consistency) -> bytes:
        """Its cosignature line, verified, once it has all leaves.

        Raises UnavailableError if it gives none, takes no leaves or lacks more than are sent before `close`;
        ConflictError if it has a larger size of the log.
        """
        stated = signed.checkpoint
        self.offer(signed, consistency)
        # A mirror of which nothing is known is asked whether it has everything: it says what it lacks.
        start = stated.size if self.lacks is None else min(self.lacks, stated.size)
        ticket, tries = b"", _TRIES
        while not self._over.is_set():
            reply = self._uploaded(self._request(stated, start, ticket))
            if reply.status == OK:
                line = self.verified(signed, reply.body)
                self.lacks = stated.size
                return line
            if reply.status not in {_ACCEPTED, CONFLICT}:
                raise self.refused(reply)
            state = self._state(reply.body)
            self.check_not_ahead(state.size, stated.size)
            # 202 says that it has at least the first package.
            if reply.status == CONFLICT or state.lacks < mirroring.bounds(start, stated.size)[1]:
                tries -= 1
                if not tries:
                    msg = f"{self.witness.name} takes no leaves: from {start} on it lacks {state.lacks} on"
                    raise UnavailableError(msg)
                if state.size != stated.size:
                    self.offer(signed, consistency)
            ticket, self.lacks = state.ticket, state.lacks
            start = min(state.lacks, stated.size)
        msg = f"{self.witness.name} still lacks leaves from {start} on"
        raise UnavailableError(msg)

    def _uploaded(self, body: bytes) -> Reply:
        """The answer to an upload. Without one it may have stored some, and is asked what it lacks."""
        try:
            return self.upload(body)
        except UnavailableError:
            self.lacks = None
            raise

    def close(self) -> None:
        """Send it nothing more; a request that is under way ends by itself."""
        self._over.set()

    def _request(self, stated: Checkpoint, start: int, ticket: bytes) -> bytes:
        """As many packages as fit into one request, from leaf ``start`` on."""
        parts = [mirroring.header(stated.origin, start, stated.size, ticket)]
        while start < stated.size and len(parts) <= mirroring.MAX_PACKAGES and sum(map(len, parts)) < ENOUGH:
            first, stop = mirroring.bounds(start, stated.size)
            proof = proofs.subtree(first, stop, stated.size, self.contents.node)
            parts.append(mirroring.package(self.contents.leaves(start, stop), proof))
            start = stop
        return b"".join(parts)

    def _state(self, body: bytes) -> mirroring.MirrorState:
        try:
            return mirroring.parse_state(body)
        except MalformedError as error:
            msg = f"{self.witness.name} answered with a malformed state: {error}"
            raise UnavailableError(msg) from error
