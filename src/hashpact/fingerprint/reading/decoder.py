"""The program that decodes one HEIC or JPEG XL picture, in a process of its own; `apart` starts it.

The file comes on standard input. The answer, on standard output, is a line of JSON, and then the colour
profile and the pixels, row after row. The line is a `PictureHead`, or has an "error": the reason, or null if
there was too little memory. The limits are set before a byte of the file is read.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

WHOLE: Final = "whole"
MIDDLE: Final = "middle"
"""Which picture of a file to decode: that which viewers show, or the one in the middle by its number."""

MODES: Final = {"L": 1, "I;16": 2, "LA": 2, "RGB": 3, "RGBA": 4}
"""The modes of Pillow that pixels come in, with the bytes of each pixel."""


_REASON: Final = 200
"""The most characters of a reason."""


@dataclass(frozen=True, slots=True)
class PictureHead:
    """What is sent before the pixels.

    ``frames`` is how many pictures the file has. Without a ``mode`` there are no pixels: the picture is too
    large, or there is no other one. ``profile`` is the length of the colour profile that follows, in bytes.
    """

    width: int
    height: int
    frames: int = 1
    mode: str = ""
    profile: int = 0


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture: its size, its mode if it has pixels, these as a buffer, and its colour profile."""

    size: tuple[int, int]
    frames: int = 1
    mode: str = ""
    pixels: Any = b""
    profile: bytes = b""


def _heic(data: bytes, which: str, most: int) -> Drawn:
    """HEIC turns and mirrors its pixels itself; EXIF's orientation does not count (ISO/IEC 23008-12)."""
    import pillow_heif  # only one of the two is loaded

    options = pillow_heif.options
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    options.DECODE_THREADS = 1
    file = pillow_heif.open_heif(data)
    frames, number = len(file), file.primary_index
    if which == MIDDLE:
        if frames // 2 == number:
            return Drawn(file.size, frames)
        number = frames // 2
    image = file[number]
    if image.size[0] * image.size[1] > most:
        return Drawn(image.size, frames)
    image.load()
    mode, pixels = image.mode, image.data
    if image.stride != image.size[0] * MODES.get(mode, 0):
        # Rows with gaps, or colours that are multiplied by their transparency.
        converted = image.to_pillow()
        converted = converted.convert("RGBA") if mode == "RGBa" else converted
        mode, pixels = converted.mode, converted.tobytes()
    profile = image.info.get("icc_profile")
    return Drawn(image.size, frames, mode, pixels, profile if isinstance(profile, bytes) else b"")


def _jxl(data: bytes, which: str, most: int) -> Drawn:
    """JPEG XL turns its pixels itself; EXIF's orientation does not count (ISO/IEC 18181-2).

    Of an animation the library gives the first frame, if it is asked for pixels alone.
    """
    import pylibjxl  # only one of the two is loaded

    head = pylibjxl.probe(data)
    size = head["width"], head["height"]
    if which == MIDDLE or size[0] * size[1] > most:
        return Drawn(size)
    with pylibjxl.JXL(threads=1, pool_size=1) as library:
        try:
            pixels, metadata = (
                (library.decode(data), dict[str, bytes]())
                if head["have_animation"]
                else library.decode(data, metadata=True)
            )
        except RuntimeError as exc:
            # Its decoder reports both in the same way.
            msg = f"{exc}, because of damage or because it takes too much memory"
            raise ValueError(msg) from exc
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[2] if pixels.ndim > 2 else 1]  # noqa: PLR2004 - rows, columns
    return Drawn(size, 1, mode, pixels.data.cast("B"), metadata.get("icc", b""))


_DECODERS: Final[dict[str, tuple[str, Callable[[bytes, str, int], Drawn]]]] = {
    "HEIC": ("pillow_heif", _heic),
    "JXL": ("pylibjxl", _jxl),
}


def bound(process: int, limits: Mapping[int, int]) -> None:
    """Hold a process to these limits, or to narrower ones that it has already, and to no core dump."""
    for which, most in {**limits, resource.RLIMIT_CORE: 0}.items():
        hard = resource.prlimit(process, which)[1]
        held = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.prlimit(process, which, (held, held))


def limit(memory: int, seconds: int) -> None:
    """Let this process have so many bytes more than it has now, and leave no core dump of a picture."""
    held = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    bound(os.getpid(), {resource.RLIMIT_CPU: seconds, resource.RLIMIT_DATA: held + memory})


def main() -> None:
    """Decode the picture on standard input.

    Arguments: the format, which picture, and the most that there may be of pixels, of bytes of a profile, of
    bytes of memory, and of seconds of processor time.
    """
    name, which = sys.argv[1:3]
    pixels, profile, memory, seconds = map(int, sys.argv[3:])
    library, decoder = _DECODERS[name]
    import_module(library)
    limit(memory, seconds)
    answer: dict[str, Any]
    parts: tuple[Any, ...] = ()
    try:
        found = decoder(sys.stdin.buffer.read(), which, pixels)
    except MemoryError:
        answer = {"error": None}
    except Exception as exc:  # noqa: BLE001 - a hostile file makes the libraries raise almost anything
        answer = {"error": str(exc)[:_REASON] or type(exc).__name__}
    else:
        parts = (found.profile if len(found.profile) <= profile else b"", found.pixels)
        answer = asdict(PictureHead(*found.size, found.frames, found.mode, len(parts[0])))
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    for part in parts:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
