"""NCMEC hash sharing v2: the XML of a query, of any number of entries.

Public are its pages on paging, large fingerprints and categories, and what `tx` reads
(python-threatexchange 1.2.17, ``exchanges/clients/ncmec``). Documents with a DTD are refused, so that no
entity is ever expanded; an ``href`` is neither followed nor kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from hashpact.domain.fingerprints import MD5, PDQ, SHA1
from hashpact.errors import MalformedError
from hashpact.exchange.rows import (
    MALFORMED_RECORD,
    ClassOf,
    Delete,
    Listed,
    Put,
    Row,
    Skip,
    chosen,
    is_key,
    moment,
    rfc3339,
)
from hashpact.exchange.streaming import Bounded

WHAT: Final = "an NCMEC hash sharing v2 document"
_SPACE: Final = "https://hashsharing.ncmec.org/hashsharing/v2"
_TYPES: Final = {"pdq": PDQ, "md5": MD5, "sha1": SHA1}
_PUT: Final = {"image", "video"}
_DELETE: Final = {"deletedImage", "deletedVideo"}
_BLOCK: Final = 64 * 1024
_MAX_TEXT: Final = 64 * 1024


@dataclass(slots=True)
class _Record:
    """An entry that is being read."""

    element: str
    member: str | None = None
    id: str | None = None
    timestamp: str | None = None
    classification: str | None = None
    candidates: list[tuple[str, str]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    affirmed: set[str] = field(default_factory=set)
    disputed: set[str] = field(default_factory=set)

    def row(self) -> Row:
        """The row of it."""
        key = f"{self.member}-{self.id}"
        if not self.member or not self.id or not is_key(key):
            return Skip("", MALFORMED_RECORD)
        updated = moment(self.timestamp)
        if self.element in _DELETE:
            return Delete(key, updated)
        made = ((name, _TYPES[name], text) for name, text in self.candidates)
        found, unfit, reason = chosen(key, made)
        if reason is not None:
            return Skip(key, reason)
        classes = (self.classification,) if self.classification else ()
        dropped = (*self.dropped, *unfit)
        return Put(
            key,
            found,
            classes,
            updated,
            dropped=dropped,
            affirmed=len(self.affirmed),
            disputed=len(self.disputed),
            source=self.member,
        )


class _Reading:
    """The handlers of a parser, and the rows that are complete."""

    def __init__(self, bounded: Bounded) -> None:
        self.rows: deque[Row] = deque()
        self._bounded = bounded
        self._path: list[str] = []
        self._record: _Record | None = None
        self._text: list[str] = []
        self._size = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if not self._path and (space, local) != (_SPACE, "queryResult"):
            msg = f"not {WHAT}: its root is not a queryResult of that namespace"
            raise MalformedError(msg, field="file")
        self._path.append(local if space == _SPACE else "")
        self._text, self._size = [], 0
        if len(self._path) > 16:  # noqa: PLR2004 - twice as deep as any entry
            msg = f"not {WHAT}: it is nested too deep"
            raise MalformedError(msg, field="file")
        record = self._record
        if record is None:
            if len(self._path) == 3 and self._path[-1] in _PUT | _DELETE:  # noqa: PLR2004 - root, images, image
                self._record = _Record(local)
        elif self._path[3:] == ["member"]:
            record.member = attributes.get("id")
        elif self._path[3:4] == ["feedback"] and local == "member":
            kind = self._path[4:5]
            opinions = record.affirmed if kind == ["affirmativeFeedback"] else record.disputed
            opinions.add(attributes.get("id", ""))
        elif self._path[3:4] == ["fingerprints"] and len(self._path) == 5 and "href" in attributes:  # noqa: PLR2004 - below fingerprints
            record.dropped.append(local)
            self._path[-1] = ""

    def text(self, data: str) -> None:
        self._size += len(data)
        if self._size <= _MAX_TEXT:
            self._text.append(data)

    def end(self, _name: str) -> None:
        record, below = self._record, self._path[3:]
        if record is not None:
            text = "".join(self._text).strip()
            match below:
                case ["id"]:
                    record.id = text
                case ["timestamp"]:
                    record.timestamp = text
                case ["classification"]:
                    record.classification = text
                case ["fingerprints", local] if local and text:
                    if local in _TYPES:
                        record.candidates.append((local, text))
                    else:
                        record.dropped.append(local)
                case []:
                    self.rows.append(record.row())
                    self._record = None
                    self._bounded.record()
        self._path.pop()
        self._text, self._size = [], 0

    def doctype(self, *_: object) -> None:
        msg = f"not {WHAT}: it has a DTD, which is refused because of its entities"
        raise MalformedError(msg, field="file")


def read(file: BinaryIO) -> Iterator[Row]:
    """The rows of a document. Raises MalformedError for one that is broken, cut short or has a DTD."""
    bounded = Bounded(file, WHAT)
    reading = _Reading(bounded)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reading.doctype
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    try:
        while block := bounded.read(_BLOCK):
            parser.Parse(block, False)  # noqa: FBT003 - expat's signature
            while reading.rows:
                yield reading.rows.popleft()
        parser.Parse(b"", True)  # noqa: FBT003 - as above
    except expat.ExpatError as error:
        msg = f"not {WHAT}: the XML is broken, or ends early, at line {error.lineno}"
        raise MalformedError(msg, field="file") from error
    yield from reading.rows


def write(file: BinaryIO, rows: Iterable[Listed], class_of: ClassOf) -> int:
    """Write the rows as one document; returns how many have nothing that the format can carry.

    A row that was read from such a document keeps its member and id. Another has the member 0.
    """
    file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<queryResult xmlns="{_SPACE}">\n<images>\n'.encode())
    left = 0
    for row in rows:
        carried = [
            (name, each) for name, kind in _TYPES.items() for each in row.fingerprints if each.type is kind
        ]
        if not carried and not row.deleted:
            left += 1
            continue
        member, _, own = row.key.partition("-")
        if not member.isdigit() or not own:
            member, own = "0", row.key
        known = (
            f"<member id={quoteattr(member)}/>",
            f"<timestamp>{rfc3339(row.updated)}</timestamp>",
            f"<id>{escape(own)}</id>",
        )
        if row.deleted:
            text = f"<deletedImage>{''.join(known)}</deletedImage>"
        else:
            named = class_of(row.labels)
            classified = f"<classification>{escape(named)}</classification>" if named else ""
            values = "".join(f"<{name}>{each.value.hex()}</{name}>" for name, each in carried)
            text = f"<image>{''.join(known)}{classified}<fingerprints>{values}</fingerprints></image>"
        file.write(f"{text}\n".encode())
    file.write(b"</images>\n</queryResult>\n")
    return left
