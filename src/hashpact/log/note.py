"""Signed notes, byte for byte as C2SP signed-note writes them (https://c2sp.org/signed-note).

A note is a text that ends with a newline, an empty line, and one signature line or more:

    — <key name> <base64 of 4-byte key id || signature>

Narrower than C2SP in two ways: key names are ASCII, and a note has at most 16 signatures.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from hashpact.errors import BadSignatureError, MalformedError
from hashpact.log.lines import base64_bytes, refuse

MAX_SIGNATURES: Final = 16
KEY_ID_SIZE: Final = 4
ED25519: Final = b"\x01"
"""The signature type byte that stands before an Ed25519 public key."""

Verify: TypeAlias = Callable[[bytes, bytes, bytes], None]
"""``verify(public, signature, message)`` raises BadSignatureError; ``domain.keys.verify`` is one."""
Sign: TypeAlias = Callable[[bytes], bytes]
"""Gives the Ed25519 signature of a message; the ``sign`` of a private key is one."""

_DASH: Final = "\u2014 ".encode()
_MIN_SIGNATURE: Final = KEY_ID_SIZE + 1
_MAX_LINE: Final = 4096
_VERIFIER_PARTS: Final = 3
_NAME: Final = re.compile(b"[!-*,-~]+")
_CONTROL: Final = re.compile(b"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: who signed, the first 4 bytes of the key's hash, the signature's bytes."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> bytes:
        """The line that carries it, with its newline."""
        return line_start(self.name) + base64.b64encode(self.key_id + self.value) + b"\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, none of them verified. ``text`` ends with a newline."""

    text: bytes
    signatures: tuple[NoteSignature, ...]


def line_start(name: str) -> bytes:
    """What a signature line has before its base64."""
    return _DASH + name.encode() + b" "


def short_id(name: str, public: bytes, kind: bytes = ED25519) -> bytes:
    """The 4 bytes by which a signature line names a key, under the byte of its signature type.

    SHA-256(name || 0x0A || type || public key)[:4]. It is a hint: two keys may share it.
    """
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:KEY_ID_SIZE]


def signature_line(name: str, public: bytes, signature: bytes, kind: bytes = ED25519) -> bytes:
    """The line that carries a key's signature, with its newline."""
    return NoteSignature(name, short_id(name, public, kind), signature).line()


def verifier_key(name: str, public: bytes, kind: bytes = ED25519) -> str:
    """The key in C2SP's verifier form: ``<name>+<hex of the key id>+<base64 of type and key>``."""
    return f"{name}+{short_id(name, public, kind).hex()}+{base64.b64encode(kind + public).decode()}"


def parse_verifier_key(text: str) -> tuple[str, bytes, bytes]:
    """Name, signature type and public key of a verifier key. Raises MalformedError."""
    parts = text.encode().split(b"+", 2)
    if len(parts) != _VERIFIER_PARTS or not _NAME.fullmatch(parts[0]):
        msg = "a verifier key is a name, the hex of a key id and base64, with + between"
        raise MalformedError(msg, field="key")
    data = base64_bytes(parts[2], "key", 1)
    name, kind, public = parts[0].decode(), data[:1], data[1:]
    if verifier_key(name, public, kind) != text:
        msg = "the id of the verifier key is not that of its name and key"
        raise MalformedError(msg, field="key")
    return name, kind, public


def join(text: bytes, lines: Iterable[bytes]) -> bytes:
    """The note of a text and its signature lines."""
    return text + b"\n" + b"".join(lines)


def parse(data: bytes, max_size: int) -> Note:
    """Read a note.

    Raises MalformedError if it is longer than ``max_size`` bytes, has no signature or more than 16, or
    breaks the format; the error names the line.
    """
    if len(data) > max_size:
        msg = f"a note of {len(data)} bytes; the limit is {max_size}"
        raise MalformedError(msg, field="note")
    head, blank, tail = data.rpartition(b"\n\n")
    if not blank or not head:
        msg = "no empty line between the text and its signatures"
        raise MalformedError(msg, field="note")
    if not tail.endswith(b"\n"):
        msg = "the last signature line does not end with a newline"
        raise MalformedError(msg, field="signature")
    text = head + b"\n"
    _check_text(text)
    number = text.count(b"\n") + 2
    lines = tail[:-1].split(b"\n", MAX_SIGNATURES)
    if len(lines) > MAX_SIGNATURES:
        refuse(f"more than {MAX_SIGNATURES} signature lines", "signature", number + MAX_SIGNATURES)
    return Note(text, tuple(_signature(line, number + i) for i, line in enumerate(lines)))


def signatures(note: Note, name: str, public: bytes, kind: bytes = ED25519) -> tuple[bytes, ...]:
    """The signatures of the lines that name this key. Another key may share its name and 4-byte id."""
    short = short_id(name, public, kind)
    return tuple(one.value for one in note.signatures if one.name == name and one.key_id == short)


def verify(note: Note, name: str, public: bytes, check: Verify) -> bool:
    """Whether the note carries a signature line of that Ed25519 key; False if none names it.

    Raises BadSignatureError if lines name the key and none of them verifies.
    """
    values = signatures(note, name, public)
    for value in values[:-1]:
        with contextlib.suppress(BadSignatureError):
            check(public, value, note.text)
            return True
    for value in values[-1:]:
        check(public, value, note.text)
    return bool(values)


def _check_text(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        place = error.start
    else:
        control = _CONTROL.search(text)
        if control is None:
            return
        place = control.start()
    number = text.count(b"\n", 0, place) + 1
    refuse("want UTF-8 text without control characters", "text", number)


def _signature(line: bytes, number: int) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(b" ")
    if not line.startswith(_DASH) or not space or not name or len(line) > _MAX_LINE:
        refuse("not a signature line", "signature", number)
    if not _NAME.fullmatch(name):
        refuse("a key name is printable ASCII without spaces or plus signs", "signature", number)
    payload = base64_bytes(encoded, "signature", number)
    if len(payload) < _MIN_SIGNATURE:
        refuse("too short for a key id and a signature", "signature", number)
    return NoteSignature(name.decode(), payload[:KEY_ID_SIZE], payload[KEY_ID_SIZE:])
