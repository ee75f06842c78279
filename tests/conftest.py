"""What every test runs under."""

from __future__ import annotations

import pytest
from builders import World
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fixed",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fixed")


@pytest.fixture
def world() -> World:
    """A world in which nothing has been said yet."""
    return World()
