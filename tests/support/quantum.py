"""ML-DSA-44 keys of logs, and what is done to the lines that they sign."""

from __future__ import annotations

import base64
from dataclasses import replace
from hashlib import sha256
from typing import Final

from builders import ORIGIN, World
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from hashpact.domain.keys import Signer
from hashpact.domain.kinds import Root
from hashpact.errors import LogKeyError, ProofError
from hashpact.log import note
from hashpact.log.cosignature import MLDSA44, Witness
from hashpact.service.sign import LogKey


def mldsa(which: str, origin: str = ORIGIN) -> tuple[Witness, Signer]:
    """The ML-DSA-44 key of that name, and what signs with it."""
    key = MLDSA44PrivateKey.from_seed_bytes(sha256(f"mldsa {which}".encode()).digest())
    return Witness(origin, key.public_key().public_bytes_raw(), MLDSA44), key


ONE, TWO = mldsa("one"), mldsa("two")


def signing(world: World, key: tuple[Witness, Signer] | None = ONE) -> LogKey:
    """The keys that sign the checkpoints."""
    return replace(world.log_key, mldsa=key)


def naming(world: World, version: int, *named: tuple[Witness, Signer]) -> bytes:
    """A root statement that names these ML-DSA-44 keys, and changes nothing else."""
    keys = tuple(sorted((key for key, _ in named), key=lambda key: key.key))
    admins = tuple(admin.key for admin in world.admins)
    return world.by_admins(Root(version, admins, 2, world.log_keys, log_mldsa_keys=keys))


def altered(signed: bytes, how: str) -> bytes:
    """A checkpoint with something done to its second line, which is the one of `ONE`."""
    text, _, lines = signed.partition(b"\n\n")
    first, second = lines.splitlines(keepends=True)
    head, space, value = second.rpartition(b" ")
    data = base64.b64decode(value)
    key, _ = TWO
    other = note.short_id(key.name, key.public, key.kind)
    changed = {
        "stripped": b"",
        "torn": data[:-1] + bytes([data[-1] ^ 1]),
        "short": data[:-1],
        "another time": data[:4] + (1).to_bytes(8) + data[12:],
        "another key": other + data[4:],
        "Ed25519 alone twice": None,
    }[how]
    line = first if changed is None else head + space + base64.b64encode(changed) + b"\n" if changed else b""
    return text + b"\n\n" + first + line


MISSING: Final = "no ML-DSA-44 key of the log signed the checkpoint"
FORGED: Final = "the log's ML-DSA-44 signature does not verify"
ALTERED: Final[dict[str, tuple[type[ProofError], str]]] = {
    "stripped": (LogKeyError, MISSING),
    "another key": (LogKeyError, MISSING),
    "Ed25519 alone twice": (LogKeyError, MISSING),
    "torn": (ProofError, FORGED),
    "short": (ProofError, FORGED),
    "another time": (ProofError, FORGED),
}
"""What may be done to it, and the error by which a reader who knows the key refuses that."""
