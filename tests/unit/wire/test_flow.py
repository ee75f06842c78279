"""A flow of uploads without a socket or a clock: what is asked on each stream, and each outcome once."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from builders import fingerprint

from hashpact.domain.checks import Answer, Check, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.errors import (
    BehindError,
    CertificateError,
    CorruptError,
    DeadlineError,
    HashpactError,
    InvalidInputError,
    NotPermittedError,
    OverloadedError,
    StoppingError,
    UnavailableError,
)
from hashpact.wire import streamed
from hashpact.wire.client import calls
from hashpact.wire.client.attempts import Failure, Outcome, Pace, Probe, Wait
from hashpact.wire.client.feeds import Item, Read
from hashpact.wire.client.flow import Await, Converse, Flow, Outcomes, PendingCheck, asked, outcomes
from hashpact.wire.v1 import check_pb2

AWAY = Failure(UnavailableError("away"))
STOPPING = Failure(StoppingError("stopping"), answered=True)
LATE = Failure(DeadlineError("late"))
BAD = InvalidInputError("an upload that cannot be checked")


def upload(number: int) -> PendingCheck:
    """What asks for one; its answer has the number as its position."""
    check = Check((Query(fingerprint(PDQ, str(number))),), min_position=number)
    made = asked(lambda: calls.check(check))
    assert isinstance(made, PendingCheck)
    return made


def response(first: int, *positions: int | HashpactError) -> bytes:
    """The answers to requests from that number on."""
    message = check_pb2.CheckStreamResponse()
    for number, position in enumerate(positions, first):
        outcome = position if isinstance(position, HashpactError) else Answer((), position)
        streamed.add_outcome(message, number, outcome)
    return message.SerializeToString()


@dataclass
class Script:
    """Drives a flow of uploads that are all there, with outcomes that are written down."""

    uploads: list[PendingCheck | InvalidInputError]
    outcomes: list[Outcome]
    bound: int = 100
    now: float = 100.0
    late: float = 0.0
    streams: list[list[int]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    found: list[Outcomes] = field(default_factory=list)

    def run(self, timeout: float = 10) -> list[object]:
        """The position of each answer, or its error."""
        flow = Flow(self.bound)
        for one in self.uploads:
            flow.ask(one)
        flow.close()
        running = outcomes(flow, timeout, Pace(lambda: self.now, lambda: 0))
        step = next(running)
        try:
            while True:
                outcome: Outcome = None
                match step:
                    case Await():
                        assert flow.stirred
                    case Converse(left):
                        assert 0 <= left <= timeout
                        self.streams.append(sent(flow))
                    case Read() | Probe():
                        outcome = self.outcomes.pop(0)
                        if outcome == LATE:
                            self.now += self.late
                    case Item(result):
                        self.found.append(result)
                    case Wait(seconds):
                        self.now += seconds
                        self.waits.append(seconds)
                step = running.send(outcome)
        except StopIteration:
            assert not self.outcomes
            assert flow.done
        return [one.position if isinstance(one, Answer) else type(one) for one in self.found]


def sent(flow: Flow) -> list[int]:
    """The numbers of the uploads that a stream is given, all that there are."""
    found = []
    while (request := flow.send()) is not None:
        found.append(check_pb2.CheckStreamRequest.FromString(request).check.min_position)
    assert flow.send() is None
    return found


def uploads(count: int) -> list[PendingCheck | InvalidInputError]:
    return [upload(number) for number in range(count)]


def test_answers_come_in_order_however_many_a_response_has() -> None:
    script = Script(uploads(5), [response(0, 0, 1, 2), response(3, 3), response(4, 4), None])
    assert script.run() == [0, 1, 2, 3, 4]
    assert script.streams == [[0, 1, 2, 3, 4]]


def test_nothing_is_opened_for_no_uploads_or_for_bad_ones() -> None:
    assert Script([], []).run() == []
    script = Script([BAD, BAD], [])
    assert script.run() == [InvalidInputError, InvalidInputError]
    assert script.streams == []


def test_a_bad_upload_has_its_error_in_its_place() -> None:
    script = Script([BAD, upload(1), BAD, BAD, upload(4), BAD], [response(0, 1), response(1, 4), None])
    assert script.run() == [
        InvalidInputError,
        1,
        InvalidInputError,
        InvalidInputError,
        4,
        InvalidInputError,
    ]
    assert script.streams == [[1, 4]]
    refused = Script(uploads(3), [response(0, 0, BAD, 2), None])
    assert refused.run() == [0, InvalidInputError, 2]


def test_a_bad_upload_that_comes_with_a_good_one_while_nothing_is_asked_has_its_error_too() -> None:
    flow = Flow(10)
    flow.ask(upload(0))
    assert sent(flow) == [0]
    assert len(flow.answered(response(0, 0))) == 1
    for one in (BAD, upload(1), BAD):
        flow.ask(one)
    assert sent(flow) == [1]
    refused, answer, last = flow.answered(response(1, 1))
    assert (refused, last) == (BAD, BAD)
    assert isinstance(answer, Answer)
    flow.ask(BAD)
    with pytest.raises(CorruptError):  # nothing was asked
        flow.answered(response(2, 2))


@pytest.mark.parametrize("lost", [AWAY, STOPPING, LATE])
def test_what_has_no_answer_is_asked_for_again_at_once_after_a_loss(lost: Failure) -> None:
    replies: list[Outcome] = [response(0, 0, 1), lost, response(0, 2), lost, response(0, 3, 4), None]
    script = Script([*uploads(4), BAD, upload(4)], replies)
    assert script.run() == [0, 1, 2, 3, InvalidInputError, 4]
    assert script.streams == [[0, 1, 2, 3, 4], [2, 3, 4], [3, 4]]
    assert script.waits == []


def test_without_an_answer_it_waits_longer_each_time_until_the_time_is_over() -> None:
    script = Script(uploads(2), [AWAY, None, *[AWAY] * 10])
    with pytest.raises(UnavailableError, match="away"):
        script.run(timeout=2)
    assert script.waits == [0.1, 0.2, 0.4, 0.8]
    assert script.streams == [[0, 1]] * 5
    assert script.found == []


def test_an_answer_renews_the_time() -> None:
    script = Script(uploads(3), [response(0, 0), LATE, response(0, 1), LATE, response(0, 2), None], late=10)
    assert script.run(timeout=10) == [0, 1, 2]
    late = Script(uploads(3), [response(0, 0), LATE, LATE], late=10)
    with pytest.raises(DeadlineError):
        late.run(timeout=10)
    assert late.streams == [[0, 1, 2], [1, 2]]


def test_a_server_that_is_behind_is_asked_again_from_there() -> None:
    behind = BehindError("behind")
    script = Script(uploads(3), [response(0, 0, behind, 2), response(0, behind), response(0, 1, 2), None])
    assert script.run() == [0, 1, 2]
    assert script.streams == [[0, 1, 2], [1, 2], [1, 2]]
    assert script.waits == [0.1]


@pytest.mark.parametrize("wait", ["0.7", "soon", "-1", "nan"])
def test_a_refusal_may_say_how_long_to_wait(wait: str) -> None:
    refusal = check_pb2.Refusal(reason="BEHIND", message="behind", details={"retry_after": wait})
    behind = check_pb2.StreamedAnswer(request=0, refusal=refusal)
    refused = check_pb2.CheckStreamResponse(answers=[behind]).SerializeToString()
    script = Script(uploads(1), [refused, response(0, 0), None])
    assert script.run() == [0]
    assert script.waits == [0.7 if wait == "0.7" else 0.1]


@pytest.mark.parametrize(
    ("error", "probed"),
    [
        (NotPermittedError("no"), None),
        (OverloadedError("too many"), None),
        (UnavailableError("away"), CertificateError("expired")),
    ],
)
def test_what_does_not_pass_is_raised(error: HashpactError, probed: UnavailableError | None) -> None:
    replies: list[Outcome] = [Failure(error)] if probed is None else [Failure(error), probed]
    with pytest.raises(type(probed or error)):
        Script(uploads(2), [*replies]).run()
    if probed is None:
        with pytest.raises(type(error)):
            Script(uploads(2), [response(0, 0), *replies]).run()


@pytest.mark.parametrize(
    "reply",
    [
        response(1, 0),
        response(0, 0, 1, 2),
        check_pb2.CheckStreamResponse(answers=[check_pb2.StreamedAnswer(request=0)]).SerializeToString(),
        b"\xff",
        None,
    ],
    ids=["another number", "too many", "no outcome", "no message", "the end"],
)
def test_answers_that_break_the_protocol_are_corrupt(reply: bytes | None) -> None:
    with pytest.raises(CorruptError):
        Script(uploads(2), [reply]).run()


def test_a_flow_takes_so_many_at_a_time() -> None:
    flow, full = Flow(2), []
    for one in (upload(0), BAD):
        flow.ask(one)
        full.append(flow.full)
    sent(flow)
    assert len(flow.answered(response(0, 0))) == 2
    assert [*full, flow.full] == [False, True, False]
    for bound in (0, 1025):
        with pytest.raises(InvalidInputError, match="in_flight"):
            Flow(bound)


def test_neither_an_upload_nor_its_error_shows_a_fingerprint() -> None:
    assert repr(upload(1)) == "<PendingCheck>"
