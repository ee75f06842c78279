"""The published log in a directory, a checkpoint and tiles as C2SP tlog-tiles lays them out.

Its home writes it as a `Publication`; a copy is read as a `Mirror`, without a server. The files
hold neither private parts nor state.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hashpact.domain.messages import MAX_DOCUMENT
from hashpact.durable import extend_public, read_bytes, write_public
from hashpact.errors import ConfigError, CorruptError
from hashpact.log import tiles
from hashpact.log.lines import HASH_SIZE
from hashpact.log.tiles import MAX_ENTRY, WIDTH, Tile

CHECKPOINT: Final = "checkpoint"

_LIMIT: Final = 64 * 1024
"""Bytes that a checkpoint may have."""
_MAX_TILE: Final = WIDTH * (MAX_ENTRY + 2)


class PublishedLog:
    """The files below ``directory``, which is made at the first publication."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a lock that the kernel releases however the process ends."""
        try:
            self._directory.mkdir(mode=0o755, exist_ok=True)
            lock = os.open(self._directory / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            msg = f"cannot write {self._directory}: {exc.strerror}"
            raise ConfigError(msg) from exc
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def checkpoint(self) -> bytes | None:
        """The bytes of the file ``checkpoint``, None if there is none."""
        path = self._directory / CHECKPOINT
        return read_bytes(path, _LIMIT) if path.exists() else None

    def has(self, path: str) -> bool:
        """Whether the file exists."""
        return (self._directory / path).exists()

    def put(self, path: str, data: bytes) -> None:
        """Write a file whole and durably, below directories that are made for it."""
        file = self._place(path)
        write_public(file, data, replace=True)
        # Partial tiles lie in a directory named after the full one; their readers then use the full one.
        shutil.rmtree(file.with_name(f"{file.name}.p"), ignore_errors=True)

    def extend(self, path: str, before: str, size: int, data: bytes) -> bool:
        """As `put`; what both files have in common is written once if the file system can share it."""
        return extend_public(self._place(path), self._directory / before, size, data)

    def _place(self, path: str) -> Path:
        file = self._directory / path
        try:
            file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as exc:
            msg = f"cannot make {file.parent}: {exc.strerror}"
            raise ConfigError(msg) from exc
        return file


class Mirror:
    """The files below a directory. A missing, oversized or irregular file raises CorruptError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def checkpoint(self) -> bytes:
        """The signed checkpoint."""
        return self._read(CHECKPOINT, _LIMIT)

    def hashes(self, tile: Tile) -> bytes:
        """The bytes of a hash tile; for a partial one, the full tile's serve as well if that exists."""
        found, data = self._tile(tile)
        return data if found == tile else data[: tile.width * HASH_SIZE]

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``(index, bytes)`` of the leaves with start <= index < stop, in order; holds one tile at a time.

        Raises MalformedError for a tile that is not made of leaves.
        """
        for number in range(start // WIDTH, -(-stop // WIDTH)):
            first = number * WIDTH
            found, data = self._tile(Tile(None, number, min(WIDTH, stop - first)))
            for index, leaf in enumerate(tiles.parse_entries(found, data), first):
                if start <= index < stop:
                    yield index, leaf

    def document(self, digest: bytes) -> bytes:
        """The bytes of a document that is for everybody, as the file has them."""
        return self._read(tiles.document_path(digest), MAX_DOCUMENT)

    def _tile(self, tile: Tile) -> tuple[Tile, bytes]:
        """A tile and its bytes: the one that is asked for, or the full one that has taken its place."""
        full = Tile(tile.level, tile.number)
        if not (self._directory / tile.path).exists() and (self._directory / full.path).exists():
            tile = full
        return tile, self._read(tile.path, _MAX_TILE)

    def _read(self, name: str, limit: int) -> bytes:
        try:
            return read_bytes(self._directory / name, limit)
        except ConfigError as error:
            raise CorruptError(error.message) from error
