"""What clients do between two tries of a call, as it happens."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from hashpact.wire.client.attempts import Outcome, Pause
from hashpact.wire.client.connection import AsyncConnection, Connection


def pauses(patch: pytest.MonkeyPatch) -> list[Pause]:
    """The probes and waits of all clients from now on, each as it begins. The first follows a lost try."""
    begun: list[Pause] = []

    def pause(real: Any, self: Any, step: Pause) -> Outcome | Awaitable[Outcome]:  # noqa: ANN401  # of both kinds
        begun.append(step)
        result: Outcome | Awaitable[Outcome] = real(self, step)
        return result

    for kind in (Connection, AsyncConnection):
        real = kind.pause
        patch.setattr(kind, "pause", lambda self, step, real=real: pause(real, self, step))
    return begun
