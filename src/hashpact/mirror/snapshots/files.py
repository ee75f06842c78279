"""The file of a snapshot: the messages by which `Follow` sends a log, and the SHA-256 of all of them.

docs/formats/snapshot.md describes it. Reading it here checks that it is whole, and verifies nothing more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from hashpact.domain.messages import Followed, FollowRequest
from hashpact.domain.ports import Log
from hashpact.durable import open_to_read, private_draft, unreadable
from hashpact.errors import CorruptError, MalformedError
from hashpact.log import checkpoint
from hashpact.service.following import messages
from hashpact.service.prove import Prover
from hashpact.wire import following
from hashpact.wire.client import feeds
from hashpact.wire.client.attempts import understood

MAGIC: Final = b"hashpact/snapshot/v1\n"
MAX_MESSAGE: Final = 4 << 20
"""Bytes of a message: as many as one of Follow has at most."""
_LENGTH: Final = 4
_DIGEST: Final = hashlib.sha256().digest_size
_PIECE: Final = 1 << 20
_READ: Final = feeds.follow(FollowRequest(0)).read


@dataclass(frozen=True, slots=True)
class WrittenSnapshot:
    """What was written: of which log, how many leaves, their root, the SHA-256 at the end, and its bytes."""

    origin: str
    position: int
    root: bytes
    digest: bytes
    size: int


def write_snapshot(log: Log, path: Path, progress: Callable[[int, int], None]) -> WrittenSnapshot:
    """Write a log up to its newest signed checkpoint into a new file, which appears whole or not at all.

    Holds one message at a time. ``progress`` is called with how many of how many leaves are written. Raises
    NotFoundError if nothing is signed yet, and ConfigError for a file that exists or cannot be written.
    """
    prover = Prover(log)
    note = prover.checkpoint()
    signed = checkpoint.parse(note).checkpoint
    digest, size = hashlib.sha256(), 0
    with private_draft(path) as file:

        def put(data: bytes) -> None:
            nonlocal size
            digest.update(data)
            size += file.write(data)

        def put_message(message: Followed) -> None:
            encoded = following.followed_to_wire(message).SerializeToString()
            put(len(encoded).to_bytes(_LENGTH))
            put(encoded)

        put(MAGIC)
        put_message(Followed(0, note))
        for message in messages(prover, 0, signed.size, private=True):
            put_message(message)
            progress(message.stop, signed.size)
        size += file.write(digest.digest())
    return WrittenSnapshot(signed.origin, signed.size, signed.root, digest.digest(), size)


class SnapshotFile:
    """An open snapshot. ``checkpoint`` is a signed note, of the ``size`` leaves that should come after it."""

    def __init__(self, path: Path, file: BinaryIO, stop: int) -> None:
        self._path = path
        self._file = file
        self._stop = stop
        file.seek(len(MAGIC))
        first = self._next()
        if first is None or first.checkpoint is None:
            self.refuse("it does not begin with a checkpoint")
        self.checkpoint = first.checkpoint
        try:
            self.size = checkpoint.parse(self.checkpoint).checkpoint.size
        except MalformedError as error:
            self.refuse("its checkpoint is none", error)

    def batches(self, start: int) -> Iterator[Followed]:
        """The leaves from ``start`` on, each message as `Follow` would send it; one at a time is read.

        Raises CorruptError if they are not in order, or a message is none.
        """
        at = 0
        while (message := self._next()) is not None:
            if not message.leaves or message.start != at:
                self.refuse(f"leaf {at} is not where it should be")
            at = message.stop
            if at > start:
                skipped = max(0, start - message.start)
                yield replace(message, start=message.start + skipped, leaves=message.leaves[skipped:])

    def _next(self) -> Followed | None:
        """The next message, None after the last."""
        place = self._file.tell()
        if place == self._stop:
            return None
        length = int.from_bytes(self._read(min(_LENGTH, self._stop - place)))
        if length > min(MAX_MESSAGE, self._stop - self._file.tell()):
            self.refuse(f"the message at byte {place} is longer than it may be")
        data = self._read(length)
        try:
            message, _ = understood(self._path.name, lambda: _READ(0, data))
        except CorruptError as error:
            self.refuse(f"the message at byte {place} is none of Follow", error)
        return message

    def _read(self, count: int) -> bytes:
        try:
            return self._file.read(count)
        except OSError as error:
            raise unreadable(self._path, error) from error

    def refuse(self, what: str, cause: Exception | None = None) -> NoReturn:
        """Raise the error for what is wrong in it."""
        msg = f"{self._path} is no snapshot: {what}; fetch or write it again"
        raise CorruptError(msg, topic="snapshot") from cause


@contextlib.contextmanager
def open_snapshot(path: Path) -> Iterator[SnapshotFile]:
    """Open a file that is whole, by the SHA-256 at its end, for the length of the block.

    Raises ConfigError for one that cannot be read, and CorruptError for one that is damaged or none.
    """
    with open_to_read(path) as file:
        try:
            stop = file.seek(0, os.SEEK_END) - _DIGEST
            file.seek(0)
            begins = file.read(len(MAGIC)) == MAGIC
            whole = begins and stop >= len(MAGIC) and _digest(file, stop) == file.read(_DIGEST)
        except OSError as error:
            raise unreadable(path, error) from error
        if not whole:
            msg = f"{path} is no snapshot"
            if begins:
                msg = f"{path} is not whole, or was altered: the SHA-256 at its end is another"
            msg = f"{msg}; fetch or write it again"
            raise CorruptError(msg, topic="snapshot")
        yield SnapshotFile(path, file, stop)


def _digest(file: BinaryIO, stop: int) -> bytes:
    """The SHA-256 of the first ``stop`` bytes; the file is read up to there."""
    digest = hashlib.sha256()
    file.seek(0)
    left = stop
    while left and (piece := file.read(min(_PIECE, left))):
        digest.update(piece)
        left -= len(piece)
    return digest.digest()
