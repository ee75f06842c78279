"""67 to 69: reading what is for others, answering in another's name, and documents that nobody named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, Identity, fingerprint
from clearinghouse import Caller, Clearinghouse, Connect

from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.fingerprints import SHA256
from hashpact.domain.kinds import KeyRevoke
from hashpact.domain.messages import MAX_DOCUMENT, Submission
from hashpact.domain.state import Role
from hashpact.errors import HashpactError, InvalidInputError, MalformedError, NotFoundError
from hashpact.member import papers

SECRET = "the victim lives in the street of silver"  # noqa: S105  # what must not be read
DAY = 24 * 3600
Join = Callable[[str], Caller]


@pytest.fixture
def join(house: Clearinghouse, connect: Connect) -> Join:
    """Clients at the server's clock: of a platform, a notifier, an authority, and one who may only check."""
    administrators = house.world.administrators(house.ledger)
    roles = {"watch": {Role.NOTIFY}, "council": {Role.AUTHORITY, Role.NOTIFY}, "nosy": {Role.CHECK}}
    for member, of in roles.items():
        who = Identity.of(member)
        administrators.enrol(member, frozenset(of), who.key, who.private)
    house.services.intake.follower.catch_up()
    return lambda member: connect(house.profile(member), clock=house.world.clock)


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
