"""A mirror's depository over real HTTP, for tests: what it stores, and a log of plain leaves to send it."""

from __future__ import annotations

import asyncio
import http.client
import threading
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import structlog
from builders import NOW, ORIGIN, FakeClock, Identity, seeded
from memory import MemoryLedger
from structlog.testing import LogCapture

from hashpact.domain.state import KeptCheckpoint
from hashpact.http.door import Door, DoorLimits
from hashpact.http.mirror import mirror_app
from hashpact.log import checkpoint, mirroring, proofs, tree, witnessing
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.log.cosignature import Witness
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.storing.accusing import Accuser
from hashpact.mirror.storing.depository import Depository
from hashpact.mirror.storing.held import MirroredLog
from hashpact.mirror.storing.pending import Pending
from hashpact.service.cosign import Reply
from hashpact.storage.cosigned import SqliteCosigned
from hashpact.storage.sqlite import SqliteLedger

LOG = Identity.of("log")
MIRROR = Identity.of("mirror")
COSIGNER = Witness("mirror.example/m1", MIRROR.public)
COPIED = 4
"""Leaves that the mirror has copied by itself."""


class PlainLog:
    """A log of so many leaves that are no statements; after ``common`` of them, others with another name."""

    def __init__(self, size: int, name: str = "", common: int = 0, origin: str = ORIGIN) -> None:
        self.origin = origin
        self.data = [seeded(f"{name if place >= common else ''} {place}", 100) for place in range(size)]
        self.ledger = MemoryLedger()
        MirroredLog(self.ledger).store(self.data)

    def root(self, size: int) -> bytes:
        """The root of its first leaves."""
        return tree.root(self.ledger.tree.edge(size))

    def signed(self, size: int) -> SignedCheckpoint:
        """Its signed checkpoint."""
        stated = Checkpoint(self.origin, size, self.root(size))
        return checkpoint.parse(checkpoint.sign(stated, LOG.public, LOG.private.sign))

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof; none from size 0."""
        return proofs.consistency(old, new, self.ledger.tree.node) if old else ()

    def add_checkpoint(self, old: int, new: int) -> bytes:
        """What it posts."""
        return witnessing.encode(old, self.consistency(old, new), self.signed(new).data)

    def package(self, start: int, stop: int, size: int | None = None) -> bytes:
        """The package from leaf ``start`` on of the tree of size ``stop``, or proved for another size."""
        first, end = mirroring.bounds(start, stop)
        proof = proofs.subtree(first, end, size or stop, self.ledger.tree.node)
        return mirroring.package(self.data[start:end], proof)

    def upload(self, start: int, stop: int) -> bytes:
        """All that it posts from leaf ``start`` on."""
        starts = [start, *range(start // 256 * 256 + 256, stop, 256)] if start < stop else []
        packages = b"".join(self.package(each, stop) for each in starts)
        return mirroring.header(self.origin, start, stop) + packages


@dataclass
class Deposit:
    """A mirror's depository in a directory, which has copied ``COPIED`` leaves, served by a thread."""

    directory: Path
    log: PlainLog
    limits: DoorLimits = field(default_factory=DoorLimits)
    copied: int = COPIED
    alarms: list[Alarm] = field(default_factory=list)
    events: LogCapture = field(default_factory=LogCapture)

    def __post_init__(self) -> None:
        self.copy = MemoryLedger()
        self.follow(self.log, self.copied)
        held, posted = self.directory / "held.db", self.directory / "posted.db"
        if not held.exists():
            SqliteLedger.create(held).close()
            SqliteCosigned.create(posted).close()

    def follow(self, log: PlainLog, size: int) -> None:
        """Have it copy so many leaves, and their checkpoint."""
        MirroredLog(self.copy).extend(log.ledger, size - self.copy.head().size)
        self.copy.checkpoints.keep(KeptCheckpoint(size, log.signed(size).data))

    @property
    def url(self) -> str:
        """Its submission prefix."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> tuple[int, bytes, bytes | None]:
        """All that is durable: leaves, the newest checkpoint that was posted, and the mirror checkpoint."""
        posted, cosigned = self.depository.pending.posted.latest(ORIGIN), self.depository.held.cosigned
        return (
            self.depository.held.size,
            b"" if posted is None else posted.note,
            None if cosigned is None else cosigned.note,
        )

    def post(self, path: str, body: bytes, **headers: str) -> Reply:
        """The answer to a request."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("POST", path, body, named)
            response = connection.getresponse()
            self.kind = response.headers.get("Content-Type", "")
            return Reply(response.status, response.read())

    def checkpoint(self, body: bytes) -> int:
        """The status of an add-checkpoint."""
        return self.post("/add-checkpoint", body).status

    def entries(self, *parts: bytes) -> int:
        """The status of an add-entries."""
        return self.post("/add-entries", b"".join(parts)).status

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            held = stack.enter_context(closing(SqliteLedger.open(self.directory / "held.db")))
            posted = stack.enter_context(closing(SqliteCosigned(self.directory / "posted.db")))
            clock = FakeClock(NOW)
            accuser = Accuser(self.copy, self.directory / "evidence", list, self.alarms.append, clock)
            pending = Pending(posted, (self.copy.checkpoints, held.checkpoints), accuser.two_of_a_size)
            self.depository = Depository(
                ORIGIN,
                COSIGNER,
                MIRROR.private,
                lambda signed: (LOG.public,) if signed.checkpoint.origin == ORIGIN else None,
                pending,
                MirroredLog(held),
                self.copy,
                clock,
                accuser.not_of_the_copy,
            )
            logger = structlog.wrap_logger(
                None, processors=[self.events], wrapper_class=structlog.make_filtering_bound_logger("info")
            )
            loop = asyncio.new_event_loop()
            stack.callback(loop.close)
            door = Door(mirror_app(self.depository, logger), logger, self.limits)
            self.port = loop.run_until_complete(door.open("127.0.0.1", 0))
            thread = threading.Thread(target=loop.run_forever, daemon=True)
            thread.start()

            def stop() -> None:
                asyncio.run_coroutine_threadsafe(door.close(), loop).result(120)
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
                loop.run_until_complete(loop.shutdown_default_executor())

            stack.callback(stop)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
