"""Text to winnow/1: what finds a text inside a longer one.

The recipe and the reasons for its steps are in docs/methods/winnow-1.md.
"""

from __future__ import annotations

from typing import Final

from hashpact import _kernel
from hashpact.domain.fingerprints import WINNOW, Fingerprint
from hashpact.errors import UnusableContentError
from hashpact.fingerprint.text import check_length

FEWEST, MOST = WINNOW.count
"""How many hashes: a shorter text is a common phrase, of a longer one the least hashes are a sample."""

GRAM: Final = 7
"""The code points of the folded text that are hashed together."""

WINDOW: Final = 4
"""Of so many hashes in a row the least is kept."""


def winnow(text: str) -> Fingerprint:
    """The winnow/1 fingerprint of ``text``, as it is before folding: for a check, or to be shared.

    A check has up to MOST hashes. What is shared of them is ``Fingerprint.shared``, the least 128.

    Raises UnusableContentError for a text over the limit of `text.MAX_BYTES`, with fewer than FEWEST hashes
    once folded, or with lone surrogates.
    """
    check_length(text)
    value = _kernel.winnow(text.encode(), MOST)
    found = len(value) // WINNOW.size
    if found < FEWEST:
        msg = f"refused {WINNOW.name}: a text with {found} winnowed hashes is too short, it needs {FEWEST}"
        raise UnusableContentError(msg, field="content")
    return Fingerprint(WINNOW, value)
