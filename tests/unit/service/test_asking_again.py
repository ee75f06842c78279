"""Checks by a mirror under the member's own terms: an upload is kept and counted once, and drawn alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, cast

from checking import BASE, House

from hashpact.domain.checks import Answer, Query
from hashpact.domain.fingerprints import SHA1
from hashpact.domain.matching.own import OwnTerms, draw
from hashpact.fingerprint.content import fingerprints_of_text
from hashpact.lists.local import PrivateLists
from hashpact.member.checking.checks import Attests, Checks
from hashpact.member.checking.reached import Reached
from hashpact.member.checking.steps import Local, Steps
from hashpact.mirror.local import DirectChecks

TEXT = "Two hundred now to this account, and tomorrow four hundred are yours, says the bank of the lotus."


class Counted:
    """Notes how many checks are counted."""

    def __init__(self) -> None:
        self.checks: list[int] = []

    def count(self, entries: Iterable[int], checks: int) -> None:
        """Note it."""
        del entries
        self.checks.append(checks)

    def holds(self, entry: int) -> bool:
        """None is."""
        return entry < 0


class HeldHashes:
    """Private lists with SHA-1 values, none of which is near."""

    are_none = False

    def held(self) -> tuple[object, ...]:
        """The types."""
        return (SHA1,)

    def search(self, *_: object) -> Sequence[object]:
        """Nothing."""
        return ()


def checks(house: House, own: OwnTerms, lists: HeldHashes | None = None) -> Checks:
    given = cast("PrivateLists | None", lists)
    attests = cast("Attests", None)
    direct = DirectChecks(house.checker)
    return Checks(
        bytes(32), nullcontext, "closed", Reached(), attests, lists=given, own=own, asks=direct, mirror=True
    )


def done(steps: Steps[Any]) -> Any:  # noqa: ANN401  # of any steps
    """The outcome of steps that are local."""
    result = None
    try:
        while True:
            step = steps.send(result)
            assert isinstance(step, Local)
            result = step.do()
    except StopIteration as ended:
        return ended.value


def test_an_upload_that_is_asked_for_again_is_kept_and_counted_once() -> None:
    house, counted = House(), Counted()
    planted = [house.share(BASE) for _ in range(6)]
    house.follower.catch_up()
    kept: list[tuple[tuple[Query, ...], ...]] = []
    house.checker = replace(
        house.checker, counter=counted, keep=lambda uploads, *_: kept.append(tuple(uploads))
    )
    answer: Answer = done(checks(house, OwnTerms(never=frozenset({"acme"}))).check([BASE], {"limit": 1}))
    assert (answer.matches, len(answer.held)) == ((), len(planted))
    assert kept == [((Query(BASE),),)]
    assert [count for count in counted.checks if count] == [1]


def test_private_lists_do_not_change_for_which_uploads_a_label_is_enabled() -> None:
    made = fingerprints_of_text(TEXT, key=bytes(32))
    drawn = draw("seed", made.queries)
    house = House()
    entry = house.share(*made.fingerprints)
    house.follower.catch_up()
    for ratio, found in ((drawn, []), (drawn + 1e-9, [entry])):
        own = OwnTerms(seed="seed", enabled_ratio=ratio)
        for lists in (None, HeldHashes()):
            result = done(checks(house, own, lists).text(TEXT, {}))
            assert sorted({match.entry for match in result.answer.matches}) == found
