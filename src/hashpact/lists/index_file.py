"""The index of a list in a file, sealed: with it a list is opened without indexing its values anew.

`NAME.index` follows from `NAME.list`: one that is missing, altered, of another list or of another version is
made anew. docs/formats/private-list.md has the bytes.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

import numpy as np
from cryptography.exceptions import InvalidTag
from numpy.typing import NDArray

from hashpact.durable import alone, open_plain, private_draft
from hashpact.errors import CorruptError
from hashpact.lists.sealing import NONCE_SIZE, Sealer
from hashpact.lookup.native import NativeIndex

_FIRST_LINE: Final = b"hashpact list index 1\n"
_INFO: Final = b"hashpact/private-index/v1\n"
_TOKEN_SIZE: Final = 16
_LENGTH_SIZE: Final = 4
_PIECE: Final = 4 << 20
"""Bytes that are sealed together."""

Places: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class IndexedBlocks:
    """What an index has of a list: ``blocks`` blocks, up to number ``through``, without the ``dead`` places.

    ``nonce`` is that of the sealed block ``through``: blocks are only added until all are written anew, so a
    list in which it is the same has the same blocks before it. ``dead`` is in ascending order.
    """

    blocks: int = 0
    through: int = 0
    nonce: bytes = b""
    dead: Places = field(default_factory=lambda: np.empty(0, np.int64))


def save(path: Path, of: Path, sealer: Sealer, index: NativeIndex, reflected: IndexedBlocks) -> None:
    """Write the index of the list in the file ``of``, if that is still there, in the place of an earlier one.

    In the clear the index is only in memory, never on a disk. Removes drafts that a killed process has left.
    Raises ConfigError if the file cannot be written.
    """
    with alone(path.parent, wait=True):
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.new"):
            left.unlink(missing_ok=True)
        if of.exists():
            _write(path, sealer, index, reflected)


def _write(path: Path, sealer: Sealer, index: NativeIndex, reflected: IndexedBlocks) -> None:
    with private_draft(path, replace=True) as file, contextlib.ExitStack() as stack:
        parts = {name: stack.enter_context(_memory()) for name in index.sizes() if index.sizes()[name][0]}
        for name, part in index.freeze().items():
            if name in parts:
                part.dump(parts[name])
        head = {
            "blocks": reflected.blocks,
            "through": reflected.through,
            "nonce": reflected.nonce.hex(),
            "dead": reflected.dead.nbytes,
            "parts": {name: os.fstat(memory).st_size for name, memory in parts.items()},
        }
        token = secrets.token_bytes(_TOKEN_SIZE)
        file.write(_FIRST_LINE + token)
        pieces = _Pieces(sealer, token)
        pieces.write(file, json.dumps(head).encode())
        dead = reflected.dead.astype("<i8").tobytes()
        for start in range(0, len(dead), _PIECE):
            pieces.write(file, dead[start : start + _PIECE])
        for memory in parts.values():
            os.lseek(memory, 0, os.SEEK_SET)
            while piece := os.read(memory, _PIECE):
                pieces.write(file, piece)


def load(path: Path, sealer: Sealer) -> tuple[NativeIndex, IndexedBlocks] | None:
    """The index in a file; None if there is none that can be used. A damaged one is removed."""
    try:
        with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file:
            return _read(file, sealer)
    except OSError:
        return None
    except (CorruptError, InvalidTag, ValueError):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None


def _read(file: BinaryIO, sealer: Sealer) -> tuple[NativeIndex, IndexedBlocks]:
    start = file.read(len(_FIRST_LINE) + _TOKEN_SIZE)
    if not start.startswith(_FIRST_LINE):
        msg = "it is of another version"
        raise ValueError(msg)
    pieces = _Pieces(sealer, start[len(_FIRST_LINE) :])
    head = json.loads(pieces.read(file))
    dead = np.frombuffer(b"".join(pieces.some(file, head["dead"])), "<i8").astype(np.int64)
    with contextlib.ExitStack() as stack:
        parts = {}
        for name, size in head["parts"].items():
            memory = stack.enter_context(_memory())
            for piece in pieces.some(file, size):
                os.write(memory, piece)
            parts[name] = f"/proc/self/fd/{memory}"
        index = NativeIndex.of_files(parts)
    return index, IndexedBlocks(head["blocks"], head["through"], bytes.fromhex(head["nonce"]), dead)


@contextlib.contextmanager
def _memory() -> Iterator[int]:
    """A file in memory without a name; its mappings outlive the block."""
    descriptor = os.memfd_create("hashpact-list", os.MFD_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(slots=True)
class _Pieces:
    """Sealed pieces of one file, each with its length before it, numbered so that none fits another place."""

    sealer: Sealer
    token: bytes
    number: int = 0

    def write(self, file: BinaryIO, plain: bytes) -> None:
        """Seal a piece."""
        nonce = secrets.token_bytes(NONCE_SIZE)
        sealed = nonce + self.sealer.cipher.encrypt(nonce, plain, self._bound())
        file.write(len(sealed).to_bytes(_LENGTH_SIZE, "little") + sealed)

    def read(self, file: BinaryIO) -> bytes:
        """The next piece. Raises InvalidTag or ValueError if it is not what was written there."""
        size = int.from_bytes(file.read(_LENGTH_SIZE), "little")
        sealed = file.read(min(size, 2 * _PIECE))
        return self.sealer.cipher.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], self._bound())

    def some(self, file: BinaryIO, size: int) -> Iterator[bytes]:
        """The pieces that have so many bytes together."""
        while size > 0:
            piece = self.read(file)
            size -= len(piece)
            yield piece

    def _bound(self) -> bytes:
        self.number += 1
        return _INFO + self.token + self.number.to_bytes(8)
