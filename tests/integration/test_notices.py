"""The code of conduct through a real server and both clients: what is stated, who reads it, what is due."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from builders import NOW, Identity, fingerprint
from clearinghouse import Caller, Clearinghouse, Connect

from hashpact.domain.conduct.answers import MattersRequest, NoticeDetail
from hashpact.domain.conduct.appealed import Stage
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.fingerprints import SHA256, parse_private
from hashpact.domain.kinds import Policy
from hashpact.domain.kinds.conduct.words import parse_words
from hashpact.domain.state import CLOCKS, Role
from hashpact.errors import ConflictError, InvalidInputError, NotFoundError, NotPermittedError
from hashpact.member import papers

DAY = 24 * 3600
ADDRESS, REFERENCE, EXPLANATION = "notices@acme.example", "vụ 15/2027", "Ảnh riêng tư bị đăng lại"
PROCEDURE = b"Name the content, the rule and the reason.\n"
LABELS = ("fraud", "hate", "ncii")
MEMBERS = {
    "watch": {Role.NOTIFY},
    "council": {Role.AUTHORITY, Role.NOTIFY},
    "reader": {Role.CHECK},
    "auditor": {Role.AUDIT},
    "voice": {Role.REPRESENT},
}


@pytest.fixture
def staffed(house: Clearinghouse) -> Clearinghouse:
    """A clearinghouse with a notifier, an authority, a stranger to every notice, and an auditor."""
    administrators = house.world.administrators(house.ledger)
    for member, roles in MEMBERS.items():
        who = Identity.of(member)
        administrators.enrol(member, frozenset(roles), who.key, who.private)
    administrators.say(Policy(2, LABELS, priorities=(("ncii", "vulnerable"),)))
    house.intake.follower.catch_up()
    return house


Join: TypeAlias = Callable[[str], Caller]
"""Makes the client of a member."""


@pytest.fixture
def join(staffed: Clearinghouse, connect: Connect) -> Join:
    """Clients whose clock is the server's, which tests set."""
    return lambda member: connect(staffed.profile(member), clock=staffed.world.clock)


async def reach(caller: Caller, **fields: Any) -> int:  # noqa: ANN401  # of any type
    """Name a contact point for notices."""
    given: dict[str, Any] = {
        "valid_from": NOW,
        "valid_to": NOW + 300 * DAY,
        "languages": ["vi", "en"],
    } | fields
    receipt = await caller("state", papers.contact("notices", ADDRESS, **given))
    return int(receipt.index)


def given_notice(**fields: Any) -> papers.Paper:  # noqa: ANN401  # of any type
    """An ordinary notice to acme."""
    values: dict[str, Any] = {
        "to": ["acme"],
        "labels": ["hate"],
        "explanation": EXPLANATION,
        "reference": REFERENCE,
        "channel": "flagger",
        "clock": "code",
        "fingerprints": [fingerprint(SHA256, "sought")],
    }
    return papers.notice(**(values | fields))


async def one(caller: Caller, **fields: Any) -> NoticeDetail:  # noqa: ANN401  # of any type
    """The one notice that the caller sees."""
    (found,) = await caller("notices", MattersRequest(**fields))
    assert isinstance(found, NoticeDetail)
    return found


async def test_a_notice_is_read_decided_and_in_time(staffed: Clearinghouse, join: Join) -> None:
    acme, watch = join("acme"), join("watch")
    with pytest.raises(ConflictError, match="'acme' has no contact point for notices"):
        await watch("state", given_notice())
    await reach(acme)
    index = (await watch("state", given_notice())).index
    found = await one(acme, to="acme")
    assert (found.case.standing, found.case.due) == (Standing.OPEN, NOW + DAY)
    item, words = found.notice.private
    assert parse_private(item).fingerprint == fingerprint(SHA256, "sought")
    assert (parse_words(words).explanation, parse_words(words).reference) == (EXPLANATION, REFERENCE)
    await acme("state", papers.receipt_confirmed(index))
    staffed.world.clock.now += DAY
    await acme(
        "state",
        papers.decision(index, "removed", clause="hate-3-2", acted=NOW, notified=NOW, notified_by="mail"),
    )
    found = await one(watch, by="watch")
    assert (found.case.standing, found.case.confirmed_at) == (Standing.ANSWERED, NOW)
    assert found.case.decision is not None
    assert found.case.decision.clause == "hate-3-2"
    assert (await acme("notices", MattersRequest(standings=frozenset({Standing.OPEN})))) == []


