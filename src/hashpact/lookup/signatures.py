"""Texts to MinHash signatures, as ``minhash/1`` has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashpact import _kernel
from hashpact.errors import InvalidInputError

VALUES: Final = 128


def minhash_signature(text: str) -> NDArray[np.uint32]:
    """The signature of ``text``, uint32[128]: folded, cut into shingles, hashed and permuted in one go.

    Equal in every value to datasketch 2's MinHash with 128 permutations, seed 1 and the scheme affine32, fed
    with the shingles of the folded text; docs/methods/minhash-1.md has the recipe. Does not hold the GIL.
    A text without shingles has 2^32 - 1 for each value. No text is refused here for its length:
    ``hashpact.fingerprint.text`` does that.

    Raises InvalidInputError for a text with lone surrogates.
    """
    signature: NDArray[np.uint32] = minhash_signatures([text])[0]
    return signature


def minhash_signatures(texts: Sequence[str]) -> NDArray[np.uint32]:
    """The signatures of ``texts``, uint32[n, 128]. See ``minhash_signature``."""
    if isinstance(texts, str):
        msg = "texts must be a sequence of texts, not one"
        raise InvalidInputError(msg, field="texts")
    try:
        encoded = [text.encode() for text in texts]
    except UnicodeEncodeError as exc:
        msg = f"not a Unicode text: a lone surrogate at character {exc.start}"
        raise InvalidInputError(msg, field="texts") from exc
    values, _ = _kernel.minhash(encoded, 0)
    return np.frombuffer(values, dtype=">u4").astype(np.uint32).reshape(-1, VALUES)
