"""The rounds of a gateway: what fails in one does not end the process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import apsw
import pytest
import structlog
from structlog.testing import capture_logs

from hashpact.errors import UnavailableError
from hashpact.gateway.curating import Curator
from hashpact.gateway.running import keep_up


@dataclass
class Failing:
    """A curator that fails at both steps of a round."""

    error: Exception
    log: structlog.typing.FilteringBoundLogger = field(default_factory=structlog.get_logger)

    async def learn_labels(self) -> None:
        """Fail."""
        raise self.error

    async def resume(self) -> None:
        """Fail."""
        raise self.error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UnavailableError("x"), {"log_level": "debug", "code": "UNAVAILABLE"}),
        (FileNotFoundError(2, "gone", "/secret"), {"log_level": "warning", "reason": "FileNotFoundError"}),
        (apsw.BusyError("locked"), {"log_level": "warning", "reason": "BusyError"}),
    ],
)
async def test_a_step_that_fails(error: Exception, line: dict[str, str]) -> None:
    with capture_logs() as lines:
        await keep_up(cast("Curator", Failing(error)))
    assert [{name: each[name] for name in each if name != "event"} for each in lines] == [line] * 2