@pytest.mark.parametrize(
    ("after", "standing"),
    [
        (DAY - 1, Standing.ANSWERED),
        (DAY, Standing.ANSWERED),
        (DAY + 1, Standing.ANSWERED_LATE),
    ],
)
async def test_the_clock_is_told_to_the_second(
    staffed: Clearinghouse, join: Join, after: int, standing: Standing
) -> None:
    acme, watch = join("acme"), join("watch")
    await reach(acme)
    index = (await watch("state", given_notice())).index
    staffed.world.clock.now += after
    overdue = (await one(acme)).case.standing is Standing.OVERDUE
    assert overdue is (after > DAY)
    await acme("state", papers.decision(index, "kept"))
    assert (await one(acme)).case.standing is standing


@pytest.mark.parametrize("name", sorted(CLOCKS))
async def test_each_clock_class_runs_as_the_policy_has_it(join: Join, name: str) -> None:
    acme, watch = join("acme"), join("watch")
    await reach(acme)
    await watch("state", given_notice(clock=name))
    await watch("state", given_notice(clock=name, labels=["hate", "ncii"]))
    plain, priority = await acme("notices")
    assert (plain.case.due, plain.case.priority) == (NOW + CLOCKS[name], False)
    assert (priority.case.due, priority.case.priority) == (
        NOW + min(CLOCKS[name], CLOCKS["vulnerable"]),
        True,
    )


async def test_an_incomplete_notice_names_all_that_it_lacks_and_is_not_sent(
    staffed: Clearinghouse, join: Join
) -> None:
    watch, size = join("watch"), staffed.ledger.head().size
    with pytest.raises(InvalidInputError) as refused:
        given_notice(
            to=[], labels=[], explanation=" ", reference=None, channel=None, clock=None, fingerprints=[]
        )
    named = refused.value.details["missing"]
    assert named == "to, about, label, channel, clock, reference, explanation"
    assert "was not sent" in refused.value.message
    with pytest.raises(InvalidInputError, match="lacks authority, article"):
        given_notice(basis="law")
    assert await watch("notices") == []
    assert staffed.ledger.head().size == size


async def test_67_only_those_whom_a_notice_concerns_read_it(join: Join) -> None:
    acme = join("acme")
    await reach(acme)
    council = join("council")
    law = {"basis": "law", "authority": "council", "article": "decree-13-5"}
    await council("state", given_notice(**law))
    for member, seen in {"acme": 1, "council": 1, "auditor": 1, "reader": 0, "watch": 0}.items():
        found = await join(member)("notices")
        assert len(found) == seen, member
        assert all(detail.notice.private and not detail.notice.withheld for detail in found)
    leaves = await join("reader")("leaves", private=True)
    stored = b"".join(part for leaf in leaves for part in (leaf.statement, *leaf.private))
    for text in (ADDRESS, REFERENCE, EXPLANATION):
        assert text.encode() not in stored
        assert repr(text).encode("ascii", "backslashreplace")[1:-1] not in stored


async def test_contact_points_are_listed_for_every_member(staffed: Clearinghouse, join: Join) -> None:
    acme, reader = join("acme"), join("reader")
    await reach(acme, procedure=PROCEDURE)
    (found,) = await reader("contacts")
    assert parse_words(found.contact.private[-1]).address == ADDRESS
    assert (found.point.live, found.point.overdue) == (True, False)
    assert await reader("document", hashlib.sha256(PROCEDURE).digest()) == PROCEDURE
    with pytest.raises(NotFoundError, match="no statement names a document"):
        await reader("document", bytes(32))
    staffed.world.clock.now += 90 * DAY + 1
    (found,) = await reader("contacts")
    assert found.point.overdue
    await acme("state", papers.contact_confirmed("notices"))
    (found,) = await reader("contacts")
    assert not found.point.overdue


