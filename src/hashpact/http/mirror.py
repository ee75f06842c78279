"""A mirror over HTTP: add-checkpoint and add-entries of C2SP tlog-mirror, and what it stores, for everybody.

An upload is read package by package: at most one of them is held, and no more are taken of one request than
a log sends. Whatever ends a request early, the packages before it are stored. Statuses are those of
`witness`; add-entries has these besides:

status  when
202     some packages are stored, and leaves are still missing; with what to go on with
409     leaves before these are missing, or another checkpoint is pending; likewise
415     packed in another way than gzip
503     others are uploading already, as many as may
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from structlog.typing import FilteringBoundLogger

from hashpact.errors import ConflictError, HashpactError, InvalidInputError, NotFoundError, UnavailableError
from hashpact.http.exchange import GZIP
from hashpact.http.published import FileKind, kind_of
from hashpact.http.witness import Verdict, checkpoint_route, response_of, status_of
from hashpact.log import mirroring, tiles
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.log.mirroring import MirrorState, Package, Upload, UploadReader

UPLOADS: Final = 8
"""Uploads at a time; each holds a package, of 17 MB at most."""
SILENCE: Final = 10.0
"""Seconds that an upload may send nothing."""

_DOCUMENTS: Final = "documents/"
_PIECE: Final = 64 * 1024
_REST: Final = 32 * 1024 * 1024
_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS
_OK, _ACCEPTED, _BAD, _CONFLICT, _PACKED = 200, 202, 400, 409, 415
_ALLOW: Final = {"Accept-Encoding": GZIP}

Result = TypeVar("Result")


class Storing(Protocol):
    """What stores the leaves of the log ``origin``; its methods block, and raise HashpactError."""

    @property
    def origin(self) -> str:
        """The log's."""
        ...

    def add_checkpoint(self, body: bytes) -> bytes:
        """Take the checkpoint in a request."""
        ...

    def begin(self, upload: Upload) -> SignedCheckpoint:
        """The checkpoint of which an upload brings leaves."""
        ...

    def take(self, target: SignedCheckpoint, package: Package) -> None:
        """Store the leaves of a package."""
        ...

    def finish(self, target: SignedCheckpoint) -> bytes:
        """The cosignature lines of a checkpoint, all of whose leaves are stored."""
        ...

    def state(self, size: int) -> MirrorState:
        """Where an uploader continues."""
        ...

    def checkpoint(self) -> bytes:
        """The cosigned checkpoint."""
        ...

    def tile(self, path: str) -> bytes:
        """The bytes of a tile."""
        ...

    def document(self, digest: bytes) -> bytes:
        """A document that is for everybody."""
        ...


