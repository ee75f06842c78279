"""Pictures that a process of its own decodes, because Pillow does not: HEIC and JPEG XL, which are extras.

Their libraries are never loaded here, so they change nothing of what Pillow reads, and a fault of theirs ends
that process and not the caller. The kernel holds it to its memory and its time, whatever is in the file.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Final

from PIL import Image

from hashpact.errors import UnusableContentError
from hashpact.fingerprint.reading.decoder import MIDDLE, MODES, WHOLE, PictureHead
from hashpact.fingerprint.views.metadata import MAX_PROFILE

_MODULE: Final = "hashpact.fingerprint.reading.decoder"
_LINE: Final = 4096
"""The most bytes of the line in front of the pixels."""
_BLOCK: Final = 1024 * 1024
"""About how many bytes are passed on at a time."""
_PATIENCE: Final = 4
"""How many times its processor time a decoder may take on a busy machine."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A picture that was decoded apart: its pixels, its ICC profile, and how many pictures its file has."""

    image: Image.Image
    profile: bytes | None
    frames: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a decoder may take: a picture of so many ``pixels``, ``memory`` in bytes, and processor time.

    The file is part of the memory. ``check`` raises for a width and a height that are refused.
    """

    pixels: int
    memory: int
    check: Callable[[int, int], None]
    seconds: int = 30


def decoded(file: BinaryIO, name: str, bounds: Bounds, *, middle: bool = False) -> Apart | None:
    """The picture in ``file``, of the format ``name``; or with ``middle`` that in the middle of its pictures.

    None if there is no other picture. The size is known from the header, and a picture of more pixels than
    the bounds have is not decoded.

    Raises what the check raises, MemoryError, UnusableContentError if decoding takes too long, and ValueError
    for a picture that is damaged or cut short.
    """
    which = MIDDLE if middle else WHOLE
    limits = map(str, (bounds.pixels, MAX_PROFILE, bounds.memory, bounds.seconds))
    with subprocess.Popen(  # noqa: S603 - a program of our own
        [sys.executable, "-P", "-m", _MODULE, name, which, *limits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        watch = threading.Timer(_PATIENCE * bounds.seconds, process.kill)
        watch.daemon = True
        watch.start()
        try:
            assert process.stdin is not None  # noqa: S101 - it was asked for
            assert process.stdout is not None  # noqa: S101 - it was asked for
            _send(file, process.stdin)
            head = _head(process, bounds.seconds)
            if middle and not head.mode:
                return None
            bounds.check(head.width, head.height)
            profile = _exactly(process.stdout, head.profile)
            return Apart(_image(process.stdout, head), profile or None, head.frames)
        finally:
            watch.cancel()
            process.kill()


def _send(file: BinaryIO, sink: IO[bytes]) -> None:
    """Write the whole of ``file``. A decoder that has ended is noticed when its answer is read."""
    file.seek(0)
    with suppress(BrokenPipeError), sink:
        while block := file.read(_BLOCK):
            sink.write(block)


def _head(process: subprocess.Popen[bytes], seconds: int) -> PictureHead:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    line = process.stdout.readline(_LINE)
    if not line:
        ended = process.wait()
        if ended in {-signal.SIGXCPU, -signal.SIGKILL}:
            msg = f"decoding this picture takes more than the limit of {seconds} s of processor time"
            raise UnusableContentError(msg, field="content")
        msg = f"its decoder failed ({ended})"
        raise ValueError(msg)
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise MemoryError if answer["error"] is None else ValueError(answer["error"])
    head = PictureHead(**answer)
    if head.profile > MAX_PROFILE or head.mode not in {"", *MODES}:
        msg = "its decoder gave another answer"
        raise ValueError(msg)
    return head


def _image(source: IO[bytes], head: PictureHead) -> Image.Image:
    """The pixels, read a band at a time: there is no second copy of the whole picture."""
    image = Image.new(head.mode, (head.width, head.height))
    row = head.width * MODES[head.mode]
    rows = max(_BLOCK // row, 1)
    for top in range(0, head.height, rows):
        size = (head.width, min(rows, head.height - top))
        image.paste(Image.frombytes(head.mode, size, _exactly(source, row * size[1])), (0, top))
    return image


def _exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        msg = "its decoder ended early"
        raise ValueError(msg)
    return data
