"""One stage for all tests of a gateway, and for each a bank of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from gatewayed import Http
from staged import Stage, staged


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The clearinghouse and the gateway."""
    with staged(tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest.fixture
def http(stage: Stage) -> Http:
    """Requests to the gateway."""
    return stage.http


@pytest.fixture
def bank(http: Http, request: pytest.FixtureRequest) -> Iterator[str]:
    """A local bank of a test's own."""
    name = f"T_{hashlib.sha256(request.node.name.encode()).hexdigest()[:12].upper()}"
    assert http("POST", "/c/banks", {"name": name}).status == 201
    yield name
    http("DELETE", f"/c/bank/{name}")
