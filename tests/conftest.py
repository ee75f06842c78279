"""What every test runs under, and what those of the wire run against."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Iterator
from unittest.mock import patch

import pytest
from builders import World
from clearinghouse import Caller, Clearinghouse, Connect
from forking import CHEAP_COST
from hypothesis import HealthCheck, settings

from hashpact.member.awaiting import AsyncClient
from hashpact.member.clients import Client
from hashpact.member.profile import Profile

settings.register_profile(
    "fixed",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fixed")

# A server that a test starts is one process, unless the test says otherwise.
os.environ.setdefault("HASHPACT_WORKERS", "1")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep what was imported and collected out of each search for garbage: a twentieth of the tests' time."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Let the interpreter that ends find it again: nanobind reports as leaked what was not."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def cheap_passphrases() -> Iterator[None]:
    """Keys that tests encrypt cost a guess little: each use of one would take 0.2 s."""
    with patch("hashpact.keys.pkcs8._COST", CHEAP_COST):
        yield


@pytest.fixture
def world() -> World:
    """A world in which nothing has been said yet."""
    return World()


@pytest.fixture
async def founded() -> AsyncIterator[Clearinghouse]:
    """A clearinghouse that a test starts when it has changed what it wants."""
    house = Clearinghouse()
    yield house
    await house.stop()


@pytest.fixture
async def house(founded: Clearinghouse) -> Clearinghouse:
    """A clearinghouse that serves."""
    await founded.start()
    return founded


@pytest.fixture(params=[Client, AsyncClient], ids=["blocking", "awaiting"])
async def connect(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Connect]:
    """Makes callers of one kind from profiles, and closes them in the end."""
    callers: list[Caller] = []

    def make(profile: Profile, **settings: object) -> Caller:
        chosen = {"clock": world.clock, "entropy": world.entropy} | settings
        caller = Caller(request.param(profile, **chosen))
        callers.append(caller)
        return caller

    yield make
    for caller in callers:
        await caller("close")
