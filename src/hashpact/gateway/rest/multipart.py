"""multipart/form-data (RFC 7578) in a body that is held whole: its fields, each with its bytes.

A file never touches the disk. Bodies are bounded before they come here, and so are their parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hashpact.errors import InvalidInputError

MAX_PARTS: Final = 64
MAX_HEAD: Final = 8 * 1024

_NO_BOUNDARY: Final = "the content type names no boundary"
_NOT_THERE: Final = "its boundary is not in it"
_NO_END: Final = "it has no end"
_TOO_MANY: Final = f"it has over {MAX_PARTS} fields"
_NO_HEAD: Final = "a field has no head, or a large one"
_NO_NAME: Final = "a field has no name"
_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE | re.ASCII)
_DISPOSITION: Final = re.compile(rb"^content-disposition:[ \t]*form-data(.*)$", re.IGNORECASE | re.MULTILINE)
_PARAMETER: Final = re.compile(rb';[ \t]*([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FormPart:
    """A field: its name, whether it is a file, and its bytes."""

    name: str
    is_file: bool
    data: bytes


def form_parts(content_type: str, body: bytes) -> list[FormPart]:
    """The fields of a body, in their order. Raises InvalidInputError if it is no such form."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _refusal(_NO_BOUNDARY)
    delimiter = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    at = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if not body.startswith(delimiter, at):
        raise _refusal(_NOT_THERE)
    parts: list[FormPart] = []
    at += len(delimiter)
    while not body.startswith(b"--", at):
        end = body.find(b"\r\n" + delimiter, at)
        if end < 0 or len(parts) == MAX_PARTS:
            raise _refusal(_NO_END if end < 0 else _TOO_MANY)
        parts.append(_part(body, at, end))
        at = end + 2 + len(delimiter)
    return parts


def _part(body: bytes, start: int, end: int) -> FormPart:
    """The field between two boundaries."""
    head_end = body.find(b"\r\n\r\n", start, min(end + 4, start + MAX_HEAD))
    if head_end < 0:
        raise _refusal(_NO_HEAD)
    disposition = _DISPOSITION.search(body[start:head_end].replace(b"\r\n", b"\n"))
    if disposition is None:
        raise _refusal(_NO_NAME)
    given = {
        name.lower(): quoted.replace(b'\\"', b'"').replace(b"%22", b'"') or plain
        for name, quoted, plain in _PARAMETER.findall(disposition[1])
    }
    if b"name" not in given:
        raise _refusal(_NO_NAME)
    is_file = b"filename" in given or b"filename*" in given
    return FormPart(given[b"name"].decode("utf-8", "replace"), is_file, body[head_end + 4 : end])


def _refusal(why: str) -> InvalidInputError:
    return InvalidInputError(f"not a multipart/form-data body: {why}", field="body")
