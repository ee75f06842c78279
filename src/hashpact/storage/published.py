"""The published log as files, a checkpoint and tiles as C2SP tlog-tiles lays them out.

Its home writes them as a `Publication`; a copy is read as a `TileCopy`, without a server, from wherever the
files are. They hold neither private parts nor state.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from hashpact.domain.messages import MAX_DOCUMENT
from hashpact.durable import alone, extend_public, public_directory, read_bytes, write_public
from hashpact.errors import ConfigError, CorruptError
from hashpact.log import tiles
from hashpact.log.lines import HASH_SIZE
from hashpact.log.tiles import CHECKPOINT, MAX_ENTRY, WIDTH, Tile

KEPT: Final = 3600.0
"""Seconds for which partial tiles stay once the full one is there, for readers of an older checkpoint."""

_LIMIT: Final = 64 * 1024
"""Bytes that a checkpoint may have."""
_SMALL: Final = 1024 * 1024
"""Bytes that what is published about the log beside it may have."""
_AHEAD: Final = 4
"""So many entry tiles are got ready while one is read."""
_MAX_HASHES: Final = WIDTH * HASH_SIZE
_MAX_TILE: Final = WIDTH * (MAX_ENTRY + 2)


class PublishedLog:
    """The files below ``directory``, which is made at the first publication. Everybody can read them.

    ``clock`` gives the time of the files' modification, in Unix seconds.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._clock = clock

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a lock that the kernel releases however the process ends."""
        public_directory(self._directory)
        with alone(self._directory, wait=True):
            yield

    def read(self, path: str) -> bytes | None:
        """The bytes of a small file, such as the checkpoint; None if there is none."""
        file = self._directory / path
        return read_bytes(file, _SMALL) if file.exists() else None

    def has(self, path: str) -> bool:
        """Whether the file exists."""
        return (self._directory / path).exists()

    def put(self, path: str, data: bytes) -> None:
        """Write a file whole and durably, below directories that are made for it."""
        write_public(self._place(path), data, replace=True)

    def extend(self, path: str, before: str, size: int, data: bytes) -> bool:
        """As `put`; what both files have in common is written once if the file system can share it."""
        return extend_public(self._place(path), self._directory / before, size, data)

    def retire(self, path: str) -> bool:
        """Remove the partial tiles of a full one, which lie in a directory named after it."""
        full = self._directory / path
        partial = full.with_name(f"{full.name}.p")
        try:
            if partial.exists() and self._clock() - full.stat().st_mtime < KEPT:
                return False
        except OSError:  # somebody has removed the full one
            return False
        shutil.rmtree(partial, ignore_errors=True)
        return True

    def _place(self, path: str) -> Path:
        file = self._directory / path
        public_directory(file.parent)
        return file


class LogFiles(Protocol):
    """Where a copy of a published log is read: a directory, a web server.

    Damage raises CorruptError. What cannot be given now raises UnavailableError.
    """

    def expect(self, path: str, limit: int) -> None:
        """Get ready for `read` with the same arguments, if that takes time."""
        ...

    def read(self, path: str, limit: int) -> bytes | None:
        """The bytes of a file of at most ``limit`` bytes, None if there is none. Never reads much more."""
        ...


class Directory:
    """The files of a copy below a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def expect(self, path: str, limit: int) -> None:
        """Nothing: a file is there at once."""

    def read(self, path: str, limit: int) -> bytes | None:
        """The bytes of a file; an irregular or oversized one raises CorruptError."""
        file = self._directory / path
        try:
            return read_bytes(file, limit) if file.exists() else None
        except ConfigError as error:
            if not file.exists():  # the publisher has just removed it
                return None
            raise CorruptError(error.message) from error

    def __str__(self) -> str:
        return str(self._directory)


class TileCopy:
    """A copy of a published log. A missing, oversized or irregular file raises CorruptError."""

    def __init__(self, files: LogFiles) -> None:
        self._files = files

    def checkpoint(self) -> bytes:
        """The signed checkpoint."""
        return self._read(CHECKPOINT, _LIMIT)

    def hashes(self, tile: Tile) -> bytes:
        """The bytes of a hash tile; for a partial one, the full tile's serve as well if that exists."""
        found, data = self._tile(tile, _MAX_HASHES)
        return data if found == tile else data[: tile.width * HASH_SIZE]

    def leaves(self, start: int, stop: int, size: int = 0) -> Iterator[tuple[int, bytes]]:
        """``(index, bytes)`` of the leaves with start <= index < stop, in order; holds few tiles at a time.

        ``size`` is that of a published checkpoint, if it is larger than ``stop``: its tiles are read. Raises
        MalformedError for a tile that is not made of leaves.
        """
        size = max(stop, size)
        numbers = range(start // WIDTH, -(-stop // WIDTH))
        for place, number in enumerate(numbers):
            first = number * WIDTH
            for ahead in numbers[place : place + _AHEAD]:
                width = min(WIDTH, size - ahead * WIDTH)
                self._files.expect(Tile(None, ahead, width).path, _MAX_TILE)
                self._files.expect(Tile(0, ahead, width).path, _MAX_HASHES)  # an audit compares them next
            found, data = self._tile(Tile(None, number, min(WIDTH, size - first)), _MAX_TILE)
            for index, leaf in enumerate(tiles.parse_entries(found, data), first):
                if start <= index < stop:
                    yield index, leaf

    def document(self, digest: bytes) -> bytes:
        """The bytes of a document that is for everybody, as the file has them."""
        return self._read(tiles.document_path(digest), MAX_DOCUMENT)

    def _tile(self, tile: Tile, limit: int) -> tuple[Tile, bytes]:
        """A tile and its bytes: the one that is asked for, or the full one that has taken its place."""
        data = self._files.read(tile.path, limit)
        if data is None and tile.width < WIDTH:
            full = Tile(tile.level, tile.number)
            data = self._files.read(full.path, limit)
            if data is not None:
                return full, data
        return tile, self._found(tile.path, data)

    def _read(self, path: str, limit: int) -> bytes:
        return self._found(path, self._files.read(path, limit))

    def _found(self, path: str, data: bytes | None) -> bytes:
        if data is None:
            msg = f"{self._files} has no file {path}"
            raise CorruptError(msg)
        return data
