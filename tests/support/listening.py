"""Looks of a monitor at a log in memory, and who listens to what it tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from builders import NOW, FakeClock
from grown import Grown

from hashpact.audit.monitoring.monitor import Look, MonitorSettings, opened_monitor
from hashpact.audit.monitoring.news import Interest

Told: TypeAlias = list[dict[str, Any]]
EVERYTHING: Final = MonitorSettings(Interest("acme", frozenset({"VN"})), history=True)
"""All that concerns acme, from the first leaf on."""


@dataclass
class Listener:
    """Takes events; ``busy`` as long as it has not taken all of them, ``full`` if it can take no more."""

    events: Told = field(default_factory=list)
    busy: bool = False
    most: int = 1_000_000

    def tell(self, event: dict[str, Any]) -> None:
        """Keep it."""
        self.events.append(event)

    def room(self) -> bool:
        """Whether there is any."""
        return len(self.events) < self.most

    def taken(self) -> bool:
        """Unless it is busy."""
        return not self.busy


def silent(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""


def look(
    path: Path, source: Grown, settings: MonitorSettings = EVERYTHING, now: int = NOW
) -> tuple[Look, Told]:
    """One look of a monitor that is opened for it, and what it tells."""
    listener = Listener()
    with opened_monitor(path, settings, FakeClock(now)) as monitor:
        found = monitor.look(source, silent)
        monitor.deliver(listener)
    return found, listener.events
