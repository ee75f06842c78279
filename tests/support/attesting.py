"""Attestations of a clearinghouse in memory, and of one that lies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from builders import BOTH, LABELS, Identity, World, fingerprint
from clearinghouse import Clearinghouse, Connect

from hashpact.audit.answers.withheld import AnswerAudit
from hashpact.audit.auditor import Auditor
from hashpact.audit.deriving.fold import scratch
from hashpact.audit.findings import Finding
from hashpact.audit.remote import ServerSource
from hashpact.domain.attestation import AttestedAnswer
from hashpact.domain.checks import MAX_LIMIT, Answer, Check
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.kinds import Policy
from hashpact.domain.matching.strength import Strength
from hashpact.domain.ports import Ledger
from hashpact.lookup.catalog import EntryCatalog
from hashpact.service.attest.attester import AttestationKey, Attester
from hashpact.service.check import Checker
from hashpact.wire.client.attempts import Pace
from hashpact.wire.client.connection import Connection

KEY = Identity.of("attest")
OTHER = Identity.of("attest", "2")
SHARED = fingerprint(PDQ, "shared")

Alter: TypeAlias = Callable[[Answer], Answer]


@dataclass(slots=True)
class AttestedWorld(World):
    """A world whose genesis names the key `KEY`."""

    def found(self, ledger: Ledger, *members: str) -> None:
        """As in any world."""
        administrators = self.administrators(ledger)
        policy = Policy(1, tuple(sorted(LABELS)))
        administrators.found_by(2, self.log_keys, policy, attestation_keys=(KEY.public,))
        for member_id in members:
            who = Identity.of(member_id)
            administrators.enrol(member_id, BOTH, who.key, who.private)


def attester_of(house: Clearinghouse, who: Identity | None = KEY, checker: Checker | None = None) -> Attester:
    """What attests the answers of a clearinghouse, with that key."""
    key = None if who is None else AttestationKey(house.world.origin, who.public, who.private)
    return Attester(checker or house.services.checker, house.ledger, key, house.world.clock, EntryCatalog)


@asynccontextmanager
async def attesting_house() -> AsyncIterator[Clearinghouse]:
    """A clearinghouse whose charter names an attestation key, and which has it; stopped in the end."""
    house = Clearinghouse(AttestedWorld())
    house.alter(attester=attester_of(house))
    house.world.guard(house.ledger).sign()
    yield house
    await house.stop()


@dataclass(frozen=True, slots=True)
class LyingChecker(Checker):
    """A checker whose answers are altered before they are attested."""

    alter: Alter = lambda answer: answer

    def check(self, check: Check, *rest: Any) -> Answer:  # noqa: ANN401  # as the honest one's
        """The altered answer."""
        return self.alter(Checker.check(self, check, *rest))


@dataclass(frozen=True, slots=True)
class HidingChecker(Checker):
    """A checker that hides some entries, as if they were not there."""

    hidden: set[int] = field(default_factory=set)

    def check(self, check: Check, *rest: Any) -> Answer:  # noqa: ANN401  # as the honest one's
        """The answer without them."""
        answer = Checker.check(self, replace(check, limit=MAX_LIMIT), *rest)
        there = tuple(match for match in answer.matches if match.entry not in self.hidden)
        return replace(answer, matches=there[: check.limit])


def hiding(house: Clearinghouse, hidden: set[int]) -> None:
    """Have a clearinghouse hide these entries; it must not serve yet."""
    honest = house.services.checker
    liar = HidingChecker(honest.ledger, honest.index, honest.follower, hidden)
    house.alter(checker=liar, attester=attester_of(house, checker=liar))


def lying(house: Clearinghouse, alter: Alter) -> None:
    """Have a clearinghouse alter its answers from now on; it must not serve yet."""
    honest = house.services.checker
    liar = LyingChecker(honest.ledger, honest.index, honest.follower, alter)
    house.alter(checker=liar, attester=attester_of(house, checker=liar))


def audited(house: Clearinghouse, kept: list[AttestedAnswer]) -> list[Finding]:
    """What an audit of the server finds wrong with kept answers."""
    watcher = AnswerAudit((Path(f"{number}.answer"), one) for number, one in enumerate(kept))
    pace = Pace(lambda: 0.0, lambda: 0.0)
    with closing(Connection(house.profile("acme").endpoint, pace)) as connection:
        source = ServerSource(connection, "acme", watcher.take)
        with scratch() as fold:
            seen = watcher.seen(fold)
            report = Auditor(source, house.world.clock, lambda *_: None, fold, seen=seen).run()
    assert {finding.topic for finding in report.findings} <= {"checkpoint"}
    return list(watcher.end(report.size))


async def attested(house: Clearinghouse, connect: Connect, *asked: Fingerprint, **options: Any) -> Answer:  # noqa: ANN401  # of a check
    """The attested answer to a check."""
    call = connect(house.profile("bolt"), clock=house.world.clock)
    asks = list(asked or (SHARED,))
    answer: Answer = await call("check", asks, attest=True, strength=Strength.WEAK, **options)
    return answer


async def share(house: Clearinghouse, connect: Connect, *shared: Fingerprint, **terms: Any) -> int:  # noqa: ANN401  # of a submission
    """An entry with these fingerprints."""
    call = connect(house.profile("acme"), clock=house.world.clock)
    receipt = await call("submit", list(shared or (SHARED,)), **({"labels": ["ncii"]} | terms))
    return int(receipt.index)


def kept_of(answer: Answer) -> AttestedAnswer:
    """What is kept of an answer."""
    assert answer.attestation is not None
    return answer.attestation
