"""Uploads: what the window of a mirror keeps of checks, and its bytes, as docs/formats/retro.md has them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import TYPES, Fingerprint, FingerprintType
from hashpact.domain.matching.views import PictureView, Texture
from hashpact.errors import CorruptError

_COUNT: Final = struct.Struct(">I")
_COLUMN: Final = struct.Struct(">BI")
_VIEWS: Final = tuple(PictureView)
_TEXTURES: Final = tuple(Texture)


@dataclass(frozen=True, slots=True)
class Upload:
    """One check: when it was made, in Unix seconds, the position that its answer reflected, and its queries.

    ``reference`` is the caller's name for the upload: at most 64 bytes of UTF-8.
    """

    at: int
    position: int
    queries: tuple[Query, ...] = field(repr=False)
    reference: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class UploadColumn:
    """The values of one type in a block: of which upload each is, its size, its view and its texture."""

    type: FingerprintType
    uploads: NDArray[np.uint32]
    sizes: NDArray[np.uint16]
    views: bytes = field(repr=False)
    textures: bytes = field(repr=False)
    values: bytes = field(repr=False)

    def __len__(self) -> int:
        """How many values."""
        return len(self.uploads)

    def query(self, number: int) -> Query:
        """The query of a value, with the default threshold."""
        start = int(self.sizes[:number].sum(dtype=np.int64))
        value = self.values[start : start + int(self.sizes[number])]
        view, texture = _VIEWS[self.views[number]], _TEXTURES[self.textures[number]]
        return Query(Fingerprint(self.type, value), None, view, texture)


@dataclass(frozen=True, slots=True)
class UploadBlock:
    """Uploads as they are read: by columns. ``at`` and ``positions`` are those of `Upload`."""

    at: NDArray[np.uint64]
    positions: NDArray[np.uint64]
    references: tuple[str, ...] = field(repr=False)
    columns: tuple[UploadColumn, ...]

    def __len__(self) -> int:
        """How many uploads."""
        return len(self.at)

    def queries(self, upload: int) -> tuple[Query, ...]:
        """The queries of the upload of that number, with the default thresholds."""
        return tuple(
            column.query(number)
            for column in self.columns
            for number in np.flatnonzero(column.uploads == upload).tolist()
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The block in these bytes. Raises CorruptError if there is none, which only a writer can cause."""
        try:
            reader = _Reader(data)
            count = reader.number()
            at, positions = reader.array(">u8", count), reader.array(">u8", count)
            sizes = reader.array("u1", count).tolist()
            references = tuple(reader.take(size).decode() for size in sizes)
            columns = tuple(reader.columns(count))
        except (ValueError, KeyError, struct.error, UnicodeDecodeError) as error:
            msg = "what was decrypted is no block of uploads"
            raise CorruptError(msg) from error
        return cls(at.astype(np.uint64), positions.astype(np.uint64), references, columns)


def written(uploads: Sequence[Upload]) -> bytes:
    """The bytes of a block of uploads, as `UploadBlock.parse` reads them."""
    by_type: dict[str, list[tuple[int, Query]]] = {}
    for number, upload in enumerate(uploads):
        for query in upload.queries:
            by_type.setdefault(query.fingerprint.type.name, []).append((number, query))
    references = [upload.reference.encode() for upload in uploads]
    count = len(uploads)
    parts = [
        _COUNT.pack(count),
        struct.pack(f">{count}Q", *(upload.at for upload in uploads)),
        struct.pack(f">{count}Q", *(upload.position for upload in uploads)),
        bytes(map(len, references)),
        *references,
    ]
    for name, some in by_type.items():
        values = [query.fingerprint.value for _, query in some]
        parts += [
            _COLUMN.pack(len(name), len(some)),
            name.encode("ascii"),
            struct.pack(f">{len(some)}I", *(number for number, _ in some)),
            struct.pack(f">{len(some)}H", *map(len, values)),
            bytes(_VIEWS.index(query.view) for _, query in some),
            bytes(_TEXTURES.index(query.texture) for _, query in some),
            *values,
        ]
    return b"".join(parts)


class _Reader:
    """Takes the parts of a block one after the other. Raises ValueError for what is not there."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise ValueError
        self._at += size
        return taken

    def number(self) -> int:
        (number,) = _COUNT.unpack(self.take(_COUNT.size))
        return int(number)

    def array(self, dtype: str, count: int) -> NDArray[np.unsignedinteger]:
        kind = np.dtype(dtype)
        return np.frombuffer(self.take(kind.itemsize * count), kind)

    def columns(self, uploads: int) -> Iterator[UploadColumn]:
        while self._at < len(self._data):
            length, count = _COLUMN.unpack(self.take(_COLUMN.size))
            kind = TYPES[self.take(length).decode("ascii")]
            numbers = self.array(">u4", count).astype(np.uint32)
            sizes = self.array(">u2", count).astype(np.uint16)
            views, textures = self.take(count), self.take(count)
            if count and (numbers.max() >= uploads or max(views) >= len(_VIEWS)):
                raise ValueError
            if (count and max(textures) >= len(_TEXTURES)) or (
                not kind.is_set and (sizes != kind.size).any()
            ):
                raise ValueError
            yield UploadColumn(
                kind, numbers, sizes, views, textures, self.take(int(sizes.sum(dtype=np.int64)))
            )
