"""Content from wherever a caller has it, as a file that can be read more than once."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, Final, TypeAlias, cast

from hashpact.errors import InvalidInputError, UnusableContentError

Content: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
"""The path of a file, the bytes themselves, or a file that is open in binary mode."""

MAX_STREAM: Final = 256 * 1024 * 1024
"""The most bytes of a stream that cannot be rewound, such as a pipe: it is held in memory."""


def name_of(content: Content) -> str:
    """How an error names the content: by its path if it has one."""
    if isinstance(content, str | os.PathLike):
        return repr(os.fspath(content))
    name = getattr(content, "name", None)
    return repr(name) if isinstance(name, str) else "the content"


@contextmanager
def opened(content: Content) -> Iterator[BinaryIO]:
    """The content as a seekable file at its beginning.

    A caller's file is read from its beginning, whatever its position, which it has again afterwards. A path
    must be that of a regular file; a pipe's other end is not waited for.

    Raises OSError, UnusableContentError for what is not a regular file or a stream over MAX_STREAM, and
    InvalidInputError for a file in text mode or an object of another kind.
    """
    if isinstance(content, bytes | bytearray | memoryview):
        yield io.BytesIO(content)
    elif isinstance(content, str | os.PathLike):
        with _at(content) as file:
            yield file
    else:
        _check_binary(content)
        if content.seekable():
            before = content.tell()
            content.seek(0)
            try:
                yield cast("BinaryIO", content)
            finally:
                content.seek(before)
        else:
            yield io.BytesIO(_whole(content))


def is_stream(content: Content) -> bool:
    """Whether the content is a file that can be read only once."""
    return (
        not isinstance(content, bytes | bytearray | memoryview | str | os.PathLike) and not content.seekable()
    )


def size_of(file: BinaryIO) -> int:
    """The size of a seekable file in bytes; its position is its end afterwards."""
    return file.seek(0, os.SEEK_END)


@contextmanager
def _at(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    if "\0" in os.fspath(path):
        msg = "a path cannot hold a NUL"
        raise UnusableContentError(msg, field="content")
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            msg = "not a regular file"
            raise UnusableContentError(msg, field="content")
        yield file


def _check_binary(file: IO[bytes]) -> None:
    """Refuse what is not an open file that gives bytes."""
    try:
        binary = isinstance(file.read(0), bytes)
    except (AttributeError, TypeError):
        binary = False
    except ValueError as exc:  # closed
        raise UnusableContentError(str(exc), field="content") from exc
    if not binary:
        msg = f"content is a path, bytes or a file that is open in binary mode, not {type(file).__name__}"
        raise InvalidInputError(msg, field="content")


def _whole(stream: IO[bytes]) -> bytes:
    data = stream.read(MAX_STREAM + 1)
    if len(data) > MAX_STREAM:
        msg = f"a stream of more than {MAX_STREAM} bytes that cannot be rewound; name a file instead"
        raise UnusableContentError(msg, field="content")
    return data
