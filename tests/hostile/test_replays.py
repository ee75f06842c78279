"""1 to 3 and 5: statements that are sent again, changed, to another log, or over another's channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from appending import refuse
from builders import NOW, YEAR, Identity, World, check_log, fingerprint, private_part, seeded, sign, submit

from hashpact.domain.fingerprints import PDQ, commitment
from hashpact.domain.messages import Submission
from hashpact.domain.state import Stance
from hashpact.errors import InvalidInputError, NotPermittedError, RequestReusedError
from hashpact.member.author import Reason
from hashpact.service.append import MAX_SKEW, Appender
from hashpact.storage.sqlite import SqliteLedger

NCII = Reason(frozenset({"ncii"}))
SHARED = fingerprint(PDQ, "a")
ACME, BRAVO = Identity.of("acme"), Identity.of("bravo")


@pytest.fixture
def appender(world: World, tmp_path: Path) -> Iterator[Appender]:
    """The writer of a founded log with two members, which is checked when the test is over."""
    ledger = SqliteLedger.create(tmp_path / "hashpact.db")
    world.found(ledger, "acme", "bravo")
    yield world.appender(ledger)
    check_log(ledger)
    ledger.close()


def test_01_an_exact_replay_gives_the_original_receipt_for_ever(appender: Appender, world: World) -> None:
    submission = world.author("acme").submit([SHARED], NCII)
    first = appender.append("acme", submission)
    appender.append("bravo", world.author("bravo").opinion(first.index, Stance.SEEN))
    appender.append("acme", world.author("acme").withdraw(first.index, "mistake"))
    size = appender.ledger.head().size
    # Neither the clock nor the key's end nor what has happened since matters to a retry.
    for now in (NOW, NOW + MAX_SKEW + 1, NOW + 2 * YEAR, 0):
        world.clock.now = now
        assert appender.append("acme", submission) == first
        assert appender.append(None, submission) == first
    assert appender.ledger.head().size == size


def test_02_the_same_request_with_other_bytes(appender: Appender, world: World) -> None:
    first = world.statement(submit(commitment(private_part(SHARED))), ACME, request=seeded("r", 16))
    private = [private_part(SHARED)]
    appender.append("acme", Submission(sign(first, ACME), private))
    other = dataclasses.replace(first, time=first.time + 1)
    for data in (sign(other, ACME), sign(first, ACME, BRAVO), sign(first, BRAVO)):
        refuse(appender, "acme", Submission(data, private), RequestReusedError, "nothing has changed")
    one_byte = bytearray(sign(first, ACME))
    one_byte[-10] ^= 1
    refuse(appender, "acme", Submission(bytes(one_byte), private), RequestReusedError, "nothing has changed")
    # A request id is the member's own.
    same = world.statement(first.body, BRAVO, request=first.request)
    assert appender.append("bravo", Submission(sign(same, BRAVO), private)).index == 7


def test_03_the_statement_of_another_log_is_refused_before_storage(appender: Appender) -> None:
    other = World(origin="other.example/log")
    refuse(appender, "acme", other.author("acme").submit([SHARED], NCII), InvalidInputError, "other.example")


def test_05_the_member_is_not_the_channels(appender: Appender, world: World) -> None:
    submission = world.author("acme").submit([SHARED], NCII)
    refuse(appender, "bravo", submission, NotPermittedError, "by 'acme', the channel is of 'bravo'")
    refuse(appender, "acme", Submission(world.policy(2)), NotPermittedError, "by 'admin'")
    refuse(appender, "", submission, NotPermittedError, "by 'acme'")


def test_05_comes_before_anything_that_the_log_would_tell(appender: Appender, world: World) -> None:
    """A stranger's replay of a member's bytes gets no receipt, and learns nothing of the request id."""
    submission = world.author("acme").submit([SHARED], NCII)
    appender.append("acme", submission)
    refuse(appender, "bravo", submission, NotPermittedError, "the channel is of")
