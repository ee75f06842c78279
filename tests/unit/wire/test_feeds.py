"""Streams without a socket or a clock: what is opened, read and waited for, and each result once."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from builders import World, fingerprint
from memory import MemoryLedger

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.messages import EntriesRequest, LeafDetail, LeavesRequest
from hashpact.errors import (
    CertificateError,
    CorruptError,
    DeadlineError,
    HashpactError,
    NotPermittedError,
    UnavailableError,
)
from hashpact.member.author import Reason
from hashpact.service.read import Reader
from hashpact.wire import codec, details, evidence
from hashpact.wire.client import feeds
from hashpact.wire.client.attempts import Failure, Outcome, Pace, Probe, Wait
from hashpact.wire.client.feeds import Feed, Item, Open, Read, results
from hashpact.wire.v1 import log_pb2

AWAY = Failure(UnavailableError("away"))
SAID = Failure(UnavailableError("not now"), answered=True)
LATE = Failure(DeadlineError("late"))
FEED: Feed[tuple[int, bytes]] = Feed(
    "/s/M", 5, lambda at: b"from %d" % at, lambda at, data: ((at, data), at + len(data))
)


@dataclass
class Script:
    """Drives a feed with outcomes that are written down."""

    outcomes: list[Outcome]
    now: float = 100.0
    opened: list[bytes] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def run(self, timeout: float = 10) -> list[tuple[int, bytes]]:
        """The results of the feed."""
        running = results(FEED, timeout, Pace(lambda: self.now, lambda: 0))
        found: list[tuple[int, bytes]] = []
        step = next(running)
        try:
            while True:
                outcome: Outcome = None
                match step:
                    case Open(request, left):
                        assert 0 <= left <= timeout
                        self.opened.append(request)
                    case Read() | Probe():
                        outcome = self.outcomes.pop(0)
                    case Item(result):
                        found.append(result)
                    case Wait(seconds):
                        self.now += seconds
                        self.waits.append(seconds)
                step = running.send(outcome)
        except StopIteration:
            assert not self.outcomes
            return found


def test_a_stream_is_read_to_its_end() -> None:
    script = Script([b"a", b"b", None])
    assert script.run() == [(5, b"a"), (6, b"b")]
    assert script.opened == [b"from 5"]


@pytest.mark.parametrize("lost", [AWAY, SAID, LATE])
def test_after_a_loss_the_rest_is_asked_for_at_once(lost: Failure) -> None:
    script = Script([b"a", b"bbb", lost, b"c", lost, None])
    assert script.run() == [(5, b"a"), (6, b"bbb"), (9, b"c")]
    assert script.opened == [b"from 5", b"from 9", b"from 10"]
    assert script.waits == []


def test_without_a_message_it_waits_longer_and_gives_up() -> None:
    script = Script([b"a", SAID, *[SAID] * 20])
    with pytest.raises(UnavailableError):
        script.run()
    assert script.waits[:4] == [0.1, 0.2, 0.4, 0.8]
    assert sum(script.waits) <= 10


def test_each_message_gives_it_all_its_time_again() -> None:
    script = Script([b"a", SAID, SAID, SAID, b"b", SAID, SAID, b"c", None])
    assert script.run(timeout=1) == [(5, b"a"), (6, b"b"), (7, b"c")]
    assert script.waits == [0.1, 0.2, 0.1]


@pytest.mark.parametrize("error", [NotPermittedError("no"), CorruptError("bad"), DeadlineError("late")])
def test_what_waiting_does_not_mend_is_raised(error: HashpactError) -> None:
    with pytest.raises(type(error)):
        Script([Failure(error)]).run()


def test_a_refusal_in_the_middle_is_raised() -> None:
    with pytest.raises(NotPermittedError):
        Script([b"a", Failure(NotPermittedError("no"), answered=True)]).run()


def test_a_channel_that_fails_is_probed_once() -> None:
    script = Script([AWAY, None, AWAY, b"a", None])
    assert script.run() == [(5, b"a")]
    with pytest.raises(CertificateError):
        Script([AWAY, CertificateError("expired")]).run()


def test_leaves_are_asked_for_from_where_they_ended() -> None:
    feed = feeds.leaves(LeavesRequest(5, 9, with_private=True))
    assert feed.start == 5
    for at in (5, 8):
        rest = LeavesRequest(at, 9, with_private=True)
        assert feed.request(at) == evidence.leaves_request_to_wire(rest).SerializeToString()
    leaf = LeafDetail(8, b"leaf", (b"part",))
    data = evidence.leaf_to_wire(leaf).SerializeToString()
    assert feed.read(8, data) == (leaf, 9)
    for at in (7, 9):
        with pytest.raises(CorruptError) as caught:
            feed.read(at, data)
        assert caught.value.details["index"] == str(at)


def test_entries_are_asked_for_from_where_they_ended_and_come_in_order(world: World) -> None:
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    shared = world.author("acme").submit([fingerprint(PDQ, "1")], Reason(frozenset({"ncii"})))
    index = world.appender(ledger).append("acme", shared).index
    detail = Reader(ledger).entry(index)
    data = log_pb2.ListEntriesResponse(entry=details.entry_to_wire(detail)).SerializeToString()
    feed = feeds.entries(EntriesRequest(1, index + 1))
    assert feed.start == 1
    rest = EntriesRequest(3, index + 1)
    assert feed.request(3) == codec.entries_request_to_wire(rest).SerializeToString()
    for at in (1, index):
        assert feed.read(at, data) == (detail, index + 1)
    with pytest.raises(CorruptError, match=f"up to {index + 1}, the server sent entry {index}") as caught:
        feed.read(index + 1, data)  # a second time
    assert caught.value.details["index"] == str(index + 1)
    with pytest.raises(CorruptError, match=f"from 1 up to {index}, the server sent entry {index}"):
        feeds.entries(EntriesRequest(1, index)).read(1, data)
    assert feeds.entries(EntriesRequest()).read(0, data) == (detail, index + 1)


def test_a_message_that_cannot_be_read_is_corrupt() -> None:
    for data in (b"\xff", b""):
        for running in (
            results(feeds.leaves(LeavesRequest()), 10, Pace(lambda: 0, lambda: 0)),
            results(feeds.entries(EntriesRequest()), 10, Pace(lambda: 0, lambda: 0)),
        ):
            assert isinstance(next(running), Open)
            assert isinstance(running.send(None), Read)
            with pytest.raises(CorruptError, match="breaks the protocol"):
                running.send(data)
