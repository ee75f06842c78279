"""Segments: the files of the window, encrypted, as docs/formats/retro.md has them.

A segment begins as a journal, to which each check is appended before it is answered, and is written anew,
packed, once it is full. Both hold the same uploads in the same order. Each has a key of its own, which
follows from the mirror's key and a salt; the nonce of a frame is its number, so that none is used twice.
"""

from __future__ import annotations

import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hashpact.durable import private_draft
from hashpact.errors import CorruptError
from hashpact.mirror.retro.uploads import Upload, UploadBlock, written

FIRST_LINE: Final = b"hashpact/retro/v1\n"
JOURNAL: Final = ".journal"
PACKED: Final = ".packed"
AT_ONCE: Final = 256
"""Uploads of one frame of a journal, at most."""
IN_BLOCK: Final = 4096
"""Uploads of one frame of a packed segment, at most."""
_HEADER: Final = struct.Struct(">18sB16s")
"""The first line, whether it is packed, and the salt."""
_FRAME: Final = struct.Struct(">BIIQ")
"""Whether it is the last, the bytes of the ciphertext, its uploads, and the least position among them."""
_KEY_SIZE: Final = 32
_NONCE_SIZE: Final = 12
_SALT_SIZE: Final = 16
_TAG_SIZE: Final = 16


class Frame(NamedTuple):
    """Where a frame is: its ``place`` in the file, its ``number``, how many uploads came ``before`` it.

    ``uploads`` is how many it has, and ``least`` is the least position that one of them was answered at.
    """

    place: int
    number: int
    before: int
    last: bool
    size: int
    uploads: int
    least: int


@dataclass(frozen=True, slots=True)
class SegmentKey:
    """The key of one segment, and the header that it follows from."""

    header: bytes
    cipher: AESGCM

    @classmethod
    def new(cls, master: bytes, *, packed: bool) -> Self:
        """Of a new segment."""
        return cls.of(master, _HEADER.pack(FIRST_LINE, packed, secrets.token_bytes(_SALT_SIZE)))

    @classmethod
    def of(cls, master: bytes, header: bytes) -> Self:
        """Of the segment with that header. Raises CorruptError if it is none."""
        if len(header) != _HEADER.size or not header.startswith(FIRST_LINE):
            msg = "it does not begin as a segment"
            raise CorruptError(msg)
        salt = header[-_SALT_SIZE:]
        return cls(header, AESGCM(HKDF(SHA256(), _KEY_SIZE, salt, FIRST_LINE).derive(master)))

    @property
    def packed(self) -> bool:
        """Whether the segment is whole, and was written at once."""
        return self.header[len(FIRST_LINE)] == 1

    def seal(self, number: int, uploads: Sequence[Upload], *, last: bool = False) -> bytes:
        """The bytes of the frame of that number."""
        plain, least = written(uploads), min(upload.position for upload in uploads)
        head = _FRAME.pack(last, len(plain) + _TAG_SIZE, len(uploads), least)
        return head + self.cipher.encrypt(number.to_bytes(_NONCE_SIZE), plain, self.header + head)

    def unseal(self, number: int, head: bytes, sealed: bytes) -> UploadBlock:
        """The uploads of a frame. Raises CorruptError if it was altered or moved."""
        try:
            plain = self.cipher.decrypt(number.to_bytes(_NONCE_SIZE), sealed, self.header + head)
        except InvalidTag as error:
            msg = f"frame {number} was altered, or is another key's"
            raise CorruptError(msg) from error
        return UploadBlock.parse(plain)


class SegmentReader:
    """Reads one segment. Use it as a context manager. Raises CorruptError and OSError."""

    def __init__(self, path: Path, master: bytes) -> None:
        self._file = path.open("rb")
        self._size = os.fstat(self._file.fileno()).st_size
        try:
            self._sealing = SegmentKey.of(master, self._file.read(_HEADER.size))
        except CorruptError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def frames(self) -> Iterator[Frame]:
        """The frames that lie in the file whole, by their headers, which `read` verifies.

        The end of a journal may be a frame that nobody has finished: no check was answered after it. Raises
        CorruptError for any other end.
        """
        place, number, before, last = _HEADER.size, 0, 0, False
        while place + _FRAME.size <= self._size:
            self._file.seek(place)
            flag, size, count, least = _FRAME.unpack(self._file.read(_FRAME.size))
            after = place + _FRAME.size + size
            if after > self._size or last:
                break
            last = bool(flag)
            yield Frame(place, number, before, last, size, count, least)
            place, number, before = after, number + 1, before + count
        if self._sealing.packed and (place != self._size or not last):
            msg = f"it ends within frame {number}"
            raise CorruptError(msg)

    def read(self, frame: Frame) -> UploadBlock:
        """The uploads of a frame. Raises CorruptError if it was altered."""
        self._file.seek(frame.place)
        head = self._file.read(_FRAME.size)
        block = self._sealing.unseal(frame.number, head, self._file.read(frame.size))
        if len(block) != frame.uploads:
            msg = f"frame {frame.number} has another number of uploads"
            raise CorruptError(msg)
        return block


class Journal:
    """A segment that is written: `append` returns once the uploads outlive this process.

    After a crash of the machine its last seconds may be missing.
    """

    def __init__(self, path: Path, master: bytes) -> None:
        """Make the file. Raises OSError."""
        self.path = path
        self.uploads: list[Upload] = []
        self._master = master
        self._sealing = SegmentKey.new(master, packed=False)
        self._frames = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = 0
        try:
            self._write(self._sealing.header)
        except OSError:
            os.close(self._file)
            path.unlink(missing_ok=True)
            raise

    def sealed(self, uploads: Sequence[Upload]) -> bytes:
        """The frame of uploads that `append` would write next."""
        return self._sealing.seal(self._frames, uploads)

    def append(self, uploads: Sequence[Upload], sealed: bytes) -> None:
        """Append them, as `sealed` has them. Raises OSError; then the journal is not to be used again."""
        self._frames += 1
        self._write(sealed)
        self.uploads += uploads

    @property
    def dropped(self) -> bool:
        """Whether the file was removed: the window was full."""
        return os.fstat(self._file).st_nlink == 0

    def close(self) -> None:
        """Close the file, which stays as it is."""
        os.close(self._file)

    def pack(self) -> None:
        """Close the journal, and put the packed segment in its place. Raises ConfigError and OSError.

        Of a journal without uploads, or that was dropped, nothing is left.
        """
        dropped = self.dropped
        self.close()
        if self.uploads and not dropped:
            sealing = SegmentKey.new(self._master, packed=True)
            with private_draft(self.path.with_suffix(PACKED)) as draft:
                draft.write(sealing.header)
                for number, start in enumerate(range(0, len(self.uploads), IN_BLOCK)):
                    some = self.uploads[start : start + IN_BLOCK]
                    draft.write(sealing.seal(number, some, last=start + len(some) == len(self.uploads)))
        self.path.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        self.size += len(data)
