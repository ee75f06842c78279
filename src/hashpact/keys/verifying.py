"""Verifies many Ed25519 signatures in a tenth of the time, by tables of the multiples of each key.

The kernel computes R from the rest of a signature and compares it with the R that the signature has: the
equation of RFC 8032 without the cofactor, which is OpenSSL's and so that of `domain.keys.verify`. What it
accepts is accepted; what it refuses is tried again there. docs/decisions/audit.md has the reasons.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from hashpact._kernel import Ed25519Verifier
from hashpact.domain import keys
from hashpact.errors import BadSignatureError

TABLES: Final = 256
"""Keys whose tables are kept: 16 MB."""
ENOUGH: Final = 16
"""Signatures of a key for which its table is made: it takes the time of some ten."""
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point (RFC 8032, section 5.1)."""
_SIZE: Final = 32


class KeySignature(NamedTuple):
    """A signature of ``message`` that is said to be of the key whose raw bytes are ``public``."""

    public: bytes
    value: bytes
    message: bytes


@dataclass(slots=True)
class BatchVerifier:
    """Verifies signatures; keeps the tables of the keys that were used last."""

    _tables: OrderedDict[bytes, Ed25519Verifier] = field(default_factory=OrderedDict)

    def verify(self, signatures: Sequence[KeySignature]) -> list[bool]:
        """Whether each of them verifies."""
        of_key: defaultdict[bytes, list[int]] = defaultdict(list)
        for place, one in enumerate(signatures):
            of_key[one.public].append(place)
        found = [False] * len(signatures)
        for public, places in of_key.items():
            table = self._table(public, len(places))
            if table is not None:
                accepted = _accepted(table, [signatures[place] for place in places])
                for place, good in zip(places, accepted, strict=True):
                    found[place] = good
        return [good or _verifies(one) for good, one in zip(found, signatures, strict=True)]

    def _table(self, public: bytes, signatures: int) -> Ed25519Verifier | None:
        """The key's table, if it has one or is to have one."""
        table = self._tables.get(public)
        if table is not None:
            self._tables.move_to_end(public)
        elif signatures >= ENOUGH:
            try:
                table = self._tables[public] = Ed25519Verifier(public)
            except ValueError:
                return None  # a key that would not be enrolled
            if len(self._tables) > TABLES:
                self._tables.popitem(last=False)
        return table


def _accepted(table: Ed25519Verifier, signatures: Sequence[KeySignature]) -> list[bool]:
    """For each whether its R is the one that the key, the message and its S lead to."""
    points, scalars, hashes = bytearray(), bytearray(), bytearray()
    formed = []
    for public, value, message in signatures:
        point, scalar = value[:_SIZE], value[_SIZE:]
        formed.append(len(value) == 2 * _SIZE and int.from_bytes(scalar, "little") < ORDER)
        if not formed[-1]:
            continue
        challenge = hashlib.sha512(point + public + message).digest()
        points += point
        scalars += scalar
        hashes += (int.from_bytes(challenge, "little") % ORDER).to_bytes(_SIZE, "little")
    answers = iter(table.verify(bytes(points), bytes(scalars), bytes(hashes)))
    return [good and bool(next(answers)) for good in formed]


def _verifies(one: KeySignature) -> bool:
    try:
        keys.verify(*one)
    except BadSignatureError:
        return False
    return True
