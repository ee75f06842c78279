"""Numbers 7 and 14 of the hostile inputs: signature lines, up to the log that they do not reach."""

from __future__ import annotations

import base64
import tracemalloc

import pytest
from builders import World, fingerprint
from memory import MemoryLedger

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.messages import Submission
from hashpact.errors import BadSignatureError, MalformedError
from hashpact.log.note import signature_line
from hashpact.member.author import Reason

L = 2**252 + 27742317777372353535851937790883648493
"""The order of Ed25519's base point (RFC 8032 section 5.1)."""


@pytest.fixture
def ledger(world: World) -> MemoryLedger:
    """A log with one member."""
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    return ledger


def signed(world: World) -> tuple[Submission, bytes, bytes]:
    """A submission, its text with the empty line, and its one signature line."""
    submission = world.author("acme").submit([fingerprint(PDQ, "one")], Reason(frozenset({"ncii"})))
    head, blank, line = submission.statement.rpartition(b"\n\n")
    return submission, head + blank, line


@pytest.mark.parametrize("multiple", [1, 2, 8, 15])
def test_07_a_signature_with_s_plus_l_is_refused(world: World, ledger: MemoryLedger, multiple: int) -> None:
    submission, text, line = signed(world)
    dash, name, encoded = line.rstrip().split(b" ")
    payload = base64.b64decode(encoded)
    scalar = int.from_bytes(payload[36:], "little")
    assert scalar < L
    malleated = payload[:36] + (scalar + multiple * L).to_bytes(32, "little")
    forged = text + b" ".join((dash, name, base64.b64encode(malleated))) + b"\n"
    size = ledger.head().size
    with pytest.raises(BadSignatureError):
        world.appender(ledger).append("acme", Submission(forged, submission.private))
    assert ledger.head().size == size
    assert world.appender(ledger).append("acme", submission).index == size


def test_14_sixteen_signature_lines_are_accepted_and_no_more(world: World, ledger: MemoryLedger) -> None:
    submission, text, line = signed(world)
    others = [signature_line(f"other/{number}", bytes(32), bytes(64)) for number in range(16)]
    appender, size = world.appender(ledger), ledger.head().size
    with pytest.raises(MalformedError, match="more than 16"):
        appender.append("acme", Submission(text + line + b"".join(others), submission.private))
    assert ledger.head().size == size
    sixteen = Submission(text + line + b"".join(others[:15]), submission.private)
    assert appender.append("acme", sixteen).index == size


def test_14_a_million_signature_lines_are_refused_in_bounded_memory(
    world: World, ledger: MemoryLedger
) -> None:
    submission, text, line = signed(world)
    data = text + line * 1_000_000
    size = ledger.head().size
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError):
            world.appender(ledger).append("acme", Submission(data, submission.private))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20  # the bytes themselves are a hundred times as many
    assert ledger.head().size == size
