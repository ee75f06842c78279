"""What the benchmarks submit: random codes, and the member that signs for them."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from typing import Final

from hashpact.clock import unix_time
from hashpact.demo.stage import ORIGIN
from hashpact.domain.fingerprints import PDQ, Fingerprint, FingerprintType
from hashpact.member.author import Author, Reason
from hashpact.member.profile import Profile

__all__ = ["MEMBER", "ORIGIN", "REASON", "author_of", "fingerprints", "random_codes"]

MEMBER: Final = "acme-video"
QUALITY: Final = 87
REASON: Final = Reason(frozenset({"other"}), jurisdictions=frozenset({"VN"}))


def random_codes(kind: FingerprintType) -> Iterator[Fingerprint]:
    """Codes of a type without end, at random among those that are not refused."""
    fewest, most = kind.popcount or (0, kind.size * 8)
    quality = None if kind.min_quality is None else QUALITY
    while True:
        value = secrets.token_bytes(kind.size)
        if fewest <= int.from_bytes(value).bit_count() <= most:
            yield Fingerprint(kind, value, quality)


def fingerprints(count: int) -> list[Fingerprint]:
    """So many codes of pdq."""
    return list(itertools.islice(random_codes(PDQ), count))


def author_of(profile: Profile) -> Author:
    """What signs a member's statements."""
    return Author(profile.origin, profile.member, profile.key, profile.signer, unix_time, secrets.token_bytes)
