"""Quotas: how much a member may do in a minute, and about how much it may ask at once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hashpact.domain.kinds import ADMIN
from hashpact.domain.state import Charter
from hashpact.errors import OverloadedError
from hashpact.wire.server.admission.quotas import Quotas

POLICY = Charter(
    "test.example/log",
    (),
    1,
    (),
    rates=(("check", 600), ("opinion", 2), ("submit", 60)),
    rates_of=(("big", ("check", 6000)),),
)


@dataclass
class Clock:
    """A timer that a test turns."""

    now: float = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quotas(clock: Clock) -> Quotas:
    return Quotas(lambda: POLICY, clock, at_once=100)


def passed(quotas: Quotas, member: str, kind: str, tries: int) -> int:
    """How many of so many tries are let in."""
    found = 0
    for _ in range(tries):
        try:
            quotas.take(member, kind)
        except OverloadedError:
            continue
        found += 1
    return found


def test_37_a_minutes_number_may_come_at_once_and_then_evenly(quotas: Quotas, clock: Clock) -> None:
    assert passed(quotas, "acme", "submit", 1000) == 60
    with pytest.raises(
        OverloadedError, match="'acme' has reached its rate of 60 submit statements"
    ) as caught:
        quotas.take("acme", "submit")
    assert caught.value.details == {"member": "acme", "quota": "submit", "retry_after": "1.001"}
    assert passed(quotas, "bravo", "submit", 1000) == 60
    clock.now += 1.001
    assert passed(quotas, "acme", "submit", 1000) == 1
    clock.now += 3600
    assert passed(quotas, "acme", "submit", 1000) == 60


def test_37_kinds_without_a_rate_and_administrators_are_let_in(quotas: Quotas) -> None:
    assert passed(quotas, "acme", "withdraw", 1000) == 1000
    assert passed(quotas, ADMIN, "submit", 1000) == 1000
    assert passed(quotas, "acme", "opinion", 1000) == 2


def test_37_without_a_policy_all_is_let_in() -> None:
    assert passed(Quotas(), "acme", "submit", 1000) == 1000


def test_37_each_of_several_processes_gives_out_its_share(clock: Clock) -> None:
    quotas = Quotas(lambda: POLICY, clock, workers=4)
    assert passed(quotas, "acme", "submit", 1000) == 15
    assert passed(quotas, "acme", "opinion", 1000) == 1  # half of one a minute: one, and the next after two
    clock.now += 60.1
    assert passed(quotas, "acme", "opinion", 1000) == 0
    clock.now += 60.1
    assert passed(quotas, "acme", "opinion", 1000) == 1


def test_65_queries_count_and_not_calls(quotas: Quotas, clock: Clock) -> None:
    for _ in range(10):
        with quotas.asking("acme", 60):
            assert quotas.before_check("bravo") is None
    with pytest.raises(OverloadedError, match="rate of 600 queries in checks"), quotas.asking("acme", 60):
        pass
    refused = quotas.before_check("acme")
    assert refused is not None
    assert refused.details["quota"] == "check"
    clock.now += 0.5  # five are back, and one is enough: the batch is paid for afterwards
    assert quotas.before_check("acme") is None
    with quotas.asking("acme", 60):
        pass
    clock.now += 5
    with pytest.raises(OverloadedError), quotas.asking("acme", 1):
        pass
    clock.now += 0.7
    with quotas.asking("acme", 1):
        pass


def test_65_a_member_with_a_rate_of_its_own_has_that(quotas: Quotas) -> None:
    for _ in range(100):
        with quotas.asking("big", 60):
            pass
    with pytest.raises(OverloadedError), quotas.asking("big", 60):
        pass


def test_65_so_many_queries_are_under_way(quotas: Quotas) -> None:
    with quotas.asking("acme", 70):
        with pytest.raises(OverloadedError, match="asks about 70 fingerprints now, and may about 100"):
            quotas.asking("acme", 40).__enter__()
        with quotas.asking("acme", 30), quotas.asking("bravo", 90):
            pass
    with quotas.asking("acme", 101):  # alone
        pass


def test_65_another_policy_is_in_force_within_a_second(clock: Clock) -> None:
    policies = [POLICY]
    quotas = Quotas(lambda: policies[-1], clock)
    with quotas.asking("acme", 5000):
        pass
    assert quotas.before_check("acme") is not None
    policies.append(Charter("test.example/log", (), 1, ()))
    clock.now += 1.1
    assert quotas.before_check("acme") is None  # looked at, and so read anew
    with quotas.asking("acme", 5000), quotas.asking("acme", 5000):
        pass
    assert quotas.before_check("acme") is None


def test_37_who_goes_on_sending_statements_is_not_read_any_more(quotas: Quotas, clock: Clock) -> None:
    assert quotas.before_append("acme") is None
    assert passed(quotas, "acme", "opinion", 12) == 2
    assert quotas.before_append("acme") is None
    assert passed(quotas, "acme", "opinion", 50) == 0
    refused = quotas.before_append("acme")
    assert refused is not None
    assert refused.details["retry_after"] == "1.001"
    assert quotas.before_append("bravo") is None
    clock.now += 1.001
    assert quotas.before_append("acme") is None
