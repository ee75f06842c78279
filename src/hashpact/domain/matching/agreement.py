"""Agreement: whether the pdq/1 of a picture says the same as the phash/1 by which it matches.

Copies that phash/1 finds are near by pdq/1 as well, or at least not as far apart as two pictures that are
unrelated: of these, half of the bits differ. The bound comes from measured distances
(docs/methods/quality.md). The reverse says nothing: a check looks for more views of a picture by pdq/1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from hashpact.domain.checks import Disagreement
from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint

CLEAR: Final = 80
"""Bits of pdq/1 from which on two pictures are clearly different, whatever of them was compared."""

Codes: TypeAlias = Sequence[int]
"""The pdq/1 of an upload, in all its views, or of an entry, as numbers."""


def codes(fingerprints: Iterable[Fingerprint]) -> Codes:
    """Those of the fingerprints that can contradict."""
    return tuple(int.from_bytes(one.value) for one in fingerprints if one.type == PDQ)


def can_be_contradicted(matched: str) -> bool:
    """Whether that is a type of whose matches another one can say that they are none."""
    return matched == PHASH.name


def contradiction(upload: Codes, entry: Codes) -> Disagreement | None:
    """That no pdq/1 of the upload is near one of the entry, and in how many bits they differ at least.

    None if they are not clearly different, and if the upload or the entry has no pdq/1.
    """
    apart = min(((one ^ other).bit_count() for one in upload for other in entry), default=0)
    return Disagreement(PDQ.name, apart) if apart >= CLEAR else None
