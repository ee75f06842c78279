"""How far a member has watched its notices, in a file, so that it goes on from there after a break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from hashpact import durable
from hashpact.domain.conduct.watching import NOTHING, WatchPlace
from hashpact.errors import ConfigError
from hashpact.log.lines import MAX_INTEGER

_LARGEST: Final = 1024
"""Bytes of such a file."""


def load(path: Path | None) -> WatchPlace:
    """What the file has; nothing if there is none. Raises ConfigError for a file of other contents."""
    if path is None or not path.exists():
        return NOTHING
    try:
        read = json.loads(durable.read_bytes(path, _LARGEST))
        seen = WatchPlace(read["position"], read["moment"])
    except (ValueError, TypeError, KeyError):
        seen = WatchPlace(-1, -1)
    if any(type(one) is not int or not 0 <= one <= MAX_INTEGER for one in (seen.position, seen.moment)):
        msg = f"{path} does not say how far notices were watched; name another file, or remove it"
        raise ConfigError(msg)
    return seen


def save(path: Path, seen: WatchPlace) -> None:
    """Write it, in the place of what the file had. Raises ConfigError."""
    text = json.dumps({"position": seen.position, "moment": seen.moment}) + "\n"
    durable.write_private(path, text.encode("ascii"), replace=True)
