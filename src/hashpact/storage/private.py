"""Private parts in the ledger: those of one leaf as one blob, without the hexadecimal of their texts.

Each part is a header of four bytes, then its bytes, as docs/formats/home.md has it:

    code (1), quality (1), size of the value (2, big-endian), nonce (32), value

The text of a part has one spelling, so it is made again from these, byte for byte. Bytes that are no such
text stand as they are behind the code 0.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from hashpact.domain.fingerprints import (
    FOLDED,
    MD5,
    MINHASH,
    PARTS,
    PDQ,
    PHASH,
    SHA1,
    SHA256,
    SHA512,
    WINNOW,
    Fingerprint,
    PrivatePart,
    parse_private,
)
from hashpact.errors import InvalidInputError

CODES: Final = {
    1: PDQ,
    2: PHASH,
    3: PARTS,
    4: MINHASH,
    5: WINNOW,
    6: FOLDED,
    7: SHA256,
    8: MD5,
    9: SHA1,
    10: SHA512,
}
"""The type that a code stands for; one that is used is never given another."""

_OF: Final = {kind.name: code for code, kind in CODES.items()}
_RAW: Final = 0
_HEADER: Final = struct.Struct(">BBH")
_NONCE: Final = 32
_NO_QUALITY: Final = 255


def pack(parts: Sequence[bytes]) -> bytes:
    """The blob of a leaf's private parts, in the order of its items."""
    return b"".join(map(_packed, parts))


def unpack(blob: bytes) -> tuple[bytes, ...]:
    """The private parts in a blob. Raises ValueError if it is none."""
    parts, place = [], 0
    try:
        while place < len(blob):
            code, quality, size = _HEADER.unpack_from(blob, place)
            start = place + _HEADER.size
            value = start if code == _RAW else start + _NONCE
            place = value + size
            if place > len(blob):
                msg = "a private part is cut short"
                raise ValueError(msg)
            if code == _RAW:
                parts.append(blob[value:place])
                continue
            rated = None if quality == _NO_QUALITY else quality
            shared = Fingerprint(CODES[code], blob[value:place], rated)
            parts.append(PrivatePart(shared, blob[start:value]).text())
    except (struct.error, KeyError, InvalidInputError) as exc:
        msg = f"not a private part: {exc}"
        raise ValueError(msg) from exc
    return tuple(parts)


def _packed(part: bytes) -> bytes:
    try:
        read = parse_private(part)
    except InvalidInputError:  # and what is malformed, which is one
        return _HEADER.pack(_RAW, 0, len(part)) + part
    shared = read.fingerprint
    quality = _NO_QUALITY if shared.quality is None else shared.quality
    return b"".join(
        (_HEADER.pack(_OF[shared.type.name], quality, len(shared.value)), read.nonce, shared.value)
    )
