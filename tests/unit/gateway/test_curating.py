"""Shared banks while the clearinghouse answers late, differently, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast
from unittest.mock import patch

import pytest
import structlog
from builders import World, fingerprint

from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.messages import Submission
from hashpact.errors import (
    ClockSkewError,
    ConflictError,
    DeadlineError,
    HashpactError,
    InvalidInputError,
    NotFoundError,
    NotPermittedError,
    ProofError,
    UnavailableError,
)
from hashpact.gateway.clearing import Clearinghouse
from hashpact.gateway.configured import GatewayConfig, SharedTerms
from hashpact.gateway.curating import Curator
from hashpact.gateway.keeping.banks import Addition, Bank, BankKind, Content
from hashpact.gateway.keeping.listing import ListSearch
from hashpact.gateway.keeping.store import BankStore
from hashpact.gateway.matching import BankIndex
from hashpact.gateway.signals import Signals
from hashpact.lists.local import PrivateLists
from hashpact.member.author import Author, Reason
from hashpact.member.pending import subject_of_content

CODE = fingerprint(PDQ, "one")
SUBJECT = subject_of_content([CODE])
ADDED = Addition({"pdq": CODE})
NUMBER = 7


@dataclass
class House:
    """A clearinghouse controlled by a test; ``standing`` has acme's entries."""

    author: Author
    member: str = "acme"
    error: HashpactError | None = None
    standing: dict[int, bool] = field(default_factory=dict)
    pending: list[Submission] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    sent: list[Submission] = field(default_factory=list)
    shared: tuple[int, ...] = ()
    meanwhile: Callable[[], object] = lambda: None

    @property
    def client(self) -> Any:  # noqa: ANN401 - its profile alone
        """What knows the member's own entries."""
        return SimpleNamespace(profile=SimpleNamespace(shared=lambda _: self.shared))

    @property
    def checks(self) -> NoReturn:
        """What answers checks, from a copy that may be old: it is not asked for what stands."""
        raise AssertionError

    async def entry(self, index: int) -> Any:  # noqa: ANN401 - what is read of it
        """An entry of acme."""
        if index not in self.standing:
            msg = "none"
            raise NotFoundError(msg)
        return SimpleNamespace(entry=SimpleNamespace(member="acme"), stands=self.standing[index])

    async def submit(self, fingerprints: Sequence[Fingerprint], _terms: SharedTerms) -> Any:  # noqa: ANN401 - its index alone
        """An entry, or an error."""
        assert list(fingerprints) == [CODE]
        if self.error is not None:
            raise self.error
        self.standing[NUMBER] = True
        return SimpleNamespace(index=NUMBER)

    async def withdraw(self, entry: int) -> None:
        """Withdraw an entry, or keep the statement."""
        self.meanwhile()
        if self.error is not None:
            self.pending.append(self.author.withdraw(entry, "removed-from-bank"))
            raise self.error
        self.standing[entry] = False

    async def keeps(self, subject: str) -> bool:
        """Whether a statement is kept."""
        return subject in self.kept

    async def resume(self) -> AsyncIterator[tuple[Submission, Any]]:
        """Send what is pending."""
        while self.pending:
            self.sent.append(self.pending.pop(0))
            self.meanwhile()
            yield self.sent[-1], SimpleNamespace(index=NUMBER)


@pytest.fixture
def house(world: World) -> House:
    """One that answers."""
    return House(world.author("acme"))


@pytest.fixture
def curator(tmp_path: Path, house: House) -> Iterator[Curator]:
    """A curator of two shared banks."""
    terms = (SharedTerms("S_*", ("ncii",)),)
    config = GatewayConfig(tmp_path, shared=terms)
    with BankStore(tmp_path / "banks.db", bytes(32)) as store:
        for name in ("S_ONE", "S_TWO"):
            store.put(Bank(0, name, BankKind.SHARED))
        index = BankIndex(Signals.named(["pdq"]))
        lists = ListSearch(PrivateLists(tmp_path / "lists"))
        made = Curator(
            config, store, index, cast("Clearinghouse", house), lists, lambda: 1000, structlog.get_logger()
        )
        made.load()
        yield made


async def test_a_withdrawal_that_was_late_is_sent_again(curator: Curator, house: House) -> None:
    assert (await curator.add("S_ONE", ADDED)).id == NUMBER
    house.error = DeadlineError("late")
    with pytest.raises(DeadlineError):
        await curator.remove(NUMBER)
    assert curator.store.content(NUMBER) is not None
    house.pending.append(
        house.author.submit([fingerprint(PDQ, "of another program")], Reason(frozenset({"ncii"})))
    )
    await curator.resume()
    assert len(house.sent) == 2
    assert curator.store.content(NUMBER) is None
    assert curator.index.bank_of(NUMBER) is None


@pytest.mark.parametrize("error", [UnavailableError, DeadlineError, ProofError, NotPermittedError])
async def test_a_content_waits_while_its_statement_is_kept(
    curator: Curator, house: House, error: type[HashpactError]
) -> None:
    house.error, house.kept = error("x"), {SUBJECT}
    with pytest.raises(error):
        await curator.add("S_ONE", ADDED)
    assert [each.subject for each in curator.store.waits()] == [SUBJECT]
    house.shared = (NUMBER,)
    await curator.resume()
    bank = curator.index.bank_of(NUMBER)
    assert bank is not None
    assert (bank.name, curator.store.waits()) == ("S_ONE", [])


