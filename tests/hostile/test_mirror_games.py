"""What a source may play with a mirror without altering a byte: silence, promises, and full shelves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from builders import check_log
from clearinghouse import Clearinghouse
from copying import IMPATIENT, Copying, share, verdict
from histories import another, history, submissions, tell
from waits import until

from hashpact.domain.messages import Followed
from hashpact.member.trusting.contradiction import Meaning
from hashpact.mirror import believing
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.freshness import Freshness
from hashpact.mirror.replica import Replica
from hashpact.service.prove import Prover
from hashpact.wire.server.followers import Followers

RESTLESS = replace(IMPATIENT, silence=0.5)
TICK = 0.02


async def alarmed(copy: Copying, kind: str) -> Alarm:
    """Wait for an alarm of that kind."""
    return await asyncio.to_thread(copy.alarm, kind)


def living(self: Followers, message: Followed) -> Iterator[Followed]:
    """That message, and signs of life for as long as the server runs."""
    yield message
    while not self.stopping.wait(TICK):
        yield Followed(message.start)


async def test_28_signs_of_life_without_a_checkpoint_make_no_copy_younger(
    house: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a source could hold the log back for ever, and no witness's time would tell."""
    with Copying(house, tmp_path, reconnect=RESTLESS) as copy:
        size = share(house, 3)
        await asyncio.to_thread(copy.reach, size)
        heard = copy.replicator.status.heard_at
        freshness = Freshness(tmp_path / "copied", copy.clock, 60)

        def lively(self: Followers, *_: object) -> Iterator[Followed]:
            yield from living(self, Followed(size))

        monkeypatch.setattr(Followers, "stream", lively)
        copy.clock.now += 3600
        port = house.server.port
        await asyncio.to_thread(house.server.stop, 0)
        await house.start(port)
        alarm = await alarmed(copy, "silence")
        assert "signs of life, and no checkpoint for 0.5 s" in alarm.message
        assert copy.replicator.status.heard_at == heard
        freshness.note(copy.replicator.status, size)
        age = freshness.age(size)
        assert age is None or age.seconds >= 3600
        monkeypatch.undo()
        await asyncio.to_thread(copy.reach, share(house, 1))
        assert copy.replicator.status.heard_at == copy.clock.now


async def test_28_signs_of_life_in_place_of_announced_leaves_are_an_alarm(
    house: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Copying(house, tmp_path, reconnect=RESTLESS) as copy:
        size = share(house, 3)
        await asyncio.to_thread(copy.reach, size)
        stream = Followers.stream

        def withheld(self: Followers, *asked: object) -> Iterator[Followed]:
            yield from living(self, next(stream(self, *asked)))  # type: ignore[arg-type]  # as they are

        monkeypatch.setattr(Followers, "stream", withheld)
        port = house.server.port
        await asyncio.to_thread(house.server.stop, 0)
        await house.start(port)
        larger = share(house, 1)
        alarm = await alarmed(copy, "silence")
        assert "signs of life, and no leaves for 0.5 s" in alarm.message
        assert (copy.replicator.status.position, copy.replicator.status.announced) == (size, larger)
        monkeypatch.undo()
        await asyncio.to_thread(copy.reach, larger)


async def test_28_what_was_announced_is_not_taken_back_before_its_leaves_have_come(
    house: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its two faces are evidence, though the copy has nothing of either."""
    with Copying(house, tmp_path) as copy:
        size = share(house, 1)
        await asyncio.to_thread(copy.reach, size)
        known, stream = submissions(house.ledger), Followers.stream

        def announcing(self: Followers, *asked: object) -> Iterator[Followed]:
            yield next(stream(self, *asked))  # type: ignore[arg-type]  # as they are

        monkeypatch.setattr(Followers, "stream", announcing)
        honest = Prover(house.ledger)
        await tell(house, honest)  # which ends the stream that has been giving leaves
        larger = share(house, 2)
        await until(lambda: copy.replicator.status.announced == larger)
        lie = history(house.world, [*known, *(another(house.world, f"lie {number}") for number in range(2))])
        await tell(house, Prover(lie))
        alarm = await alarmed(copy, "fork")
        assert f"two trees of {larger} leaves" in alarm.message
        assert verdict(alarm, house) is Meaning.FORK
        await until(lambda: "ended the stream without any" in (copy.replicator.status.trouble or ""))
        await tell(house, Prover(history(house.world, known)))
        alarm = await alarmed(copy, "rollback")
        assert f"had {larger} leaves, and shows {size} now" in alarm.message
        assert verdict(alarm, house) is Meaning.UNPROVED
        monkeypatch.undo()
        await tell(house, honest)
        await asyncio.to_thread(copy.reach, larger)
        check_log(copy.ledger)
    assert copy.replicator.status.trouble is None


async def test_28_rollbacks_do_not_take_the_place_of_a_fork(
    house: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log could roll itself back until no evidence is kept any more, and fork then."""
    monkeypatch.setattr(believing, "EVIDENCE", 2)
    with Copying(house, tmp_path) as copy:
        size = share(house, 6)
        await asyncio.to_thread(copy.reach, size)
        all_ = submissions(house.ledger)
        kept = []
        for fewer in (1, 2, 3):
            await tell(house, Prover(history(house.world, all_[:-fewer])))
            alarm = await alarmed(copy, "rollback")
            while f"shows {size - fewer} now" not in alarm.message:
                alarm = await alarmed(copy, "rollback")
            kept.append(alarm.evidence is not None)
        assert kept == [True, True, False]
        await tell(house, Prover(history(house.world, [*all_[:-1], another(house.world, "lie")])))
        evidence = (await alarmed(copy, "fork")).evidence
        assert evidence is not None
        assert evidence.name.startswith("fork-")
    assert sorted(path.name.partition("-")[0] for path in (tmp_path / "evidence").iterdir()) == [
        "fork",
        *["unproved"] * 2,
    ]


async def test_28_a_bug_that_a_source_finds_does_not_end_the_copying(
    house: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Copying(house, tmp_path) as copy:
        size = share(house, 2)
        await asyncio.to_thread(copy.reach, size)
        take = Replica.take

        def broken(*_: object) -> None:
            msg = "what was sent"
            raise RuntimeError(msg)

        monkeypatch.setattr(Replica, "take", broken)
        larger = share(house, 1)
        alarm = await alarmed(copy, "fault")
        assert alarm.message == "a fault here: RuntimeError"
        monkeypatch.setattr(Replica, "take", take)
        await asyncio.to_thread(copy.reach, larger)
        check_log(copy.ledger)
