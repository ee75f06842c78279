"""67 to 71: reading what is for others, another's answers, documents that nobody named, floods of words."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest
from builders import NOW, Identity, fingerprint
from clearinghouse import Caller, Clearinghouse, Connect

from hashpact.domain.conduct.answers import MAX_MATTERS, MattersRequest
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.conduct.watching import WatchPlace
from hashpact.domain.fingerprints import MINHASH, SHA256
from hashpact.domain.kinds import MAX_ITEMS, KeyRevoke
from hashpact.domain.kinds.conduct.spelling import Point
from hashpact.domain.messages import MAX_DOCUMENT, Submission
from hashpact.domain.state import Member, Role
from hashpact.errors import HashpactError, InvalidInputError, MalformedError, NotFoundError
from hashpact.member import papers
from hashpact.service.conduct import MatterReader
from hashpact.wire import matters
from hashpact.wire.codec import MAX_MESSAGE

SECRET = "the victim lives in the street of silver"  # noqa: S105  # what must not be read
DAY = 24 * 3600
WATCH = "/hashpact.wire.v1.ConductService/WatchNotices"
Join = Callable[[str], Caller]


@pytest.fixture
def join(house: Clearinghouse, connect: Connect) -> Join:
    """Clients at the server's clock: of a platform, a notifier, an authority, and one who may only check."""
    administrators = house.world.administrators(house.ledger)
    roles = {"watch": {Role.NOTIFY}, "council": {Role.AUTHORITY, Role.NOTIFY}, "nosy": {Role.CHECK}}
    for member, of in roles.items():
        who = Identity.of(member)
        administrators.enrol(member, frozenset(of), who.key, who.private)
    house.intake.follower.catch_up()
    return lambda member: connect(house.profile(member), clock=house.world.clock)


def acme_member(house: Clearinghouse) -> Member:
    """The platform's record."""
    with house.ledger.snapshot() as view:
        member = view.member("acme")
    assert member is not None
    return member


async def noticed(join: Join) -> int:
    """A notice to acme with a secret; its index."""
    reached = papers.contact("notices", "desk", valid_from=NOW, valid_to=NOW + 99 * DAY, languages=["vi"])
    await join("acme")("state", reached)
    paper = papers.notice(
        ["acme"],
        labels=["hate"],
        explanation=SECRET,
        reference="case 7",
        channel="flagger",
        clock="code",
        fingerprints=[fingerprint(SHA256, "sought")],
    )
    return int((await join("watch")("state", paper)).index)


async def test_67_no_call_gives_words_to_a_member_whom_they_do_not_concern(
    house: Clearinghouse, join: Join
) -> None:
    index = await noticed(join)
    acme, nosy = join("acme"), join("nosy")
    appeal = await join("watch")(
        "state",
        papers.appeal(
            "mistake",
            entry=(await acme("submit", [fingerprint(SHA256, "e")], labels="hate")).index,
            explanation=SECRET,
        ),
    )
    question = await acme("state", papers.question("council", "which", SECRET))
    await join("council")("state", papers.reply(question.index, "this", explanation=SECRET))
    seen: list[Any] = []
    for call, arguments in (
        ("notices", {}),
        ("appeals", {}),
        ("replies", {}),
        ("contacts", {}),
        ("entries", {}),
        ("leaves", {"private": True}),
        ("members", {}),
    ):
        seen += await nosy(call, **arguments)
    with pytest.raises(NotFoundError):
        await nosy("entry", index)
    withheld = [
        one for one in seen if SECRET.encode("ascii", "backslashreplace") in repr(one).encode("utf-8")
    ]
    assert withheld == []
    shown = repr(await acme("appeals")) + repr(await acme("replies")) + repr(await acme("notices"))
    assert shown.count(SECRET) == 4  # they reach those whom they concern
    assert appeal.index < house.ledger.head().size
    # What is sought is no entry: nobody finds it.
    assert not (await nosy("check", [fingerprint(SHA256, "sought")])).matches


