"""Parts of pictures from submission to match: only where the policy allows them, and with the transform."""

from __future__ import annotations

import pytest
from builders import LABELS, World, fingerprint, near
from memory import MemoryLedger
from pictured import inset, picture, stored

from hashpact.domain.checks import Check, Query
from hashpact.domain.fingerprints import PARTS, PDQ, Fingerprint, parse_private
from hashpact.domain.kinds import Policy
from hashpact.domain.messages import Submission
from hashpact.errors import MalformedError, NotPermittedError
from hashpact.fingerprint.parts.keypoints import parts, parts_to_check
from hashpact.fingerprint.parts.perspective import agreement
from hashpact.lookup import NativeIndex
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import Reason
from hashpact.service.append import Appender
from hashpact.service.check import Checker
from hashpact.service.follow import Follower

ALLOWED = "hate"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ledger(world: World) -> MemoryLedger:
    """A log whose policy allows parts/1 under one label."""
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    labels = tuple(sorted({*LABELS, ALLOWED, "ncii"}))
    policy = Policy(2, labels, allowed=(("parts/1", ALLOWED),))
    world.appender(ledger).append(None, Submission(world.by_admins(policy)))
    return ledger


def share(world: World, ledger: MemoryLedger, label: str, *shared: Fingerprint) -> int:
    submission = world.author("acme").submit(shared, Reason(frozenset(label.split())))
    return Appender(ledger, world.clock).append("acme", submission).index


def test_a_partial_copy_is_found_with_its_place(world: World, ledger: MemoryLedger) -> None:
    original = parts(picture(1))
    entry = share(world, ledger, ALLOWED, original, fingerprint(PDQ, "a"))
    share(world, ledger, ALLOWED, parts(picture(2)))
    index = NativeIndex()
    checker = Checker(ledger, index, Follower(ledger, index, EntryCatalog(ledger)))
    copy = inset(picture(1), 0.5, (0.25, 0.25), picture(99))
    queries = [Query(each) for each in (near(fingerprint(PDQ, "a"), 3), *parts_to_check(copy))]
    answer = checker.check(Check(tuple(queries), min_position=ledger.head().size))

    by_type = {match.type: match for match in answer.matches}
    assert {match.entry for match in answer.matches} == {entry}
    assert by_type["pdq/1"].transform is None
    found = by_type["parts/1"]
    assert (found.query, answer.truncated) == (1, False)
    assert found.score >= PARTS.default
    assert found.transform is not None
    assert found.transform.scale == pytest.approx(0.5, rel=0.02)
    assert (found.transform.x, found.transform.y) == pytest.approx((0.25, 0.25 * 0.75), abs=0.01)
    assert agreement(original, queries[1].fingerprint, copy, found.transform).confirms(found.score)
    # A check that asks for more keypoints than agree finds nothing.
    more = Query(queries[1].fingerprint, min(found.score + 1, 300))
    assert not checker.check(Check((more,))).matches


@pytest.mark.parametrize("label", ["ncii", "ncii hate"])
def test_61_parts_are_refused_under_a_label_that_the_policy_does_not_allow(
    world: World, ledger: MemoryLedger, label: str
) -> None:
    size = ledger.head().size
    with pytest.raises(NotPermittedError, match="the policy does not allow parts/1 under the label 'ncii'"):
        share(world, ledger, label, fingerprint(PARTS, "a"))
    assert ledger.head().size == size
    share(world, ledger, label, fingerprint(PDQ, "a"))


@pytest.mark.parametrize("label", ["csam", "minors", "ncii"])
def test_61_no_policy_can_allow_parts_where_they_would_reveal_a_victim(label: str) -> None:
    with pytest.raises(MalformedError, match=f"allow parts/1 {label}"):
        Policy(2, (label,), allowed=(("parts/1", label),)).check()


def test_of_what_is_made_to_check_with_the_first_keypoints_are_shared(
    world: World, ledger: MemoryLedger
) -> None:
    asked, _ = parts_to_check(stored(picture(1)))
    entry = share(world, ledger, ALLOWED, asked)
    ((index, (private,)),) = ledger.private(entry, entry + 1)
    assert index == entry
    assert parse_private(private).fingerprint.value == asked.value[: 128 * PARTS.size]