async def test_an_appeal_is_ruled_on_and_the_entry_matches_no_more(join: Join) -> None:
    acme, watch = join("acme"), join("watch")
    shared = fingerprint(SHA256, "mistaken")
    entry = (await acme("submit", [shared], labels="hate")).index
    appeal = (await watch("state", papers.appeal("satire", entry=entry, explanation=EXPLANATION))).index
    (found,) = await acme("appeals")
    assert (found.case.owner, found.case.stage) == ("acme", Stage.OWNER)
    assert parse_words(found.appeal.private[0]).explanation == EXPLANATION
    (withheld,) = await join("reader")("appeals")
    assert (withheld.appeal.private, withheld.appeal.withheld) == ((), True)
    assert (await acme("check", [shared])).matches
    await acme("state", papers.ruling(appeal, "upheld", "satire", entry=entry))
    assert not (await acme("check", [shared])).matches
    (found,) = await acme("appeals")
    assert found.case.stage is Stage.UPHELD


async def test_an_authority_answers_and_alone_can_neither_add_nor_remove(join: Join) -> None:
    acme, council = join("acme"), join("council")
    shared = fingerprint(SHA256, "by law")
    law = {"basis": "law", "authority": "council", "article": "decree-13-5"}
    with pytest.raises(NotPermittedError, match="role contribute"):
        await council("submit", [shared], labels="hate", **law)
    entry = (await acme("submit", [shared], labels="hate", **law)).index
    with pytest.raises(NotPermittedError, match="only 'acme'"):
        await council("withdraw", entry, "not-ours")
    with pytest.raises(NotPermittedError, match="'watch' does not have the role authority"):
        await acme("submit", [shared], labels="hate", again=True, **(law | {"authority": "watch"}))
    await reach(acme)
    with pytest.raises(NotPermittedError, match="'watch' does not have the role authority"):
        await council("state", given_notice(**(law | {"authority": "watch"})))
    asked = (await acme("state", papers.question("council", "which-article", EXPLANATION))).index
    (awaited,) = await council("replies")
    assert (awaited.awaited.authority, awaited.awaited.due) == ("council", NOW + 15 * DAY)
    await council("state", papers.reply(asked, "answered", explanation="Điều 5."))
    (awaited,) = await acme("replies", MattersRequest(standings=frozenset({Standing.ANSWERED})))
    assert awaited.reply is not None
    assert parse_words(awaited.reply.private[0]).explanation == "Điều 5."


async def test_a_representative_ends_what_has_priority(join: Join) -> None:
    acme, voice = join("acme"), join("voice")
    shared, other = fingerprint(SHA256, "harmed"), fingerprint(SHA256, "other")
    harmed = (await acme("submit", [shared], labels=["ncii"])).index
    kept = (await acme("submit", [other], labels=["fraud"])).index
    await join("bolt")("opinion", harmed, "endorse")
    await voice("withdraw", harmed, "asked-by-the-victim")
    assert not (await acme("check", [shared])).matches
    with pytest.raises(NotPermittedError, match="only 'acme'"):
        await voice("withdraw", kept, "asked")


async def test_what_is_reported_is_listed_for_all(join: Join) -> None:
    acme, reader = join("acme"), join("reader")
    minutes, practice = b"agreed\n", b"look twice\n"
    await acme("state", papers.training(["children"], "2027-01", "10-49"))
    await acme("state", papers.practice(["review"], practice))
    await acme("state", papers.tally("2027-01", 900, {"hate": (9, 5, 4), "fraud": (1, 1, 0)}))
    review = (await acme("state", papers.review("2026Q4", minutes, {"train": NOW}))).index
    await acme("state", papers.action_done(review, "train", by=review))
    for kind in ("training", "practice", "tally", "review", "action-done"):
        (found,) = await reader("filings", kind)
        assert (found.filing.kind, found.filing.member, found.stands) == (kind, "acme", True)
    assert await reader("document", hashlib.sha256(practice).digest()) == practice
    with pytest.raises(InvalidInputError, match="kind: want one of"):
        await reader("filings", "submit")


async def test_pages_are_read_one_after_the_other(join: Join) -> None:
    acme, watch = join("acme"), join("watch")
    await reach(acme)
    made = [(await watch("state", given_notice(reference=f"case {number}"))).index for number in range(7)]
    found = await acme("notices", MattersRequest(size=3))
    assert [detail.notice.filing.index for detail in found] == made
    found = await acme("notices", MattersRequest(index=made[2]))
    assert [detail.notice.filing.index for detail in found] == [made[2]]
    assert await acme("notices", MattersRequest(labels=frozenset({"fraud"}))) == []
    assert await acme("notices", MattersRequest(due_before=NOW + DAY)) == []
    assert len(await acme("notices", MattersRequest(due_before=NOW + DAY + 1))) == len(made)
