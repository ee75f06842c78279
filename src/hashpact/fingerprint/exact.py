"""Bytes to exact fingerprints: sha256/1, md5/1, sha1/1 and sha512/1.

All but sha256/1 are there to meet lists that have nothing else. Two files with the same MD5 can be made by
anyone, and two with the same SHA-1 by who can pay for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, BinaryIO, Final

from hashpact.domain.fingerprints import MD5, SHA1, SHA256, SHA512, Fingerprint, FingerprintType

if TYPE_CHECKING:
    from hashlib import _Hash

_CHUNK: Final = 1024 * 1024
_DIGESTS: Final[dict[FingerprintType, Callable[[], _Hash]]] = {
    SHA256: hashlib.sha256,
    MD5: lambda: hashlib.md5(usedforsecurity=False),
    SHA1: lambda: hashlib.sha1(usedforsecurity=False),
    SHA512: hashlib.sha512,
}


def exact(file: BinaryIO, types: Collection[FingerprintType] = (SHA256, MD5)) -> list[Fingerprint]:
    """The fingerprints of those ``types`` of the bytes from the position of ``file`` to its end.

    In the order sha256/1, md5/1, sha1/1, sha512/1, whatever the order of ``types``; other types are passed
    over. One pass, in blocks of 1 MiB: the size of the file does not matter. Raises OSError if reading fails.
    """
    digests = {kind: new() for kind, new in _DIGESTS.items() if kind in types}
    while digests and (block := file.read(_CHUNK)):
        for digest in digests.values():
            digest.update(block)
    return [Fingerprint(kind, digest.digest()) for kind, digest in digests.items()]