async def test_what_is_refused_waits_for_nothing(curator: Curator, house: House) -> None:
    house.error = InvalidInputError("x")
    with pytest.raises(InvalidInputError):
        await curator.add("S_ONE", ADDED)
    assert curator.store.waits() == []


async def test_a_bank_for_which_something_waits_is_not_deleted(curator: Curator, house: House) -> None:
    house.error, house.kept = DeadlineError("late"), {SUBJECT}
    with pytest.raises(DeadlineError):
        await curator.add("S_ONE", ADDED)
    with pytest.raises(NotPermittedError, match="statements without a receipt"):
        await curator.delete("S_ONE")
    await curator.delete("S_TWO")
    house.error = None
    assert (await curator.add("S_ONE", ADDED)).id == NUMBER
    house.standing[NUMBER] = False
    await curator.delete("S_ONE")
    assert list(curator.index.banks) == []


async def test_a_content_of_a_bank_that_is_gone_is_free(curator: Curator) -> None:
    curator.store.add(Content(NUMBER, 99, {"pdq": CODE.value.hex()}))
    curator.load()
    added = await curator.add("S_TWO", ADDED)
    bank = curator.index.bank_of(NUMBER)
    assert bank is not None
    assert (added.bank, bank.name) == (bank.number, "S_TWO")
    with pytest.raises(ConflictError, match="in another bank"):
        await curator.add("S_ONE", ADDED)


async def test_a_content_that_is_shared_again_meanwhile_goes_on_waiting(
    curator: Curator, house: House
) -> None:
    house.error, house.kept = DeadlineError("late"), {SUBJECT}
    with pytest.raises(DeadlineError):
        await curator.add("S_ONE", ADDED)
    sharing = curator._sharing
    house.pending.append(house.author.withdraw(1, "mistake"))
    house.meanwhile = lambda: sharing.add(SUBJECT)
    await curator.resume()
    assert [each.subject for each in curator.store.waits()] == [SUBJECT]


async def test_a_content_whose_statement_is_kept_meanwhile_goes_on_waiting(
    curator: Curator, house: House
) -> None:
    """A caller shares it, and gets no answer, while what waited before is sent."""
    house.error, house.kept = DeadlineError("late"), {SUBJECT}
    with pytest.raises(DeadlineError):
        await curator.add("S_ONE", ADDED)
    await curator.resume()
    assert [each.subject for each in curator.store.waits()] == [SUBJECT]
    house.kept = set()  # and another one begins just when it is to be forgotten
    keeps = house.keeps

    async def begun(subject: str) -> bool:
        curator._sharing.add(subject)
        return await keeps(subject)

    with patch.object(house, "keeps", begun):
        await curator.resume()
    assert [each.subject for each in curator.store.waits()] == [SUBJECT]
    curator._sharing.clear()
    await curator.resume()
    assert curator.store.waits() == []


async def test_a_content_whose_entry_was_withdrawn_elsewhere_is_removed(
    curator: Curator, house: House
) -> None:
    await curator.add("S_ONE", ADDED)
    house.standing[NUMBER] = False
    assert await curator.remove(NUMBER) == 1
    assert (curator.store.content(NUMBER), curator.index.bank_of(NUMBER)) == (None, None)
    assert await curator.remove(NUMBER) == 0
    house.standing[NUMBER] = True  # an entry that was never in a bank
    assert await curator.remove(NUMBER) == 1
    assert house.standing == {NUMBER: False}
    assert await curator.remove(99) == 0


async def test_a_withdrawal_that_is_refused_removes_nothing(curator: Curator, house: House) -> None:
    await curator.add("S_ONE", ADDED)
    house.error = ClockSkewError("x")
    with pytest.raises(ClockSkewError):
        await curator.remove(NUMBER)
    assert curator.store.content(NUMBER) is not None
    assert curator.index.bank_of(NUMBER) is not None


async def test_an_entry_that_another_request_withdraws_is_removed(curator: Curator, house: House) -> None:
    await curator.add("S_ONE", ADDED)
    house.error, house.meanwhile = ConflictError("withdrawn"), lambda: house.standing.update({NUMBER: False})
    assert await curator.remove(NUMBER) == 1
    assert curator.store.content(NUMBER) is None


@pytest.mark.parametrize("change", ["remove", "delete"])
async def test_changes_do_not_wait_for_the_clearinghouse(curator: Curator, house: House, change: str) -> None:
    await curator.add("S_ONE", ADDED)
    entry = house.entry

    async def slow(index: int) -> Any:  # noqa: ANN401 - as House has it
        made = await curator.make("LOCAL", 1.0)
        await curator.delete(made.name)
        return await entry(index)

    with patch.object(house, "entry", slow):
        house.standing[NUMBER] = change == "remove"
        async with asyncio.timeout(120):  # a change that waits for the other one would never end
            await (curator.remove(NUMBER) if change == "remove" else curator.delete("S_ONE"))
    assert curator.store.content(NUMBER) is None


async def test_a_content_that_is_added_while_its_bank_is_deleted_is_kept(
    curator: Curator, house: House
) -> None:
    curator.store.add(Content(3, 1, {}))
    curator.load()
    entry = house.entry

    async def slow(index: int) -> Any:  # noqa: ANN401 - as House has it
        await curator.add("S_ONE", ADDED)
        return await entry(index)

    with patch.object(house, "entry", slow), pytest.raises(NotPermittedError, match="entries that stand"):
        async with asyncio.timeout(120):
            await curator.delete("S_ONE")
    assert curator.store.content(NUMBER) is not None
