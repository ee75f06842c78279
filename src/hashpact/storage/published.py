"""The published log in a directory: a `Publication` that a web server, or a copy of it, can serve."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hashpact.domain.errors import ConfigError
from hashpact.storage.files import read_bytes, write_public

_LIMIT: Final = 64 * 1024
"""Bytes that a checkpoint may have."""


class PublishedLog:
    """The files below ``directory``, which is made when something is published first."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a lock that the kernel takes back when the process ends, whatever ends it."""
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
        path = self._directory / "checkpoint"
        return read_bytes(path, _LIMIT) if path.exists() else None

    def put(self, path: str, data: bytes) -> None:
        """Write a file whole and durably, below directories that are made for it."""
        file = self._directory / path
        try:
            file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as exc:
            msg = f"cannot make {file.parent}: {exc.strerror}"
            raise ConfigError(msg) from exc
        write_public(file, data, replace=True)
        # Partial tiles lie in a directory named after the full one; those who still want one take the full.
        shutil.rmtree(file.with_name(f"{file.name}.p"), ignore_errors=True)
