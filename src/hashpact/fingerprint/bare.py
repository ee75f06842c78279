"""A picture file without its metadata, which is what Pillow is shown of it.

Pillow keeps comments, profiles, EXIF data and texts. A file can make it hold far more than the pixels need,
or work for minutes before the first pixel, and no fingerprint to share depends on any of them. So they are
left out of JPEG, PNG and GIF files; the two that a viewer heeds are read here, as far as they are of ordinary
size. What else makes decoding dear is counted: scans (JPEG), parts (JPEG, PNG, GIF, WebP), boxes (AVIF) and
runs (BMP).
"""

from __future__ import annotations

import bisect
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from hashpact.errors import UnusableContentError
from hashpact.fingerprint.reading.avif import TooManyError, stream_pixels
from hashpact.fingerprint.views.hidden import CHUNK, animation, made_chunk, shown_frame
from hashpact.fingerprint.views.metadata import (
    MAX_PROFILE,
    orientation_in,
    profile_in_chunk,
    profile_of_parts,
)

MAX_SCANS: Final = 100
"""The most scans of a JPEG. Each is a pass over the whole picture, however few bytes it has.

libjpeg writes progressive pictures in 10 scans, or in 6 (grey) or 18 (four colours). libjpeg-turbo's own
fuzzers stop at 500; of the largest picture, 100 can take 12 s.
"""

MAX_PARTS: Final = 65_536
"""The most segments, chunks or blocks of a file.

libpng writes chunks of 8 KiB, so its largest file that is read (256 MiB) has half as many.
"""

MAX_HEAD: Final = 1024 * 1024
"""The most bytes of tables in front of the pixels, such as palettes. An ordinary file has 2 KiB of them."""

MAX_BOXES: Final = 256 * 1024
"""The most bytes of an AVIF file outside of its media data.

libavif searches its list of items once for each.
"""

MAX_RUNS: Final = 16 * 1024 * 1024
"""The largest BMP of run lengths, in bytes. Pillow decodes them in Python: 3 MB a second at worst."""

_BLOCK: Final = 64 * 1024
"""How much is read at a time."""


@dataclass(frozen=True, slots=True)
class Bare:
    """A file for Pillow.

    ``coefficients`` is how many bytes of them libjpeg keeps until it has read all scans. ``orientation`` is
    that of EXIF, 1 to 8, and ``profile`` an ICC profile; both are None where Pillow itself reads them (WebP,
    AVIF). ``longer`` is there if a JPEG has no end marker: the file with one, as ``file`` is, and with more
    bytes in front of it. ``moving`` is a file of the first frame if an animated PNG begins with a picture
    that is no frame, and ``frames`` one of all frames if it begins with a frame. ``pixels`` is how many the
    largest picture of an AVIF file's streams has, whatever its header says.
    """

    file: BinaryIO
    coefficients: int = 0
    orientation: int | None = None
    profile: bytes | None = None
    longer: BinaryIO | None = None
    moving: BinaryIO | None = None
    frames: BinaryIO | None = None
    pixels: int = 0


def bare(file: BinaryIO, size: int, name: str) -> Bare:
    """``file``, of ``size`` bytes and in one of PICTURE_FORMATS, without what is not pixels.

    The result reads from ``file``, which must stay open. Raises UnusableContentError, naming the limit, for a
    file over one of those above; ValueError or IndexError for one in which no pixels can be found.
    """
    file.seek(0)
    found = _READERS[name](file, size)
    found.file.seek(0)
    return found


class _Spliced:
    """Bytes, and ranges of ``file``, one behind the other: what Pillow asks of a file."""

    def __init__(self, file: BinaryIO, parts: Sequence[bytes | tuple[int, int]]) -> None:
        self._file, self._parts = file, parts
        sizes = (len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts)
        self._ends = list(itertools.accumulate(sizes))
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        end = self._ends[-1] if size < 0 else min(self._at + size, self._ends[-1])
        found = []
        while self._at < end:
            number = bisect.bisect_right(self._ends, self._at)
            part, stop = self._parts[number], min(end, self._ends[number])
            # From the end of the part: how far away it is.
            first, last = self._at - self._ends[number], stop - self._ends[number]
            if isinstance(part, bytes):
                data = part[len(part) + first : len(part) + last]
            else:
                self._file.seek(part[1] + first)
                data = self._file.read(last - first)
            if not data:
                break
            found.append(data)
            self._at += len(data)
        return b"".join(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._ends[-1])[whence]
        return self._at

    def tell(self) -> int:
        return self._at


def _spliced(file: BinaryIO, *parts: bytes | bytearray | tuple[int, int]) -> BinaryIO:
    held = [bytes(part) if isinstance(part, bytearray) else part for part in parts]
    _check_head(sum(len(part) for part in held if isinstance(part, bytes)))
    return cast("BinaryIO", _Spliced(file, held))


