"""A profile's own terms, over the wire: they hold back what others find, and are sent to nobody."""

from __future__ import annotations

import io
from dataclasses import replace

from builders import fingerprint, near
from clearinghouse import Caller, Clearinghouse, Connect

from hashpact.domain.checks import Filter, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.matching.holding import Held
from hashpact.domain.matching.own import OwnTerms, draw
from hashpact.fingerprint.content import fingerprints_of_text

BASE = fingerprint(PDQ, "base")
TEXT = "Hội chợ sách mùa thu mở cửa miễn phí cho học sinh, sinh viên đến hết tuần này tại nhà văn hóa quận."
NEVER_ACME = OwnTerms(never=frozenset({"acme"}))


def as_bolt(house: Clearinghouse, connect: Connect, own: OwnTerms) -> Caller:
    return connect(replace(house.profile("bolt"), own=own))


async def shared(house: Clearinghouse, connect: Connect, *entries: tuple[str, int]) -> list[int]:
    """Entries by these members, so many bits from the base; their indexes."""
    found = []
    for member, bits in entries:
        caller = connect(house.profile(member))
        receipt = await caller("submit", [near(BASE, bits)], labels=["ncii"])
        found.append(receipt.index)
    return found


async def test_every_kind_of_check_holds_back_what_a_disbelieved_member_has_shared(
    house: Clearinghouse, connect: Connect
) -> None:
    planted, own = await shared(house, connect, ("acme", 2), ("bolt", 8))
    caller = as_bolt(house, connect, NEVER_ACME)
    answer = await caller("check", [BASE])
    (many,) = await caller("check_many", [BASE])
    (streamed,) = await caller("check_stream", [[BASE]])
    for one in (answer, many, streamed):
        assert [match.entry for match in one.matches] == [own]
        assert [(match.entry, match.held) for match in one.held] == [(planted, Held.NEVER)]
        assert not one.truncated
    everything = await connect(house.profile("bolt"))("check", [BASE])
    assert [match.entry for match in everything.matches] == [planted, own]


async def test_a_crowd_of_disbelieved_entries_hides_nothing(house: Clearinghouse, connect: Connect) -> None:
    *_, own = await shared(house, connect, *(("acme", 2) for _ in range(6)), ("bolt", 8))
    caller = as_bolt(house, connect, NEVER_ACME)
    answer = await caller("check", [BASE], limit=1)
    assert ([match.entry for match in answer.matches], answer.truncated) == ([own], False)
    (many,) = await caller("check_many", [BASE], limit=1)
    assert (many.matches, many.truncated) == ((), True)


async def test_files_of_one_batch_find_what_is_behind_a_crowd(house: Clearinghouse, connect: Connect) -> None:
    made = fingerprints_of_text(TEXT).fingerprints
    for _ in range(2):
        await connect(house.profile("acme"))("submit", made, labels=["ncii"], again=True)
    receipt = await connect(house.profile("bolt"))("submit", made, labels=["ncii"])
    caller = as_bolt(house, connect, NEVER_ACME)
    data = TEXT.encode()
    options = {"types": ["sha256/1", "minhash/1"], "limit": 1, "min_position": receipt.tree_size}
    results = await caller("check_files", [io.BytesIO(data), io.BytesIO(data)], **options)
    assert [[match.entry for match in result.matches] for result in results] == [[receipt.index]] * 2
    assert {match.held for result in results for match in result.held} == {Held.NEVER}


async def test_an_entry_of_a_member_that_is_always_believed_counts_as_endorsed(
    house: Clearinghouse, connect: Connect
) -> None:
    (entry,) = await shared(house, connect, ("acme", 2))
    narrow = Filter(min_endorsed_by=2)
    assert (await as_bolt(house, connect, OwnTerms())("check", [BASE], filter=narrow)).matches == ()
    caller = as_bolt(house, connect, OwnTerms(always=frozenset({"acme"})))
    for method in ("check", "check_many"):
        answer = await caller(method, [BASE], filter=narrow)
        (match,) = (answer[0] if isinstance(answer, list) else answer).matches
        assert (match.entry, match.endorsed_by, match.believed) == (entry, 0, True)


async def test_a_roll_out_enables_the_uploads_whose_draw_is_below_the_ratio(
    house: Clearinghouse, connect: Connect
) -> None:
    uploads = [near(BASE, bits) for bits in range(2, 20, 2)]
    await shared(house, connect, ("acme", 2))
    terms = OwnTerms(seed="2027-q1", enabled_ratio=0.5)
    answers = await as_bolt(house, connect, terms)("check_many", uploads)
    enabled = [draw("2027-q1", (Query(one),)) < 0.5 for one in uploads]
    assert [bool(answer.matches) for answer in answers] == enabled
    assert [[match.held for match in answer.held] for answer in answers] == [
        [] if on else [Held.DISABLED] for on in enabled
    ]
    assert set(enabled) == {True, False}
