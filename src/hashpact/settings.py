"""The values of a TOML table, read strictly: known names, each a string, a list of strings or a number."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Container, Iterable, Mapping

from hashpact.errors import ConfigError


def load_table(name: str, text: str) -> dict[str, object]:
    """The values of the TOML file called ``name``. Raises ConfigError."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of too many digits, and too deep a nesting
        msg = f"{name} is not valid TOML: {error}"
        raise ConfigError(msg) from error


def checked_values(
    name: str,
    values: Mapping[str, object],
    known: Collection[str],
    required: Iterable[str],
    lists: Container[str] = (),
) -> dict[str, str | list[str]]:
    """The values of a TOML table that has no others than ``known``: strings, or lists of them.

    Raises ConfigError, which names the file or table and the value.
    """
    found: dict[str, str | list[str]] = {}
    for key, value in values.items():
        if key not in known:
            possible = sorted(known)
            near = difflib.get_close_matches(key, possible, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            msg = f"{name}: unknown value {key!r}; known are {', '.join(possible)}{hint}"
            raise ConfigError(msg, field=key)
        strings = value if key in lists else [value]
        if not isinstance(strings, list) or not all(isinstance(one, str) for one in strings):
            wanted = "a list of strings" if key in lists else "a string"
            msg = f"{name}: {key} must be {wanted} in quotes"
            raise ConfigError(msg, field=key)
        found[key] = strings if key in lists else strings[0]
    for key in sorted(required):
        if key not in found:
            msg = f"{name}: {key} is missing"
            raise ConfigError(msg, field=key)
    return found


def checked_number(name: str, value: object, low: int, high: int) -> int | None:
    """The value called ``name``: a whole number within bounds, or None. Raises ConfigError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        field = name.rsplit(maxsplit=1)[-1]
        msg = f"{name} must be a number from {low} to {high}, such as {field}={low + 1}, not {value!r}"
        raise ConfigError(msg, field=field)
    return value