async def test_68_what_a_thief_decides_stops_no_clock(house: Clearinghouse, join: Join) -> None:
    index = await noticed(join)
    acme = join("acme")
    stolen = (await acme("state", papers.decision(index, "kept"))).index
    (found,) = await join("watch")("notices")
    assert found.case.standing is Standing.ANSWERED
    house.world.administrators(house.ledger).say(KeyRevoke("acme", Identity.of("acme").id, stolen, "stolen"))
    house.world.clock.now += DAY + 1
    (found,) = await join("watch")("notices")
    assert found.case.standing is Standing.OVERDUE
    assert found.decisions == ()


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda made: replace(made, documents=[]), InvalidInputError, "enclose the document"),
        (lambda made: replace(made, documents=[b"other"]), InvalidInputError, "does not name"),
        (
            lambda made: replace(made, documents=[*made.documents, b"more"]),
            InvalidInputError,
            "does not name",
        ),
        (lambda made: replace(made, documents=[b"x"] * 3), InvalidInputError, "documents: want 0 to 2"),
        (
            lambda made: replace(made, documents=[bytes(MAX_DOCUMENT + 1)]),
            InvalidInputError,
            "the limit is 262144",
        ),
        (lambda made: replace(made, private=[b"x"]), InvalidInputError, "1 private parts for 0 commitments"),
    ],
)
async def test_69_a_document_that_is_not_the_one_named_leaves_nothing(
    house: Clearinghouse,
    join: Join,
    spoil: Callable[[Submission], Submission],
    error: type[HashpactError],
    message: str,
) -> None:
    acme, document = join("acme"), b"a practice"
    made = acme.client.author.file(papers.practice(["review"], document))
    before = house.ledger.head().size
    with pytest.raises(error, match=message):
        await acme("append", spoil(made))
    assert house.ledger.head().size == before
    assert house.ledger.document(hashlib.sha256(document).digest()) is None
    await acme("append", made)
    assert await join("nosy")("document", hashlib.sha256(document).digest()) == document


async def test_69_words_that_are_not_the_kinds_are_refused(house: Clearinghouse, join: Join) -> None:
    acme = join("acme")
    asked = acme.client.author.file(papers.question("council", "which", SECRET))
    before = house.ledger.head().size
    for private in ([b"hashpact/words/v1\nnonce 00\n"], [], [b"x" * (32 * 1024 + 1)]):
        with pytest.raises((InvalidInputError, MalformedError)):
            await acme("append", replace(asked, private=private))
    assert house.ledger.head().size == before


async def test_70_notices_of_the_largest_size_hide_no_others(house: Clearinghouse, join: Join) -> None:
    small = await noticed(join)
    reached = papers.contact("notices", "desk", valid_from=NOW, valid_to=NOW + 99 * DAY, languages=["vi"])
    await join("bolt")("state", reached)
    watch = join("watch")
    sought = [fingerprint(MINHASH, f"sought {number}") for number in range(MAX_ITEMS)]
    large = [
        await watch(
            "state",
            papers.notice(
                ["acme", "bolt"],
                labels=["hate"],
                explanation="\U0001f5d1" * 1000,
                reference=f"case {number}",
                channel="flagger",
                clock="code",
                fingerprints=sought,
            ),
        )
        for number in range(30)
    ]
    asked = MattersRequest(size=MAX_MATTERS)
    found = await join("acme")("notices", asked)
    assert [one.notice.filing.index for one in found] == [small] + [
        one.index for one in large for _ in ("acme", "bolt")
    ]
    assert all(len(one.notice.private) == MAX_ITEMS + 1 for one in found[1:])
    page = await asyncio.to_thread(MatterReader.notices, house.services.matters, acme_member(house), asked)
    assert len(page.matters) < len(found)
    assert matters.notices_to_wire(page).ByteSize() < MAX_MESSAGE // 2


async def test_70_contact_points_come_in_pages(house: Clearinghouse, join: Join) -> None:
    administrators = house.world.administrators(house.ledger)
    members = [f"member-{number:02}" for number in range(12)]
    for member in members:
        who = Identity.of(member)
        administrators.enrol(member, frozenset({Role.CHECK}), who.key, who.private)
    house.intake.follower.catch_up()
    for member in members:
        for point in Point:
            paper = papers.contact(
                point, "\U0001f5d1" * 2000, valid_from=NOW, valid_to=NOW + 99 * DAY, languages=["vi"]
            )
            await join(member)("state", paper)
    page = house.services.matters.contacts("")
    assert 0 < len(page.contacts) < len(members) * len(Point)
    assert matters.contacts_to_wire(page).ByteSize() < MAX_MESSAGE // 2
    found = await join("nosy")("contacts")
    assert [(one.contact.filing.member, one.point.contact.point) for one in found] == [
        (member, point) for member in members for point in Point
    ]


async def test_71_one_who_watches_without_end_takes_no_more_than_its_share(
    house: Clearinghouse, join: Join
) -> None:
    await noticed(join)
    most = house.limits.member_streams
    async with contextlib.AsyncExitStack() as watching:
        channel = await watching.enter_async_context(house.channel(house.tls(house.member("acme"))))
        method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(WATCH)
        opened = [method(b"") for _ in range(most)]
        for one in opened:
            assert await one.read() is not grpc.aio.EOF
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await method(b"").read()
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert [one.detail for one in await join("nosy")("watch_notices", follow=False)] == [None]
        for one in opened:
            one.cancel()


@pytest.mark.parametrize("place", [(2**63 - 1, 2**63 - 1), (2**63 - 1, 0), (0, 2**63 - 1)])
async def test_71_a_place_of_no_log_to_go_on_from(join: Join, place: tuple[int, int]) -> None:
    await noticed(join)
    found = await join("acme")("watch_notices", WatchPlace(*place), follow=False)
    assert all(one.seen.position < 100 for one in found[-1:])
