"""Whom a mirror lets in over its socket, and what it refuses by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from builders import World
from memory import MemoryLedger

from hashpact.domain.kinds import MemberSuspend
from hashpact.domain.messages import Submission
from hashpact.domain.renewal import Renewal
from hashpact.errors import ElsewhereError, NotPermittedError, UnauthenticatedError, UnavailableError
from hashpact.mirror.gate import LOCAL, Elsewhere, MirrorGate
from hashpact.wire.server.identity import CHECK, Gate

SOCKET = {"transport_security_type": LOCAL}


@pytest.fixture
def ledger(world: World) -> MemoryLedger:
    """A log with members."""
    ledger = MemoryLedger()
    world.found(ledger, "acme", "bolt")
    return ledger


def gate_of(world: World, ledger: MemoryLedger, owner: str) -> MirrorGate:
    """The gate of a mirror of that member."""

    def changes() -> int:
        return ledger.head().size

    gate = Gate(world.origin, ledger.snapshot, world.clock, changes)
    return MirrorGate(gate, owner, {owner}, ledger.snapshot, world.clock, changes)


def test_whoever_has_the_socket_is_the_owner(world: World, ledger: MemoryLedger) -> None:
    assert gate_of(world, ledger, "acme").admit(SOCKET, CHECK).id == "acme"


def test_an_owner_that_the_copy_does_not_know_yet_may_ask_later(world: World, ledger: MemoryLedger) -> None:
    with pytest.raises(UnavailableError, match="does not reach the enrolment"):
        gate_of(world, ledger, "newcomer").admit(SOCKET, CHECK)


def test_a_suspended_owner_is_refused_as_soon_as_that_is_copied(world: World, ledger: MemoryLedger) -> None:
    gate = gate_of(world, ledger, "acme")
    assert gate.admit(SOCKET, CHECK).id == "acme"
    world.appender(ledger).append(None, Submission(world.by_admins(MemberSuspend("acme", "test"))))
    with pytest.raises(NotPermittedError, match="suspended"):
        gate.admit(SOCKET, CHECK)


def test_another_channel_needs_a_certificate(world: World, ledger: MemoryLedger) -> None:
    with pytest.raises(UnauthenticatedError, match="client certificate"):
        gate_of(world, ledger, "acme").admit({"transport_security_type": [b"insecure"]}, CHECK)


def test_what_is_done_elsewhere_names_where() -> None:
    elsewhere = Elsewhere("hub.example:8443")
    asks: list[Callable[[], object]] = [
        lambda: elsewhere.append("acme", Submission(b""), None),
        lambda: elsewhere.renew("acme", Renewal(b"", b"")),
        lambda: elsewhere.propose(b""),
        elsewhere.all,
        lambda: elsewhere.of("acme"),
    ]
    for ask in asks:
        with pytest.raises(ElsewhereError, match=r"this is a mirror.*hub\.example:8443") as refused:
            ask()
        assert refused.value.details == {"address": "hub.example:8443"}
