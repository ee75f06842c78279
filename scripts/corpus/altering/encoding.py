"""Copies that machines make: other file formats, sizes, depths, profiles and orientations."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Final

import numpy as np
from corpus.altering.alteration import (
    Alteration,
    Change,
    Encode,
    Picture,
    changed,
    encoded,
    scaled,
    written,
)
from corpus.seeds import Random
from PIL import Image, ImageCms, ImageDraw, ImageFilter

MACHINE: Final = "re-encode, resize, blur, colour"
TURNED: Final = "mirror, turns, EXIF, transparency"
ORIENTATION: Final = 0x0112
WIDE: Final = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
SWAPPED: Final = ((0.15, 0.06), (0.30, 0.60), (0.64, 0.33))
D50: Final = np.array([0.9642, 1.0, 0.8249])


def _as(kind: str, **options: object) -> Encode:
    return lambda picture, _random: written(picture, kind, **options)


def _resized(factor: float) -> Change:
    return lambda picture, _random: scaled(picture, factor)


def _deep_grey(picture: Picture, _random: Random) -> bytes:
    """16 bits of grey in a PNG."""
    grey = np.asarray(picture.convert("L"), np.uint16) * 257
    return written(Image.fromarray(grey), "PNG")


def _deep(picture: Picture, _random: Random) -> bytes:
    """16 bits of each colour in a PNG, which Pillow reads and cannot write."""
    rows = (np.asarray(picture, np.uint16) * 257).astype(">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", *picture.size, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 6)), (b"IEND", b""))
    written_chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(written_chunks)


def _exif(orientation: int, undo: Image.Transpose) -> Encode:
    """Pixels that were turned, with the tag that makes a viewer turn them back."""

    def encode(picture: Picture, _random: Random) -> bytes:
        tags = Image.Exif()
        tags[ORIENTATION] = orientation
        return written(picture.transpose(undo), "JPEG", quality=85, exif=tags)

    return encode


def profile(primaries: tuple[tuple[float, float], ...], gamma: float) -> bytes:
    """An ICC profile, version 2, of a display with these primaries (CIE x and y) and the white point D50."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    columns = columns * np.linalg.solve(columns, D50)
    curve = struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256)) + b"\0\0"
    name = b"display\0"
    parts = {
        b"desc": struct.pack(">4sII", b"desc", 0, len(name)) + name + bytes(78 + 6),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": _xyz(D50),
        **{f"{name}XYZ".encode(): _xyz(columns[:, at]) for at, name in enumerate("rgb")},
        **{f"{name}TRC".encode(): curve for name in "rgb"},
    }
    at = 128 + 4 + 12 * len(parts)
    table = struct.pack(">I", len(parts))
    body = b""
    for tag, data in parts.items():
        padded = data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", tag, at + len(body), len(data))
        body += padded
    header = struct.pack(
        ">I4sI4s4s4s12s4s28x12s48x", at + len(body), b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ",
        struct.pack(">6H", 2026, 1, 1, 0, 0, 0), b"acsp", _xyz(D50)[8:],
    )  # fmt: skip  # the order of ICC.1:2001, 6.1
    return header + table + body


def _xyz(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *(round(float(value) * 65536) for value in values))


def _with_profile(primaries: tuple[tuple[float, float], ...], gamma: float) -> Encode:
    """Other numbers for the same colours: a viewer that reads the profile shows the same picture."""

    def encode(picture: Picture, _random: Random) -> bytes:
        bytes_of = profile(primaries, gamma)
        other = ImageCms.getOpenProfile(io.BytesIO(bytes_of))
        pixels = ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), other)
        assert pixels is not None  # noqa: S101 - it is None only when it works in place
        return written(pixels, "JPEG", quality=90, icc_profile=bytes_of)

    return encode


def _cut_out(picture: Picture, random: Random) -> Picture:
    """A sticker: the picture inside an outline, everything else transparent, and black under it."""
    mask = Image.new("L", picture.size, 0)
    width, height = picture.size
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radii = 0.38 + 0.08 * np.cumsum(random.normal(0, 0.2, 40)).clip(-1, 1)
    outline = [
        (width * (0.5 + radius * np.cos(angle)), height * (0.5 + radius * np.sin(angle)))
        for angle, radius in zip(angles, radii, strict=True)
    ]
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    cut = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    cut.paste(picture, (0, 0), mask)
    return cut


def _transparent(picture: Picture, random: Random) -> bytes:
    return written(_cut_out(picture, random), "PNG")


def _on_white(picture: Picture, random: Random) -> bytes:
    cut = _cut_out(picture, random)
    white = Image.new("RGBA", cut.size, (255, 255, 255, 255))
    return written(Image.alpha_composite(white, cut).convert("RGB"), "JPEG", quality=85)


def _same_outline(encode: Encode) -> Encode:
    """Both files of a pair have one outline, which therefore comes from the picture."""
    return lambda picture, _random: encode(picture, np.random.default_rng(picture.width * 7 + picture.height))


def _noise(picture: Picture, random: Random) -> Picture:
    noisy = np.asarray(picture, np.float32) + random.normal(0, 12, (*picture.size[::-1], 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


ALTERATIONS: Final = (
    *(encoded(f"JPEG q{quality}", MACHINE, _as("JPEG", quality=quality)) for quality in (90, 30, 10)),
    encoded("WebP", MACHINE, _as("WEBP", quality=70)),
    encoded("AVIF", MACHINE, _as("AVIF", quality=60, speed=9)),
    encoded("GIF", MACHINE, _as("GIF")),
    encoded("palette of 64", MACHINE, lambda picture, _: written(picture.quantize(64), "PNG")),
    encoded("grey", MACHINE, lambda picture, _: written(picture.convert("L"), "JPEG", quality=85)),
    encoded("CMYK", MACHINE, lambda picture, _: written(picture.convert("CMYK"), "JPEG", quality=85)),
    encoded("16-bit grey", MACHINE, _deep_grey),
    encoded("16-bit RGB", MACHINE, _deep),
    encoded("wide ICC profile", MACHINE, _with_profile(WIDE, 1.8)),
    encoded("ICC profile, red and blue exchanged", MACHINE, _with_profile(SWAPPED, 2.2)),
    *(changed(f"resize {percent} %", MACHINE, _resized(percent / 100)) for percent in (10, 25, 50, 200, 400)),
    changed(
        "blur", MACHINE, lambda picture, _: picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 400))
    ),
    changed("sharpen", MACHINE, lambda picture, _: picture.filter(ImageFilter.UnsharpMask(2, 150, 2))),
    changed("noise", MACHINE, _noise),
    changed("mirror", TURNED, lambda picture, _: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    changed("turned 90", TURNED, lambda picture, _: picture.transpose(Image.Transpose.ROTATE_90)),
    changed("turned 180", TURNED, lambda picture, _: picture.transpose(Image.Transpose.ROTATE_180)),
    changed("turned 270", TURNED, lambda picture, _: picture.transpose(Image.Transpose.ROTATE_270)),
    encoded("EXIF 6", TURNED, _exif(6, Image.Transpose.ROTATE_90)),
    encoded("EXIF 3", TURNED, _exif(3, Image.Transpose.ROTATE_180)),
    encoded("EXIF 2", TURNED, _exif(2, Image.Transpose.FLIP_LEFT_RIGHT)),
    Alteration(
        "transparent, uploaded on white", TURNED, _same_outline(_on_white), _same_outline(_transparent)
    ),
    Alteration(
        "on white, uploaded transparent", TURNED, _same_outline(_transparent), _same_outline(_on_white)
    ),
)
