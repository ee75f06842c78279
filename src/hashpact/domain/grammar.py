"""The strict line grammar of statements and private parts: ASCII, LF, one spelling for each value.

A text is a first line that names its format, then ``field value`` lines in a fixed order. Nothing lenient
reads a value: ``int`` would take ``1_5`` and full-width digits, ``bytes.fromhex`` spaces, ``str.splitlines``
U+2028. A reader refuses whatever it would not itself have written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Generic, NoReturn, Protocol, TypeVar

from hashpact.domain.errors import MalformedError

MAX_INTEGER: Final = 2**63 - 1

_PRINTABLE: Final = re.compile(b"[ -~]+")

Value = TypeVar("Value")


class Spelling(Protocol[Value]):
    """How one kind of value is written: the only way to read and to write it."""

    def read(self, text: str) -> Value:
        """The value; raises ValueError, saying what is wanted, unless ``text`` is its one spelling."""
        ...

    def write(self, value: Value) -> str:
        """Its one spelling; raises ValueError if it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Word:
    """A string that a pattern describes."""

    pattern: re.Pattern[str]
    wanted: str

    def read(self, text: str) -> str:
        """The string itself."""
        if not self.pattern.fullmatch(text):
            msg = f"want {self.wanted}"
            raise ValueError(msg)
        return text

    write = read


@dataclass(frozen=True, slots=True)
class Hex:
    """Bytes in lower-case hexadecimal; ``size`` in bytes, or None for any from 1."""

    size: int | None

    def read(self, text: str) -> bytes:
        """The bytes."""
        digits = "+" if self.size is None else f"{{{self.size * 2}}}"
        if not re.fullmatch(f"[0-9a-f]{digits}", text) or len(text) % 2:
            msg = f"want {'an even number of' if self.size is None else self.size * 2} lower-case hex digits"
            raise ValueError(msg)
        return bytes.fromhex(text)

    def write(self, value: bytes) -> str:
        """The digits."""
        return self._checked(value).hex()

    def _checked(self, value: bytes) -> bytes:
        if not value or (self.size is not None and len(value) != self.size):
            msg = f"want {self.size or 'some'} bytes"
            raise ValueError(msg)
        return value


@dataclass(frozen=True, slots=True)
class Decimal:
    """A whole number from ``low`` to ``high`` in decimal, without sign or leading zeros."""

    low: int = 0
    high: int = MAX_INTEGER

    def read(self, text: str) -> int:
        """The number."""
        if not re.fullmatch("0|[1-9][0-9]{0,18}", text):
            msg = "want a decimal number without sign, spaces or leading zeros"
            raise ValueError(msg)
        return self._checked(int(text))

    def write(self, value: int) -> str:
        """The digits."""
        return str(self._checked(value))

    def _checked(self, value: int) -> int:
        if not self.low <= value <= self.high:
            msg = f"want a number from {self.low} to {self.high}"
            raise ValueError(msg)
        return value


@dataclass(frozen=True, slots=True)
class Field(Generic[Value]):
    """A line that occurs from ``low`` to ``high`` times in a row.

    Repeated values must differ; with ``ascending`` they must also be sorted, so that a set has one spelling.
    """

    name: str
    spelling: Spelling[Value]
    low: int = 1
    high: int = 1
    ascending: bool = False

    def write(self, values: tuple[Value, ...]) -> str:
        """The lines of these values. Raises MalformedError if they break the field's bounds."""
        try:
            texts = [self.spelling.write(value) for value in values]
        except ValueError as error:
            _refuse(f"{self.name}: {error}", self.name)
        self._check(texts)
        return "".join(f"{self.name} {text}\n" for text in texts)

    def _check(self, texts: list[str], line: int | None = None) -> None:
        if not self.low <= len(texts) <= self.high:
            count = str(self.low) if self.low == self.high else f"{self.low} to {self.high}"
            _refuse(f"want {count} {self.name!r} lines, not {len(texts)}", self.name, line)
        if len(set(texts)) != len(texts):
            _refuse(f"a {self.name!r} line is repeated", self.name, line)
        if self.ascending and texts != sorted(texts):
            _refuse(f"{self.name!r} lines must be sorted", self.name, line)


class Reader:
    """Reads a text field by field, and refuses whatever is left over."""

    def __init__(self, data: bytes, first_line: str) -> None:
        """Split ``data`` into lines.

        Raises MalformedError unless they are printable ASCII and the first is ``first_line``.
        """
        if not data.endswith(b"\n"):
            _refuse("the text does not end with a newline", "text")
        self._lines = data[:-1].split(b"\n")
        self._next = 0
        for number, line in enumerate(self._lines, 1):
            if not _PRINTABLE.fullmatch(line):
                _refuse(f"line {number} is empty or has bytes that are not printable ASCII", "text", number)
        if self._lines[0] != first_line.encode():
            _refuse(f"the first line is not {first_line!r}", "text", 1)
        self._next = 1

    def take(self, field: Field[Value]) -> tuple[Value, ...]:
        """The values of the field's lines that come next."""
        start = self._next + 1
        texts = list(self._run(field))
        field._check(texts, start)  # noqa: SLF001  # Field and Reader are two halves of one grammar
        values = []
        for number, text in enumerate(texts, start):
            try:
                values.append(field.spelling.read(text))
            except ValueError as error:
                _refuse(f"line {number}, {field.name}: {error}", field.name, number)
        return tuple(values)

    def one(self, field: Field[Value]) -> Value:
        """The value of a field that occurs once."""
        (value,) = self.take(field)
        return value

    def optional(self, field: Field[Value]) -> Value | None:
        """The value of a field that occurs at most once."""
        values = self.take(field)
        return values[0] if values else None

    def end(self) -> None:
        """Refuse a line that no field has taken."""
        if self._next < len(self._lines):
            number = self._next + 1
            _refuse(f"line {number}: unexpected, repeated or misplaced field", "text", number)

    def _run(self, field: Field[Value]) -> Iterator[str]:
        prefix = field.name.encode() + b" "
        # One line past the bound is enough to refuse; the rest of a flood is never read.
        for _ in range(field.high + 1):
            if self._next >= len(self._lines) or not self._lines[self._next].startswith(prefix):
                return
            yield self._lines[self._next].removeprefix(prefix).decode("ascii")
            self._next += 1


def _refuse(message: str, field: str, line: int | None = None) -> NoReturn:
    if line is None:
        raise MalformedError(message, field=field)
    raise MalformedError(message, field=field, line=str(line))


SLUG: Final = Word(re.compile("[a-z0-9]+(-[a-z0-9]+)*"), "lower-case letters, digits and single hyphens")
