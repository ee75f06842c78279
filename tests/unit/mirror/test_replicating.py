"""Replicating: a copy that is kept level with a real server, over breaks, by many kinds of statements."""

from __future__ import annotations

import asyncio
from pathlib import Path

from builders import check_log
from clearinghouse import Clearinghouse
from copying import Copying, share


async def test_a_copy_has_what_the_source_has_and_follows_it(house: Clearinghouse, tmp_path: Path) -> None:
    first = share(house, 5)
    with Copying(house, tmp_path) as copy:
        await asyncio.to_thread(copy.reach, first)
        second = share(house, 300, items=2, at_once=True)
        await asyncio.to_thread(copy.reach, second)
        status = copy.replicator.status
        assert (status.position, status.announced, status.trouble) == (second, second, None)
        assert status.heard_at == copy.clock()
        assert status.fresh_at is None
        check_log(copy.ledger)
        kept = copy.ledger.checkpoints.latest()
        assert kept == house.ledger.checkpoints.latest()
        assert [leaf.index for leaf, _, _ in copy.leaves] == list(range(second))
        assert [leaf.data for leaf, _, _ in copy.leaves] == [
            leaf.data for leaf in house.ledger.leaves(0, second)
        ]
        assert list(copy.ledger.private(0, second)) == list(house.ledger.private(0, second))
    assert copy.alarms.empty()