def _over(limit: int, unit: str) -> UnusableContentError:
    return UnusableContentError(f"a picture with more than the limit of {limit} {unit}", field="content")


def _check_head(size: int) -> None:
    if size > MAX_HEAD:
        raise _over(MAX_HEAD, "bytes of tables")


def _check_parts(parts: int, unit: str) -> None:
    if parts > MAX_PARTS:
        raise _over(MAX_PARTS, unit)


# --- JPEG: ITU-T T.81, annex B -----------------------------------------------------------------------------
# Zero is no marker but a byte of data, and restarts (D0 to D7) stand within a scan.
_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SOI, _EOI, _SOS, _DHT, _JPG, _DAC = 0xD8, 0xD9, 0xDA, 0xC4, 0xC8, 0xCC
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {_DHT, _JPG, _DAC}
_PROGRESSIVE: Final = (0xC2, 0xC6, 0xCA, 0xCE)
_ALONE: Final = frozenset((*range(1, 0xC0), _SOI))
"""Markers without parameters."""
_EXIF, _ICC = 0xE1, 0xE2
_JUNK: Final = bytes(range(17, 241, 7)) * 4
"""No marker and no padding: a decoder that still wants pixels takes it for some."""

# JFIF in APP0 and Adobe in APP14 say how colours are stored.
_METADATA: Final = frozenset((*range(0xE1, 0xEE), 0xEF, 0xFE))


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """Each segment up to and with the end of the image: its marker, all of its bytes, and where it ends.

    They are found as libjpeg finds them: what lies between segments, in or outside of a scan, is passed over.
    """
    at = 2
    for parts in range(MAX_PARTS + 2):
        _check_parts(parts, "segments")
        while True:
            file.seek(at)
            block = file.read(_BLOCK)
            found = _MARKER.search(block)
            if found is not None:
                break
            if len(block) < 2:  # noqa: PLR2004 - a marker has two bytes
                return
            # The first byte of a marker may be the last one of this block.
            at += len(block) - 1
        marker, at = found[0][1], at + found.start()
        length = 0
        if marker not in _ALONE and marker != _EOI:
            file.seek(at + 2)
            length = int.from_bytes(file.read(2))
            if length < 2:  # noqa: PLR2004 - it counts itself
                msg = "a segment without its length"
                raise ValueError(msg)
        file.seek(at)
        segment = file.read(2 + length)
        at += 2 + length
        yield marker, segment, at
        if marker == _EOI:
            return


def _jpeg(file: BinaryIO, size: int) -> Bare:
    head = bytearray(b"\xff\xd8")
    frame = b""
    start = scans = held = 0
    whole = True
    orientation = marker = 0
    profile: list[bytes] = []
    for marker, segment, after in _segments(file):
        if marker in _FRAMES:
            frame = frame or segment[4:]
            whole = whole and marker not in _PROGRESSIVE
        if marker == _SOS:
            scans += 1
            if scans > MAX_SCANS:
                raise _over(MAX_SCANS, "scans")
        if start == 0 and marker == _EXIF and segment[4:10] == b"Exif\0\0":
            orientation = orientation or orientation_in(segment[10:])
        if start == 0 and marker == _ICC and segment[4:16] == b"ICC_PROFILE\0":
            held += len(segment)
            profile = [*profile, segment[16:]] if held <= MAX_PROFILE else []
        if start == 0 and marker not in _METADATA:
            head += segment
            _check_head(len(head))
        if start == 0 and marker == _SOS:
            start = after
            # A scan of fewer components than the picture has is one of many.
            whole = whole and segment[4:5] == frame[5:6]
    if start == 0:
        msg = "no scan"
        raise ValueError(msg)
    end = b"" if marker == _EOI else b"\xff\xd9"
    return Bare(
        _spliced(file, head, (start, size), end),
        0 if whole else _coefficients(frame),
        orientation or 1,
        profile_of_parts(profile),
        longer=_spliced(file, head, (start, size), _JUNK + end) if end else None,
    )


def _coefficients(frame: bytes) -> int:
    """The bytes of all coefficients: two for each, in blocks of 8 x 8, whole units of blocks (T.81, A.2)."""
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    factors = [(each >> 4, each & 15) for each in frame[7::3]]
    if not factors or min(map(min, factors)) == 0:
        msg = "a sampling factor of 0"
        raise ValueError(msg)
    across, down = max(h for h, _ in factors), max(v for _, v in factors)
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    return units * sum(h * v for h, v in factors) * 2 * 64


