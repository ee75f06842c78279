"""The operator's map file: what the classes of a list are here, and which columns of a CSV hold what.

    # map.toml
    default = ["ncii"]            # labels of rows without a class, or of which no class is named below
    [labels]
    A1 = "csam"                   # exactly this class or tag: a label, or several
    B2 = ["csam", "other"]
    [columns]                     # for `csv`: what a column holds, by its name in the header
    key = "id"
    "pdq/1" = "pdq"
    label = "category"
    deleted = "gone"
    separator = ";"

Nothing is built in, and nothing is guessed: a class that the map does not name has no label.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from hashpact.errors import ConfigError
from hashpact.exchange.rows import MAX_LABELS

_LABEL: Final = re.compile("[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class ClassMap:
    """Classes to labels, and fields to columns. Raises ConfigError for what cannot be a label."""

    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The map in a file. Raises ConfigError, which names the key that is wrong."""
        try:
            found = tomllib.loads(data.decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            msg = f"the map is not TOML in UTF-8: {error}"
            raise ConfigError(msg) from error
        if unknown := found.keys() - {"labels", "default", "columns"}:
            msg = f"the map has {min(unknown)!r}; it may have labels, default and columns"
            raise ConfigError(msg)
        table, columns = _table(found, "labels"), _table(found, "columns")
        for name, column in columns.items():
            if not isinstance(column, str) or not column:
                msg = f"columns.{name} of the map is not the name of a column"
                raise ConfigError(msg)
        return cls(
            {name: _labels(f"labels.{name}", given) for name, given in table.items()},
            _labels("default", found.get("default", [])),
            columns,
        )

    def with_default(self, labels: Iterable[str]) -> ClassMap:
        """The same map with these labels as its default, if there are any."""
        given = _labels("--label", list(labels))
        return ClassMap(self.labels, given or self.default, self.columns)

    def labels_of(self, classes: Iterable[str]) -> tuple[str, ...]:
        """The labels of a row of these classes; none if the map does not say."""
        found = {label for each in classes for label in self.labels.get(each, ())}
        return tuple(sorted(found))[:MAX_LABELS] or self.default

    def class_of(self, labels: Iterable[str], *, numbered: bool = False) -> str | None:
        """The first class that becomes one of these labels, of those that are numbers or that are none."""
        some = set(labels)
        fit = (name for name, made in self.labels.items() if some & set(made))
        return next((name for name in fit if name.isdecimal() is numbered), None)

    @property
    def every(self) -> frozenset[str]:
        """All labels that it can give."""
        return frozenset(self.default).union(*self.labels.values())


def _table(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = found.get(name, {})
    if not isinstance(table, dict):
        msg = f"{name} of the map is not a table"
        raise ConfigError(msg)
    return table


def _labels(where: str, given: object) -> tuple[str, ...]:
    some: Any = [given] if isinstance(given, str) else given
    good = isinstance(some, list) and len(some) <= MAX_LABELS
    if not good or not all(isinstance(one, str) and _LABEL.fullmatch(one) for one in some):
        msg = f"{where} of the map is not a label, or up to {MAX_LABELS} of them, such as csam or hate-speech"
        raise ConfigError(msg)
    return tuple(sorted(set(some)))
