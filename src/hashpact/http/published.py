"""The published log over plain HTTP, for everybody: the files of C2SP tlog-tiles below the port's root.

path                        type                          may be cached for
/checkpoint                 text/plain; charset=utf-8     2 s
/log-keys /policy           text/plain; charset=utf-8     a minute
/genesis                    text/plain; charset=utf-8     ever
/tile/...  full             application/octet-stream      ever
/tile/...  partial          application/octet-stream      an hour: it stays so long beside the full one
/documents/SHA-256          application/octet-stream      ever

A file has an entity tag, so a caller that has it gets 304. Every other path is 404, whatever file is there.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hashpact.errors import InvalidInputError
from hashpact.log import tiles

_TEXT: Final = "text/plain; charset=utf-8"
_BYTES: Final = "application/octet-stream"
_EVER: Final = "public, max-age=31536000, immutable"
_DOCUMENT: Final = re.compile("documents/[0-9a-f]{64}")
_PIECE: Final = 64 * 1024
_NOT_MODIFIED: Final = 304


@dataclass(frozen=True, slots=True)
class FileKind:
    """How a file is served: its type, and how long it may be cached."""

    content_type: str
    cached: str


_SAID: Final = {
    tiles.CHECKPOINT: FileKind(_TEXT, "public, max-age=2"),
    tiles.LOG_KEYS: FileKind(_TEXT, "public, max-age=60"),
    tiles.POLICY: FileKind(_TEXT, "public, max-age=60"),
    tiles.GENESIS: FileKind(_TEXT, _EVER),
}


def kind_of(path: str) -> FileKind | None:
    """How the file at a path is served; None if nothing is ever published there."""
    if path in _SAID:
        return _SAID[path]
    if _DOCUMENT.fullmatch(path):
        return FileKind(_BYTES, _EVER)
    try:
        tile = tiles.parse_path(path)
    except InvalidInputError:
        return None
    return FileKind(_BYTES, _EVER if tile.width == tiles.WIDTH else "public, max-age=3600, immutable")


class _Served(StreamingResponse):
    """The bytes of an open file, which is never changed once it has its name, and closed afterwards."""

    def __init__(self, file: BinaryIO, headers: dict[str, str]) -> None:
        super().__init__(iter(partial(file.read, _PIECE), b""), headers=headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await super().__call__(scope, receive, send)


def published_app(directory: Path) -> Starlette:
    """The app that serves what is published in a directory, and nothing else that lies there."""

    def served(request: Request) -> Response:
        path = request.path_params["path"]
        kind = kind_of(path)
        file = None if kind is None else _opened(directory / path)
        if kind is None or file is None:
            return PlainTextResponse("not found\n", 404, {"Cache-Control": "no-store"})
        found = os.fstat(file.fileno())
        tag = f'"{found.st_mtime_ns:x}-{found.st_ino:x}-{found.st_size:x}"'
        headers = {
            "Cache-Control": kind.cached,
            "Content-Type": kind.content_type,
            "ETag": tag,
            "X-Content-Type-Options": "nosniff",
        }
        if _knows(request, tag):
            file.close()
            return Response(status_code=_NOT_MODIFIED, headers=headers)
        return _Served(file, {**headers, "Content-Length": str(found.st_size)})

    app = Starlette(routes=[Route("/{path:path}", served)])
    app.router.redirect_slashes = False  # a redirect would repeat the caller's Host
    return app


def _knows(request: Request, tag: str) -> bool:
    """Whether the caller has the file with that tag; a proxy that packs answers marks their tags as weak."""
    known = request.headers.get("If-None-Match", "").split(",")
    return tag in {one.strip().removeprefix("W/") for one in known}


def _opened(path: Path) -> BinaryIO | None:
    """A plain file, open; None for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    return None
