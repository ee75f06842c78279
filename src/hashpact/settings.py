"""The values of a TOML table, read strictly: known names, each a string, a list of strings or a number.

And the spelling of addresses and URLs in them.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Final

from hashpact.errors import ConfigError

EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, not bound
"""The hosts that stand for every address of the machine."""
UNIX: Final = "unix:"
"""What stands before the path of a Unix socket, as gRPC spells it."""
MAX_SOCKET: Final = 107
"""Bytes that the path of a Unix socket may have on Linux (`sun_path` of unix(7), without its NUL)."""
URL: Final = re.compile(
    r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?", re.ASCII
)
"""An http or https URL without user, query and fragment."""

_HOST_PORT: Final = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
_MAX_PORT: Final = 65535


def load_table(name: str, text: str) -> dict[str, object]:
    """The values of the TOML file called ``name``. Raises ConfigError."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of too many digits, and too deep a nesting
        msg = f"{name} is not valid TOML: {error}"
        raise ConfigError(msg) from error


def quoted(field: str, text: object) -> str:
    """A text as TOML spells it. Raises ConfigError for one that is not in UTF-8, as a path need not be."""
    try:
        str(text).encode()
    except UnicodeEncodeError as error:
        msg = f"{field} is not in UTF-8, as a file of settings is: {str(text)!r}"
        raise ConfigError(msg, field=field) from error
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")


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


def split_address(field: str, address: str) -> tuple[str, int]:
    """Host (without brackets) and port of HOST:PORT. Raises ConfigError naming the field."""
    found = _HOST_PORT.fullmatch(address)
    if found is None or int(found["port"]) > _MAX_PORT:
        msg = f"{field} must be HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443, not {address!r}"
        raise ConfigError(msg, field=field)
    return found["host"].strip("[]"), int(found["port"])


def socket_path(field: str, address: str) -> str | None:
    """The path of an address ``unix:PATH``; None if it is another. Raises ConfigError naming the field.

    The path is absolute, and no longer than a Unix socket's may be.
    """
    if not address.startswith(UNIX):
        return None
    path = address.removeprefix(UNIX)
    if not path.startswith("/") or "\0" in path or len(os.fsencode(path)) > MAX_SOCKET:
        msg = f"{field} must be unix: and an absolute path of at most {MAX_SOCKET} bytes, not {address!r}"
        raise ConfigError(msg, field=field)
    return path


def check_server_address(field: str, address: str) -> None:
    """Raise ConfigError unless an address is HOST:PORT, or unix:PATH of a mirror on this machine."""
    if socket_path(field, address) is None:
        split_address(field, address)


def join_address(host: str, port: int) -> str:
    """HOST:PORT, the host in brackets where its colons need them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
