"""The core of both clients, without a socket or a clock: what it sends, waits for, and makes of answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from builders import World, fingerprint
from hypothesis import given
from hypothesis import strategies as some
from memory import MemoryLedger

from hashpact.domain.checks import Answer, Check, Match, Query
from hashpact.domain.fingerprints import PDQ, PHASH, FingerprintType
from hashpact.domain.messages import MemberDetail, Page, PageRequest
from hashpact.domain.state import Member
from hashpact.errors import (
    CertificateError,
    CommitFailedError,
    ConflictError,
    CorruptError,
    DeadlineError,
    HashpactError,
    InvalidInputError,
    OverloadedError,
    ProofError,
    UnavailableError,
)
from hashpact.log import tree
from hashpact.member.author import Reason
from hashpact.wire import codec, evidence
from hashpact.wire.client import calls
from hashpact.wire.client.attempts import (
    MAX_TIMEOUT,
    Backoff,
    Failure,
    Outcome,
    Pace,
    Probe,
    Send,
    Step,
    Wait,
    attempts,
    checked_timeout,
)
from hashpact.wire.client.calls import Call
from hashpact.wire.v1 import log_pb2

AWAY = Failure(UnavailableError("away"))
SAID = Failure(UnavailableError("not now"), answered=True)
CALL = Call("/s/M", b"request", len)


@dataclass
class Script:
    """Drives a call with outcomes that are written down; time passes as the steps say."""

    outcomes: list[Outcome]
    each: float = 0.0
    now: float = 100.0
    patient: bool = True
    steps: list[Step] = field(default_factory=list)

    def run(self, call: Call[int] = CALL, timeout: float = 10, draw: float = 0) -> int:
        """The result of the call."""
        running = attempts(call, timeout, Pace(lambda: self.now, lambda: draw, retry_refused=self.patient))
        step = next(running)
        try:
            while True:
                self.steps.append(step)
                step = running.send(self._do(step))
        except StopIteration as end:
            result: int = end.value
            return result

    def _do(self, step: Step) -> Outcome:
        match step:
            case Send():
                self.now += self.each
                return self.outcomes.pop(0)
            case Probe():
                return self.outcomes.pop(0)
            case Wait(seconds):
                self.now += seconds
                return None


def test_an_answer_ends_it() -> None:
    script = Script([b"four"])
    assert script.run() == 4
    assert script.steps == [Send(10)]


def test_unavailable_is_tried_again_within_one_deadline() -> None:
    script = Script([SAID, SAID, SAID, b"four"], each=1)
    assert script.run() == 4
    assert [step.seconds for step in script.steps if isinstance(step, Wait)] == [0.1, 0.2, 0.4]
    timeouts = [step.timeout for step in script.steps if isinstance(step, Send)]
    assert timeouts == pytest.approx([10, 8.9, 7.7, 6.3])


def test_the_last_error_is_raised_when_time_is_over() -> None:
    script = Script([SAID] * 100, each=1)
    with pytest.raises(UnavailableError, match="not now"):
        script.run(timeout=5)
    assert script.now <= 105
    assert sum(isinstance(step, Send) for step in script.steps) == 4


@pytest.mark.parametrize(
    "error",
    [ConflictError("x"), OverloadedError("x"), DeadlineError("x"), CorruptError("x"), HashpactError("x")],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_are_not_tried_again(error: HashpactError) -> None:
    script = Script([Failure(error)])
    with pytest.raises(type(error)):
        script.run()
    assert script.steps == [Send(10)]


def test_a_failed_commit_is_tried_again() -> None:
    assert Script([Failure(CommitFailedError("x"), answered=True), b"four"]).run() == 4


def test_what_is_not_idempotent_is_sent_once() -> None:
    script = Script([SAID])
    with pytest.raises(UnavailableError):
        script.run(replace(CALL, idempotent=False))


def test_a_channel_that_fails_is_probed_once() -> None:
    script = Script([AWAY, None, AWAY, AWAY, b"four"])
    assert script.run() == 4
    assert sum(isinstance(step, Probe) for step in script.steps) == 1
    assert isinstance(script.steps[1], Probe)


def test_what_the_server_says_is_not_probed() -> None:
    script = Script([SAID, b"four"])
    script.run()
    assert not any(isinstance(step, Probe) for step in script.steps)


def test_another_channel_is_tried_at_once_and_while_there_is_time() -> None:
    elsewhere = replace(AWAY, elsewhere=True)
    script = Script([elsewhere, elsewhere, b"four"])
    assert script.run() == 4
    assert script.steps == [Send(10)] * 3
    script = Script([elsewhere] * 9 + [None], each=3)
    with pytest.raises(UnavailableError):
        script.run()
    assert [type(step) for step in script.steps] == [Send] * 4 + [Probe]
    with pytest.raises(UnavailableError):
        Script([elsewhere, None]).run(replace(CALL, idempotent=False))


def test_a_certificate_problem_ends_it() -> None:
    problem = CertificateError("certificate problem: expired")
    with pytest.raises(CertificateError) as raised:
        Script([AWAY, problem]).run()
    assert raised.value is problem


def test_an_answer_that_cannot_be_read_is_corrupt() -> None:
    call = calls.entry(5)
    for data in (b"\xff\xff", b""):
        with pytest.raises(CorruptError, match="breaks the protocol"):
            Script([data]).run(call)  # type: ignore[arg-type]  # its result is not looked at


def test_a_driver_must_answer_a_send() -> None:
    with pytest.raises(TypeError):
        Script([None]).run()


@given(some.integers(1, 10_000), some.floats(0, 1), some.floats(0, 100), some.floats(0, 1))
def test_delays_stay_within_their_bounds(tries: int, draw: float, remaining: float, after: float) -> None:
    backoff = Backoff()
    failure = replace(SAID, retry_after=after)
    delay = backoff.delay(tries, failure, remaining, draw)
    if delay is None:
        assert remaining <= max(backoff.ceiling, after)
    else:
        assert after <= delay < remaining
        assert 0.05 <= delay <= max(backoff.ceiling, after)


def test_the_server_can_ask_for_a_longer_wait() -> None:
    assert Backoff().delay(1, replace(SAID, retry_after=1.5), 10, 0) == 1.5
    assert Backoff().delay(5, replace(SAID, retry_after=0.1), 10, 0) == 1.6
    assert Backoff().delay(1, SAID, 10, 1) == 0.05


def test_a_receipt_is_of_the_bytes_that_were_sent(world: World) -> None:
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    author, appender = world.author("acme"), world.appender(ledger)
    submission = author.submit([fingerprint(PDQ, "1")], Reason(frozenset({"ncii"})))
    good = world.guard(ledger).receipt(appender.append("acme", submission))
    call = calls.append(submission, world.pinned)
    assert call.read(evidence.receipt_to_wire(good).SerializeToString()) == good
    assert codec.submission_from_wire(log_pb2.AppendRequest.FromString(call.request)).statement == (
        submission.statement
    )
    for bad in (
        replace(good, leaf_hash=bytes(32)),
        replace(good, leaf_hash=tree.leaf_hash(submission.statement + b"\n")),
        replace(good, tree_size=good.tree_size - 1),
        replace(good, tree_size=good.tree_size + 1),
        replace(good, index=good.index - 1),
        replace(good, root=bytes(32)),
        replace(good, proof=good.proof[1:]),
        replace(good, checkpoint=good.checkpoint + b"\n"),
    ):
        with pytest.raises(ProofError):
            call.read(evidence.receipt_to_wire(bad).SerializeToString())


def test_another_entry_than_the_one_asked_for_is_corrupt(world: World) -> None:
    submission = world.author("acme").submit([fingerprint(PDQ, "1")], Reason(frozenset({"ncii"})))
    entry = log_pb2.Entry(
        name="entries/5", statement=submission.statement, private=submission.private, member="members/acme"
    )
    data = log_pb2.GetEntryResponse(entry=entry).SerializeToString()
    assert calls.entry(5).read(data).entry.index == 5
    with pytest.raises(CorruptError, match="entry 4"):
        calls.entry(4).read(data)


def test_a_match_of_a_query_that_was_not_asked_is_corrupt() -> None:
    def answer(kind: FingerprintType, query: int) -> bytes:
        found = Match(3, kind.name, kind.measure, 0, ("hate",), "law", (), "acme", 0, 0, 9, query=query)
        return codec.answer_to_wire(Answer((found,), 9)).SerializeToString()

    call = calls.check(Check((Query(fingerprint(PDQ, "1")),)))
    assert call.read(answer(PDQ, 0)).matches[0].query == 0
    for kind, query in ((PHASH, 0), (PDQ, 1)):
        with pytest.raises(CorruptError, match=f"query {query}"):
            call.read(answer(kind, query))


def test_members_come_in_order_or_not_at_all() -> None:
    def data(*ids: str, following: str = "") -> bytes:
        found = tuple(MemberDetail(Member(each, frozenset(), 1), ()) for each in ids)
        return codec.page_to_wire(Page(found, following)).SerializeToString()

    call = calls.members(PageRequest("bolt"), "bolt")
    assert len(call.read(data("corp", "dodo", following="x")).members) == 2
    assert call.read(data()).members == ()
    for bad in (data("acme"), data("bolt"), data("dodo", "corp"), data("corp", "corp"), data(following="x")):
        with pytest.raises(CorruptError):
            call.read(bad)


def test_a_call_does_not_show_its_request() -> None:
    shared = fingerprint(PDQ, "secret")
    call: Call[Answer] = calls.check(Check((Query(shared),)))
    assert repr(call) == "<Call /hashpact.wire.v1.CheckService/Check>"
    assert shared.value in call.request


NOBODY = UnavailableError("nobody listens")


def test_a_refused_connection_is_tried_again_or_ends_the_call_at_once() -> None:
    assert Script([AWAY, NOBODY, AWAY, b"four"]).run() == 4
    hasty = Script([AWAY, NOBODY], patient=False)
    with pytest.raises(UnavailableError, match="nobody listens"):
        hasty.run()
    assert hasty.now == 100
    # A server that speaks, or of which nothing is known, is worth another try all the same.
    assert Script([SAID, AWAY, None, b"four"], patient=False).run() == 4


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), MAX_TIMEOUT + 1, None, "1"])
def test_a_timeout_is_a_number_of_seconds_up_to_a_day(seconds: float) -> None:
    with pytest.raises(InvalidInputError, match="timeout is a number of seconds above 0") as refused:
        checked_timeout(seconds)
    assert refused.value.details == {"field": "timeout"}
    assert [checked_timeout(good) for good in (0.001, 1, MAX_TIMEOUT)] == [0.001, 1, MAX_TIMEOUT]
