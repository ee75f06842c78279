"""JSON documents that hold one long list of records, read in bounded memory, and written so.

The parser is ijson's: it keeps one record at a time. A record, or what stands between two, of more than
MAX_RECORD bytes is refused, so that a document of one endless string ends as an error and not in the memory.
So is one that opens too many lists and objects: the parser keeps the path to where it is, and the memory for
that grows with the square of the depth.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Final

import ijson  # type: ignore[import-untyped]  # ships no type information

from hashpact.errors import MalformedError

MAX_RECORD: Final = 4 * 1024 * 1024
MAX_OPENED: Final = 2048
"""Lists and objects of one record; a block may open a few more before they are counted."""
_BLOCK: Final = 64 * 1024
_JSON_BLOCK: Final = 4096
_BOM: Final = b"\xef\xbb\xbf"


class Bounded:
    """A binary file, from its beginning, of which only so many bytes are read between two records.

    A byte order mark of UTF-8 at its beginning is passed over.
    """

    def __init__(self, file: BinaryIO, what: str, *, count: bool = False) -> None:
        self._count = count
        self._file = file
        self._what = what
        self._since = self._opened = 0
        file.seek(0)
        if file.read(len(_BOM)) != _BOM:
            file.seek(0)

    def read(self, size: int = _BLOCK) -> bytes:
        """Up to ``size`` bytes. Raises MalformedError once a record is too long."""
        self._since += size
        if self._since > MAX_RECORD + _BLOCK:
            msg = f"not {self._what}: something in it has more than {MAX_RECORD} bytes and is no record"
            raise MalformedError(msg, field="file")
        block = self._file.read(size)
        if self._count:
            if self._opened > MAX_OPENED:
                msg = f"not {self._what}: it is nested too deep"
                raise MalformedError(msg, field="file")
            self._opened += block.count(b"[") + block.count(b"{")
        return block

    def record(self) -> None:
        """A record is complete."""
        self._since = self._opened = 0


def head(file: BinaryIO, what: str, name: str) -> dict[str, Any]:
    """The plain values before the list ``name`` of a JSON document, which must have that list.

    Raises MalformedError for a document that is not JSON, or has no such list.
    """
    found: dict[str, Any] = {}
    bounded = Bounded(file, what, count=True)
    try:
        for prefix, event, value in ijson.parse(bounded, use_float=True, buf_size=_JSON_BLOCK):
            if not prefix:
                bounded.record()
            if (prefix, event) == (name, "start_array"):
                return found
            if "." not in prefix.replace("@odata.context", "").replace("odata.metadata", "") and event in {
                "string",
                "number",
                "boolean",
            }:
                found[prefix] = value
    except (ijson.JSONError, ValueError) as error:
        raise _broken(what) from error
    msg = f"not {what}: it has no list {name!r}"
    raise MalformedError(msg, field="file")


def records(file: BinaryIO, what: str, name: str) -> Iterator[dict[str, Any] | None]:
    """The objects of the list ``name`` of a JSON document, as they are read; None for one that is no object.

    Raises MalformedError if the document is not well-formed, or ends early.
    """
    bounded = Bounded(file, what, count=True)
    try:
        for one in ijson.items(bounded, f"{name}.item", use_float=True, buf_size=_JSON_BLOCK):
            bounded.record()
            yield one if isinstance(one, dict) else None
    except (ijson.JSONError, ValueError) as error:
        raise _broken(what) from error


def lines(file: BinaryIO, what: str) -> Iterator[str]:
    """The lines of a text in UTF-8, without their ends. Raises MalformedError for bytes that are none."""
    bounded = Bounded(file, what)
    rest = b""
    try:
        while block := bounded.read(_BLOCK):
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                bounded.record()
                yield line.removesuffix(b"\r").decode()
        if rest:
            yield rest.removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        msg = f"not {what}: it is not UTF-8"
        raise MalformedError(msg, field="file") from error


def write_list(
    file: BinaryIO,
    name: str,
    rows: Iterable[Mapping[str, object]],
    before: Mapping[str, object],
    after: Mapping[str, object],
) -> None:
    """Write a JSON object: the members ``before``, the list, and the members ``after``."""
    opening = json.dumps({**before, name: []})
    file.write(opening[:-2].encode())
    file.writelines(
        (",\n" if number else "\n").encode() + json.dumps(row).encode() for number, row in enumerate(rows)
    )
    rest = json.dumps(after)[1:-1]
    file.write(f"\n]{', ' if rest else ''}{rest}}}\n".encode())


def _broken(what: str) -> MalformedError:
    """The parser's own message quotes the document, and so is left out."""
    return MalformedError(f"not {what}: the JSON is broken, or ends early", field="file")
