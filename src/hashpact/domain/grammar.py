"""The strict line grammar of statements and private parts: ASCII, LF, one spelling for each value.

A text is a first line that names its format, then ``field value`` lines in a fixed order. Values
are not read with the lenient functions of Python: ``int`` accepts ``1_5`` and full-width digits,
``bytes.fromhex`` accepts spaces, and ``str.splitlines`` splits at U+2028. A reader refuses every text that
a writer would not have produced.
"""

from __future__ import annotations

import contextlib
import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, NoReturn, TypeAlias, TypeVar

from hashpact.errors import MalformedError

MAX_INTEGER: Final = 2**63 - 1

_TEXT: Final = re.compile(rb"(?:[ -~]+\n)+")

Value = TypeVar("Value")

Lines: TypeAlias = Mapping[str, str]
"""What stands on a text's lines, by the names that they begin with; of several with one name any."""


@functools.cache
def _whole(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled once: the kinds have some dozens."""
    return re.compile(pattern)


class Spelling(ABC, Generic[Value]):
    """How one kind of value is written: the only way to read and to write it.

    ``pattern`` matches every text that is read, and may match more, which `value` refuses; ``wanted``
    describes what it matches. A value has no line breaks, and its pattern looks at nothing beyond them.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def pattern(self) -> str:
        """A regular expression."""

    @property
    @abstractmethod
    def wanted(self) -> str:
        """What a person should write."""

    @abstractmethod
    def value(self, text: str) -> Value:
        """The value of a text that the pattern matches; raises ValueError that describes what is wanted."""

    @abstractmethod
    def write(self, value: Value) -> str:
        """Its one spelling; raises ValueError if it has none."""

    def read(self, text: str) -> Value:
        """The value. Raises ValueError, which describes what is wanted, unless ``text`` is exactly one."""
        if not _whole(self.pattern).fullmatch(text):
            msg = f"want {self.wanted}"
            raise ValueError(msg)
        return self.value(text)


@dataclass(frozen=True, slots=True)
class Word(Spelling[str]):
    """A string that a pattern describes."""

    pattern: str
    wanted: str

    def value(self, text: str) -> str:
        """The string itself."""
        return text

    def write(self, value: str) -> str:
        """The string itself."""
        return self.read(value)


@dataclass(frozen=True, slots=True)
class Hex(Spelling[bytes]):
    """Bytes in lower-case hexadecimal; ``size`` in bytes, or None for any from 1."""

    size: int | None

    @property
    def pattern(self) -> str:
        """Pairs of digits."""
        return "(?:[0-9a-f]{2})+" if self.size is None else f"[0-9a-f]{{{self.size * 2}}}"

    @property
    def wanted(self) -> str:
        """How many digits."""
        return f"{'an even number of' if self.size is None else self.size * 2} lower-case hex digits"

    def value(self, text: str) -> bytes:
        """The bytes."""
        return bytes.fromhex(text)

    def write(self, value: bytes) -> str:
        """The digits."""
        if not value or (self.size is not None and len(value) != self.size):
            msg = f"want {self.size or 'some'} bytes"
            raise ValueError(msg)
        return value.hex()


@dataclass(frozen=True, slots=True)
class Decimal(Spelling[int]):
    """A whole number from ``low`` to ``high`` in decimal, without sign or leading zeros."""

    low: int = 0
    high: int = MAX_INTEGER

    @property
    def pattern(self) -> str:
        """At most the digits of the largest number."""
        return "0|[1-9][0-9]{0,18}"

    @property
    def wanted(self) -> str:
        """What the pattern takes."""
        return "a decimal number without sign, spaces or leading zeros"

    def value(self, text: str) -> int:
        """The number, if it is within the bounds."""
        return self._checked(int(text))

    def write(self, value: int) -> str:
        """The digits."""
        return str(self._checked(value))

    def _checked(self, value: int) -> int:
        if not self.low <= value <= self.high:
            msg = f"want a number from {self.low} to {self.high}"
            raise ValueError(msg)
        return value


@dataclass(frozen=True)  # without slots, so that a pattern is compiled when it is first used, and kept
class Field(Generic[Value]):
    """A line that occurs from ``low`` to ``high`` times in a row.

    Repeated values must differ; with ``ascending`` they must also be sorted, so that a set has one spelling.
    """

    name: str
    spelling: Spelling[Value]
    low: int = 1
    high: int = 1
    ascending: bool = False

    @functools.cached_property
    def run(self) -> re.Pattern[bytes]:
        """Matches the lines of this name that come next, up to one past the bound: enough to refuse them."""
        return re.compile(f"(?:{self.name} [^\n]*\n){{0,{self.high + 1}}}".encode("ascii"))

    @functools.cached_property
    def spelt(self) -> re.Pattern[bytes]:
        """Matches all of its lines, if each is well spelt, by `pattern`."""
        return re.compile(self.pattern.encode("ascii"), re.MULTILINE)

    @property
    def pattern(self) -> str:
        """The pattern of all of its lines, if each is well spelt.

        Its one group is the value of a field that occurs at most once, and the whole run of others.
        """
        if self.high > 1:
            return f"((?:{self.name} (?:{self.spelling.pattern})\n)*)"
        return f"(?:{self.name} ({self.spelling.pattern})\n){'' if self.low else '?'}"

    def write(self, values: tuple[Value, ...]) -> str:
        """The lines of these values. Raises MalformedError if they break the field's bounds."""
        try:
            if self.high == len(values) == 1:  # as most are
                return f"{self.name} {self.spelling.write(values[0])}\n"
            texts = [self.spelling.write(value) for value in values]
        except ValueError as error:
            _refuse(f"{self.name}: {error}", self.name)
        self.check(texts)
        return "".join([f"{self.name} {text}\n" for text in texts])

    def check(self, texts: list[str], line: int | None = None) -> None:
        """Refuse too few or too many values, a repeated one, and a set that is not sorted."""
        if not self.low <= len(texts) <= self.high:
            count = str(self.low) if self.low == self.high else f"{self.low} to {self.high}"
            _refuse(f"want {count} {self.name!r} lines, not {len(texts)}", self.name, line)
        if self.high == 1:
            return
        if len(set(texts)) != len(texts):
            _refuse(f"a {self.name!r} line is repeated", self.name, line)
        if self.ascending and texts != sorted(texts):
            _refuse(f"{self.name!r} lines must be sorted", self.name, line)

    def values(self, spelt: bytes | None) -> tuple[Value, ...]:
        """The values in what the group of ``spelt`` matched.

        Raises ValueError or MalformedError if they break the spelling's or the field's bounds.
        """
        if spelt is None:
            return ()
        text = spelt.decode("ascii")
        if self.high == 1:
            return (self.spelling.value(text),)
        texts = self.texts(text)
        self.check(texts)
        return tuple([self.spelling.value(text) for text in texts])

    def texts(self, run: str) -> list[str]:
        """The text after the name on each line of a run."""
        start = len(self.name) + 1
        return [line[start:] for line in run.splitlines()]


class FieldReader:
    """Reads a text field by field, and refuses lines that are left over."""

    def __init__(self, data: bytes, first_line: str) -> None:
        """Read the first line of ``data``.

        Raises MalformedError unless all lines are printable ASCII and the first is ``first_line``.
        """
        self._data = data
        self._place = len(first_line) + 1
        self._line = 1
        if not _TEXT.fullmatch(data):
            self._refuse_text()
        if not data.startswith(b"%s\n" % first_line.encode()):
            _refuse(f"the first line is not {first_line!r}", "text", 1)

    def take(self, field: Field[Value]) -> tuple[Value, ...]:
        """The values of the field's lines that come next."""
        start, line = self._place, self._line + 1
        run = field.run.match(self._data, start)
        assert run is not None  # noqa: S101  # no line at all matches too
        stop = self._place = run.end()
        texts = field.texts(self._data[start:stop].decode("ascii"))
        self._line += len(texts)
        field.check(texts, line)
        if field.spelt.fullmatch(self._data, start, stop):
            with contextlib.suppress(ValueError):
                return tuple([field.spelling.value(text) for text in texts])
        return tuple(self._read(field, number, text) for number, text in enumerate(texts, line))

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
        if self._place < len(self._data):
            number = self._line + 1
            _refuse(f"line {number}: unexpected, repeated or misplaced field", "text", number)

    def _read(self, field: Field[Value], line: int, text: str) -> Value:
        try:
            return field.spelling.read(text)
        except ValueError as error:
            _refuse(f"line {line}, {field.name}: {error}", field.name, line)

    def _refuse_text(self) -> NoReturn:
        if not self._data.endswith(b"\n"):
            _refuse("the text does not end with a newline", "text")
        good = _TEXT.match(self._data)
        number = self._data.count(b"\n", 0, 0 if good is None else good.end()) + 1
        _refuse(f"line {number} is empty or has bytes that are not printable ASCII", "text", number)


class Form:
    """A whole text, read with one pattern that is made of its fields' own."""

    def __init__(
        self, first_line: str, *fields: Field[Any], lacking: Callable[[Lines], list[str]] = lambda _: []
    ) -> None:
        """The text is ``first_line`` and then these fields in order.

        ``lacking`` names what a text with these lines lacks besides lines that it must have anyway.
        """
        self._first_line = first_line
        self._lacking = lacking
        self.fields = fields
        self._values = [field.values for field in fields]

    @functools.cached_property
    def _spelt(self) -> re.Pattern[bytes]:
        """The lines of all fields, after the first line."""
        patterns = [re.escape(f"{self._first_line}\n"), *(field.pattern for field in self.fields)]
        return re.compile("".join(patterns).encode("ascii"), re.MULTILINE)

    def read(self, data: bytes) -> list[tuple[Any, ...]]:
        """The values of each field. Raises MalformedError, naming the field, or all lines that it lacks."""
        found = self._spelt.fullmatch(data)
        if found is not None:
            try:
                return [read(text) for read, text in zip(self._values, found.groups(), strict=True)]
            except (ValueError, MalformedError):
                pass  # the reader says which line it is
        missing = self._missing(data)
        if len(missing) > 1:
            names = ", ".join(missing)
            msg = f"the text is incomplete: it lacks the lines {names}"
            raise MalformedError(msg, field=missing[0], missing=names)
        reader = FieldReader(data, self._first_line)
        try:
            values = [reader.take(field) for field in self.fields]
            reader.end()
        except MalformedError as error:
            if error.details["field"] in missing:  # and no other line is wrong before its place
                error.details["missing"] = missing[0]
            raise
        return values

    def _missing(self, data: bytes) -> list[str]:
        """The fields that must have a line and have none anywhere, and what else the text lacks then."""
        first, *lines = data.split(b"\n")
        if first != self._first_line.encode() or not _TEXT.fullmatch(data):
            return []
        given = dict(line.decode("ascii").partition(" ")[::2] for line in lines if line)
        if not given.keys() <= {field.name for field in self.fields}:
            return []  # it has something else besides
        missing = [field.name for field in self.fields if field.low and field.name not in given]
        return [*missing, *self._lacking(given)] if missing else []


def _refuse(message: str, field: str, line: int | None = None) -> NoReturn:
    if line is None:
        raise MalformedError(message, field=field)
    raise MalformedError(message, field=field, line=str(line))


SLUG: Final = Word("[a-z0-9]+(?:-[a-z0-9]+)*", "lower-case letters, digits and single hyphens")
