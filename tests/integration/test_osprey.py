"""The function for Osprey's rules in integrations/osprey, against a real server."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import fingerprint, near
from running import BOTH, RunningServer, found

from hashpact import Client
from hashpact.domain.fingerprints import PDQ

SOURCE = Path(__file__).resolve().parents[2] / "integrations" / "osprey" / "src"
CODE = fingerprint(PDQ, "osprey")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A clearinghouse with an entry."""
    home = found(tmp_path_factory.mktemp("osprey"), {"acme-video": BOTH})
    with RunningServer(home, "--workers", "1") as running:
        with Client(running.profile("acme-video")) as client:
            client.submit([CODE], labels=["fraud", "ncii"], removed=7)
        yield running


@pytest.fixture(autouse=True)
def _installed(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package, as if it were installed, in an environment that names profile and address."""
    monkeypatch.syspath_prepend(str(SOURCE))
    monkeypatch.setenv("HASHPACT_PROFILE", str(server.log_path.parent / "acme-video"))
    monkeypatch.setenv("HASHPACT_ADDRESS", server.address)
    yield
    for name in [name for name in sys.modules if name.startswith("hashpact_osprey")]:
        del sys.modules[name]


def test_the_labels_of_near_entries_are_given() -> None:
    checking = importlib.import_module("hashpact_osprey.checking")
    with checking.shared_client() as client:
        assert checking.labels_near(client, "pdq/1", near(CODE, 9).value.hex()) == ["fraud", "ncii"]
        assert checking.labels_near(client, "pdq/1", fingerprint(PDQ, "other").value.hex()) == []
        for kind, value in (("pdq/1", "no hex"), ("pdq/1", "00" * 32), ("pdq/1", "ab"), ("none/1", "ab")):
            assert checking.labels_near(client, kind, value) == []


@pytest.mark.skipif(importlib.util.find_spec("osprey") is None, reason="Osprey is on no package index")
def test_osprey_takes_the_function() -> None:
    plugin = importlib.import_module("hashpact_osprey.plugin")
    registry = importlib.import_module("osprey.engine.udf.registry")
    (function,) = plugin.register_udfs()
    assert registry.UDFRegistry.with_udfs(function)
    assert function.get_method_spec().name == "HashpactCheck"
    asked = plugin.HashpactCheckArguments(type="pdq/1", value=near(CODE, 9).value.hex())
    assert function(None, asked).execute(None, asked) == ["fraud", "ncii"]
