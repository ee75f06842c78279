"""The answers of a copy are those of its source at each position, whatever is stated: fixed random logs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from builders import LABELS, World, check_state, fingerprint
from memory import MemoryLedger
from sourced import Copy, Source
from streams import Stream, ordinary

from hashpact.audit.auditor import audit_whole
from hashpact.audit.source import ledger_source
from hashpact.domain.checks import Answer, Check, Filter, Query
from hashpact.domain.fingerprints import SHA256
from hashpact.domain.matching.batches import Batch, Packing
from hashpact.domain.messages import Submission
from hashpact.domain.ports import Ledger
from hashpact.domain.rules.replay import Replay
from hashpact.errors import HashpactError
from hashpact.lookup.catalog import EntryCatalog
from hashpact.lookup.native import NativeIndex
from hashpact.service import following
from hashpact.service.check import Checker
from hashpact.service.follow import Follower

LOGS = 3
STEPS = 248
FILTERS = (
    Filter(),
    Filter(labels=frozenset(LABELS[:1])),
    Filter(bases=frozenset({"law"})),
    Filter(min_endorsed_by=1),
    Filter(without_disputed=True),
    Filter(without_disowned=True),
    Filter(without_benign=True, agreeing=True),
)
ASKED = 8
"""Rounds of questions of each log, and questions of a round."""


def checker(ledger: Ledger) -> Checker:
    """What answers from an index over a ledger."""
    index = NativeIndex()
    return Checker(ledger, index, Follower(ledger, index, EntryCatalog(ledger)))


def told(asked: Checker, check: Check) -> Answer | str:
    """The answer, or the refusal."""
    try:
        return asked.check(check)
    except HashpactError as error:
        return error.message


def asked(rng: random.Random, shared: Sequence[int], narrow: Filter) -> Check:
    """A question about some of what was shared by these numbers."""
    codes = [fingerprint(SHA256, f"{number} {rng.randrange(3)}") for number in rng.choices(shared, k=6)]
    return Check(tuple(map(Query, codes)), narrow, rng.choice((1, 3, 100)))


def equal(source: Checker, others: Iterable[Checker], check: Check) -> bool:
    """Have all answer alike, one check and many; whether anything matched."""
    wanted, filter_ = told(source, check), check.filter
    for other in others:
        assert told(other, check) == wanted
        if not (filter_.labels or filter_.agreeing):  # a batch has no upload to agree about
            packing = Packing.of(check.queries)
            many = Batch(packing.packed, filter_, 5, 0)
            assert packing.answers(other.check_batch(many)) == packing.answers(source.check_batch(many))
    return isinstance(wanted, Answer) and bool(wanted.matches)


@pytest.mark.parametrize("log", range(LOGS))
def test_a_copy_answers_as_its_source_does_at_every_position(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: int
) -> None:
    """Withdrawals, voids, opinions, revocations with cutoffs, suspensions and policies: in any batches."""
    rng, ledger, folded = random.Random(log), MemoryLedger(), Replay()
    stream, source = Stream(world), Source(world, ledger)
    shared: list[int] = []
    compared = matched = 0

    def append(submission: Submission) -> bool:
        try:
            source.append(submission)
        except HashpactError:
            return False
        new = list(ledger.leaves(folded.size, ledger.head().size))  # none for what was sent before
        for leaf in new:
            folded.apply(leaf.data)
        return bool(new)

    for submission in stream.founding():
        append(submission)
    copy, live = Copy(source, tmp_path), checker(ledger)
    copied = checker(copy.ledger)
    for turn in range(STEPS):
        step = ordinary(100 + log, turn)
        if step[0] != "root" and append(stream.next(step, folded.state)) and step[0] == "submit":
            shared.append(step[2])
        if (turn + 1) % (STEPS // ASKED) or not shared:
            continue
        monkeypatch.setattr(following, "MAX_FOLLOWED", rng.randint(1, 9))
        target = copy.replica.announce(source.signed(), source.ask)
        for batch in copy.batches(target):
            copied.follower.take(copy.take(batch, target).leaves)
        live.follower.catch_up()
        assert copied.follower.position == live.follower.position == ledger.head().size
        anew = checker(copy.ledger)  # as a mirror that has lost its index
        anew.follower.catch_up()
        for narrow in FILTERS:
            compared += 1
            matched += equal(live, (copied, anew), asked(rng, shared, narrow))
    check_state(copy.ledger, folded.state)
    with ledger_source(copy.ledger, confidential=False) as held:
        assert audit_whole(held, world.clock, lambda *_: None).findings == ()
    assert compared >= ASKED
    assert matched >= ASKED // 2
