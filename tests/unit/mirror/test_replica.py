"""A replica: what it copies is what the source has, for every kind of statement; or nothing at all."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from builders import Identity, check_state
from clearinghouse import Clearinghouse
from copying import Copying
from streams import Stream, ordinary

from hashpact.audit.deriving import ordered
from hashpact.domain.kinds import KINDS, Root
from hashpact.domain.messages import Submission
from hashpact.domain.rules.replay import Replay
from hashpact.domain.state import Role
from hashpact.domain.statements import kind_of
from hashpact.errors import HashpactError

STEPS = 700


def tell_all(house: Clearinghouse) -> None:
    """Append statements of every kind that a log may have."""
    stream, folded = Stream(house.world), Replay()
    admins = tuple(admin.key for admin in house.world.admins)
    appender = house.intake.appender

    def fold() -> None:
        for leaf in house.ledger.leaves(folded.size, house.ledger.head().size):
            folded.apply(leaf.data)

    def append(submission: Submission) -> None:
        with contextlib.suppress(HashpactError):
            appender.append(None, submission)
        fold()

    for submission in stream.founding()[6:]:  # the spare key: the rest is founded
        append(submission)
    for turn in range(STEPS):
        step = ordinary(10, turn)
        if step[0] != "root":  # others would govern
            append(stream.next(step, folded.state))
        if turn == STEPS // 2:
            append(Submission(house.world.by_admins(Root(2, admins, 2, house.world.log_keys))))
    who = Identity.of("mirror")
    house.world.administrators(house.ledger).enrol("mirror", frozenset({Role.AUDIT}), who.key, who.private)
    house.intake.guard.sign()


@pytest.mark.parametrize("many", [ordered.MANY, 1], ids=["here", "in processes"])
async def test_a_copy_of_every_kind_of_statement_has_the_state_of_its_source(
    house: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(ordered, "MANY", many)
    tell_all(house)
    size = house.ledger.head().size
    leaves = list(house.ledger.leaves(0, size))
    missing = set(KINDS) - {kind_of(leaf.data) for leaf in leaves}
    assert missing == set()
    with Copying(house, tmp_path, member="mirror") as copy:
        copy.clock.now = house.world.clock()
        await asyncio.to_thread(copy.reach, size)
        folded = Replay()
        for leaf in leaves:
            folded.apply(leaf.data)
        assert folded.faults == []
        check_state(copy.ledger, folded.state)
        with copy.ledger.snapshot() as view, house.ledger.snapshot() as source:
            assert sorted(map(repr, view.records())) == sorted(map(repr, source.records()))
        assert list(copy.ledger.leaves(0, size)) == leaves
        assert copy.ledger.head() == house.ledger.head()
        assert list(copy.ledger.private(0, size)) == list(house.ledger.private(0, size))
        assert list(copy.ledger.confidential(0, size)) == []
        named = {digest for _, body, _ in copy.leaves if body is not None for digest in body.documents()}
        assert named
        for digest in named:
            assert copy.ledger.document(digest) == house.ledger.document(digest) is not None
    assert copy.alarms.empty()
