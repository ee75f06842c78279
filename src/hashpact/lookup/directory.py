"""The directory in which an index is kept between runs. docs/formats/segment.md has its files.

A saved index is believed if its manifest is registered with the ledger, and each file has the SHA-256 of the
manifest. docs/decisions/lookup.md says what that withstands.
"""

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

from hashpact._kernel import HammingFrozen, MinHashFrozen, PartsFrozen, WinnowFrozen
from hashpact.domain.ports import SavedIndexes
from hashpact.durable import read_bytes, write_private
from hashpact.errors import ConfigError, CorruptError

MANIFEST: Final = "manifest"
LOCK: Final = "lock"

_FIRST_LINE: Final = "hashpact segments 1"
_FILE: Final = re.compile(r"[a-z0-9-]+\.(?:segment|withdrawn)", re.ASCII)
_DRAFT: Final = re.compile(r"\..+\.new", re.ASCII)
_LINES: Final = 3
_LIMIT: Final = 1 << 20
"""Bytes that a manifest may have; ours has some kilobytes."""
_MAX_POSITION: Final = 2**63 - 1
_MAX_CHECKSUM: Final = 2**32 - 1
_HASH_SIZE: Final = 32

Frozen: TypeAlias = HammingFrozen | MinHashFrozen | PartsFrozen | WinnowFrozen

Located: TypeAlias = tuple[list[tuple[str, int | None]], tuple[str, int | None] | None]
"""What a native store is opened from: segments, and the rows of them that are withdrawn."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the directory, with the checksum of its header and the SHA-256 of all its bytes."""

    name: str
    checksum: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One type's segments, and the file that lists their withdrawn rows."""

    segments: tuple[File, ...]
    withdrawn: File | None

    def files(self) -> Iterator[File]:
        """All its files."""
        yield from self.segments
        if self.withdrawn is not None:
            yield self.withdrawn


@dataclass(frozen=True, slots=True)
class IndexManifest:
    """What the directory holds: the index of the log's first ``position`` leaves, whose root is ``root``."""

    position: int
    root: bytes
    parts: Mapping[str, Part]

    def files(self) -> Iterator[File]:
        """Every file but the manifest itself."""
        for part in self.parts.values():
            yield from part.files()

    @property
    def digest(self) -> bytes:
        """The SHA-256 by which the manifest is registered."""
        return _digest(self._lines())

    def to_text(self) -> str:
        """The file: a line that names the format, a line of JSON, and the SHA-256 of both."""
        return f"{self._lines()}{self.digest.hex()}\n"

    def _lines(self) -> str:
        parts = {
            kind: {
                "segments": [_listed(file) for file in part.segments],
                "withdrawn": part.withdrawn and _listed(part.withdrawn),
            }
            for kind, part in self.parts.items()
        }
        body = json.dumps({"position": self.position, "root": self.root.hex(), "parts": parts})
        return f"{_FIRST_LINE}\n{body}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `to_text` wrote. Raises ValueError for anything else."""
        first, body, digest, *end = text.split("\n") if text.count("\n") == _LINES else ("", "", "")
        if first != _FIRST_LINE or digest != _digest(f"{first}\n{body}\n").hex() or end != [""]:
            msg = "it is damaged, or of another version"
            raise ValueError(msg)
        try:
            values = json.loads(body)
            parts = {
                kind: Part(
                    tuple(map(_file, part["segments"])), part["withdrawn"] and _file(part["withdrawn"])
                )
                for kind, part in values["parts"].items()
            }
            manifest = cls(values["position"], bytes.fromhex(values["root"]), parts)
        except (TypeError, LookupError, AttributeError, RecursionError) as exc:
            msg = f"it cannot be read: {exc}"
            raise ValueError(msg) from exc
        if type(manifest.position) is not int or not 0 < manifest.position <= _MAX_POSITION:
            msg = f"its position must be from 1 to {_MAX_POSITION}"
            raise ValueError(msg)
        if len(manifest.root) != _HASH_SIZE:
            msg = f"its root must have {_HASH_SIZE} bytes, not {len(manifest.root)}"
            raise ValueError(msg)
        if manifest.to_text() != text:
            msg = "it is not written as Hashpact writes it"
            raise ValueError(msg)
        return manifest


def _listed(file: File) -> list[str | int]:
    return [file.name, file.checksum, file.sha256.hex()]


