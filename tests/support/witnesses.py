"""Logs to be witnessed, witnesses in memory, and a real witness process, for tests."""

from __future__ import annotations

import http.client
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builders import ORIGIN, FakeClock, Identity, seeded
from forking import UNMEASURED, started
from running import Running, ready_line
from trees import Oracle

from hashpact.domain.state import Evidence, KeptCheckpoint
from hashpact.errors import ConflictError
from hashpact.http.witness import respond
from hashpact.log import checkpoint, proofs, tree, witnessing
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness
from hashpact.service.cosign import Reply, WitnessLink
from hashpact.storage.cosigned import MAX_EVIDENCE, SqliteCosigned
from hashpact.witness.cosigner import Cosigner
from hashpact.witness.directory import create_witness, open_witness

LOG = Identity.of("log")
SIZE = 40


@dataclass(frozen=True)
class Branch:
    """A log of 40 leaves; after ``common`` of them, one of another ``name`` has other leaves."""

    name: str = ""
    common: int = SIZE
    origin: str = ORIGIN
    signer: Identity = LOG

    @property
    def oracle(self) -> Oracle:
        """Its tree."""
        names = ["" if number < self.common else self.name for number in range(SIZE)]
        return Oracle([tree.leaf_hash(seeded(f"{name} {number}")) for number, name in enumerate(names)])

    def root(self, size: int) -> bytes:
        """The root of its first leaves."""
        return self.oracle.root(0, size)

    def signed(self, size: int, *extensions: str) -> bytes:
        """Its signed checkpoint."""
        stated = Checkpoint(self.origin, size, self.root(size), extensions)
        return checkpoint.sign(stated, self.signer.public, self.signer.private.sign)

    def proof(self, old: int, new: int) -> tuple[bytes, ...]:
        """The consistency proof; from size 0 there is none."""
        return proofs.consistency(old, new, self.oracle.node) if old else ()

    def request(self, old: int, new: int) -> bytes:
        """What it posts to a witness."""
        return witnessing.encode(old, self.proof(old, new), self.signed(new))


TRUE = Branch()
FORK = Branch("fork", 7)
"""Shares seven leaves with the true log."""


def witness_of(name: str) -> Witness:
    """The witness of that name."""
    return Witness(name, Identity.of(name).public)


class MemoryCosigned:
    """`Cosigned` in memory, for the threads of one process and only while it runs."""

    def __init__(self) -> None:
        """Nothing is cosigned yet."""
        self._lock = threading.Lock()
        self._newest: dict[str, KeptCheckpoint] = {}
        self._evidence: dict[str, list[Evidence]] = {}

    def latest(self, origin: str) -> KeptCheckpoint | None:
        """The newest checkpoint of the log that was cosigned."""
        return self._newest.get(origin)

    def advance(self, origin: str, last: KeptCheckpoint | None, new: KeptCheckpoint) -> None:
        """Replace ``last`` by ``new``."""
        if new.size <= (-1 if last is None else last.size):
            msg = "a witness never goes back"
            raise ValueError(msg)
        with self._lock:
            newest = self._newest.get(origin)
            if newest != last:
                size = 0 if newest is None else newest.size
                msg = f"size {size} was cosigned meanwhile"
                raise ConflictError(msg, size=str(size))
            self._newest[origin] = new

    def keep_evidence(self, origin: str, evidence: Evidence) -> None:
        """Keep it, at most `MAX_EVIDENCE` of its sort."""
        with self._lock:
            kept = self._evidence.setdefault(origin, [])
            same = [one for one in kept if one.certain == evidence.certain]
            if any(one.text == evidence.text for one in same):
                return
            if len(same) >= MAX_EVIDENCE:
                if evidence.certain:
                    return
                kept.remove(same[0])
            kept.append(evidence)

    def evidence(self, origin: str) -> list[Evidence]:
        """What is kept of a log, oldest first."""
        return list(self._evidence.get(origin, ()))


@dataclass
class Desk:
    """A witness in memory that answers as its server does; a test may have it fail."""

    name: str = "witness.example/north"
    cosigned: MemoryCosigned | SqliteCosigned = field(default_factory=MemoryCosigned)
    clock: FakeClock = field(default_factory=FakeClock)
    reply: Reply | Exception | None = None
    bodies: list[bytes] = field(default_factory=list)

    @property
    def cosigner(self) -> Cosigner:
        """The service."""
        who = Identity.of(self.name)
        logs = {ORIGIN: (LOG.public,)}
        return Cosigner(witness_of(self.name), who.private, logs, self.cosigned, self.clock)

    def __call__(self, body: bytes) -> Reply:
        """The answer."""
        self.bodies.append(body)
        if isinstance(self.reply, Exception):
            raise self.reply
        if self.reply is not None:
            return self.reply
        said = respond(self.cosigner.add, body)
        return Reply(said.status, said.body)

    @property
    def asked(self) -> WitnessLink:
        """It, as a log knows it."""
        return WitnessLink(witness_of(self.name), self)


class RunningWitness(Running):
    """`hashpact witness serve` as a process of its own, on a directory that is made if it is not there.

    ``under`` is a command that runs another, and leaves it its process id. As `RunningServer`, it does not
    measure its coverage unless that is asked for.
    """

    def __init__(
        self,
        directory: Path,
        logs: list[tuple[str, bytes]],
        port: int = 0,
        under: Sequence[str] = (),
        *,
        measured: bool = False,
    ) -> None:
        self.directory = directory
        if not directory.exists():
            name = f"witness.example/{directory.name}"
            create_witness(directory, name, "127.0.0.1:0", tuple(logs), None)
        command = ["witness", "serve", str(directory), "--listen", f"127.0.0.1:{port}"]
        with directory.with_suffix(".log").open("ab") as log:
            self.process = started(
                command, log, {**os.environ, **({} if measured else UNMEASURED)}, under=under
            )
        try:
            said = ready_line(self.process, directory.with_suffix(".log"))
        except BaseException:
            self.kill()
            raise
        found = re.search(r":(\d+)$", said)
        assert found is not None
        self.port = int(found[1])

    @property
    def url(self) -> str:
        """Its submission prefix."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def witness(self) -> Witness:
        """Its name and key."""
        with open_witness(self.directory) as opened:
            return opened.config.witness

    def post(self, body: bytes) -> Reply:
        """What it answers, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("POST", "/add-checkpoint", body)
        response = connection.getresponse()
        reply = Reply(response.status, response.read())
        connection.close()
        return reply
