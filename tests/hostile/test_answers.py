"""Servers that lie about what a check found, and what catches each lie.

lie                          caught by
a match withheld             audit --answers, if the answer was attested; canaries, of one's own entries
a match invented or altered  audit --answers; --prove, at once
no attestation               the client, at once
an attestation forged        the client, at once
of another request or answer the client, at once
of another position or time  the client, at once
by a replaced key            the client, at once, and audit --answers
of a tree that the log drops audit --answers
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from attesting import (
    KEY,
    OTHER,
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

from hashpact.audit.answers.canaries import canaries
from hashpact.domain.checks import Answer, Filter, NearBenign, Query
from hashpact.domain.fingerprints import MINHASH, PDQ, SHA256
from hashpact.domain.kinds import Root
from hashpact.domain.matching.strength import Strength
from hashpact.errors import CorruptError, HashpactError, LogKeyError, ProofError
from hashpact.member.clients import Client
from hashpact.service.attest.attester import Attester
from hashpact.wire import attested as wire
from hashpact.wire.v1 import check_pb2


@pytest.fixture
async def founded() -> AsyncIterator[Clearinghouse]:
    """A clearinghouse that attests."""
    async with attesting_house() as found:
        yield found


class LyingAttester(Attester):
    """Attests something else than it was asked: what ``change`` makes of the arguments and of the note."""

    change: Callable[[bytes, bytes, int], tuple[bytes, bytes, int]] = staticmethod(lambda *asked: asked)
    after: Callable[[bytes], bytes] = staticmethod(lambda note: note)

    def attest(self, request: bytes, answer: bytes, position: int) -> bytes:
        """The wrong note."""
        return self.after(super().attest(*self.change(request, answer, position)))


async def test_an_honest_answer_passes_whatever_happens_to_the_log_later(
    house: Clearinghouse, connect: Connect
) -> None:
    entry = await share(house, connect)
    text = await share(house, connect, fingerprint(MINHASH, "text"), fingerprint(SHA256, "file"))
    kept = []
    asked = (near(SHARED, 6), fingerprint(MINHASH, "text"))
    for index in (entry, text):
        answer = await attested(house, connect, *asked)
        assert {match.entry for match in answer.matches} >= {text}
        kept.append(kept_of(answer))
        await connect(house.profile("acme"), clock=house.world.clock)("withdraw", index, "mistake")
    gone = await attested(house, connect, *asked)
    assert gone.matches == ()
    assert await asyncio.to_thread(audited, house, [*kept, kept_of(gone)]) == []


def withheld(answer: Answer) -> Answer:
    """Without the nearest match."""
    return replace(answer, matches=answer.matches[1:])


def invented(answer: Answer) -> Answer:
    """With a match of an entry that is not near."""
    (first, *_) = answer.matches
    return replace(answer, matches=(*answer.matches, replace(first, entry=first.entry + 1, score=31)))


def unlogged(answer: Answer) -> Answer:
    """With a match of an entry that there is not."""
    (first, *_) = answer.matches
    return replace(answer, matches=(*answer.matches, replace(first, entry=2, score=31)))


def nearer(answer: Answer) -> Answer:
    """With another distance."""
    (first, *rest) = answer.matches
    return replace(answer, matches=(replace(first, score=first.score + 1), *rest))


def relabelled(answer: Answer) -> Answer:
    """With another label, and other marks."""
    (first, *rest) = answer.matches
    altered = replace(first, labels=("hate",), unconfirmed=True, quarantined=True)
    return replace(answer, matches=(altered, *rest))


def harmless(answer: Answer) -> Answer:
    """With the claim that something harmless is as near."""
    (first, *rest) = answer.matches
    return replace(answer, matches=(replace(first, benign=NearBenign(first.entry + 1, 0)), *rest))


def twice(answer: Answer) -> Answer:
    """With each match two times."""
    return replace(answer, matches=2 * answer.matches)


def cut(answer: Answer) -> Answer:
    """Without matches, and with the claim that there was too much to consider."""
    return replace(answer, matches=(), truncated=True)


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (withheld, "withholds entry 6"),
        (invented, "entry 7 by pdq/1: the entry is not so near"),
        (unlogged, "entry 2 by pdq/1: there is no such entry"),
        (nearer, "entry 6 by pdq/1: reported with another score"),
        (relabelled, "entry 6 by pdq/1: reported with another labels, unconfirmed, quarantined"),
        (harmless, "entry 6 by pdq/1: reported with another benign"),
        (twice, "names an entry twice"),
        (cut, "says that there may be further matches"),
    ],
)
async def test_an_audit_names_the_answer_and_the_entry_that_was_lied_about(
    founded: Clearinghouse, connect: Connect, alter: Alter, says: str
) -> None:
    lying(founded, alter)
    await founded.start()
    assert await share(founded, connect) == 6
    assert await share(founded, connect, fingerprint(PDQ, "another")) == 7
    kept = kept_of(await attested(founded, connect))  # the client alone cannot know
    found = await asyncio.to_thread(audited, founded, [kept])
    assert any(finding.message.startswith(f"0.answer: {says}") for finding in found), found
    assert all(SHARED.value not in data for one in found for data in one.evidence.values())


async def test_a_limit_and_a_filter_excuse_no_more_than_they_leave_out(
    founded: Clearinghouse, connect: Connect
) -> None:
    hidden: set[int] = set()
    hiding(founded, hidden)
    await founded.start()
    nearest, middle, far = [
        await share(founded, connect, near(SHARED, steps), labels=[label])
        for steps, label in ((0, "ncii"), (4, "hate"), (8, "ncii"))
    ]
    options: list[dict[str, Any]] = [
        {"limit": 1},
        {"limit": 2},
        {"filter": Filter(labels=frozenset({"ncii"}))},
        {"filter": Filter(labels=frozenset({"hate"})), "limit": 1},
    ]
    honest = [kept_of(await attested(founded, connect, **each)) for each in options]
    assert await asyncio.to_thread(audited, founded, honest) == []
    hidden.add(nearest)
    lied = [kept_of(await attested(founded, connect, **each)) for each in options]
    found = await asyncio.to_thread(audited, founded, lied)
    assert [one.message.partition(":")[0] for one in found] == ["0.answer", "1.answer", "2.answer"]
    assert {one.index for one in found} == {nearest}
    hidden |= {middle, far}
    none = await asyncio.to_thread(audited, founded, [kept_of(await attested(founded, connect))])
    assert {one.index for one in none} == {nearest, middle, far}


def attested_by(house: Clearinghouse, kind: type[Attester]) -> Attester:
    """An attester of another class, with the right key."""
    honest = attester_of(house)
    honest.__class__ = kind
    return honest


@pytest.mark.parametrize(
    ("lie", "says"),
    [
        ({"change": staticmethod(lambda request, *rest: (request + b"0", *rest))}, "of another request"),
        ({"change": staticmethod(lambda one, two, at: (one, two + b"0", at))}, "of another answer"),
        ({"change": staticmethod(lambda one, two, at: (one, two, at - 1))}, "is attested"),
        ({"after": staticmethod(lambda note: note.replace(b"\nlog ", b"\nlog x"))}, "an attestation of"),
        ({"after": staticmethod(lambda note: note.replace(b"time 1", b"time 2"))}, "forged or altered"),
        ({"after": staticmethod(lambda _: b"")}, "note: want 1 to 2048 bytes"),
        ({"after": staticmethod(lambda note: b"x" * 2000 + note)}, "note: want 1 to 2048 bytes"),
        ({"after": staticmethod(lambda note: b"x" + note)}, "not an attestation"),
    ],
)
async def test_a_client_refuses_an_attestation_of_something_else(
    founded: Clearinghouse, connect: Connect, lie: dict[str, Any], says: str
) -> None:
    founded.alter(attester=attested_by(founded, type("Liar", (LyingAttester,), lie)))
    await founded.start()
    with pytest.raises(CorruptError, match=says):
        await attested(founded, connect)


async def test_a_client_refuses_an_attestation_of_another_time(
    founded: Clearinghouse, connect: Connect
) -> None:
    await founded.start()
    call = connect(founded.profile("bolt"), clock=lambda: founded.world.clock() + 700)
    with pytest.raises(ProofError, match="at another time"):
        await call("check", [SHARED], attest=True)


async def test_a_client_refuses_a_key_that_no_root_statement_names(
    founded: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    founded.alter(attester=attester_of(founded, OTHER))
    monkeypatch.setattr(Attester, "_check_key", lambda _: None)
    await founded.start()
    with pytest.raises(LogKeyError, match="no attestation key"):
        await attested(founded, connect)


async def test_a_client_refuses_an_answer_without_the_attestation(
    house: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        wire, "response_to_wire", lambda answer, _: check_pb2.CheckResponse.FromString(answer)
    )
    with pytest.raises(ProofError, match="without the attestation"):
        await attested(house, connect)


async def test_a_replaced_attestation_key_attests_nothing_any_more(
    founded: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    await founded.start()
    world = founded.world
    before = kept_of(await attested(founded, connect))
    admins = tuple(admin.key for admin in world.admins)
    world.administrators(founded.ledger).say(
        Root(2, admins, 2, world.log_keys, attestation_keys=(OTHER.public,))
    )
    world.guard(founded.ledger).sign()
    await asyncio.to_thread(founded.intake.follower.catch_up)
    monkeypatch.setattr(Attester, "_check_key", lambda _: None)
    with pytest.raises(ProofError, match="no attestation key"):  # the client follows the root statements
        await attested(founded, connect)
    assert await asyncio.to_thread(audited, founded, [before]) == []  # it was in force then


async def test_an_audit_refuses_a_replaced_key_and_a_tree_that_the_log_has_dropped(
    founded: Clearinghouse, connect: Connect
) -> None:
    await founded.start()
    await share(founded, connect)
    kept = kept_of(await attested(founded, connect))
    _, stated = kept.opened()
    replaced = replace(kept, note=stated.sign(OTHER.public, OTHER.private))
    longer = replace(kept, note=replace(stated, position=stated.position + 5).sign(KEY.public, KEY.private))
    forked = replace(kept, note=replace(stated, root=bytes(32)).sign(KEY.public, KEY.private))
    found = await asyncio.to_thread(audited, founded, [replaced, longer, forked])
    position = stated.position
    unnamed = "no attestation key that the log's root statements name signed the answer"
    dropped = f"attests position {position + 5}, and the log has {position} leaves: leaves were dropped"
    assert sorted(one.message.partition(": ")[2] for one in found) == [
        f"attests another tree of {position} leaves than the log's: two histories",
        dropped,
        f"proves nothing at position {position}: {unnamed}",
    ]


@pytest.mark.parametrize("alter", [invented, nearer, relabelled, unlogged])
async def test_a_match_that_cannot_be_proved_is_an_error(
    founded: Clearinghouse, connect: Connect, alter: Alter
) -> None:
    lying(founded, alter)
    await founded.start()
    await share(founded, connect)
    await share(founded, connect, fingerprint(PDQ, "another"))
    call = connect(founded.profile("bolt"), clock=founded.world.clock)
    answer = await call("check", [SHARED], strength=Strength.WEAK)
    with pytest.raises(HashpactError):
        await call("prove_matches", answer.matches, [Query(SHARED)])


async def test_canaries_find_what_a_check_withholds(
    founded: Clearinghouse, tmp_path: Path, connect: Connect
) -> None:
    hidden: set[int] = set()
    hiding(founded, hidden)
    await founded.start()
    profile = replace(founded.profile("acme"), directory=tmp_path, followed=True)
    call = connect(profile, clock=founded.world.clock)
    entries = [
        (
            await call(
                "submit", [fingerprint(PDQ, f"{number}"), fingerprint(SHA256, f"{number}")], labels=["ncii"]
            )
        ).index
        for number in range(5)
    ]
    await call("withdraw", entries[0], "mistake")

    def missing(number: int, seed: int) -> list[int | None]:
        with Client(profile, clock=founded.world.clock) as client:
            return [finding.index for finding in canaries(client, number, seed, lambda *_: None).found]

    assert await asyncio.to_thread(missing, 100, 1) == []
    hidden.update(entries[:3])
    assert await asyncio.to_thread(missing, 100, 1) == entries[1:3]  # the first does not stand
    few = [await asyncio.to_thread(missing, 2, seed) for seed in range(8)]
    assert any(few)
    assert few == [await asyncio.to_thread(missing, 2, seed) for seed in range(8)]
