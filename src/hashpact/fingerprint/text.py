"""Text to fingerprint: folding, shingles, minhash/1, and folded/1 of the shortest.

The recipes and the reasons for their steps are in docs/methods/minhash-1.md and folded-1.md.
"""

from __future__ import annotations

import hmac
from typing import Final

from hashpact import _kernel
from hashpact.domain.fingerprints import FOLDED, MINHASH, Fingerprint
from hashpact.errors import UnusableContentError
from hashpact.fingerprint.reading.post import message

MAX_BYTES: Final = 1024 * 1024
"""The longest text, in bytes of UTF-8."""

MIN_SHINGLES: Final = 10
"""The fewest distinct shingles: of a shorter text, one changed word leaves nothing to recognise it by."""

SHORT_SHINGLES: Final = 20
"""A text with fewer distinct shingles is short: often a common phrase, and the kind that has folded/1."""

MIN_LETTERS: Final = 4
"""The fewest letters of a folded text that has folded/1."""

SHINGLE: Final = 4
"""The length of a shingle, in code points of the folded text."""

PERMUTATIONS: Final = 128
SCHEME: Final = "affine32"
SEED: Final = 1


def fold(text: str) -> str:
    """The form in which texts are compared: letters and numbers only. Folding it again changes nothing.

    Compatibility characters, capitals and marks are undone (NFKC, case folding, NFD); characters that look
    alike or are written for one another are one, digits and signs for letters among them; of repetitions one
    is left; and no spaces and no punctuation are. All of it by a table of Unicode 15.1 whatever this
    Python's own (src/kernel/text/folding.txt). docs/methods/minhash-1.md has each step.
    """
    return _kernel.fold(text.encode(errors="ignore")).decode()


def shingles(folded: str) -> set[str]:
    """The distinct runs of SHINGLE code points in ``folded``; empty for a shorter text."""
    return {folded[at : at + SHINGLE] for at in range(len(folded) - SHINGLE + 1)}


def minhash(text: str) -> Fingerprint:
    """The minhash/1 fingerprint of ``text``, as it is before folding: of its `message`, if that is enough.

    Raises UnusableContentError for a text over MAX_BYTES, with fewer than MIN_SHINGLES distinct shingles
    once folded, or with lone surrogates.
    """
    check_length(text)
    value, found = _sketch(text)
    if found < MIN_SHINGLES:
        msg = (
            f"refused {MINHASH.name}: a text with {found} distinct shingles is too short "
            f"to be distinguished from others, it needs {MIN_SHINGLES}"
        )
        raise UnusableContentError(msg, field="content")
    return Fingerprint(MINHASH, value)


def folded(text: str, key: bytes) -> Fingerprint:
    """The folded/1 fingerprint of a short text: HMAC-SHA256, with ``key``, of its folded message.

    ``key`` is the pinned hash of the log's genesis statement, so that each log has other values.

    Raises UnusableContentError for a text over MAX_BYTES, with SHORT_SHINGLES or more distinct shingles or
    with fewer than MIN_LETTERS letters once folded, or with lone surrogates.
    """
    check_length(text)
    _, found = _sketch(text)
    if found >= SHORT_SHINGLES:
        msg = f"refused {FOLDED.name}: the text is long enough for {MINHASH.name}"
        raise UnusableContentError(msg, field="content")
    letters = fold(message(text))
    if len(letters) < MIN_LETTERS:
        letters = fold(text)
    if len(letters) < MIN_LETTERS:
        msg = f"refused {FOLDED.name}: a text with {len(letters)} letters, it needs {MIN_LETTERS}"
        raise UnusableContentError(msg, field="content")
    return Fingerprint(FOLDED, hmac.digest(key, letters.encode(), "sha256"))


def _sketch(text: str) -> tuple[bytes, int]:
    """The value of minhash/1, and how many distinct shingles it is of, counted up to SHORT_SHINGLES."""
    body = message(text)
    value, (found,) = _kernel.minhash([body.encode()], SHORT_SHINGLES)
    if found < MIN_SHINGLES and body != text:
        value, (found,) = _kernel.minhash([text.encode()], SHORT_SHINGLES)
    return value, found


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
