"""Text to fingerprint: folding, shingles and minhash/1.

The recipe and the reasons for its steps are in docs/methods/minhash-1.md.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import Final

from hashpact.domain.errors import UnusableContentError
from hashpact.domain.fingerprints import MINHASH, Fingerprint

MAX_BYTES: Final = 1024 * 1024
"""The longest text, in bytes of UTF-8."""

MIN_SHINGLES: Final = 20
"""The fewest distinct shingles: a shorter text is a common phrase, and would match too much."""

SHINGLE: Final = 4
"""The length of a shingle, in code points of the folded text."""

PERMUTATIONS: Final = 128
SCHEME: Final = "affine32"
SEED: Final = 1

# The stream-safe limit of Unicode Standard Annex 15, section 13.
_MAX_MARKS: Final = 30
# Rows of a batch: 4096 shingles x 128 permutations x 4 bytes = 2 MiB, whatever the length of the text.
_BATCH: Final = 4096

_FOLD: Final = {
    **str.maketrans("đ013457@$", "doieastas"),
    # The Hangul fillers are letters that show nothing: as good as a zero-width space for hiding a copy.
    **dict.fromkeys(map(ord, "\u115f\u1160\u3164\uffa0")),
}


def fold(text: str) -> str:
    """The form in which texts are compared: letters and numbers only. Folding it again changes nothing.

    In this order: NFKC; casefold; NFD and no combining marks; đ to d; 0 1 3 4 5 7 @ $ to o i e a s t a s;
    only letters and numbers (Unicode categories L and N), without the four Hangul fillers. What is left
    of Hangul are its jamo, of Thai the consonants and those vowels that are not marks. Takes time linear
    in the length of ``text``.
    """
    text = unicodedata.normalize("NFKC", _bounded(text)).casefold()
    text = unicodedata.normalize("NFD", text).translate(_FOLD)
    # Combining marks (category M) go with the punctuation: str.isalnum is exactly categories L and N.
    return "".join(filter(str.isalnum, text))


def shingles(folded: str) -> set[str]:
    """The distinct runs of SHINGLE code points in ``folded``; empty for a shorter text."""
    return {folded[at : at + SHINGLE] for at in range(len(folded) - SHINGLE + 1)}


def minhash(text: str) -> Fingerprint:
    """The minhash/1 fingerprint of ``text``, as it is before folding.

    Raises UnusableContentError for a text over MAX_BYTES, with fewer than MIN_SHINGLES distinct shingles
    once folded, or with lone surrogates.
    """
    check_length(text)
    found = shingles(fold(text))
    if len(found) < MIN_SHINGLES:
        msg = (
            f"refused {MINHASH.name}: a text with {len(found)} distinct shingles is too short "
            f"to be told from others, it needs {MIN_SHINGLES}"
        )
        raise UnusableContentError(msg, field="content")

    from datasketch import MinHash  # type: ignore[import-untyped]  # noqa: PLC0415 - its import takes over a second

    sketch = MinHash(num_perm=PERMUTATIONS, seed=SEED, scheme=SCHEME)
    for batch in _batches(iter(found)):
        sketch.update_batch(batch)
    return Fingerprint(MINHASH, sketch.hashvalues.astype(">u4").tobytes())


def check_length(text: str) -> None:
    """Raise UnusableContentError for a text over MAX_BYTES of UTF-8, or that UTF-8 cannot encode."""
    try:
        # A text with too many code points has too many bytes, and need not be encoded to know it.
        size = len(text) if len(text) > MAX_BYTES else len(text.encode())
    except UnicodeEncodeError as exc:
        msg = f"not a Unicode text: a lone surrogate at character {exc.start}"
        raise UnusableContentError(msg, field="content") from exc
    if size > MAX_BYTES:
        raise UnusableContentError(too_long(size), field="content")


def too_long(size: int) -> str:
    """What to say of a text of ``size`` bytes, or of at least as many, that is over MAX_BYTES."""
    return f"a text of {size} bytes is over the limit of {MAX_BYTES} bytes"


def _bounded(text: str) -> str:
    """``text`` compatibly decomposed, with at most 30 combining marks in a row.

    Putting marks in canonical order takes time quadratic in the length of the run: a megabyte of them would
    take many minutes. No language needs more than a few, and folding drops them in the end.
    """
    if text.isascii():
        return text
    kept: list[str] = []
    run = 0
    for character in text:
        # One at a time, for some characters that are not marks decompose into marks.
        for part in unicodedata.normalize("NFKD", character):
            run = run + 1 if unicodedata.combining(part) else 0
            if run <= _MAX_MARKS:
                kept.append(part)
    return "".join(kept)


def _batches(found: Iterator[str]) -> Iterator[list[bytes]]:
    while batch := [shingle.encode() for shingle in islice(found, _BATCH)]:
        yield batch
