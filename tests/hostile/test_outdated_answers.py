"""Servers that mislead though each match is there: answers out of date or in disorder, and ended entries.

lie                                    caught by
an answer of a tree that was outgrown  the client, if it has seen a larger one; else audit --answers
a match said to be another query's     audit --answers; views of a picture are weighed differently
the nearest match not named first      audit --answers
labels explained by other words        audit --answers
an answer passed off as a copy's       audit --answers
one's own entry said to have ended     audit --canaries, which holds that against the log
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from attesting import (
    SHARED,
    Alter,
    attested,
    attester_of,
    attesting_house,
    audited,
    hiding,
    kept_of,
    lying,
    share,
)
from builders import fingerprint, near
from clearinghouse import Clearinghouse, Connect

from hashpact.audit import run
from hashpact.audit.answers.canaries import canaries
from hashpact.audit.findings import Finding, Report
from hashpact.audit.run import AuditSettings
from hashpact.domain.checks import Answer, Check, Lag
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import MemberSuspend
from hashpact.domain.messages import EntryDetail
from hashpact.errors import ProofError
from hashpact.member.clients import Client
from hashpact.service.attest.attester import Attester
from hashpact.service.read import Reader

NEAR, FAR = near(SHARED, 2), near(SHARED, 8)


@pytest.fixture
async def founded() -> AsyncIterator[Clearinghouse]:
    """A clearinghouse that attests."""
    async with attesting_house() as found:
        yield found


class FrozenAttester(Attester):
    """Answers every check by the log of ``position`` leaves, in which nothing was shared."""

    position = 6

    def check(self, check: Check, *_: Any) -> Answer:  # noqa: ANN401, ARG002  # as the honest one's
        """The answer that was right then."""
        return Answer((), self.position)


async def frozen(house: Clearinghouse, connect: Connect, later: int) -> None:
    """Start a server that stays at the log before the first entry, which is so many seconds old by now."""
    attester = attester_of(house)
    attester.__class__ = FrozenAttester
    house.alter(attester=attester)
    await house.start()
    assert await share(house, connect) == FrozenAttester.position
    house.world.clock.now += later


def messages(found: list[Finding]) -> list[str]:
    """What was found, without the names of files."""
    return [one.message.partition(": ")[2] for one in found]


async def test_an_answer_of_a_tree_that_was_outgrown_long_ago_is_found(
    founded: Clearinghouse, connect: Connect
) -> None:
    await frozen(founded, connect, 3601)
    kept = kept_of(await attested(founded, connect))  # a client that has seen no larger tree cannot know
    (found,) = await asyncio.to_thread(audited, founded, [kept])
    assert messages([found]) == ["out of date: attests position 6 3601 s after leaf 6 was signed"]
    assert (found.index, list(found.evidence.values())) == (6, [kept.note])


async def test_an_answer_may_be_as_old_as_two_clocks_may_be_wrong(
    founded: Clearinghouse, connect: Connect
) -> None:
    await frozen(founded, connect, 3600)
    kept = kept_of(await attested(founded, connect))
    assert await asyncio.to_thread(audited, founded, [kept]) == []


async def test_an_honest_answer_is_not_out_of_date_by_what_administrators_signed_long_before(
    founded: Clearinghouse, connect: Connect
) -> None:
    await founded.start()
    await share(founded, connect)
    clock, world = founded.world.clock, founded.world
    clock.now += 9000
    kept = kept_of(await attested(founded, connect))
    clock.now -= 9000
    world.administrators(founded.ledger).say(
        MemberSuspend("bolt", "mistake")
    )  # as a proposal that has waited for signatures
    clock.now += 9000
    await asyncio.to_thread(founded.intake.follower.catch_up)
    await share(founded, connect, fingerprint(PDQ, "later"))
    assert await asyncio.to_thread(audited, founded, [kept]) == []


async def test_a_client_takes_no_answer_of_a_smaller_tree_than_it_has_seen(
    founded: Clearinghouse, connect: Connect
) -> None:
    await frozen(founded, connect, 0)
    call = connect(founded.profile("bolt"), clock=founded.world.clock)
    assert (await call("check", [SHARED], attest=True)).matches == ()
    await call("checkpoint")
    with pytest.raises(ProofError, match="of position 6, and one of at least 7 was asked for"):
        await call("check", [SHARED], attest=True)


def of_the_other_query(answer: Answer) -> Answer:
    """As a match of the query that is farther away."""
    (match,) = answer.matches
    assert match.query == 0
    return replace(answer, matches=(replace(match, query=1),))


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (of_the_other_query, "entry 6 by pdq/1: is near query 0, and reported as near query 1"),
        (
            lambda answer: replace(answer, texts=bytes(32)),
            "names another document than the policy's as what explains the labels",
        ),
        (lambda answer: replace(answer, lag=Lag(0, 0)), "says that it is from a copy of the log"),
    ],
)
async def test_an_audit_names_what_an_answer_says_besides_its_matches(
    founded: Clearinghouse, connect: Connect, alter: Alter, says: str
) -> None:
    lying(founded, alter)
    await founded.start()
    await share(founded, connect)
    kept = kept_of(await attested(founded, connect, NEAR, FAR))
    assert messages(await asyncio.to_thread(audited, founded, [kept])) == [says]


async def test_a_match_may_be_any_querys_that_is_as_near(founded: Clearinghouse, connect: Connect) -> None:
    """Which of them is named first, an index decides."""
    lying(founded, of_the_other_query)
    await founded.start()
    await share(founded, connect)
    kept = kept_of(await attested(founded, connect, NEAR, NEAR))
    assert await asyncio.to_thread(audited, founded, [kept]) == []


async def test_the_nearest_match_comes_first(founded: Clearinghouse, connect: Connect) -> None:
    lying(founded, lambda answer: replace(answer, matches=answer.matches[::-1]))
    await founded.start()
    await share(founded, connect)
    await share(founded, connect, FAR)
    kept = kept_of(await attested(founded, connect))
    assert messages(await asyncio.to_thread(audited, founded, [kept])) == [
        "does not name the nearest match first"
    ]


class EndingReader(Reader):
    """Says of every entry that it does not stand, if it is asked for one."""

    def entry(self, index: int) -> EntryDetail:
        """The entry, as if it had ended."""
        return replace(super().entry(index), stands=False)


@pytest.mark.parametrize("kind", [Reader, EndingReader])
async def test_an_own_entry_that_is_said_to_have_ended_is_held_against_the_log(
    founded: Clearinghouse, tmp_path: Path, connect: Connect, kind: type[Reader]
) -> None:
    hiding(founded, hidden := set[int]())
    founded.alter(reader=kind(founded.ledger))
    await founded.start()
    profile = replace(founded.profile("acme"), directory=tmp_path, followed=True)
    call = connect(profile, clock=founded.world.clock)
    gone, *there = [
        (await call("submit", [fingerprint(PDQ, f"{number}")], labels=["ncii"])).index for number in range(3)
    ]
    await call("withdraw", gone, "mistake")
    hidden.update(there)

    def audit() -> Report:
        with Client(profile, clock=founded.world.clock) as client:
            asked = canaries(client, 100, 1, lambda *_: None)
        known = AuditSettings(tmp_path / "evidence")
        return run.audit_endpoint(profile.endpoint, "acme", known, lambda *_: None, asked)

    report = await asyncio.to_thread(audit)
    said = "the server says that one's own entry {} does not stand, and by the log it stands"
    missing = "a check does not find one's own entry {}, which stands, by pdq/1"
    assert [(each.index, each.message) for each in report.findings if each.topic == "canary"] == [
        (entry, (missing if kind is Reader else said).format(entry)) for entry in there
    ]


class UnevenReader(Reader):
    """Says whether some entries stand otherwise than it is."""

    def entries(self, start: int, stop: int) -> Iterator[EntryDetail]:
        """The entries, two of them turned round."""
        for detail in super().entries(start, stop):
            turned = detail.entry.index in {6, 8}
            yield replace(detail, stands=detail.stands is not turned)


async def test_an_audit_compares_whether_entries_stand(
    founded: Clearinghouse, tmp_path: Path, connect: Connect
) -> None:
    founded.alter(reader=UnevenReader(founded.ledger))
    await founded.start()
    for number in range(3):
        await share(founded, connect, fingerprint(PDQ, f"{number}"))
    await connect(founded.profile("acme"), clock=founded.world.clock)("withdraw", 8, "mistake")
    known = AuditSettings(tmp_path / "evidence")
    endpoint = founded.profile("bolt").endpoint
    report = await asyncio.to_thread(run.audit_endpoint, endpoint, "bolt", known, lambda *_: None)
    assert [(each.topic, each.index, each.message) for each in report.findings if each.kind] == [
        ("state", 6, "leaf 6, a submit of acme: it is reported as one that does not stand"),
        ("state", 8, "leaf 8, a submit of acme: it is reported as one that stands"),
    ]
