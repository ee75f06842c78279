"""Content to signals, in a few threads: what a gateway is sent or fetches is fingerprinted and forgotten."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from hashpact.domain.fingerprints import PDQ, PHASH, SHA256, Fingerprint, FingerprintType
from hashpact.errors import InvalidInputError, UnusableContentError
from hashpact.fingerprint.content import fingerprints_of
from hashpact.fingerprint.exact import exact
from hashpact.gateway.signals import SignalType

_PERCEPTUAL: Final = frozenset({PDQ, PHASH})
_NOTHING: Final = "no fingerprint can be made of this content"


class Hasher:
    """Makes the signals of content; close it at the end."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "hashpact-hashing")

    async def signals(self, data: bytes, types: Sequence[SignalType]) -> dict[str, Fingerprint]:
        """The fingerprints of content, by HMA's names; without a type for which the content is too flat.

        Raises InvalidInputError if it is none of which fingerprints can be made.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, _signals, data, types)

    def close(self) -> None:
        """Take nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _signals(data: bytes, types: Sequence[SignalType]) -> dict[str, Fingerprint]:
    made = {one.type: one for one in exact(io.BytesIO(data), {each.kind for each in types})}
    wanted = [each.kind for each in types if each.kind in _PERCEPTUAL]
    if wanted:
        made = _perceptual(data, [each.name for each in wanted]) | made
    return {each.name: made[each.kind] for each in types if each.kind in made}


def _perceptual(data: bytes, names: Sequence[str]) -> dict[FingerprintType, Fingerprint]:
    """The fingerprints of a picture, the first of each type: of one with transparency, as it is stored."""
    try:
        # With an exact type beside them, a picture that is too flat for one is no error.
        found = fingerprints_of(data, [*names, SHA256.name])
    except (UnusableContentError, InvalidInputError) as error:
        raise InvalidInputError(_NOTHING, field="content") from error
    first: dict[FingerprintType, Fingerprint] = {}
    for one in found.fingerprints:
        if one.type in _PERCEPTUAL:
            first.setdefault(one.type, one)
    return first