def _file(values: list[Any]) -> File:
    name, checksum, sha256 = values
    if _FILE.fullmatch(name) is None:
        msg = f"{name!r} cannot be a segment's name"
        raise ValueError(msg)
    file = File(name, checksum, bytes.fromhex(sha256))
    if type(checksum) is not int or not 0 <= checksum <= _MAX_CHECKSUM or len(file.sha256) != _HASH_SIZE:
        msg = f"the checksums of {name} are not those of a file"
        raise ValueError(msg)
    return file


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


class IndexFiles:
    """The files of an index, for reading. ``register`` knows the manifests that servers have saved."""

    def __init__(self, path: Path, register: SavedIndexes) -> None:
        """Nothing is read yet, and nothing is made."""
        self.path = path
        self._register = register
        self._verified: set[bytes] = set()

    def manifest(self) -> IndexManifest | None:
        """What was saved last, or None. Raises CorruptError if it cannot be read or is not registered."""
        path = self.path / MANIFEST
        if not path.exists():
            return None
        try:
            manifest = IndexManifest.parse(read_bytes(path, _LIMIT).decode())
        except ConfigError as exc:
            raise CorruptError(exc.message) from exc
        except ValueError as exc:
            msg = f"{path}: {exc}"
            raise CorruptError(msg) from exc
        if manifest.digest not in self._register.known():
            msg = f"{path} was not saved over this ledger: it is of another log, or somebody else wrote it"
            raise CorruptError(msg)
        return manifest

    def keep(self, manifest: IndexManifest) -> None:
        """Forget which other files were verified."""
        self._verified &= {file.sha256 for file in manifest.files()}

    def discard(self) -> None:
        """Forget what was saved: nothing is opened until something is saved again. Raises OSError."""
        (self.path / MANIFEST).unlink(missing_ok=True)

    def locate(self, part: Part) -> Located:
        """A part's files, for a native store to open."""
        withdrawn = None if part.withdrawn is None else self._located(part.withdrawn)
        return [self._located(file) for file in part.segments], withdrawn

    def verify(self, part: Part) -> None:
        """Compare every byte of a part's files with their SHA-256. Raises CorruptError, OSError.

        A file is read once: one that is saved never changes, and its name is not given again.
        """
        for file in part.files():
            if file.sha256 in self._verified:
                continue
            if _sha256(self.path / file.name) != file.sha256:
                msg = f"{self.path / file.name} is not the file that was saved"
                raise CorruptError(msg)
            self._verified.add(file.sha256)

    def _located(self, file: File) -> tuple[str, int | None]:
        return os.fspath(self.path / file.name), file.checksum


class IndexDirectory(IndexFiles):
    """The files of an index, for all processes of one machine. Any may read; only one may save.

    The process that has claimed the right to save keeps it until it closes the directory or ends, however it
    ends. A saved file is never changed. It is removed when a later save does not need it; processes that have
    it mapped can still read it.
    """

    def __init__(self, path: Path, register: SavedIndexes) -> None:
        """Make the directory if there is none. Raises ConfigError if it cannot be used."""
        super().__init__(path, register)
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            msg = f"cannot use {path}: {exc.strerror}; check its owner and mode"
            raise ConfigError(msg) from exc

    def claim(self) -> bool:
        """Whether this process may save, now or since it asked before; False while another one may."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let another process save."""
        os.close(self._lock)

    def save(self, parts: Mapping[str, Frozen], position: int, root: bytes) -> None:
        """Write an index as it was at that position of the log, all of it or nothing.

        Segments that were saved or opened from here before, and not merged since, are not written again. The
        manifest is registered before it gets its name, and the one before stays registered: whenever the
        process ends, the manifest that is there is believed. Raises OSError, and what the register raises.
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
        if saved is not None and self._register.known()[-1] != saved.digest:
            # A save was cut short after it had registered. Another one like it must not push this one out.
            self._register.keep(saved.digest)
        self._register.keep(manifest.digest)
        write_private(self.path / MANIFEST, manifest.to_text().encode(), replace=True)
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
                path = self.path / f"{stem}-{layer}.segment"
                file = File(path.name, part.write_layer(layer, os.fspath(path)), _sha256(path))
            segments.append(file)
        if not part.withdrawn():
            return Part(tuple(segments), None)
        path = self.path / f"{stem}.withdrawn"
        withdrawn = File(path.name, part.write_tombstones(os.fspath(path)), _sha256(path))
        return Part(tuple(segments), withdrawn)