def mirror_app(storing: Storing, log: FilteringBoundLogger) -> Starlette:
    """The app of one mirror; ``log`` gets a line for each answer to a log."""
    uploads = asyncio.Semaphore(UPLOADS)

    async def add_entries(request: Request) -> Response:
        if uploads.locked():
            verdict = Verdict(status_of(UnavailableError("")), b"others are uploading; try again\n")
        else:
            async with uploads:
                verdict = await _Uploading(storing, request).verdict()
        said = log.info if verdict.status in {_OK, _ACCEPTED, _CONFLICT} else log.warning
        said("answered an upload", status=verdict.status)
        response = response_of(verdict)
        response.headers.update(_ALLOW)
        return response

    def shown(request: Request) -> Response:
        try:
            kind, data = _file(storing, request.path_params["path"])
        except (InvalidInputError, NotFoundError):
            return PlainTextResponse("not found\n", 404, {"Cache-Control": "no-store"})
        headers = {
            "Cache-Control": kind.cached,
            "Content-Type": kind.content_type,
            "X-Content-Type-Options": "nosniff",
        }
        return Response(data, headers=headers)

    async def refuse(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # it is the handler of these
        text = (
            b"there are POST /add-checkpoint, POST /add-entries, and the log below the hash of its origin\n"
        )
        return response_of(Verdict(error.status_code, text))

    prefix = hashlib.sha256(storing.origin.encode()).hexdigest()
    app = Starlette(
        routes=[
            checkpoint_route(storing.add_checkpoint, log),
            Route("/add-entries", add_entries, methods=["POST"]),
            Route(f"/{prefix}/{{path:path}}", shown),
        ],
        exception_handlers={HTTPException: refuse},
    )
    app.router.redirect_slashes = False
    return app


def _file(storing: Storing, path: str) -> tuple[FileKind, bytes]:
    """What is shown at a path, and how it is served. Raises InvalidInputError, NotFoundError."""
    kind = kind_of(path)
    if kind is None:
        msg = "nothing is ever shown there"
        raise NotFoundError(msg, resource=path)
    if path == tiles.CHECKPOINT:
        return kind, storing.checkpoint()
    if path.startswith(_DOCUMENTS):
        return kind, storing.document(bytes.fromhex(path.removeprefix(_DOCUMENTS)))
    return kind, storing.tile(path)


@dataclass(slots=True)
class _Uploading:
    """One request of add-entries."""

    storing: Storing
    request: Request
    reader: UploadReader = field(default_factory=UploadReader)
    upload: Upload | None = None
    target: SignedCheckpoint | None = None
    at: int = 0
    taken: int = 0

    async def verdict(self) -> Verdict:
        """The answer. Whatever is not stored by then is dropped."""
        packed = self.request.headers.get("Content-Encoding", "identity").strip().lower()
        if packed not in {GZIP, "identity"}:
            return Verdict(_PACKED, b"an upload is packed by gzip, or not at all\n")
        raw = self.request.stream()
        try:
            async with aclosing(_pieces(raw, packed == GZIP)) as pieces:  # type: ignore[type-var]  # it is one
                async for piece in pieces:
                    self.reader.feed(piece)
                    if await self._is_through():
                        break
            verdict = await self._outcome()
        except ConflictError as error:
            verdict = self._state(_CONFLICT, int(error.details["size"]))
        except (ClientDisconnect, TimeoutError, zlib.error):
            # What an interrupted request has brought is kept.
            verdict = self._partial(b"the request was cut short\n")
        except HashpactError as error:
            verdict = Verdict(status_of(error), f"{error.message}\n".encode())
        await _drain(raw)
        return verdict

    async def _is_through(self) -> bool:
        """Take what has arrived; whether nothing more is wanted."""
        if self.upload is None:
            self.upload = self.reader.header()
            if self.upload is None:
                return False
            self.target = await _in_thread(self.storing.begin, self.upload)
            self.at = self.upload.start
        assert self.target is not None  # noqa: S101  # it came with the header
        while self.at < self.upload.stop and self.taken < mirroring.MAX_PACKAGES:
            package = self.reader.package(self.at, self.upload.stop)
            if package is None:
                return False
            await _in_thread(self.storing.take, self.target, package)
            self.at, self.taken = package.stop, self.taken + 1
        return True

    async def _outcome(self) -> Verdict:
        if self.upload is None or self.target is None or self.at < self.upload.stop:
            return self._partial(b"no whole package arrived\n")
        return Verdict(_OK, await _in_thread(self.storing.finish, self.target))

    def _partial(self, problem: bytes) -> Verdict:
        if self.upload is None or not self.taken:
            return Verdict(_BAD, problem)
        return self._state(_ACCEPTED, self.upload.stop)

    def _state(self, status: int, size: int) -> Verdict:
        body = mirroring.encode_state(self.storing.state(size))
        return Verdict(status, body, mirroring.STATE_TYPE)


async def _in_thread(work: Callable[..., Result], *arguments: Any) -> Result:  # noqa: ANN401 - of that work
    """The result of work that blocks, which is done to its end even if the connection is being ended."""
    return await asyncio.shield(asyncio.to_thread(work, *arguments))


async def _pieces(raw: AsyncIterator[bytes], packed: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - one of two
    """The body of a request, unpacked, in pieces of at most 64 KiB.

    Raises TimeoutError if nothing comes for too long, ClientDisconnect and zlib.error.
    """
    unpacking = zlib.decompressobj(_GZIP_FORMAT) if packed else None
    while (chunk := await asyncio.wait_for(anext(raw, None), SILENCE)) is not None:
        if unpacking is None:
            yield chunk
            continue
        left = chunk
        while left and not unpacking.eof:
            yield unpacking.decompress(left, _PIECE)
            left = unpacking.unconsumed_tail


async def _drain(raw: AsyncIterator[bytes]) -> None:
    """Read some of what is left of a request: a client that still sends would not see the answer."""
    left = _REST
    try:
        while left > 0 and (chunk := await asyncio.wait_for(anext(raw, None), SILENCE)) is not None:
            left -= len(chunk)
    except (ClientDisconnect, TimeoutError):
        return
