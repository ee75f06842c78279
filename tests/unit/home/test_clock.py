"""The server's clock, which gives the time while its witnesses and the steady clock do not contradict it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from builders import NOW, FakeClock
from witnesses import TRUE, Desk, witness_of

from hashpact.clock import steady_time
from hashpact.errors import UnavailableError
from hashpact.home.clock import CheckedClock, cosigned_times
from hashpact.log import checkpoint

DAY = 24 * 3600
NORTH, EAST, SOUTH = (f"witness.example/{name}" for name in ("north", "east", "south"))


@dataclass
class Machine:
    """A machine with a wall clock that may be set, and a steady one."""

    wall: FakeClock = field(default_factory=FakeClock)
    steady: float = 1000.0

    def clock(self, *cosigned: int) -> CheckedClock:
        """The clock of a process that starts now."""
        return CheckedClock(self.wall, lambda: self.steady, cosigned)

    def passes(self, seconds: int) -> None:
        """Time passes."""
        self.wall.now += seconds
        self.steady += seconds


@pytest.fixture
def machine() -> Machine:
    """A machine whose clock is right."""
    return Machine()


def refused(clock: CheckedClock, *words: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        clock()
    for word in (*words, "nothing is appended until the machine's clock is right"):
        assert word in caught.value.message
    assert "server_time" in caught.value.details


def test_a_clock_that_runs_gives_the_time(machine: Machine) -> None:
    clock = machine.clock()
    for pause in (0, 1, 3600, 400 * DAY):
        machine.passes(pause)
        assert clock() == machine.wall.now


@pytest.mark.parametrize("jump", [601, -601, DAY, -DAY, 800 * DAY])
def test_a_jump_is_refused_until_it_is_undone_or_the_process_starts_again(
    machine: Machine, jump: int
) -> None:
    clock = machine.clock()
    machine.passes(3600)
    machine.wall.now += jump
    refused(clock, f"{abs(jump)} s {'ahead of' if jump > 0 else 'behind'}", "restart the server")
    assert machine.clock()() == machine.wall.now
    machine.wall.now -= jump
    assert clock() == machine.wall.now


@pytest.mark.parametrize("step", [600, -600])
def test_ten_minutes_are_not_a_jump(machine: Machine, step: int) -> None:
    clock = machine.clock()
    machine.wall.now += step
    assert clock() == NOW + step


@pytest.mark.parametrize(
    ("off", "refuses"),
    [([601], True), ([0], False), ([601, 0], False), ([DAY, -DAY], True), ([DAY, 0, 0], False)],
)
def test_most_witnesses_must_contradict(machine: Machine, off: list[int], *, refuses: bool) -> None:
    clock = machine.clock()
    for name, by in zip((NORTH, EAST, SOUTH), off, strict=False):
        clock.heard(name, NOW - by)
    machine.passes(DAY)
    if refuses:
        refused(clock, "that of witness.example/north", "hashpact.toml")
    else:
        assert clock() == NOW + DAY


def test_what_witnesses_said_counts_and_not_what_the_clock_said_at_the_start(machine: Machine) -> None:
    machine.wall.now = NOW + 800 * DAY
    clock = machine.clock()
    clock.heard(NORTH, NOW)
    refused(clock, f"{800 * DAY} s ahead of that of {NORTH}")
    machine.wall.now = NOW
    assert clock() == NOW


def test_a_clock_behind_the_newest_cosignatures_is_refused(machine: Machine) -> None:
    refused(machine.clock(NOW + 601), "601 s behind the log's newest cosignatures")
    assert machine.clock(NOW + 600)() == NOW
    assert machine.clock(NOW + DAY, NOW)() == NOW  # one of two may be wrong itself
    assert machine.clock(NOW - 300 * DAY)() == NOW  # a quiet log
    later = machine.clock(NOW + DAY)
    later.heard(NORTH, NOW)
    assert later() == NOW


def test_a_link_reports_the_time_of_each_cosignature() -> None:
    desk, heard = Desk(NORTH), []
    link = desk.asked
    link.heard = lambda name, time: heard.append((name, time))
    desk.clock.now = NOW + 5
    line = link.cosign(checkpoint.parse(TRUE.signed(9)), lambda old: TRUE.proof(old, 9))
    assert heard == [(NORTH, NOW + 5)]
    note = TRUE.signed(9) + line
    assert cosigned_times(note, [witness_of(EAST), witness_of(NORTH)]) == [NOW + 5]
    assert cosigned_times(note[:-8] + b"AAAAAA=\n", [witness_of(NORTH)]) == []


def test_the_steady_clock_goes_on() -> None:
    first = steady_time()
    assert steady_time() >= first
