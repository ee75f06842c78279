"""Hashpact: a clearinghouse where platforms share fingerprints of content they have removed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashpact.domain.checks import Answer, Filter, Match, Query
    from hashpact.domain.fingerprints import Fingerprint
    from hashpact.domain.state import Receipt
    from hashpact.errors import HashpactError
    from hashpact.fingerprint.content import fingerprints_of, fingerprints_of_text
    from hashpact.member.clients import AsyncClient, Client
    from hashpact.member.profile import Profile

__all__ = [
    "Answer",
    "AsyncClient",
    "Client",
    "Filter",
    "Fingerprint",
    "HashpactError",
    "Match",
    "Profile",
    "Query",
    "Receipt",
    "fingerprints_of",
    "fingerprints_of_text",
]

_HOMES = {
    "hashpact.domain.checks": ("Answer", "Filter", "Match", "Query"),
    "hashpact.errors": ("HashpactError",),
    "hashpact.domain.fingerprints": ("Fingerprint",),
    "hashpact.domain.state": ("Receipt",),
    "hashpact.fingerprint.content": ("fingerprints_of", "fingerprints_of_text"),
    "hashpact.member.clients": ("AsyncClient", "Client"),
    "hashpact.member.profile": ("Profile",),
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: gRPC takes a while, and not every user needs it."""
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(home), name)
            globals()[name] = value
            return value
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
