"""The upkeep of a gateway: a failure ends no process, and banks are made once there is room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import apsw
import pytest
import structlog
from structlog.testing import capture_logs

from hashpact.errors import UnavailableError
from hashpact.gateway.clearing import Clearinghouse
from hashpact.gateway.configured import GatewayConfig
from hashpact.gateway.curating import Curator
from hashpact.gateway.keeping.banks import Bank, BankKind
from hashpact.gateway.keeping.listing import ListSearch
from hashpact.gateway.keeping.store import BankStore
from hashpact.gateway.matching import BankIndex
from hashpact.gateway.signals import Signals
from hashpact.gateway.upkeep import GatewayUpkeep
from hashpact.lists.local import PrivateLists

LOG = structlog.get_logger()


@dataclass
class Failing:
    """A curator at which every step of a round fails."""

    error: Exception

    @property
    def house(self) -> Any:  # noqa: ANN401 - its labels alone
        """The clearinghouse, which fails."""
        return SimpleNamespace(checks=SimpleNamespace(labels=self.resume))

    @property
    def store(self) -> None:
        """Nothing that is reached."""

    @property
    def lists(self) -> Any:  # noqa: ANN401 - as above
        """Private lists, which fail."""
        return SimpleNamespace(refresh=self.resume)

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
        await GatewayUpkeep(cast("Curator", Failing(error)), LOG).keep_up()
    assert [{name: each[name] for name in each if name != "event"} for each in lines] == [line] * 3


@dataclass
class Labels:
    """A clearinghouse with labels."""

    labels: tuple[str, ...] = ("one", "two")
    lists: dict[str, object] = field(default_factory=dict)

    @property
    def checks(self) -> Any:  # noqa: ANN401 - its labels alone
        """What tells the labels."""

        async def labels() -> tuple[str, ...]:
            return self.labels

        return SimpleNamespace(labels=labels)


@pytest.fixture
def curator(tmp_path: Path) -> Iterator[Curator]:
    """A curator that has room for two banks."""
    config = GatewayConfig(tmp_path, max_banks=2)
    index, lists = BankIndex(Signals.named(["pdq"])), ListSearch(PrivateLists(tmp_path / "lists"))
    with BankStore(tmp_path / "banks.db", bytes(32)) as store:
        yield Curator(config, store, index, cast("Clearinghouse", Labels()), lists, lambda: 1000, LOG)
    lists.close()


async def test_the_view_of_a_label_is_made_once_there_is_room(curator: Curator) -> None:
    upkeep = GatewayUpkeep(curator, LOG)
    await curator.make("MINE", 1.0)
    with capture_logs() as lines:
        for _ in range(3):
            await upkeep.learn_labels()
    assert [each["event"] for each in lines] == ["there is no room for the bank of a label or a list"]
    assert list(curator.index.banks) == ["MINE", "LABEL_ONE"]
    await curator.delete("MINE")
    await upkeep.learn_labels()
    assert list(curator.index.banks) == ["LABEL_ONE", "LABEL_TWO"]
    await curator.delete("LABEL_ONE")
    await upkeep.learn_labels()
    assert list(curator.index.banks) == ["LABEL_TWO"]


async def test_a_bank_that_has_the_name_of_a_label_or_a_list_stays(curator: Curator) -> None:
    upkeep = GatewayUpkeep(curator, LOG)
    curator.config = replace(curator.config, max_banks=9)
    await curator.make("LABEL_ONE", 1.0)
    with capture_logs() as lines:
        for _ in range(2):
            await upkeep.learn_labels()
    assert [each["event"] for each in lines] == ["another bank has the name of that of a label or a list"]
    assert [bank.kind for bank in curator.index.banks.values()] == [BankKind.LOCAL, BankKind.VIEW]
    curator.index.put(curator.store.put(Bank(0, "LIST_GONE", BankKind.LIST)))
    await upkeep.learn_lists()
    assert list(curator.index.banks) == ["LABEL_ONE", "LABEL_TWO"]
    assert [bank.name for bank in curator.store.banks()] == ["LABEL_ONE", "LABEL_TWO"]
