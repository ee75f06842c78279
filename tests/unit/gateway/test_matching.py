"""Which contents a lookup finds: the nearest of the banks that are asked, and a bounded number of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest
import structlog
from builders import fingerprint

from hashpact.domain.checks import MAX_LIMIT, Answer, Match
from hashpact.domain.fingerprints import MD5, PDQ
from hashpact.gateway import matching
from hashpact.gateway.clearing import Clearinghouse
from hashpact.gateway.configured import GatewayConfig
from hashpact.gateway.curating import Curator
from hashpact.gateway.keeping.banks import FIRST_LOCAL, Bank, BankKind, Content, ViewFilter
from hashpact.gateway.keeping.listing import ListSearch
from hashpact.gateway.keeping.store import BankStore
from hashpact.gateway.matching import MAX_NEAR, BankIndex, Matcher
from hashpact.gateway.signals import Signals
from hashpact.lists.local import PrivateLists

CODE = fingerprint(PDQ, "one")
NOW = 1000


def content(number: int, bank: int, **fields: Any) -> Content:  # noqa: ANN401 - of any field
    """A local content with the code."""
    return Content(FIRST_LOCAL + number, bank, {"pdq": CODE.value.hex()}, **fields)


def matched(entries: int) -> Any:  # noqa: ANN401 - what answers checks
    """A clearinghouse of which so many entries are near everything."""
    terms = (("x",), "guideline", (), "acme", 0, 0, 0)
    matches = tuple(Match(number, PDQ.name, PDQ.measure, number % 31, *terms) for number in range(entries))

    async def check(*_: object) -> Answer:
        return Answer(tuple(sorted(matches, key=lambda one: one.score)), 0)

    return cast("Clearinghouse", SimpleNamespace(checks=SimpleNamespace(check=check)))


@pytest.fixture
def matcher(tmp_path: Path) -> Iterator[Matcher]:
    """A matcher with two local banks, and no entries."""
    lists = ListSearch(PrivateLists(tmp_path))
    made = Matcher(BankIndex(Signals.named(["pdq"])), matched(0), lists)
    for number, name in ((1, "FULL"), (2, "OTHER")):
        made.index.put(Bank(number, name, BankKind.LOCAL))
    yield made
    lists.close()


async def found(matcher: Matcher, *names: str, now: int | None = NOW) -> tuple[dict[str, list[int]], bool]:
    """The ids by bank, and whether there may be more."""
    answer = await matcher.lookup(CODE, matcher.index.choose(names or None, None), now)
    return {name: [one.id for one in some] for name, some in answer.banks.items()}, answer.truncated


async def test_a_match_in_a_bank_that_is_asked_is_found_behind_those_of_others(matcher: Matcher) -> None:
    """The index returns the smallest ids first of those at one distance: those of another bank."""
    matcher.index.load([content(number, 1) for number in range(MAX_LIMIT)])
    matcher.index.add(content(MAX_LIMIT, 2))
    matcher.index.add(content(MAX_LIMIT + 1, 2, disabled=0))
    assert await found(matcher, "OTHER") == ({"OTHER": [FIRST_LOCAL + MAX_LIMIT]}, False)
    both = {"OTHER": [FIRST_LOCAL + MAX_LIMIT, FIRST_LOCAL + MAX_LIMIT + 1]}
    assert await found(matcher, "OTHER", now=None) == (both, False)
    full, truncated = await found(matcher)
    assert (sum(map(len, full.values())), truncated) == (MAX_LIMIT, True)
    with patch.object(matching, "_CONSIDERED", MAX_LIMIT):
        assert await found(matcher, "OTHER") == ({}, True)


async def test_an_answer_is_bounded(matcher: Matcher) -> None:
    views = MAX_NEAR // MAX_LIMIT + 2
    for number in range(views):
        matcher.index.put(Bank(10 + number, f"V{number}", BankKind.VIEW, view=ViewFilter()))
    near, truncated = await found(replace(matcher, house=matched(100)))
    assert (sum(map(len, near.values())), truncated) == (views * 100, False)
    house = matched(MAX_LIMIT)
    near, truncated = await found(replace(matcher, house=house))
    assert (sum(map(len, near.values())), truncated) == (MAX_NEAR, True)
    assert list(near) == [f"V{number}" for number in range(views)]
    answer = await replace(matcher, house=house).lookup(CODE, matcher.index.choose(None, None), NOW)
    kept = [one.distance for some in answer.banks.values() for one in some]
    assert max(kept) < 30  # the farthest are left out
    assert all(list(some) == sorted(some, key=lambda one: one.distance) for some in answer.banks.values())


def test_a_start_holds_few_notes_at_a_time(tmp_path: Path) -> None:
    """Notes and metadata are read a batch at a time: the index has none of them."""
    count, note = 3000, "n" * 250
    metadata = {"json": {"text": "m" * 4000}}
    with BankStore(tmp_path / "banks.db", bytes(32)) as store:
        bank = store.put(Bank(0, "ONE", BankKind.LOCAL))
        with store._writing():
            for number in range(count):
                signals = {"video_md5": fingerprint(MD5, str(number)).value.hex()}
                store.add(Content(FIRST_LOCAL + number, bank.number, signals, note, metadata))
        curator = Curator(
            GatewayConfig(tmp_path),
            store,
            BankIndex(Signals.named(["video_md5"])),
            matched(0),
            ListSearch(PrivateLists(tmp_path / "lists")),
            lambda: NOW,
            structlog.get_logger(),
        )
        tracemalloc.start()
        try:
            curator.load()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert curator.index.contents == count
    assert peak < count * 4000 / 2, peak
