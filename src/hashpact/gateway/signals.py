"""HMA's names for types of signals and of content, and how their values are spelt and compared.

A signal is what HMA calls a fingerprint. `pdq` and `video_md5` are served as HMA serves them; further types
only if they are configured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hashpact.domain.fingerprints import MD5, PDQ, PHASH, SHA256, Fingerprint, FingerprintType, Measure
from hashpact.errors import InvalidInputError, UnusableFingerprintError

PHOTO: Final = "photo"
VIDEO: Final = "video"
CONTENT_TYPES: Final = (PHOTO, VIDEO)
DEFAULT_SIGNALS: Final = ("pdq", "video_md5")

_HEX: Final = re.compile("[0-9a-f]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class SignalType:
    """A type of signals: HMA's name, the fingerprint type, what it is made of, and what errors call it."""

    name: str
    kind: FingerprintType
    content: tuple[str, ...]
    title: str

    def parse(self, text: str) -> bytes:
        """The bytes of a value in hex, of either case. Raises InvalidInputError."""
        spelt = text.strip().lower()
        if len(spelt) != 2 * self.kind.size or _HEX.fullmatch(spelt) is None:
            msg = f"invalid {self.title} hash"
            raise InvalidInputError(msg, field="signal")
        return bytes.fromhex(spelt)

    def fingerprint(self, text: str) -> Fingerprint | None:
        """The fingerprint of a value in hex; None if no entry can have it. Raises InvalidInputError."""
        try:
            return Fingerprint(self.kind, self.parse(text))
        except UnusableFingerprintError:
            return None

    def compare(self, one: bytes, other: bytes) -> tuple[bool, dict[str, int]]:
        """Whether two values match, and their distance if the type has one."""
        if self.kind.measure is Measure.EQUALITY:
            return one == other, {}
        distance = (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()
        return distance <= self.kind.default, {"distance": distance}


KNOWN: Final = {
    each.name: each
    for each in (
        SignalType("pdq", PDQ, (PHOTO,), "PDQ"),
        SignalType("video_md5", MD5, (VIDEO,), "MD5"),
        SignalType("phash", PHASH, (PHOTO,), "pHash"),
        SignalType("sha256", SHA256, (PHOTO,), "SHA256"),
        SignalType("video_sha256", SHA256, (VIDEO,), "SHA256"),
    )
}
"""Every type that a gateway can serve, by HMA's name; none is of text, whose similarity is not a distance."""


@dataclass(frozen=True, slots=True)
class Signals:
    """The types that a gateway serves, by name."""

    served: Mapping[str, SignalType]

    @classmethod
    def named(cls, names: Iterable[str]) -> Signals:
        """The types of these names. Raises InvalidInputError for an unknown one."""
        wanted = tuple(names)
        for name in wanted:
            if name not in KNOWN:
                msg = f"signal_types are some of {', '.join(KNOWN)}, not {name!r}"
                raise InvalidInputError(msg, field="signal_types")
        return cls({name: KNOWN[name] for name in wanted})

    def find(self, name: str) -> SignalType:
        """The type of a name. Raises InvalidInputError if it is not served."""
        found = self.served.get(name)
        if found is None:
            msg = f"No such SignalType '{name}'"
            raise InvalidInputError(msg, field="signal_type")
        return found

    def of_content(self, content: str) -> tuple[SignalType, ...]:
        """The types that a type of content has."""
        return tuple(each for each in self.served.values() if content in each.content)
