"""Signed notes, byte for byte as C2SP signed-note writes them (https://c2sp.org/signed-note).

A note is a text that ends with a newline, an empty line, and one signature line or more:

    — <key name> <base64 of 4-byte key id || signature>

Narrower than C2SP in two ways: key names are ASCII, and a note has at most 16 signatures.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hashpact.domain.errors import MalformedError

MAX_SIGNATURES: Final = 16
KEY_ID_SIZE: Final = 4
ED25519: Final = b"\x01"
"""The signature type byte that stands before an Ed25519 public key."""

_DASH: Final = "\u2014 ".encode()
_MIN_SIGNATURE: Final = KEY_ID_SIZE + 1
_MAX_LINE: Final = 4096
_NAME: Final = re.compile(b"[!-*,-~]+")
_CONTROL: Final = re.compile(b"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: who signed, the first 4 bytes of the key's hash, the signature's bytes."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, none of them verified. ``text`` ends with a newline."""

    text: bytes
    signatures: tuple[NoteSignature, ...]


def short_id(name: str, public: bytes) -> bytes:
    """The 4 bytes by which a signature line names an Ed25519 key.

    SHA-256(name || 0x0A || 0x01 || public key)[:4]. It is a hint: two keys may share it.
    """
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:KEY_ID_SIZE]


def signature_line(name: str, public: bytes, signature: bytes) -> bytes:
    """The line that carries an Ed25519 signature, with its newline."""
    payload = base64.b64encode(short_id(name, public) + signature)
    return _DASH + name.encode() + b" " + payload + b"\n"


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
        msg = f"more than {MAX_SIGNATURES} signature lines"
        raise MalformedError(msg, field="signature", line=str(number + MAX_SIGNATURES))
    return Note(text, tuple(_signature(line, number + i) for i, line in enumerate(lines)))


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
    msg = f"line {number} is not UTF-8 text without control characters"
    raise MalformedError(msg, field="text", line=str(number))


def _signature(line: bytes, number: int) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(b" ")
    if not line.startswith(_DASH) or not space or not name or len(line) > _MAX_LINE:
        msg = f"line {number} is not a signature line"
        raise MalformedError(msg, field="signature", line=str(number))
    if not _NAME.fullmatch(name):
        msg = f"line {number}: a key name is printable ASCII without spaces or plus signs"
        raise MalformedError(msg, field="signature", line=str(number))
    try:
        payload = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        payload = b""
    # A decoder ignores spare bits; only the one canonical spelling is taken.
    if base64.b64encode(payload) != encoded or len(payload) < _MIN_SIGNATURE:
        msg = f"line {number}: the signature is not canonical base64 of a key id and a signature"
        raise MalformedError(msg, field="signature", line=str(number))
    return NoteSignature(name.decode(), payload[:KEY_ID_SIZE], payload[KEY_ID_SIZE:])
