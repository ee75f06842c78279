"""Number 35 of the hostile inputs: clocks that are a day off, or jump."""

from __future__ import annotations

import pytest
from builders import NOW, FakeClock, World, check_log, fingerprint
from memory import MemoryLedger

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import moment
from hashpact.domain.messages import Submission
from hashpact.errors import ClockSkewError, UnavailableError
from hashpact.member.author import Reason
from hashpact.service.append import Appender

DAY = 24 * 3600
JUMPS = (0, DAY, -DAY, 40 * DAY, 0, -3 * DAY, 1, 0)


def entry(world: World, number: int) -> Submission:
    """One more submission, signed at this world's time."""
    shared = [fingerprint(PDQ, str(number))]
    return world.author("acme").submit(shared, Reason(frozenset({"ncii"})))


def test_35_order_is_the_index_however_the_clock_jumps(world: World) -> None:
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    guard, appender = world.guard(ledger), world.appender(ledger)
    first = ledger.head().size
    given, times = [], []
    for number, jump in enumerate(JUMPS):
        world.clock.now = NOW + jump
        submission = entry(world, number)
        if jump < 0:  # behind what the log knows
            with pytest.raises(UnavailableError, match="behind what most of the log's last signers"):
                appender.append("acme", submission)
            continue
        given.append((submission, guard.receipt(appender.append("acme", submission))))
        times.append(NOW + jump)
    leaves = list(ledger.leaves(first, first + len(JUMPS)))
    assert [leaf.data for leaf in leaves] == [submission.statement for submission, _ in given]
    assert [receipt.index for _, receipt in given] == list(range(first, first + len(given)))
    assert [leaf.time for leaf in leaves] == times
    for submission, receipt in given:
        assert guard.receipt(appender.append("acme", submission)) == receipt
    # The rules go by a median over the signers, of whom only this one's clock has jumped.
    with ledger.snapshot() as view:
        assert moment.of_log(view.times()) == NOW
    check_log(ledger)


@pytest.mark.parametrize("off", [DAY, -DAY, 601, -601])
def test_35_a_statement_of_a_clock_that_is_off_is_refused_and_told_the_time(world: World, off: int) -> None:
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    size = ledger.head().size
    appender = Appender(ledger, FakeClock(NOW))
    world.clock.now = NOW + off
    with pytest.raises(ClockSkewError) as caught:
        appender.append("acme", entry(world, 1))
    assert caught.value.details["server_time"] == str(NOW)
    assert ledger.head().size == size
    world.clock.now = NOW + (600 if off > 0 else -600)
    assert appender.append("acme", entry(world, 2)).index == size
