"""How a log of the vectors is written: leaf by leaf, each with the verdict that its author expects.

Nothing here reads statements or knows their rules: lines are strings, so that a leaf may break any of them.
Every key, request id and time follows from names and numbers, so that the bytes are always the same.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, TypedDict, Unpack

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN: Final = "vectors.example/log"
START: Final = 1_800_000_000
STEP: Final = 60
"""Seconds from the time of a leaf to that of the next."""
ADMINS: Final = ("admin/alice", "admin/bob")
DAY: Final = 86400


def private(who: str) -> Ed25519PrivateKey:
    """The private key of a name such as ``acme/k1``; "#" and what follows makes other keys of that name."""
    return Ed25519PrivateKey.from_private_bytes(sha256(f"hashpact vectors {who}".encode()).digest())


def public(who: str) -> str:
    """Its raw public key in hex."""
    return private(who).public_key().public_bytes_raw().hex()


def key_id(who: str) -> str:
    """The id by which statements name it."""
    return identify(bytes.fromhex(public(who)))


def identify(raw: bytes) -> str:
    """The id of a raw public key."""
    return sha256(b"\x01" + raw).hexdigest()


def signature_line(name: str, raw: bytes, signature: bytes, kind: bytes = b"\x01") -> bytes:
    """A signature line, of Ed25519 unless ``kind`` is the byte of another type."""
    short = sha256(name.encode() + b"\n" + kind + raw).digest()[:4]
    return f"\u2014 {name} ".encode() + base64.b64encode(short + signature) + b"\n"


def signed(text: bytes, who: str) -> bytes:
    """The signature line of a key; its name in the line is what stands before "#"."""
    return signature_line(who.partition("#")[0], bytes.fromhex(public(who)), private(who).sign(text))


def bad_line(who: str) -> Callable[[bytes], bytes]:
    """What makes a line that names the key and does not verify."""
    return lambda _: signature_line(who, bytes.fromhex(public(who)), bytes(64))


def line_as(name: str, who: str) -> Callable[[bytes], bytes]:
    """What makes a line of that name by the key of ``who``."""
    return lambda text: signature_line(name, bytes.fromhex(public(who)), private(who).sign(text))


def digest(name: str) -> str:
    """A hash of something that no vector needs to have."""
    return sha256(f"hashpact vectors: {name}".encode()).hexdigest()


class Header(TypedDict, total=False):
    """Lines of a statement's header that do not follow from who signs it first."""

    log: str
    member: str
    key: str
    request: str


@dataclass(frozen=True)
class Written:
    """A leaf with the verdict that it must get, and why: the rule that it keeps or breaks."""

    leaf: bytes
    valid: bool
    why: str


@dataclass
class Trial:
    """A log that grows. ``says`` is what it shows."""

    name: str
    says: str
    written: list[Written] = field(default_factory=list)
    at: int = START

    @property
    def size(self) -> int:
        """How many leaves there are: the index of the next."""
        return len(self.written)

    @property
    def now(self) -> int:
        """The time of the next leaf, unless it names another."""
        return self.at + STEP

    def fork(self, name: str, says: str) -> Trial:
        """Another log that begins with the same leaves."""
        return Trial(name, says, copy.copy(self.written), self.at)

    def text(
        self,
        kind: str,
        *lines: str,
        by: str,
        time: int | None = None,
        **given: Unpack[Header],
    ) -> bytes:
        """The text of a statement; its header follows from ``by`` and the leaf's index unless it is given."""
        self.at = self.now if time is None else time
        header = [
            "hashpact/statement/v1",
            f"log {given.get('log', ORIGIN)}",
            f"kind {kind}",
            f"member {given.get('member', by.partition('/')[0])}",
            f"key {given.get('key') or key_id(by)}",
            f"request {given.get('request') or digest(f'request {self.size}')[:32]}",
            f"time {self.at}",
        ]
        return "".join(f"{line}\n" for line in (*header, *lines)).encode()

    def leaf(
        self,
        kind: str,
        *lines: str,
        by: str | Sequence[str] = ADMINS,
        time: int | None = None,
        edit: Callable[[bytes], bytes] | None = None,
        extra: Callable[[bytes], bytes] | None = None,
        **header: Unpack[Header],
    ) -> bytes:
        """A leaf that ``by`` sign; the header names the first. ``edit`` changes the text before it is signed.

        ``extra`` makes further signature lines of the text.
        """
        signers = [by] if isinstance(by, str) else list(by)
        text = self.text(kind, *lines, by=signers[0] if signers else "nobody/none", time=time, **header)
        text = text if edit is None else edit(text)
        more = b"" if extra is None else extra(text)
        return text + b"\n" + b"".join(signed(text, who) for who in signers) + more

    def ok(
        self,
        kind: str,
        *lines: str,
        why: str = "",
        by: str | Sequence[str] = ADMINS,
        time: int | None = None,
        extra: Callable[[bytes], bytes] | None = None,
        **header: Unpack[Header],
    ) -> int:
        """Append a leaf that keeps the rules; its index."""
        self.written.append(
            Written(self.leaf(kind, *lines, by=by, time=time, extra=extra, **header), valid=True, why=why)
        )
        return self.size - 1

    def no(  # noqa: PLR0913 - as `leaf`
        self,
        why: str,
        kind: str,
        *lines: str,
        by: str | Sequence[str] = ADMINS,
        time: int | None = None,
        edit: Callable[[bytes], bytes] | None = None,
        extra: Callable[[bytes], bytes] | None = None,
        **header: Unpack[Header],
    ) -> int:
        """Append a leaf that breaks the rule that ``why`` names; its index.

        The time goes on as if it had not been there.
        """
        before = self.at
        leaf = self.leaf(kind, *lines, by=by, time=time, edit=edit, extra=extra, **header)
        self.at = before
        self.written.append(Written(leaf, valid=False, why=why))
        return self.size - 1

    def raw(self, leaf: bytes, why: str, *, valid: bool = False) -> None:
        """Append these bytes as a leaf."""
        self.written.append(Written(leaf, valid=valid, why=why))


@dataclass(frozen=True)
class Group:
    """The logs of one file. All of them begin with the leaves of ``prelude``."""

    name: str
    says: str
    prelude: tuple[Written, ...]
    trials: tuple[Trial, ...]


def group(name: str, says: str, prelude: Trial | None, trials: Sequence[Trial]) -> Group:
    """A group of logs that begin with the prelude's leaves."""
    return Group(name, says, tuple(prelude.written) if prelude else (), tuple(trials))
