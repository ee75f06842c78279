"""Text to fingerprint: folding, shingles and minhash/1.

The recipe and the reasons for its steps are in docs/methods/minhash-1.md.
"""

from __future__ import annotations

from typing import Final

from hashpact import _kernel
from hashpact.domain.fingerprints import MINHASH, Fingerprint
from hashpact.errors import UnusableContentError

MAX_BYTES: Final = 1024 * 1024
"""The longest text, in bytes of UTF-8."""

MIN_SHINGLES: Final = 20
"""The fewest distinct shingles: a shorter text is a common phrase, and would match too much."""

SHINGLE: Final = 4
"""The length of a shingle, in code points of the folded text."""

PERMUTATIONS: Final = 128
SCHEME: Final = "affine32"
SEED: Final = 1


def fold(text: str) -> str:
    """The form in which texts are compared: letters and numbers only. Folding it again changes nothing.

    In this order: NFKC; casefold; NFD and no combining marks; đ to d; 0 1 3 4 5 7 @ $ to o i e a s t a s;
    only letters and numbers (Unicode categories L and N), without the four Hangul fillers. What is left
    of Hangul are its jamo, of Thai the consonants and those vowels that are not marks. All of it character
    by character, by a table of Unicode 15.1 whatever this Python's own (src/kernel/folding.txt).
    """
    return _kernel.fold(text.encode(errors="ignore")).decode()


def shingles(folded: str) -> set[str]:
    """The distinct runs of SHINGLE code points in ``folded``; empty for a shorter text."""
    return {folded[at : at + SHINGLE] for at in range(len(folded) - SHINGLE + 1)}


def minhash(text: str) -> Fingerprint:
    """The minhash/1 fingerprint of ``text``, as it is before folding.

    Raises UnusableContentError for a text over MAX_BYTES, with fewer than MIN_SHINGLES distinct shingles
    once folded, or with lone surrogates.
    """
    check_length(text)
    value, (found,) = _kernel.minhash([text.encode()], MIN_SHINGLES)
    if found < MIN_SHINGLES:
        msg = (
            f"refused {MINHASH.name}: a text with {found} distinct shingles is too short "
            f"to be told from others, it needs {MIN_SHINGLES}"
        )
        raise UnusableContentError(msg, field="content")
    return Fingerprint(MINHASH, value)


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
