"""The directory in which an index is kept between runs. docs/formats/segment.md has its files."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from hashpact._kernel import HammingFrozen, MinHashFrozen
from hashpact.errors import ConfigError, CorruptError

MANIFEST: Final = "manifest"
LOCK: Final = "lock"

_FIRST_LINE: Final = "hashpact segments 1"
_FILE: Final = re.compile(r"[a-z0-9-]+\.(?:segment|withdrawn)", re.ASCII)
_DRAFT: Final = re.compile(r"\..+\.new", re.ASCII)
_LINES: Final = 3

Frozen: TypeAlias = HammingFrozen | MinHashFrozen

Located: TypeAlias = tuple[list[tuple[str, int | None]], tuple[str, int | None] | None]
"""What a native store is opened from: segments, and the rows of them that are withdrawn."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the directory, with the checksum of its header, which identifies its content."""

    name: str
    checksum: int


@dataclass(frozen=True, slots=True)
class Part:
    """One type's segments, and the file that lists their withdrawn rows."""

    segments: tuple[File, ...]
    withdrawn: File | None


@dataclass(frozen=True, slots=True)
class IndexManifest:
    """What the directory holds: the index of the log's first ``position`` leaves, whose root is ``root``."""

    position: int
    root: bytes
    parts: Mapping[str, Part]

    def files(self) -> Iterator[File]:
        """Every file but the manifest itself."""
        for part in self.parts.values():
            yield from part.segments
            if part.withdrawn is not None:
                yield part.withdrawn

    def to_text(self) -> str:
        """The file: a line that names the format, a line of JSON, and the SHA-256 of both."""
        parts = {
            kind: {
                "segments": [[file.name, file.checksum] for file in part.segments],
                "withdrawn": part.withdrawn and [part.withdrawn.name, part.withdrawn.checksum],
            }
            for kind, part in self.parts.items()
        }
        body = json.dumps({"position": self.position, "root": self.root.hex(), "parts": parts})
        text = f"{_FIRST_LINE}\n{body}\n"
        return f"{text}{_digest(text)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `to_text` wrote. Raises ValueError for anything else."""
        first, body, digest, *end = text.split("\n") if text.count("\n") == _LINES else ("", "", "")
        if first != _FIRST_LINE or digest != _digest(f"{first}\n{body}\n") or end != [""]:
            msg = "it is damaged, or of another version"
            raise ValueError(msg)
        values = json.loads(body)
        parts = {
            kind: Part(tuple(map(_file, part["segments"])), part["withdrawn"] and _file(part["withdrawn"]))
            for kind, part in values["parts"].items()
        }
        return cls(values["position"], bytes.fromhex(values["root"]), parts)


def _file(values: list[Any]) -> File:
    name, checksum = values
    if _FILE.fullmatch(name) is None:
        msg = f"{name!r} cannot be a segment's name"
        raise ValueError(msg)
    return File(name, checksum)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class IndexDirectory:
    """The files of an index, for all processes of one machine. Any may read; only one may save.

    The first process that saves keeps that right until it closes the directory or ends, however it ends. A
    saved file is never changed. It is removed when a later save does not need it; processes that have it
    mapped can still read it.
    """

    def __init__(self, path: Path) -> None:
        """Make the directory if there is none. Raises ConfigError if it cannot be used."""
        self.path = path
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            msg = f"cannot use {path}: {exc.strerror}; check its owner and mode"
            raise ConfigError(msg) from exc
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.may_save = True
        except BlockingIOError:
            self.may_save = False

    def close(self) -> None:
        """Let another process save."""
        os.close(self._lock)

    def manifest(self) -> IndexManifest | None:
        """What was saved last, or None. Raises OSError, and CorruptError if it cannot be read."""
        path = self.path / MANIFEST
        try:
            return IndexManifest.parse(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, LookupError, AttributeError) as exc:
            msg = f"{path}: {exc}"
            raise CorruptError(msg) from exc

    def locate(self, part: Part) -> Located:
        """A part's files, for a native store to open."""
        withdrawn = None if part.withdrawn is None else self._located(part.withdrawn)
        return [self._located(file) for file in part.segments], withdrawn

    def _located(self, file: File) -> tuple[str, int | None]:
        return os.fspath(self.path / file.name), file.checksum

    def save(self, parts: Mapping[str, Frozen], position: int, root: bytes) -> None:
        """Write an index as it was at that position of the log, all of it or nothing. Raises OSError.

        Segments that were saved or opened from here before, and not merged since, are not written again.
        """
        try:
            saved = self.manifest()
        except CorruptError:
            saved = None
        known = {} if saved is None else {file.name: file for file in saved.files()}
        token = secrets.token_hex(8)
        written = {
            kind: self._write(part, f"{kind.replace('/', '-')}-{token}", known)
            for kind, part in parts.items()
        }
        manifest = IndexManifest(position, root, written)
        self._replace(MANIFEST, manifest.to_text().encode())
        used = {file.name for file in manifest.files()}
        for path in self.path.iterdir():
            if path.name not in used and (_FILE.fullmatch(path.name) or _DRAFT.fullmatch(path.name)):
                path.unlink()

    def _write(self, part: Frozen, stem: str, known: Mapping[str, File]) -> Part:
        segments = []
        for layer in range(part.layers()):
            stored = Path(part.stored(layer))
            file = known.get(stored.name) if stored.parent == self.path else None
            if file is None:
                name = f"{stem}-{layer}.segment"
                file = File(name, part.write_layer(layer, os.fspath(self.path / name)))
            segments.append(file)
        if not part.withdrawn():
            return Part(tuple(segments), None)
        name = f"{stem}.withdrawn"
        return Part(tuple(segments), File(name, part.write_tombstones(os.fspath(self.path / name))))

    def _replace(self, name: str, data: bytes) -> None:
        draft = self.path / f".{name}.{secrets.token_hex(8)}.new"
        try:
            with open(draft, "xb", opener=_private) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(self.path / name)
        finally:
            draft.unlink(missing_ok=True)
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
