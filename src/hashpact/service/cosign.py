"""Cosign: asks a log's witnesses to cosign a checkpoint, and waits for a quorum of them.

Each witness is asked in a thread of its own, so that a slow one delays no other. Once the quorum has
answered, the others get a moment more; then the checkpoint is published with the cosignatures that arrived.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, field
from typing import Final, Protocol

from hashpact.domain import keys
from hashpact.errors import (
    BadSignatureError,
    ConflictError,
    CorruptError,
    DeadlineError,
    HashpactError,
    MalformedError,
    UnavailableError,
)
from hashpact.log import checkpoint, cosignature, note, witnessing
from hashpact.log.cosignature import Witness

TIMEOUT: Final = 8.0
"""Seconds that a checkpoint waits for its quorum; members' calls wait ten by default."""
GRACE: Final = 0.1
"""Seconds that it then waits for the other witnesses."""

OK: Final = 200
CONFLICT: Final = 409

_TRIES: Final = 3
_WAITING: Final = 2


@dataclass(frozen=True, slots=True)
class Reply:
    """What a witness answered: the HTTP status and the body."""

    status: int
    body: bytes


class Post(Protocol):
    """Sends a request to one witness. Raises UnavailableError if no answer comes."""

    def __call__(self, body: bytes) -> Reply:
        """The answer."""
        ...


Consistency = Callable[[int], tuple[bytes, ...]]
"""``consistency(old)``: the proof from that size to the checkpoint's, 0 < old <= size."""


Heard = Callable[[str, int], None]
"""Called with a witness's name and the time of each new cosignature, as soon as that is verified."""


def _unheard(_witness: str, _time: int) -> None:
    """No-op."""


@dataclass
class WitnessLink:
    """One witness of a log, and the size that it reported last.

    ``also`` is another key of it, whose cosignature is taken if it is there.
    """

    witness: Witness
    post: Post = field(repr=False)
    size: int = 0
    heard: Heard = field(default=_unheard, repr=False)
    also: Witness | None = None

    def cosign(self, signed: checkpoint.SignedCheckpoint, consistency: Consistency) -> bytes:
        """Its cosignature line, verified, and that of its other key if it gave one.

        Raises UnavailableError if it gives none, ConflictError if it has cosigned a larger size of the log.
        """
        return self.verified(signed, self.offer(signed, consistency))

    def close(self) -> None:
        """Begin no further request; one that is under way ends by itself."""

    def offer(self, signed: checkpoint.SignedCheckpoint, consistency: Consistency) -> bytes:
        """What it answers once it has taken the checkpoint. Raises as `cosign`."""
        stated = signed.checkpoint
        reply = Reply(CONFLICT, b"")
        for _ in range(_TRIES):
            self.check_not_ahead(self.size, stated.size)
            proof = consistency(self.size) if self.size else ()
            reply = self.post(witnessing.encode(self.size, proof, signed.data))
            if reply.status == OK:
                self.size = stated.size
                return reply.body
            if reply.status != CONFLICT:
                break
            self.size = self._read_size(reply.body)
        self.check_not_ahead(self.size, stated.size)
        raise self.refused(reply)

    def refused(self, reply: Reply) -> UnavailableError:
        """The error for an answer that is no cosignature."""
        text = reply.body[:200].decode("ascii", "replace").strip()
        return UnavailableError(f"{self.witness.name} answered {reply.status}: {text}")

    def check_not_ahead(self, known: int, size: int) -> None:
        """Raise ConflictError if it knows more of the log than the checkpoint's size."""
        if known > size:
            msg = f"{self.witness.name} has cosigned size {known} of this log, more than {size}"
            raise ConflictError(msg, size=str(known))

    def verified(self, signed: checkpoint.SignedCheckpoint, lines: bytes) -> bytes:
        """The lines of this witness among those it answered with; the others are not verified."""
        try:
            opened = note.parse(note.join(signed.note.text, [lines]), checkpoint.MAX_SIZE)
            own = _line(opened, self.witness)
            other = None if self.also is None else _line(opened, self.also)
        except (MalformedError, BadSignatureError) as error:
            msg = f"{self.witness.name} answered with no cosignature of its own: {error}"
            raise UnavailableError(msg) from error
        if own is None:
            msg = f"{self.witness.name} answered with no cosignature of its own"
            raise UnavailableError(msg)
        line, time = own
        self.heard(self.witness.name, time)
        return line if other is None else line + other[0]

    def _read_size(self, body: bytes) -> int:
        try:
            return witnessing.parse_size(body)
        except MalformedError as error:
            msg = f"{self.witness.name} answered with a malformed size"
            raise UnavailableError(msg) from error


def _line(opened: note.Note, witness: Witness) -> tuple[bytes, int] | None:
    """The first line of that witness's key, and its time. Raises BadSignatureError."""
    for line in opened.signatures:
        time = cosignature.verify(note.Note(opened.text, (line,)), witness, keys.verify)
        if time is not None:
            return line.line(), time
    return None


