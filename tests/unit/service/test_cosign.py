"""The log's side: whom it asks what, how long it waits, and what it makes of the answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from builders import NOW
from cryptography.hazmat.primitives.asymmetric import mldsa
from witnesses import SIZE, TRUE, Desk

from hashpact.domain import keys
from hashpact.errors import ConflictError, CorruptError, DeadlineError, UnavailableError
from hashpact.log import checkpoint, cosignature, witnessing
from hashpact.log.cosignature import Witness
from hashpact.service.cosign import Quorum, Reply, WitnessLink


@pytest.fixture
def desks() -> list[Desk]:
    """Three witnesses."""
    return [Desk(f"witness.example/{name}") for name in ("north", "east", "south")]


class Log:
    """The true log at a size, with its witnesses."""

    def __init__(self, desks: list[Desk], quorum: int, timeout: float = 20.0) -> None:
        self.size = 9
        self.desks = desks
        self.quorum = Quorum([desk.asked for desk in desks], quorum, lambda: self.size, timeout=timeout)

    def cosign(self, size: int | None = None) -> list[str]:
        """Who cosigned the checkpoint."""
        size = self.size if size is None else size
        merged = self.quorum.cosign(TRUE.signed(size), size, lambda old: TRUE.proof(old, size))
        signed = checkpoint.parse(merged)
        assert merged.startswith(TRUE.signed(size))
        names = [
            desk.name.rpartition("/")[2]
            for desk in self.desks
            if cosignature.verify(signed.note, desk.asked.witness, keys.verify) is not None
        ]
        assert len(signed.note.signatures) == 1 + len(names)
        return names

    def check(self, size: int) -> list[str]:
        """What is to be told of the witnesses at the start."""
        return self.quorum.check(TRUE.signed(size), lambda old: TRUE.proof(old, size))


@pytest.fixture
def log(desks: list[Desk]) -> Iterator[Log]:
    """A log that wants two of three."""
    made = Log(desks, 2)
    yield made
    made.quorum.close()


def test_all_cosign_and_each_is_told_what_it_needs(log: Log, desks: list[Desk]) -> None:
    assert log.cosign() == ["north", "east", "south"]
    log.size = 20
    assert log.cosign() == ["north", "east", "south"]
    assert [witnessing.parse(body).old for body in desks[0].bodies] == [0, 9]


def test_a_witness_that_knows_more_than_remembered_is_asked_again(log: Log, desks: list[Desk]) -> None:
    desks[1](TRUE.request(0, 5))
    assert log.cosign() == ["north", "east", "south"]
    assert [witnessing.parse(body).old for body in desks[1].bodies] == [0, 0, 5]


@pytest.mark.parametrize(
    "reply",
    [
        UnavailableError("no way there"),
        Reply(500, b"trouble\n"),
        Reply(200, b""),
        Reply(200, b"\xff"),
        Reply(200, b"ok\n"),
        Reply(409, b"many\n"),
        Reply(409, b"9\n"),
        Reply(404, b"who are you\n"),
    ],
)
def test_one_that_fails_is_done_without(log: Log, desks: list[Desk], reply: Reply | Exception) -> None:
    desks[0].reply = reply
    assert log.cosign() == ["east", "south"]
    desks[0].reply = None
    log.size = 20
    assert log.cosign() == ["north", "east", "south"]


def test_cosignatures_of_others_and_of_other_checkpoints_are_left_out(log: Log, desks: list[Desk]) -> None:
    east = desks[1](TRUE.request(0, 9))
    desks[0].reply = east
    assert log.cosign() == ["east", "south"]
    desks[0].reply = Reply(200, Desk()(TRUE.request(0, 8)).body)
    assert log.cosign() == ["east", "south"]
    desks[0].reply = Reply(200, east.body + Desk()(TRUE.request(0, 9)).body)
    assert log.cosign() == ["north", "east", "south"]


def test_too_few_say_who_and_why(log: Log, desks: list[Desk]) -> None:
    desks[0].reply = UnavailableError("no way to north")
    desks[2].reply = Reply(503, b"the disk is full\n")
    with pytest.raises(DeadlineError, match="1 of 2 witnesses") as caught:
        log.cosign()
    assert "no way to north" in caught.value.message
    assert "witness.example/south answered 503: the disk is full" in caught.value.message
    desks[2].reply = None
    assert log.cosign() == ["east", "south"]


class Slow:
    """A witness that answers when it is let."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.let = threading.Event()

    def __call__(self, body: bytes) -> Reply:
        """The answer, late."""
        assert self.let.wait(120)
        return self.desk(body)


