"""Streams without a socket or a clock: what is opened, read and waited for, and each result once."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from hashpact.domain.errors import (
    CertificateError,
    CorruptError,
    DeadlineError,
    HashpactError,
    NotPermittedError,
    UnavailableError,
)
from hashpact.service.transparency.prove import LeafDetail
from hashpact.wire import evidence
from hashpact.wire.client import feeds
from hashpact.wire.client.calls import Failure, Outcome, Pace, Probe, Wait
from hashpact.wire.client.feeds import Feed, Item, Open, Read, results
from hashpact.wire.evidence import LeavesRequest

AWAY = Failure(UnavailableError("away"))
SAID = Failure(UnavailableError("not now"), answered=True)
LATE = Failure(DeadlineError("late"))
FEED = Feed("/s/M", lambda done: b"after %d" % done, lambda done, data: (done, data))


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
    assert script.run() == [(0, b"a"), (1, b"b")]
    assert script.opened == [b"after 0"]


@pytest.mark.parametrize("lost", [AWAY, SAID, LATE])
def test_after_a_loss_the_rest_is_asked_for_at_once(lost: Failure) -> None:
    script = Script([b"a", b"b", lost, b"c", lost, None])
    assert script.run() == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert script.opened == [b"after 0", b"after 2", b"after 3"]
    assert script.waits == []


def test_without_a_message_it_waits_longer_and_gives_up() -> None:
    script = Script([b"a", SAID, *[SAID] * 20])
    with pytest.raises(UnavailableError):
        script.run()
    assert script.waits[:4] == [0.1, 0.2, 0.4, 0.8]
    assert sum(script.waits) <= 10


def test_each_message_gives_it_all_its_time_again() -> None:
    script = Script([b"a", SAID, SAID, SAID, b"b", SAID, SAID, b"c", None])
    assert script.run(timeout=1) == [(0, b"a"), (1, b"b"), (2, b"c")]
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
    assert script.run() == [(0, b"a")]
    with pytest.raises(CertificateError):
        Script([AWAY, CertificateError("expired")]).run()


def test_leaves_are_asked_for_from_where_they_ended() -> None:
    feed = feeds.leaves(LeavesRequest(5, 9, with_private=True))
    for done in (0, 3):
        rest = LeavesRequest(5 + done, 9, with_private=True)
        assert feed.request(done) == evidence.leaves_request_to_wire(rest).SerializeToString()
    leaf = LeafDetail(8, b"leaf", (b"part",))
    data = evidence.leaf_to_wire(leaf).SerializeToString()
    assert feed.read(3, data) == leaf
    for done in (2, 4):
        with pytest.raises(CorruptError) as caught:
            feed.read(done, data)
        assert caught.value.details["index"] == str(5 + done)


def test_a_message_that_cannot_be_read_is_corrupt() -> None:
    feed = feeds.leaves(LeavesRequest())
    for data in (b"\xff", b""):
        running = results(feed, 10, Pace(lambda: 0, lambda: 0))
        assert isinstance(next(running), Open)
        assert isinstance(running.send(None), Read)
        with pytest.raises(CorruptError, match="breaks the protocol"):
            running.send(data)
