"""Both clients against a real server: one suite, each test twice."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import numpy as np
import pytest
from builders import Identity, fingerprint, near
from clearinghouse import Clearinghouse, Connect
from imagehash import ImageHash

from hashpact.domain.checks import Filter, Query
from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH, SHA256, WINNOW, Measure
from hashpact.domain.matching.strength import Strength
from hashpact.domain.messages import Submission
from hashpact.domain.state import Basis, Role, Stance
from hashpact.errors import (
    BadSignatureError,
    ClockSkewError,
    ConflictError,
    DeadlineError,
    InvalidInputError,
    NotFoundError,
    NotPermittedError,
    RequestReusedError,
    UnavailableError,
    UnknownLabelError,
)
from hashpact.log import tree
from hashpact.member.author import Reason

NCII = Reason(frozenset({"ncii"}))


async def test_a_submission_is_found_at_once(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    shared = [fingerprint(kind, "one") for kind in (PDQ, MINHASH, SHA256)]
    receipt = await caller("submit", shared, labels={"ncii"}, jurisdictions=["VN"], removed=1)
    assert receipt.tree_size == receipt.index + 1 == house.ledger.head().size
    answer = await caller("check", [near(shared[0], 3), *shared[1:]], min_position=receipt.tree_size)
    assert answer.position >= receipt.tree_size
    assert [(match.type, match.measure, match.score) for match in answer.matches] == [
        ("minhash/1", Measure.JACCARD, 1.0),
        ("sha256/1", Measure.EQUALITY, 0),
        ("pdq/1", Measure.HAMMING, 3),
    ]
    first = answer.matches[0]
    assert (first.entry, first.member, first.labels) == (receipt.index, "acme", ("ncii",))
    assert (first.basis, first.jurisdictions, first.shared_at) == ("guideline", ("VN",), house.world.clock())


async def test_thresholds_and_filters_narrow(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    shared = fingerprint(PDQ, "one")
    await caller("submit", [shared], labels="ncii")
    far = near(shared, 20)
    assert (await caller("check", [far])).matches
    assert not (await caller("check", [Query(far, 19)])).matches
    assert (await caller("check", [Query(far, 20)])).matches
    assert not (await caller("check", [far], filter=Filter(labels=frozenset({"hate"})))).matches
    assert not (await caller("check", [far], filter=Filter(min_endorsed_by=1))).matches
    text = fingerprint(MINHASH, "text")
    await caller("submit", [text], labels="hate")
    assert (await caller("check", [Query(near(text, 32), 0.75)])).matches[0].score == 0.75
    assert not (await caller("check", [Query(near(text, 32), 0.76)])).matches


async def test_objects_of_other_libraries_are_taken(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    code = fingerprint(PHASH, "one")
    made = ImageHash(np.unpackbits(np.frombuffer(code.value, np.uint8)).reshape(8, 8).astype(bool))
    await caller("submit", [made], labels=["ncii"])
    assert (await caller("check", [made])).matches[0].score == 0
    with pytest.raises(InvalidInputError):
        await caller("check", ["deadbeef"])


async def test_opinions_and_a_withdrawal(house: Clearinghouse, connect: Connect) -> None:
    acme, bolt = connect(house.profile("acme")), connect(house.profile("bolt"))
    shared = fingerprint(PDQ, "one")
    index = (await acme("submit", [shared], labels=["ncii"])).index
    await bolt("opinion", index, "endorse")
    assert (await acme("check", [shared])).matches[0].endorsed_by == 1
    await bolt("opinion", index, Stance.DISPUTE)
    (match,) = (await acme("check", [shared])).matches
    assert (match.endorsed_by, match.disputed_by) == (0, 1)
    assert not (await acme("check", [shared], filter=Filter(without_disputed=True))).matches
    gone = await acme("withdraw", index, "mistake")
    assert not (await acme("check", [shared])).matches
    detail = await bolt("entry", index)
    assert (detail.entry.withdrawn_index, detail.entry.withdrawn_reason) == (gone.index, "mistake")
    assert [(given.member, given.stance) for given in detail.opinions] == [("bolt", Stance.DISPUTE)]
    with pytest.raises(ConflictError):
        await acme("withdraw", index, "mistake")
    with pytest.raises(InvalidInputError, match="endorse, dispute, seen"):
        await bolt("opinion", index, "like")


async def test_an_entry_comes_back_as_it_is_kept(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    law = {"basis": "law", "authority": "bolt", "article": "art-16-2"}
    receipt = await caller(
        "submit", [fingerprint(PDQ, "1"), fingerprint(SHA256, "1")], labels=["hate", "ncii"], **law
    )
    detail = await caller("entry", receipt.index)
    assert detail == house.services.reader.entry(receipt.index)
    assert detail.entry.basis is Basis.LAW
    assert tree.leaf_hash(detail.statement) == receipt.leaf_hash


async def test_the_same_bytes_have_one_receipt(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    author = house.world.author("acme")
    submission = author.submit([fingerprint(PDQ, "1")], NCII)
    first = await caller("append", submission)
    assert await caller("append", submission) == first
    assert house.ledger.head().size == first.tree_size
    house.world.entropy.drawn = 0
    again = [author.submit([fingerprint(PDQ, seed)], NCII) for seed in "23"]
    house.world.entropy.drawn = 0
    other = author.submit([fingerprint(PDQ, "4")], NCII)
    await caller("append", again[0])
    with pytest.raises(RequestReusedError):
        await caller("append", other)


async def test_members_come_in_pages(
    house: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashpact.member.operations.MAX_PAGE", 2)
    administrators = house.world.administrators(house.ledger)
    for number in range(3):
        who = Identity.of(f"more-{number}")
        administrators.enrol(who.owner, frozenset({Role.CHECK}), who.key, who.private)
    found = await connect(house.profile("acme"))("members")
    assert found == house.services.reader.members("", 100)
    assert [each.member.id for each in found] == ["acme", "bolt", "more-0", "more-1", "more-2"]


async def test_refusals_arrive_as_their_class(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    shared = [fingerprint(PDQ, "1")]
    with pytest.raises(UnknownLabelError) as unknown:
        await caller("submit", shared, labels=["nonsense"])
    assert unknown.value.details == {"field": "label", "known": "fraud, hate, ncii"}
    with pytest.raises(NotFoundError) as missing:
        await caller("entry", 999)
    assert missing.value.details == {"resource": "entries/999"}
    with pytest.raises(UnavailableError):
        await caller("check", shared, min_position=10_000, timeout=0.3)
    late = connect(house.profile("acme"), clock=lambda: house.world.clock() + 3600)
    with pytest.raises(ClockSkewError) as skewed:
        await late("submit", shared, labels=["ncii"])
    assert skewed.value.details == {"server_time": str(house.world.clock())}
    bolt = house.world.author("bolt").submit(shared, NCII)
    with pytest.raises(NotPermittedError, match="bolt"):
        await caller("append", bolt)
    forged = house.world.author("acme").submit(shared, NCII)
    forged = type(forged)(forged.statement.replace(b"label ncii", b"label hate"), forged.private)
    with pytest.raises(BadSignatureError):
        await caller("append", forged)


async def test_a_member_without_the_role_cannot_check(house: Clearinghouse, connect: Connect) -> None:
    who = Identity.of("feeder")
    house.world.administrators(house.ledger).enrol(
        "feeder", frozenset({Role.CONTRIBUTE}), who.key, who.private
    )
    caller = connect(house.profile("feeder"))
    await caller("submit", [fingerprint(PDQ, "1")], labels=["ncii"])
    with pytest.raises(NotPermittedError, match="'check'"):
        await caller("check", [fingerprint(PDQ, "1")])


async def test_a_call_ends_with_its_deadline(
    house: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(house.services.checker), "check", lambda *_: time.sleep(0.5))
    with pytest.raises(DeadlineError):
        await connect(house.profile("acme"))("check", [fingerprint(PDQ, "1")], timeout=0.2)


async def test_several_channels_and_threads(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"), channels=3)
    shared = [fingerprint(PDQ, str(number)) for number in range(12)]
    receipts = await asyncio.gather(*(caller("submit", [one], labels=["ncii"]) for one in shared))
    assert len({receipt.index for receipt in receipts}) == 12
    answers = await asyncio.gather(*(caller("check", [one]) for one in shared))
    assert [answer.matches[0].entry for answer in answers] == [receipt.index for receipt in receipts]


async def test_many_fingerprints_are_answered_each_by_itself_in_their_order(
    house: Clearinghouse, connect: Connect
) -> None:
    caller = connect(house.profile("acme"))
    shared = [fingerprint(PDQ, "one"), fingerprint(SHA256, "two")]
    receipt = await caller("submit", shared, labels=["ncii"])
    asked = [
        Query(near(shared[0], 20), 19),
        fingerprint(PDQ, "stranger"),
        *[fingerprint(SHA256, str(number)) for number in range(5000)],  # more than a call has
        shared[1],
        near(shared[0], 3),
    ]
    answers = await caller("check_many", asked, min_position=receipt.tree_size)
    assert len(answers) == len(asked)
    found = {number: answer.matches for number, answer in enumerate(answers) if answer.matches}
    assert {
        number: (match.entry, match.type, match.score, match.query, match.strength)
        for number, (match,) in found.items()
    } == {
        5002: (receipt.index, "sha256/1", 0, 0, Strength.SAME),
        5003: (receipt.index, "pdq/1", 3, 0, Strength.SAME),
    }
    assert not await caller("check_many", [])
    for wrong, message in (
        ([fingerprint(WINNOW, "set")], "ask with a check"),
        ([Query(shared[0], 32)], "threshold for pdq/1"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            await caller("check_many", wrong)
    with pytest.raises(InvalidInputError, match="limit must be"):
        await caller("check_many", shared, limit=65)
    checks = [event for event in house.events.entries if event["rpc"].endswith("CheckBatch")]
    assert len(checks) == 2
    assert not any("member" in event for event in checks)


async def test_many_fingerprints_need_the_role_to_check(house: Clearinghouse, connect: Connect) -> None:
    who = Identity.of("late")
    house.world.administrators(house.ledger).enrol("late", frozenset({Role.CONTRIBUTE}), who.key, who.private)
    with pytest.raises(NotPermittedError, match="does not have the role 'check'"):
        await connect(house.profile("late"))("check_many", [fingerprint(PDQ, "one")])
    only = house.member("acme", check_only=True)
    answers = await connect(house.profile("acme", house.tls(only)))("check_many", [fingerprint(PDQ, "one")])
    assert [answer.matches for answer in answers] == [()]


async def test_what_has_changed_is_listed_as_it_stands(house: Clearinghouse, connect: Connect) -> None:
    acme, bolt = connect(house.profile("acme")), connect(house.profile("bolt"))
    first, second = [(await acme("submit", [fingerprint(PDQ, name)], labels="ncii")).index for name in "12"]
    (page,) = await bolt("changes", private=True)
    assert [detail.entry.index for detail in page.entries] == [first, second]
    assert page.entries == tuple(await bolt("entries"))
    assert page.next == page.position == house.ledger.head().size
    await acme("withdraw", first, "mistake")
    await bolt("opinion", second, "dispute")
    (later,) = await bolt("changes", page.next)
    ended, disputed = later.entries
    assert (ended.entry.withdrawn_reason, ended.stands, ended.private) == ("mistake", False, ())
    assert (disputed.stands, disputed.private, len(disputed.opinions)) == (True, (), 1)
    assert await bolt("changes", later.next) == [replace(later, entries=())]
    hasty = connect(house.profile("bolt"), timeout=0.3)
    with pytest.raises(UnavailableError, match="not 99 yet"):
        await hasty("changes", 99)


async def test_keys_come_with_what_stands_of_their_statements(house: Clearinghouse, connect: Connect) -> None:
    world, acme = house.world, [Identity.of("acme", name) for name in "12"]
    for leaf in (world.rotate(*acme, overlap=3600), world.revoke(acme[0], house.ledger.head().size)):
        house.intake.appender.append(None, Submission(leaf))
    details = await connect(house.profile("bolt"))("members")
    assert details == house.services.reader.members("", 9)
    assert [key.stands_below for key in details[0].keys] == [house.ledger.head().size - 2, 0]
