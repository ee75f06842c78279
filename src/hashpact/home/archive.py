"""The archive of a backup: a plain tar file of a manifest and then the files that it lists, in its order.

It is read strictly. Every header must be that of a plain file with the name and size of the manifest. So
links, devices, sparse files and headers of extensions are refused, before anything is written, and what is
written is never more than the manifest says and the archive holds.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Final, Self

FORMAT: Final = "hashpact-backup/v1"
MANIFEST: Final = "manifest.json"
DB: Final = "hashpact.db"
LIMIT: Final = 1 << 20
"""Bytes that the manifest may have, and each file but the ledger."""
NAMES: Final = re.compile(r"hashpact\.(toml|db)|pki/[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)
"""The paths of the files of a home that can be in a backup."""

_BLOCK: Final = 512
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PLAIN: Final = {tarfile.REGTYPE, tarfile.AREGTYPE}


@dataclass(frozen=True, slots=True)
class PackedFile:
    """Size in bytes and SHA-256 in hex of a file in an archive."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """An archive's content: the log's origin, its tree, and each file by its path, in the archive's order."""

    origin: str
    size: int
    root: str
    made: int
    files: dict[str, PackedFile]
    format: str = FORMAT

    def __post_init__(self) -> None:
        """Refuse values that no backup has, with ValueError."""
        for name, kind in (("origin", str), ("size", int), ("root", str), ("made", int)):
            if type(getattr(self, name)) is not kind:
                msg = f"{name} in its manifest is not of the type {kind.__name__}"
                raise ValueError(msg)
        for name, file in self.files.items():
            if NAMES.fullmatch(name) is None:
                msg = f"{name!r} is not part of a backup"
                raise ValueError(msg)
            if type(file.size) is not int or file.size < 0 or (name != DB and file.size > LIMIT):
                msg = f"{name} in its manifest must have a size of 0 to {LIMIT} bytes"
                raise ValueError(msg)
            if type(file.sha256) is not str or _HASH.fullmatch(file.sha256) is None:
                msg = f"{name} in its manifest has no SHA-256 of 64 hex digits"
                raise ValueError(msg)
        if DB not in self.files:
            msg = f"{DB} is missing"
            raise ValueError(msg)

    def text(self) -> bytes:
        """The manifest as it is in the archive."""
        return json.dumps(asdict(self), indent=1).encode() + b"\n"

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """The manifest of an archive. Raises ValueError."""
        try:
            values: Any = json.loads(text)
            if not isinstance(values, dict) or values.get("format") != FORMAT:
                msg = f"its manifest is not of the format {FORMAT}"
                raise ValueError(msg)
            files = {name: PackedFile(**file) for name, file in values["files"].items()}
            return cls(**(values | {"files": files}))
        except (TypeError, LookupError, AttributeError, RecursionError) as exc:
            msg = f"its manifest cannot be read: {exc}"
            raise ValueError(msg) from exc


def contents(archive: BinaryIO) -> tuple[Manifest, dict[str, int]]:
    """The manifest of an archive, and the offset at which each of its files begins.

    Reads the headers and the manifest alone. Raises ValueError unless every header is what the manifest says
    and the archive has room for every file, and OSError.
    """
    first = _header(archive, 0)
    if first is None or first[0] != MANIFEST:
        msg = "its manifest is missing: it must be the first file of the archive"
        raise ValueError(msg)
    if not 0 < first[1] <= LIMIT:
        msg = f"its manifest must have 1 to {LIMIT} bytes, not {first[1]}"
        raise ValueError(msg)
    manifest = Manifest.parse(archive.read(first[1]))
    at = _after(0, first[1])
    places = {}
    for name, file in manifest.files.items():
        found = _header(archive, at)
        if found is None:
            msg = f"{name} is missing"
            raise ValueError(msg)
        if found != (name, file.size):
            msg = (
                f"{found[0]!r} with {found[1]} bytes is not part of a backup here: "
                f"its manifest has {name} with {file.size} bytes"
            )
            raise ValueError(msg)
        places[name] = at + _BLOCK
        at = _after(at, file.size)
    if (more := _header(archive, at)) is not None:
        msg = f"{more[0]!r} is not part of a backup: its manifest has no such file"
        raise ValueError(msg)
    if archive.seek(0, os.SEEK_END) < at:
        msg = "it is cut short"
        raise ValueError(msg)
    return manifest, places


def _after(at: int, size: int) -> int:
    """Where the header that follows a file begins; the file's own is at ``at``."""
    return at + _BLOCK + -(-size // _BLOCK) * _BLOCK


def _header(archive: BinaryIO, at: int) -> tuple[str, int] | None:
    """Name and size of the plain file whose header is at that offset; None at the end of the archive."""
    archive.seek(at)
    block = archive.read(_BLOCK)
    if not block.strip(b"\0"):
        return None
    try:
        member = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, ValueError) as exc:
        msg = f"the header at byte {at} cannot be read: {exc}"
        raise ValueError(msg) from exc
    if member.type not in _PLAIN:
        msg = f"{member.name!r} is not part of a backup: it is not a plain file (type {member.type!r})"
        raise ValueError(msg)
    return member.name, member.size
