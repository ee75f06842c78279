"""A replica: what it copies is what the source has, for every kind of statement; or nothing at all."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from pathlib import Path

import pytest
from builders import Identity, World, check_state
from clearinghouse import Clearinghouse
from copying import Copying, opened
from leaves import leaf_after
from memory import MemoryLedger
from sourced import Copy, Source, stated
from streams import Stream, ordinary

from hashpact.audit.deriving import ordered
from hashpact.domain.kinds import KINDS, Root
from hashpact.domain.messages import LeafDetail, Submission
from hashpact.domain.rules.replay import Replay
from hashpact.domain.state import Enclosed, KeptCheckpoint, Role
from hashpact.domain.statements import kind_of
from hashpact.errors import HashpactError
from hashpact.mirror.believing import Trust
from hashpact.mirror.replica import Replica
from hashpact.mirror.replicating import connecting
from hashpact.mirror.snapshots.files import open_snapshot, write_snapshot
from hashpact.mirror.snapshots.starting import start_from
from hashpact.service import following
from hashpact.storage.sqlite import SqliteLedger

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
        write_snapshot(copy.ledger, tmp_path / "snapshot", lambda _done, _total: None)
        (tmp_path / "begun").mkdir()
        with contextlib.closing(opened(tmp_path / "begun" / "hashpact.db")) as begun:
            await asyncio.to_thread(begin, house, begun, tmp_path)
            assert list(begun.leaves(0, size)) == leaves
            check_state(begun, folded.state)
            for digest in named:
                assert begun.document(digest) == house.ledger.document(digest)
    assert copy.alarms.empty()


def begin(house: Clearinghouse, ledger: SqliteLedger, directory: Path) -> None:
    """Begin a copy of the log with a snapshot."""
    profile = house.profile("mirror")
    replica = Replica(ledger, Trust.of(profile), directory / "begun", house.world.clock)
    with (
        open_snapshot(directory / "snapshot") as snapshot,
        contextlib.closing(connecting(profile)()) as connection,
    ):
        for _ in start_from(snapshot, replica, partial(connection.run, timeout=120)):
            pass


def test_a_log_half_of_which_breaks_rules_adds_up_to_the_pure_fold(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an operator could have signed: the copy keeps every leaf, and each effect that there is."""
    stream, folded, ledger = Stream(world), Replay(), MemoryLedger()
    source = Source(world, ledger)

    def append(submission: Submission) -> None:
        head, shared = ledger.head(), kind_of(submission.statement) == "submit"
        folded.apply(submission.statement)
        leaf = leaf_after(head, submission.statement, "", head.size.to_bytes(16))
        with ledger.begin() as transaction:
            documents = Enclosed((), tuple(submission.documents))
            transaction.append(leaf, submission.private if shared else (), (), documents)

    for submission in stream.founding():
        append(submission)
    for turn in range(300):
        append(stream.next(ordinary(4, turn), folded.state))
    roots = {charter.root_version: charter.since for charter in reversed(folded.state.charters())}
    source.roots = lambda start: tuple(
        LeafDetail(leaf.index, leaf.data)
        for since in sorted(roots.values())
        for leaf in ledger.leaves(max(since, start), since + 1)
    )
    note = stated(world, ledger.head(), Identity.of("log"))
    ledger.checkpoints.keep(KeptCheckpoint(ledger.head().size, note))
    monkeypatch.setattr(following, "MAX_FOLLOWED", 7)
    copy = Copy(source, tmp_path)
    target = copy.replica.announce(note, source.ask)
    faults = [fault for batch in copy.batches(target) for fault in copy.take(batch, target).faults]
    assert [(one.index, str(one.error)) for one in faults] == [
        (one.index, str(one.error)) for one in folded.faults
    ]
    assert len(faults) > 50
    check_state(copy.ledger, folded.state)
    assert copy.ledger.head() == ledger.head()
