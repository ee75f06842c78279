"""Steps: what both clients do alike, as generators that they drive."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from hashpact.wire.client.calls import Call

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Local(Generic[Outcome]):
    """Work on this machine, such as on the profile's files; the asynchronous client does it in a thread."""

    do: Callable[[], Outcome]


Steps: TypeAlias = Generator[Call[Any] | Local[Any], Any, Outcome]
"""A generator of calls and local work. Each is sent back its result or error; the outcome is returned."""
