"""Values as the lines of C2SP texts spell them: one spelling each, stricter than lenient decoders.

Every reader raises MalformedError that names the field and the line, counted from 1.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NoReturn

from hashpact.errors import MalformedError

MAX_INTEGER: Final = 2**63 - 1
"""The largest tree size, index and time that is read or written."""
HASH_SIZE: Final = 32

_DECIMAL: Final = re.compile(b"0|[1-9][0-9]{0,18}")


def refuse(problem: str, field: str, line: int) -> NoReturn:
    """Raise MalformedError about a field in that line."""
    msg = f"line {line}: {problem}"
    raise MalformedError(msg, field=field, line=str(line))


def decimal(text: bytes, field: str, line: int) -> int:
    """A whole number below 2^63, in decimal without sign or leading zeros."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_INTEGER:
        refuse("want a decimal number below 2^63 without sign, spaces or leading zeros", field, line)
    return int(text)


def base64_bytes(text: bytes, field: str, line: int) -> bytes:
    """The bytes that standard base64 with padding gives; changed spare bits are refused."""
    try:
        value = base64.b64decode(text, validate=True)
    except binascii.Error:
        refuse("want standard base64 with padding", field, line)
    if base64.b64encode(value) != text:
        refuse("want the one base64 spelling of these bytes", field, line)
    return value


def hash_bytes(text: bytes, field: str, line: int) -> bytes:
    """A 32-byte hash in base64."""
    value = base64_bytes(text, field, line)
    if len(value) != HASH_SIZE:
        refuse(f"want a hash of {HASH_SIZE} bytes, not {len(value)}", field, line)
    return value


def hash_line(value: bytes) -> bytes:
    """The line of a 32-byte hash, with its newline. Raises MalformedError for another length."""
    if len(value) != HASH_SIZE:
        msg = f"a hash has {HASH_SIZE} bytes, not {len(value)}"
        raise MalformedError(msg, field="hash")
    return base64.b64encode(value) + b"\n"
