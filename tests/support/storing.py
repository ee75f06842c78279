"""A mirror of C2SP tlog-mirror over real HTTP, for tests, and one that misbehaves.

It is written from the specification and shares no code with the log: it reads notes, checks signatures, trees
and subtree proofs by itself, and cosigns only what it has stored below its directory, which it serves.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from builders import Identity
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from subtrees import leaf_hash, proves, tree_hash

from hashpact.log.cosignature import Witness

WIDTH = 256
TEXT, STATE = "text/plain", "text/x.tlog.mirror-info"

Said = tuple[int, str, bytes]
"""Status, content type and body of an answer."""


class Refused(Exception):  # noqa: N818 - an answer
    """A request that is answered with another status than 200."""

    def __init__(self, status: int, body: bytes = b"no\n", kind: str = TEXT) -> None:
        super().__init__(status)
        self.said: Said = (status, kind, body)


@dataclass
class StoringMirror:
    """A mirror of one log, by its origin and public key. ``lie`` may replace an answer to a path."""

    directory: Path
    origin: str
    log: bytes
    name: str = "mirror.example/m1"
    clock: Callable[[], int] = lambda: 1_800_000_000
    lie: Callable[[str, Said], Said | None] | None = None
    most: int = 10**9
    """Packages that it takes of one request."""
    leaves: list[bytes] = field(default_factory=list)
    pending: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    """Checkpoints that it has taken, by size: root and note."""
    size: int = 0
    """That of the mirror checkpoint."""
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Path and bytes of each request."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self.place = self.directory / hashlib.sha256(self.origin.encode()).hexdigest()
        self.place.mkdir(parents=True)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its submission prefix."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def monitoring(self) -> str:
        """Where it shows what it has stored."""
        return f"{self.url}/{self.place.name}"

    @property
    def witness(self) -> Witness:
        """Its name and key, as the log knows it."""
        return Witness(self.name, Identity.of(self.name).public)

    def answer(self, path: str, body: bytes) -> Said:
        """What it answers to a request."""
        with self._lock:
            self.asked.append((path, len(body)))
            try:
                said = {"/add-checkpoint": self._checkpoint, "/add-entries": self._entries}[path](body)
            except Refused as refused:
                said = refused.said
            lied = None if self.lie is None else self.lie(path, said)
            return said if lied is None else lied

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def cosigned(self, text: bytes, name: str | None = None) -> bytes:
        """A cosignature line on a checkpoint's text, by the key of that name."""
        time, key = self.clock(), Identity.of(name or self.name)
        signature = key.private.sign(b"cosignature/v1\ntime %d\n" % time + text)
        hinted = hashlib.sha256(self.name.encode() + b"\n\x04" + key.public).digest()[:4]
        value = base64.b64encode(hinted + time.to_bytes(8) + signature)
        return f"\u2014 {self.name} ".encode() + value + b"\n"

    def _checkpoint(self, body: bytes) -> Said:
        """add-checkpoint of tlog-witness: it takes the checkpoint, and cosigns nothing."""
        head, _, note = body.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        old, proof = int(first.removeprefix(b"old ")), [base64.b64decode(line) for line in lines]
        text, _, signatures = note.partition(b"\n\n")
        text += b"\n"
        origin, size_line, root_line = text.split(b"\n")[:3]
        if origin.decode() != self.origin:
            raise Refused(404)
        self._check_signed(text, signatures)
        size, root = int(size_line), base64.b64decode(root_line)
        newest = max(self.pending, default=0)
        if old != newest:
            raise Refused(409, b"%d\n" % newest, "text/x.tlog.size")
        if size == newest and self.pending and root != self.pending[newest][0]:
            raise Refused(409, b"%d\n" % newest, "text/x.tlog.size")
        if old and size > old and not proves(0, old, size, proof, self.pending[old][0], root):
            raise Refused(422)
        if size < old or (old in {0, size} and proof):
            raise Refused(422)
        self.pending[size] = (root, note)
        return 200, TEXT, b""

    def _check_signed(self, text: bytes, signatures: bytes) -> None:
        hinted = hashlib.sha256(self.origin.encode() + b"\n\x01" + self.log).digest()[:4]
        for line in signatures.splitlines():
            _, name, value = line.decode().split(" ")
            data = base64.b64decode(value)
            if name == self.origin and data[:4] == hinted:
                Ed25519PublicKey.from_public_bytes(self.log).verify(data[4:], text)
                return
        raise Refused(403)

    def _entries(self, body: bytes) -> Said:
        """add-entries: it takes packages as long as their leaves are those of a pending checkpoint."""
        read = _Reading(body)
        if read.take(int.from_bytes(read.take(2))).decode() != self.origin:
            raise Refused(404)
        start, stop = int.from_bytes(read.take(8)), int.from_bytes(read.take(8))
        ticket = read.take(int.from_bytes(read.take(2)))
        if ticket not in {b"", b"a ticket"}:
            raise Refused(400)
        if stop not in self.pending or stop < self.size:
            raise Refused(409, self._state(max(self.pending, default=0)), STATE)
        if start > len(self.leaves) or start > stop:
            raise Refused(409, self._state(stop), STATE)
        root, note = self.pending[stop]
        taken = 0
        while start < stop:
            first, end = start // WIDTH * WIDTH, min(stop, start // WIDTH * WIDTH + WIDTH)
            try:
                new = [read.take(int.from_bytes(read.take(2))) for _ in range(end - start)]
                proof = [read.take(32) for _ in range(read.take(1)[0])]
            except EOFError:
                break
            if taken == self.most:
                break
            whole = tree_hash([leaf_hash(leaf) for leaf in [*self.leaves[first:start], *new]])
            if len(proof) > 63 or not proves(first, end, stop, proof, whole, root):
                raise Refused(422)
            self.leaves[start:] = [*new, *self.leaves[end:]]
            start, taken = end, taken + 1
        if start < stop:
            raise Refused(202, self._state(stop), STATE) if taken else Refused(400)
        self._store(stop)
        text, _, rest = note.partition(b"\n\n")
        line = self.cosigned(text + b"\n")
        (self.place / "checkpoint").write_bytes(text + b"\n\n" + rest + line)
        self.size = stop
        return 200, TEXT, line

    def _state(self, size: int) -> bytes:
        return b"%d\n%d\n%s\n" % (size, len(self.leaves), base64.b64encode(b"a ticket"))

    def _store(self, size: int) -> None:
        """Write every tile of the tree of that size."""
        row = [leaf_hash(leaf) for leaf in self.leaves[:size]]
        packed = [len(leaf).to_bytes(2) + leaf for leaf in self.leaves[:size]]
        self._put("entries", packed)
        level = 0
        while row:
            self._put(str(level), row)
            whole = range(0, len(row) // WIDTH * WIDTH, WIDTH)
            row = [tree_hash(row[start : start + WIDTH]) for start in whole]
            level += 1

    def _put(self, level: str, parts: list[bytes]) -> None:
        for number in range(-(-len(parts) // WIDTH)):
            some = parts[number * WIDTH : (number + 1) * WIDTH]
            path = self.place / "tile" / level / f"{number:03}"
            if len(some) < WIDTH:
                path = path.with_name(f"{number:03}.p") / str(len(some))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(some))


@dataclass
class _Reading:
    """The bytes of a request, from the first to the last."""

    data: bytes
    place: int = 0

    def take(self, count: int) -> bytes:
        """The next so many. Raises EOFError if there are fewer."""
        found = self.data[self.place : self.place + count]
        if len(found) < count:
            raise EOFError
        self.place += count
        return found


def _handler(mirror: StoringMirror) -> type[SimpleHTTPRequestHandler]:
    """What handles the requests of a mirror: GET of its files, and its two POST."""

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *arguments: Any) -> None:  # noqa: ANN401 - as its class takes them
            super().__init__(*arguments, directory=str(mirror.directory))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            status, kind, said = mirror.answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    return Handler
