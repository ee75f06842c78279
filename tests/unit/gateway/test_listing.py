"""Private lists as a gateway searches them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from builders import fingerprint

from hashpact.domain.fingerprints import PDQ
from hashpact.gateway.keeping.banks import Bank, BankKind, list_bank
from hashpact.gateway.keeping.listing import ListSearch
from hashpact.lists.blocks import Kept
from hashpact.lists.indexed import OpenList
from hashpact.lists.local import PrivateLists

CODE = fingerprint(PDQ, "one")


async def test_the_lists_of_a_lookup_are_looked_after_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = PrivateLists(tmp_path / "lists", unencrypted=True)
    for name in ("one", "two", "three"):
        with lists.table(name, make=True) as table, table.writing():
            table.append(Kept(name, (CODE,), ("ncii",), 1))
            table.flush()
    banks = [Bank(number, list_bank(name), BankKind.LIST) for number, name in enumerate(("two", "one"), 1)]
    looked: list[str] = []
    current = OpenList.is_current

    def noted(self: OpenList, file: int) -> bool:
        looked.append(self.name)
        return current(self, file)

    monkeypatch.setattr(OpenList, "is_current", noted)
    with closing(ListSearch(lists)) as search:
        await search.refresh()
        looked.clear()
        found = await search.search(CODE, banks)
    assert {bank.name: [match.key for match in rows.matches] for bank, rows in found} == {
        "LIST_ONE": ["one"],
        "LIST_TWO": ["two"],
    }
    assert sorted(looked) == ["one", "three", "two"]