# --- PNG: the critical chunks ------------------------------------------------------------------------------
_MOST_COLOURS: Final = 256


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int, int]]:
    """Each chunk: its name, its length, where it begins and where it ends. ``file`` is at its data."""
    at = 8
    for parts in range(MAX_PARTS + 2):
        _check_parts(parts, "chunks")
        file.seek(at)
        length, kind = int.from_bytes(file.read(4)), file.read(4)
        if len(kind) < 4:  # noqa: PLR2004 - the name of a chunk
            return
        end = at + CHUNK + length
        yield kind, length, at, end
        at = end


def _png(file: BinaryIO, size: int) -> Bare:
    head = bytearray(file.read(8))
    start = end = orientation = first = 0
    profile: bytes | None = None
    animated = hidden = False
    for kind, length, at, after in _chunks(file):
        match kind:
            case b"IDAT":
                hidden = hidden or (animated and start == 0)
                start, end = start or at, after
            case _ if start:
                break
            case b"IHDR" | b"PLTE":
                _check_head(len(head) + length)
                file.seek(at)
                head += file.read(CHUNK + length)
            case b"tRNS" if length <= _MOST_COLOURS:
                head += made_chunk(kind, file.read(length))
            case b"acTL" | b"fcTL":
                # With its control in front, the first picture is a frame.
                first = at if animated and kind == b"fcTL" else 0
                animated = kind == b"acTL"
            case b"eXIf" if length <= _BLOCK:
                orientation = orientation_in(file.read(length))
            case b"iCCP" if length <= MAX_PROFILE:
                profile = profile_in_chunk(file.read(length))
    if start == 0:
        msg = "no chunk of pixels"
        raise ValueError(msg)
    moving = shown_frame(file, bytes(head), end, size) if hidden else None
    several = animation(file, first, size) if first else None
    frames = None if several is None else _spliced(file, head, several[0], *several[1])
    return Bare(
        _spliced(file, head, (start, end)), 0, orientation or 1, profile, moving=moving, frames=frames
    )


# --- GIF: all but the extensions that are not about the first frame ----------------------------------------
_CONTROL: Final = b"\xf9"


def _gif(file: BinaryIO, size: int) -> Bare:
    head = bytearray(file.read(13))
    if head[10] & 0x80:
        head += file.read(3 << (head[10] & 7) + 1)
    parts = 0
    while (kind := file.read(1)) != b",":
        if kind in (b"", b";"):
            msg = "no frame"
            raise ValueError(msg)
        _check_parts(parts := parts + 1, "blocks")
        if kind == b"!":
            label = file.read(1)
            first = block = _sub_block(file)
            while block:
                _check_parts(parts := parts + 1, "blocks")
                block = _sub_block(file)
            if label == _CONTROL and first:
                head += b"!" + label + bytes((len(first),)) + first + b"\0"
    return Bare(_spliced(file, head, (file.tell() - 1, size)), 0, 1)


def _sub_block(file: BinaryIO) -> bytes:
    return file.read(int.from_bytes(file.read(1)))


# --- The others, which Pillow reads as they are ------------------------------------------------------------
_OLDEST: Final = 12


def _bmp(file: BinaryIO, size: int) -> Bare:
    head = file.read(34)
    # The header of 12 bytes has no field for compression; 1 and 2 are runs of bytes and of half bytes.
    compression = 0 if head[14] == _OLDEST else int.from_bytes(head[30:34], "little")
    if compression in (1, 2) and size > MAX_RUNS:
        raise _over(MAX_RUNS, "bytes of run lengths")
    return Bare(file, 0, 1)


def _webp(file: BinaryIO, size: int) -> Bare:
    at, parts = 12, 0
    while at < size:
        _check_parts(parts := parts + 1, "chunks")
        file.seek(at + 4)
        length = int.from_bytes(file.read(4), "little")
        at += 8 + length + length % 2
    return Bare(file)


def _avif(file: BinaryIO, size: int) -> Bare:
    """ISO 14496-12, 4.2: a box of size 1 has its size behind its name, one of size 0 goes to the end."""
    at, boxes = 0, 0
    heads = []
    while at < size:
        file.seek(at)
        length, kind = int.from_bytes(file.read(4)), file.read(4)
        if length == 1:
            length = int.from_bytes(file.read(8))
        length = min(max(length, 8) if length else size, size - at)
        boxes += 8 if kind == b"mdat" else length
        if boxes > MAX_BOXES:
            raise _over(MAX_BOXES, "bytes of boxes")
        if kind in {b"meta", b"moov"}:
            start = file.tell()
            heads.append((kind, file.read(max(at + length - start, 0)), start))
        at += length
    try:
        return Bare(file, pixels=stream_pixels(file, size, heads, MAX_PARTS))
    except TooManyError:
        raise _over(MAX_PARTS, "units of its streams") from None


_READERS: Final[dict[str, Callable[[BinaryIO, int], Bare]]] = {
    "AVIF": _avif,
    "BMP": _bmp,
    "GIF": _gif,
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
}
