"""Agreement: whether the other fingerprints of a picture say the same as the one by which it matches.

A picture and its copy are near by each perceptual type, or at least not as far apart as two pictures that
are unrelated: of these, half of the bits differ. The bounds come from measured distances
(docs/methods/quality.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from hashpact.domain.checks import Contradiction
from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint

CLEAR: Final = {PDQ.name: 90, PHASH.name: 20}
"""Bits from which on the fingerprints of a type disagree clearly, whatever of the picture was compared."""

Codes: TypeAlias = Mapping[str, Sequence[int]]
"""Fingerprints of the types in `CLEAR` as numbers, by type."""


def codes(fingerprints: Iterable[Fingerprint]) -> Codes:
    """Those of the fingerprints that can agree or disagree."""
    found: dict[str, list[int]] = {}
    for one in fingerprints:
        if one.type.name in CLEAR:
            found.setdefault(one.type.name, []).append(int.from_bytes(one.value))
    return found


def contradiction(matched: str, upload: Codes, entry: Codes) -> Contradiction | None:
    """Which other type than the ``matched`` one disagrees clearly, and by how many bits at least.

    A type disagrees if no fingerprint of the upload, in whatever view, is near one of the entry. None if
    there is no such type, if the upload or the entry has no fingerprint of another type, and for a match by a
    type that compares no pictures.
    """
    if matched not in CLEAR:
        return None
    for name in sorted(CLEAR.keys() - {matched}):
        pairs = ((one ^ other).bit_count() for one in upload.get(name, ()) for other in entry.get(name, ()))
        apart = min(pairs, default=0)
        if apart >= CLEAR[name]:
            return Contradiction(name, apart)
    return None
