"""Words: the free text that goes with a statement, which only those whom it concerns receive.

The public leaf commits to them by their SHA-256, as a submission commits to a fingerprint; 32 random bytes
keep an outsider from guessing them. docs/formats/statement.md describes the bytes.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import Final

from hashpact.domain.grammar import Field, Form, Hex, Spelling
from hashpact.errors import MalformedError

MAX_TEXT: Final = 2000
"""Characters of one text."""
MAX_WORDS: Final = 32 * 1024
"""Bytes of the words of one statement; a letter outside ASCII takes 6 of them, or 12."""

_FIRST_LINE: Final = "hashpact/words/v1"
WORDS_BEGIN: Final = f"{_FIRST_LINE}\n".encode()
"""What words begin with, and no fingerprint does."""


class _Text(Spelling[str]):
    """A text as a JSON string in ASCII: without control characters, normalised to NFC."""

    pattern = r'"(?:[^"\\]|\\.)+"'
    wanted = f"1 to {MAX_TEXT} characters without line breaks, as a JSON string in ASCII, normalised to NFC"

    def value(self, text: str) -> str:
        """The text."""
        try:
            read = json.loads(text)
        except ValueError:
            read = None
        if not isinstance(read, str) or self.write(read) != text:
            msg = f"want {self.wanted}"
            raise ValueError(msg)
        return read

    def write(self, value: str) -> str:
        """Its one spelling."""
        bad = any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in value)
        if bad or not 0 < len(value) <= MAX_TEXT or not unicodedata.is_normalized("NFC", value):
            msg = f"want {self.wanted}"
            raise ValueError(msg)
        return json.dumps(value)


_ADDRESS: Final = Field("address", _Text(), 0, 1)
_REFERENCE: Final = Field("reference", _Text(), 0, 1)
_EXPLANATION: Final = Field("explanation", _Text(), 0, 1)
_NONCE: Final = Field("nonce", Hex(32))
_FIELDS: Final = (_ADDRESS, _REFERENCE, _EXPLANATION)
_FORM: Final = Form(_FIRST_LINE, *_FIELDS, _NONCE)


@dataclass(frozen=True, slots=True)
class Words:
    """What a statement says to those whom it concerns: at least one text, and 32 random bytes.

    ``address`` is where a contact point is reached, ``reference`` where the evidence is kept, and
    ``explanation`` says why.
    """

    nonce: bytes
    address: str | None = None
    reference: str | None = None
    explanation: str | None = None

    def given(self) -> frozenset[str]:
        """The names of the texts that there are."""
        return frozenset(field.name for field in _FIELDS if getattr(self, field.name) is not None)

    def text(self) -> bytes:
        """Its bytes, to whose SHA-256 the statement commits. Raises MalformedError for an impossible text."""
        values = ((field, getattr(self, field.name)) for field in _FIELDS)
        lines = [field.write(() if value is None else (value,)) for field, value in values]
        return f"{_FIRST_LINE}\n{''.join(lines)}{_NONCE.write((self.nonce,))}".encode("ascii")

    def __repr__(self) -> str:
        """Name the texts only: what they say must not reach a log by accident."""
        return f"<Words {', '.join(sorted(self.given()))}>"


def parse_words(data: bytes) -> Words:
    """Read words. Raises MalformedError, which names the field."""
    if len(data) > MAX_WORDS:
        msg = f"words of {len(data)} bytes; the limit is {MAX_WORDS}"
        raise MalformedError(msg, field="words")
    *texts, (nonce,) = _FORM.read(data)
    return Words(nonce, *(text[0] if text else None for text in texts))


def normalised(text: str) -> str:
    """A text as words hold it: normalised to NFC, and line breaks and other control characters as spaces."""
    cleaned = "".join(" " if unicodedata.category(one) in {"Cc", "Zl", "Zp"} else one for one in text)
    return unicodedata.normalize("NFC", cleaned).strip()