class Quorum:
    """The witnesses of a log, of which ``quorum`` must cosign each checkpoint. Any thread may call it.

    ``head`` gives the size of the log now.
    """

    def __init__(
        self, asked: Sequence[WitnessLink], quorum: int, head: Callable[[], int], *, timeout: float = TIMEOUT
    ) -> None:
        self._quorum = quorum
        self._head = head
        self._timeout = timeout
        self._lines = tuple(_Line(one) for one in asked)

    def cosign(self, signed: bytes, size: int, consistency: Consistency) -> bytes:
        """The signed checkpoint with the cosignature lines that came.

        Raises DeadlineError if they are fewer than the quorum, CorruptError if a witness has cosigned a
        larger size than the log has now, ConflictError if it has cosigned one larger than ``size``, as when
        another process of this home was quicker.
        """
        futures, over = self._ask(signed, consistency)
        try:
            self._wait(futures)
        finally:
            over.set()
        lines, complaints, quicker = self._collect(futures)
        if quicker is not None:
            raise quicker
        if len(lines) < self._quorum:
            msg = (
                f"{len(lines)} of {self._quorum} witnesses cosigned the checkpoint of size {size} "
                f"({'; '.join(complaints)}); the leaf is in the log: the same bytes again give its receipt"
            )
            raise DeadlineError(msg)
        return signed + b"".join(lines)

    def check(self, signed: bytes, consistency: Consistency) -> list[str]:
        """Compare the log with the witnesses; returns a complaint for each that could not be asked.

        ``signed`` is the newest checkpoint. Raises CorruptError if a witness has cosigned a larger one.
        """
        futures, over = self._ask(signed, consistency)
        wait(futures, self._timeout)
        over.set()
        return self._collect(futures)[1]

    def close(self) -> None:
        """Send no further requests. One that is under way ends by itself."""
        for line in self._lines:
            line.asked.close()
            line.thread.shutdown(wait=False, cancel_futures=True)

    def _ask(self, signed: bytes, consistency: Consistency) -> tuple[list[Future[bytes]], threading.Event]:
        """The pending answers, and the event that, once set, cancels requests that have not been sent."""
        opened = checkpoint.parse(signed)
        over = threading.Event()
        return [line.ask(over, opened, consistency) for line in self._lines], over

    def _collect(
        self, futures: Sequence[Future[bytes]]
    ) -> tuple[list[bytes], list[str], ConflictError | None]:
        """The lines that arrived, a complaint for each other witness, and the error of a larger size."""
        lines, complaints, quicker = [], [], None
        for future, line in zip(futures, self._lines, strict=True):
            try:
                lines.append(future.result(timeout=0))
            except ConflictError as error:
                self._check_ahead(error)
                quicker = error
            except TimeoutError:
                complaints.append(f"{line.asked.witness.name} did not answer in time")
            except HashpactError as error:
                complaints.append(error.message)
        return lines, complaints, quicker

    def _wait(self, futures: Sequence[Future[bytes]]) -> None:
        """Wait until enough have cosigned or the time is over, and then a moment for the others."""
        missing = self._quorum
        with contextlib.suppress(TimeoutError):
            for future in as_completed(futures, self._timeout) if missing else ():
                missing -= future.exception() is None
                if missing == 0:
                    break
        wait(futures, GRACE)

    def _check_ahead(self, error: ConflictError) -> None:
        size = self._head()
        if int(error.details["size"]) > size:
            msg = (
                f"{error.message}; this log has {size} leaves: it is an old copy, or not the log that the "
                "witness saw. Restore the newest copy; if the witness is wrong, take it out of hashpact.toml"
            )
            raise CorruptError(msg, index=str(size)) from error


class _Line:
    """The queue to one witness, which gets one request at a time; few may wait."""

    def __init__(self, asked: WitnessLink) -> None:
        self.asked = asked
        self.thread = ThreadPoolExecutor(1, f"witness-{asked.witness.name}")
        self._under_way: list[Future[bytes]] = []

    def ask(
        self, over: threading.Event, signed: checkpoint.SignedCheckpoint, consistency: Consistency
    ) -> Future[bytes]:
        """The future answer. Once ``over`` is set, no request is sent: the caller has stopped waiting."""

        def ask() -> bytes:
            if over.is_set():
                raise self._busy()
            return self.asked.cosign(signed, consistency)

        self._under_way = [one for one in self._under_way if not one.done()]
        if len(self._under_way) < _WAITING:
            future = self.thread.submit(ask)
            self._under_way.append(future)
        else:
            future = Future()
            future.set_exception(self._busy())
        return future

    def _busy(self) -> UnavailableError:
        return UnavailableError(f"{self.asked.witness.name} is still busy with another request")