def test_a_slow_one_holds_nobody_up_and_is_not_asked_many_things(desks: list[Desk]) -> None:
    slow = Slow(desks[0])
    asked = [WitnessLink(desks[0].asked.witness, slow), desks[1].asked]
    quorum = Quorum(asked, 1, lambda: SIZE, timeout=30.0)
    started = time.monotonic()
    for size in range(1, 11):
        quorum.cosign(TRUE.signed(size), size, lambda old, size=size: TRUE.proof(old, size))  # type: ignore[misc]  # a size of its own
    assert time.monotonic() - started < 20
    assert len(desks[1].bodies) == 10
    slow.let.set()
    quorum.close()


def test_a_quorum_that_does_not_come_in_time_is_not_waited_for(desks: list[Desk]) -> None:
    slow = Slow(desks[0])
    quorum = Quorum([WitnessLink(desks[0].asked.witness, slow)], 1, lambda: SIZE, timeout=0.2)
    with pytest.raises(DeadlineError, match="did not answer in time"):
        quorum.cosign(TRUE.signed(9), 9, lambda old: TRUE.proof(old, 9))
    slow.let.set()
    quorum.close()


def test_without_a_quorum_those_that_are_quick_cosign(desks: list[Desk]) -> None:
    log = Log(desks, 0)
    assert set(log.cosign()) <= {"north", "east", "south"}
    for desk in desks:
        desk.reply = UnavailableError("away")
    assert log.cosign() == []
    log.quorum.close()


def test_a_witness_that_saw_more_than_the_log_has_stops_it(log: Log, desks: list[Desk]) -> None:
    desks[2](TRUE.request(0, 12))
    with pytest.raises(CorruptError, match="has cosigned size 12") as caught:
        log.cosign()
    assert caught.value.details == {"index": "9"}
    with pytest.raises(CorruptError, match="Restore the newest copy"):
        log.check(9)


def test_another_process_that_was_quicker_is_no_trouble(log: Log, desks: list[Desk]) -> None:
    desks[2](TRUE.request(0, 12))
    log.size = 12
    with pytest.raises(ConflictError):
        log.cosign(9)
    assert log.check(9) == []
    assert log.cosign() == ["north", "east", "south"]


def test_at_the_start_those_that_cannot_be_asked_are_told_of(log: Log, desks: list[Desk]) -> None:
    desks[0].reply = UnavailableError("no way to north")
    assert log.check(9) == ["no way to north"]


def test_one_that_another_process_has_cosign_more_between_all_tries_is_ahead(desks: list[Desk]) -> None:
    sizes = iter([5, 7, 12])

    def post(body: bytes) -> Reply:
        return Reply(409 if body else 500, witnessing.size_body(next(sizes)))

    link = WitnessLink(desks[0].asked.witness, post)
    with pytest.raises(ConflictError) as caught:
        link.cosign(checkpoint.parse(TRUE.signed(9)), lambda _old: ())
    assert caught.value.details == {"size": "12"}


def test_a_cosignature_by_the_other_key_of_a_witness_is_taken_too(desks: list[Desk]) -> None:
    asked, other = desks[0].asked, mldsa.MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    also = Witness(asked.witness.name, other.public_key().public_bytes_raw(), cosignature.MLDSA44)
    signed = checkpoint.parse(TRUE.signed(9))

    def asking(sign: Callable[[bytes], bytes], also: Witness | None = also) -> bytes:
        def post(body: bytes) -> Reply:
            reply = asked.post(body)
            if reply.status != 200:
                return reply
            line = cosignature.sign(signed.note.text, mine, NOW, sign)
            return Reply(reply.status, reply.body + line)

        return WitnessLink(asked.witness, post, also=also).cosign(signed, lambda old: TRUE.proof(old, 9))

    mine = also
    assert asking(other.sign).count(b"\n") == 2
    assert asking(other.sign, None).count(b"\n") == 1
    with pytest.raises(UnavailableError, match="no cosignature of its own"):
        asking(lambda _data: bytes(2420))
