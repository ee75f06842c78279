"""What a file is, by its first bytes: a picture, a text, or something else.

Standard library only, so that asking does not load Pillow. A name's extension decides nothing; it only makes
`unread_format` name content that was expected to be read.
"""

from __future__ import annotations

import enum
from importlib.util import find_spec
from typing import Final

from hashpact.fingerprint.reading.encodings import decoded

HEAD_BYTES: Final = 65536
"""How much of a file is looked at, in bytes."""

PICTURE_FORMATS: Final = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")
"""The picture formats that are read, by Pillow's names: those a platform takes as uploads and no others.

Each further decoder is further attack surface: TIFF, JPEG 2000, PSD, ICO and the rest are not opened.
"""

EXTRAS: Final = {"HEIC": ("heic", "pillow_heif"), "JXL": ("jxl", "pylibjxl")}
"""The picture formats that are read as well if an extra is installed: its name, and the module it brings."""

_MAGIC: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\xff\x0a", "JXL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
)
# Sizes of the known BMP headers: "BM" alone also begins many an English text.
_BMP_HEADERS: Final = (12, 16, 40, 52, 56, 64, 108, 124)
_BRANDS: Final = (
    ("AVIF", (b"avif", b"avis")),
    # Still pictures in HEVC (ISO/IEC 23008-12, B.4); "mif1" alone may be in any coding.
    ("HEIC", (b"heic", b"heix", b"heim", b"heis")),
)


# What the first bytes say of content that is not read (https://www.garykessler.net/library/file_sigs.html).
_UNREAD_MAGIC: Final = (
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (b"\0\0\x01\xba", "an MPEG video"),
    (b"8BPS", "a Photoshop picture"),
)
_HEIF_BRANDS: Final = (b"hevc", b"hevx", b"mif1", b"msf1")
_WITH_EXTRAS: Final = {"HEIC": "a HEIC picture", "JXL": "a JPEG XL picture"}
_UNREAD_NAMES: Final = {
    **dict.fromkeys(("heic", "heif"), "a HEIC picture"),
    **dict.fromkeys(("tif", "tiff"), "a TIFF picture"),
    **dict.fromkeys(("jp2", "j2k", "jpx"), "a JPEG 2000 picture"),
    **dict.fromkeys(("mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "3gp"), "a video"),
    **dict.fromkeys(("jpg", "jpeg", "png", "gif", "webp", "avif", "bmp", "jxl"), "a picture"),
    **dict.fromkeys(("txt", "md", "csv", "html", "htm"), "a text"),
}


class Kind(enum.Enum):
    """What can be made of a file: perceptual fingerprints of a picture or a text, or exact ones only."""

    PICTURE = "picture"
    TEXT = "text"
    OTHER = "other"


def kind_of(head: bytes) -> Kind:
    """The kind of a file that begins with ``head``, its first HEAD_BYTES bytes or all of it if shorter.

    A text that begins like a picture is a text, if all of it is there to be seen.
    """
    if picture_format(head) is not None:
        text = decoded(head) if len(head) < HEAD_BYTES else None
        return Kind.PICTURE if text is None or text.remark else Kind.TEXT
    return Kind.OTHER if decoded(head) is None else Kind.TEXT


def is_nearly_text(head: bytes) -> bool:
    """Whether content of the kind OTHER seems to be a text all the same, in an encoding that is not known."""
    plain = sum(head.count(byte) for byte in b" \n,.etaoinrs")
    return b"\0" not in head and plain * 3 > len(head)


def picture_format(head: bytes) -> str | None:
    """The format whose signature ``head`` bears: one of PICTURE_FORMATS, or of EXTRAS that are installed.

    None if there is none. 64 bytes are enough.
    """
    name = _signature(head)
    return None if name in EXTRAS and find_spec(EXTRAS[name][1]) is None else name


def _signature(head: bytes) -> str | None:
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    # ISO 14496-12, 4.3: size, "ftyp", major brand, minor version, then the compatible brands.
    if head[4:8] == b"ftyp":
        held = head[8 : min(int.from_bytes(head[:4]), 64)]
        brands = {held[at : at + 4] for at in range(0, len(held), 4)}
        return next((name for name, known in _BRANDS if not brands.isdisjoint(known)), None)
    return None


def unread_format(head: bytes, name: str) -> str | None:
    """What content that is not read seems to be, by its first bytes or else by its name; None if unknown.

    It ends with why it is not read. Such content has exact fingerprints only, so altered copies of it are not
    found.
    """
    extra = _signature(head)
    if extra in EXTRAS:
        return f"{_WITH_EXTRAS[extra]}, which is read with pip install 'hashpact[{EXTRAS[extra][0]}]'"
    what = _unread(head) or _UNREAD_NAMES.get(name.rpartition(".")[2].lower())
    return None if what is None else f"{what}, which is not read"


def _unread(head: bytes) -> str | None:
    for magic, what in _UNREAD_MAGIC:
        if head.startswith(magic):
            return what
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "an AVI video"
    if head[4:8] == b"ftyp":
        return "a HEIF picture or video" if head[8:12] in _HEIF_BRANDS else "a video (MP4 or QuickTime)"
    return None
