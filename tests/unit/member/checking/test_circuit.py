"""The circuit: when checks are sent, when not, and which one is the trial."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hashpact.errors import (
    BehindError,
    CertificateError,
    CommitFailedError,
    CorruptError,
    DeadlineError,
    HashpactError,
    InvalidInputError,
    NotPermittedError,
    OverloadedError,
    UnavailableError,
)
from hashpact.member.checking.circuit import CEILING, FAILURES, FIRST, Circuit, CircuitState

SILENCE = [UnavailableError("away"), DeadlineError("late"), CommitFailedError("disk")]
ANSWERS = [
    NotPermittedError("x"), InvalidInputError("x"), OverloadedError("x"), CorruptError("x"),
    BehindError("x"), CertificateError("x"), HashpactError("x"),
]  # fmt: skip


class Timer:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


@pytest.fixture
def timer() -> Timer:
    """At 100 seconds."""
    return Timer()


@pytest.fixture
def circuit(timer: Timer) -> Circuit:
    """Without jitter."""
    return Circuit(timer, lambda: 0.0)


def is_in(circuit: Circuit, state: CircuitState) -> bool:
    """Whether it is in that state now."""
    return circuit.state is state


def ask(circuit: Circuit, error: BaseException | None = None) -> None:
    """One check that ends so."""
    with suppress(*(() if error is None else (type(error),))), circuit.asking():
        if error is not None:
            raise error


def open_up(circuit: Circuit) -> None:
    for _ in range(FAILURES):
        ask(circuit, UnavailableError("nobody listens"))
    assert is_in(circuit, CircuitState.OPEN)


@pytest.mark.parametrize("error", SILENCE, ids=lambda error: type(error).__name__)
def test_it_opens_when_checks_in_a_row_fail(circuit: Circuit, error: HashpactError) -> None:
    for _ in range(FAILURES - 1):
        ask(circuit, error)
        assert is_in(circuit, CircuitState.CLOSED)
    ask(circuit)
    open_up(circuit)
    with pytest.raises(UnavailableError, match=r"not asked.* next try is in 1.0 s \(nobody listens\)"):
        ask(circuit)


def test_as_many_checks_must_fail_as_there_are_channels(timer: Timer) -> None:
    """One that hangs may be of a process that others of the channels do not lead to."""
    circuit = Circuit(timer, lambda: 0.0, channels=16)
    for _ in range(16):
        assert is_in(circuit, CircuitState.CLOSED)
        ask(circuit, DeadlineError("late"))
    assert is_in(circuit, CircuitState.OPEN)


@pytest.mark.parametrize("error", ANSWERS, ids=lambda error: type(error).__name__)
def test_a_refusal_is_an_answer(circuit: Circuit, timer: Timer, error: HashpactError) -> None:
    for _ in range(3 * FAILURES):
        ask(circuit, error)
        assert is_in(circuit, CircuitState.CLOSED)
    open_up(circuit)
    timer.now += FIRST
    ask(circuit, error)
    assert is_in(circuit, CircuitState.CLOSED)


def test_one_check_is_tried_and_the_others_are_not_sent(circuit: Circuit, timer: Timer) -> None:
    open_up(circuit)
    timer.now += FIRST
    assert is_in(circuit, CircuitState.HALF_OPEN)
    with circuit.asking():
        assert is_in(circuit, CircuitState.HALF_OPEN)
        with pytest.raises(UnavailableError, match="another check tries again now"):
            ask(circuit)
    assert is_in(circuit, CircuitState.CLOSED)


def test_trials_that_fail_are_ever_farther_apart(circuit: Circuit, timer: Timer) -> None:
    open_up(circuit)
    waits = []
    for _ in range(7):
        began = timer.now
        while is_in(circuit, CircuitState.OPEN):
            timer.now += 0.5
        waits.append(timer.now - began)
        ask(circuit, UnavailableError("still"))
    assert waits == [1, 2, 4, 8, 16, CEILING, CEILING]
    timer.now += CEILING
    ask(circuit)
    open_up(circuit)
    timer.now += FIRST
    assert is_in(circuit, CircuitState.HALF_OPEN)


@pytest.mark.parametrize(("draw", "wait"), [(0.0, FIRST), (0.5, 0.75 * FIRST), (1.0, FIRST / 2)])
def test_clients_do_not_return_together(timer: Timer, draw: float, wait: float) -> None:
    circuit = Circuit(timer, lambda: draw)
    open_up(circuit)
    timer.now += wait - 0.01
    assert is_in(circuit, CircuitState.OPEN)
    timer.now += 0.02
    assert is_in(circuit, CircuitState.HALF_OPEN)


def test_checks_that_were_under_way_together_count_as_one(circuit: Circuit, timer: Timer) -> None:
    for number in range(1, FAILURES + 1):
        together = [ExitStack() for _ in range(20)]
        for running in together:
            running.enter_context(circuit.asking())
        timer.now += 1
        for running in together:
            running.push(late)
            with pytest.raises(DeadlineError):
                running.close()
        assert (is_in(circuit, CircuitState.CLOSED)) == (number < FAILURES)


def late(*_: object) -> bool:
    msg = "late"
    raise DeadlineError(msg)


@pytest.mark.parametrize("end", [KeyboardInterrupt(), GeneratorExit(), ZeroDivisionError()])
def test_a_trial_that_is_cancelled_passes_to_the_next_check(
    circuit: Circuit, timer: Timer, end: BaseException
) -> None:
    open_up(circuit)
    timer.now += FIRST
    ask(circuit, end)
    assert is_in(circuit, CircuitState.HALF_OPEN)
    with circuit.asking():
        pass
    assert is_in(circuit, CircuitState.CLOSED)


def test_a_check_from_before_that_is_answered_closes_it(circuit: Circuit) -> None:
    with circuit.asking():
        open_up(circuit)
    assert is_in(circuit, CircuitState.CLOSED)


def test_a_fork_in_the_middle_of_a_trial_leaves_it_to_the_parent(circuit: Circuit, timer: Timer) -> None:
    open_up(circuit)
    timer.now += FIRST
    with circuit.asking():
        circuit._lock.acquire()  # as another thread would at that moment
        circuit.forked()
        assert is_in(circuit, CircuitState.HALF_OPEN)
        with circuit.asking():
            pass
    assert is_in(circuit, CircuitState.CLOSED)


def test_of_many_threads_one_has_the_trial(circuit: Circuit, timer: Timer) -> None:
    open_up(circuit)
    timer.now += FIRST
    start, done = threading.Barrier(16), threading.Barrier(16)
    sent, refused = [], []

    def run(number: int) -> None:
        start.wait()
        try:
            with circuit.asking():
                sent.append(number)
                done.wait()
        except UnavailableError:
            refused.append(number)
            done.wait()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(sent), len(refused)) == (1, 15)
    assert is_in(circuit, CircuitState.CLOSED)


class CircuitMachine(RuleBasedStateMachine):
    """Checks that begin and end in any order, and what the circuit must never do."""

    def __init__(self) -> None:
        super().__init__()
        self.timer = Timer()
        self.circuit = Circuit(self.timer, lambda: 0.0)
        self.under_way: list[tuple[ExitStack, bool]] = []
        self.unanswered = 0

    @rule(seconds=st.floats(0.1, 40))
    def time_passes(self, seconds: float) -> None:
        """Wait."""
        self.timer.now += seconds

    @rule()
    def begin(self) -> None:
        """Begin a check, if it is sent."""
        before = self.circuit.state
        running, on_trial = ExitStack(), [one for one in self.under_way if one[1]]
        try:
            running.enter_context(self.circuit.asking())
        except UnavailableError:
            assert before is CircuitState.OPEN or (before is CircuitState.HALF_OPEN and on_trial)
            return
        assert before is not CircuitState.OPEN
        assert before is CircuitState.CLOSED or not on_trial
        self.under_way.append((running, before is CircuitState.HALF_OPEN))

    @precondition(lambda self: self.under_way)
    @rule(
        which=st.integers(0, 99), outcome=st.sampled_from([None, SILENCE[0], ANSWERS[0], KeyboardInterrupt()])
    )
    def end(self, which: int, outcome: BaseException | None) -> None:
        """End one of the checks."""
        running, _ = self.under_way.pop(which % len(self.under_way))
        with suppress(*(() if outcome is None else (type(outcome),))):
            if outcome is None:
                running.close()
            else:
                running.push(lambda *_: self._raise(outcome))
                running.close()
        if outcome is SILENCE[0]:
            self.unanswered += 1
        elif not isinstance(outcome, KeyboardInterrupt):
            self.unanswered = 0
            assert is_in(self.circuit, CircuitState.CLOSED)

    @staticmethod
    def _raise(error: BaseException) -> bool:
        raise error

    @invariant()
    def it_opens_only_after_failures(self) -> None:
        """It is closed as long as not so many have failed in a row."""
        if self.unanswered < FAILURES:
            assert is_in(self.circuit, CircuitState.CLOSED)


TestCircuitMachine = CircuitMachine.TestCase
