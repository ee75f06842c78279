"""Attested answers and proved entries over real channels, with a server that does not lie."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attesting import attester_of, attesting_house
from builders import ALL_TYPES, Identity, fingerprint
from clearinghouse import Clearinghouse, Connect

from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import PDQ, SHA256
from hashpact.domain.kinds import MemberRoles
from hashpact.domain.matching.strength import Strength
from hashpact.domain.matching.unchecked import Unchecked
from hashpact.domain.messages import Submission
from hashpact.domain.state import Role
from hashpact.errors import ConflictError, InvalidInputError, NotFoundError, NotPermittedError
from hashpact.member.author import Author, reason_of
from hashpact.member.checking.attesting import UnkeptWarning
from hashpact.member.trusting.answers import AnswerStore
from hashpact.wire import streamed
from hashpact.wire.v1 import check_pb2

SHARED = fingerprint(PDQ, "shared")


@pytest.fixture
async def founded() -> AsyncIterator[Clearinghouse]:
    """A clearinghouse that attests."""
    async with attesting_house() as found:
        yield found


async def test_an_answer_is_attested_and_kept(house: Clearinghouse, connect: Connect, tmp_path: Path) -> None:
    call = connect(house.profile("acme"))
    receipt = await call("submit", [SHARED], labels=["ncii"])
    store = AnswerStore(tmp_path / "answers", unencrypted=True)
    answer = await call("check", [SHARED], attest=True)
    assert [match.entry for match in answer.matches] == [receipt.index]
    _, stated = answer.attestation.opened()
    assert (stated.position, stated.time) == (answer.position, house.world.clock())
    again = await call("check", [SHARED], keep=store)
    assert again == answer
    assert [one for _, one in store.answers()] == [again.attestation]
    assert (await call("check", [SHARED])).attestation is None
    assert again.attestation.request != answer.attestation.request  # a nonce of its own


async def test_checks_of_content_are_attested_one_by_one(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    call = connect(house.profile("acme"))
    store = AnswerStore(tmp_path / "answers", unencrypted=True)
    results = await call("check_files", [b"one" * 30, b"two" * 30], keep=store)
    assert all(result.answer.attestation is not None for result in results)
    assert len(list(store.files())) == 2


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    call = connect(house.profile("acme"))
    with pytest.warns(UnkeptWarning, match="is not kept"):
        answer = await call("check", [SHARED], keep=str(tmp_path / "file"))
    assert answer.attestation is not None


async def test_batches_and_streams_are_not_attested(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    call = connect(house.profile("acme"))
    with pytest.raises(InvalidInputError, match="not attested"):
        await call("check_many", [SHARED], attest=True)
    (refused,) = await call("check_stream", [[SHARED]], keep=tmp_path)
    assert isinstance(refused, InvalidInputError)
    message = check_pb2.CheckStreamRequest(check=check_pb2.CheckRequest(attest=True))
    with pytest.raises(InvalidInputError, match="a stream attests no answers"):
        streamed.request_from_wire(message)


async def test_a_server_without_a_key_says_so(founded: Clearinghouse, connect: Connect) -> None:
    for attester in (None, attester_of(founded, None)):
        founded.alter(attester=attester)
    await founded.start()
    call = connect(founded.profile("acme"), on_unavailable="open")
    with pytest.raises(ConflictError, match="attests no answers"):
        await call("check", [SHARED], attest=True)
    assert not isinstance(await call("check", [SHARED]), Unchecked)


async def test_a_nonce_is_required(house: Clearinghouse) -> None:
    channel = house.channel(house.tls(house.member("acme")))
    method = channel.unary_unary("/hashpact.wire.v1.CheckService/Check")  # type: ignore[var-annotated]  # bytes
    query = check_pb2.Query(fingerprint=check_pb2.Fingerprint(type="pdq/1", value=SHARED.value))
    for nonce in (b"", bytes(15), bytes(17)):
        request = check_pb2.CheckRequest(queries=[query], attest=True, nonce=nonce)
        with pytest.raises(Exception, match="nonce: want 16 bytes"):
            await method(request.SerializeToString())
    await channel.close()


async def test_an_entry_is_proved_with_all_that_it_has(house: Clearinghouse, connect: Connect) -> None:
    acme, bolt = connect(house.profile("acme")), connect(house.profile("bolt"))
    shared = [fingerprint(kind, "whole") for kind in ALL_TYPES]
    receipt = await acme("submit", shared, labels=["hate"])
    proved = await bolt("prove", receipt.index)
    assert (proved.index, proved.fingerprints, proved.stands) == (receipt.index, tuple(shared), True)
    assert (proved.statement.member, proved.signed.checkpoint.size) == ("acme", receipt.tree_size)
    answer = await bolt("check", shared, strength=Strength.WEAK)
    assert {match.type for match in answer.matches} == {kind.name for kind in ALL_TYPES}
    (again,) = await bolt("prove_matches", answer.matches, [Query(one) for one in shared])
    assert again == proved
    with pytest.raises(NotFoundError):
        await bolt("prove", 3)


async def test_an_entry_of_a_replaced_key_is_proved(house: Clearinghouse, connect: Connect) -> None:
    world, first, second, third = house.world, *(Identity.of("acme", name) for name in "123")
    appender = world.appender(house.ledger)
    for old, new in ((first, second), (second, third)):
        appender.append_all("acme", [Submission(world.rotate(old, new))])
    author = Author(world.origin, "acme", third.key, third.private, world.clock, world.entropy)
    (leaf,) = appender.append_all(
        "acme", [author.submit([fingerprint(SHA256, "a")], reason_of(["ncii"], "guideline", None, None, ()))]
    )
    world.guard(house.ledger).sign()
    proved = await connect(house.profile("bolt"))("prove", leaf.index)
    assert proved.statement.key == third.id


async def test_private_parts_are_needed_to_prove(house: Clearinghouse, connect: Connect) -> None:
    receipt = await connect(house.profile("acme"))("submit", [SHARED], labels=["ncii"])
    house.world.administrators(house.ledger).say(MemberRoles("bolt", frozenset({Role.CONTRIBUTE}), "less"))
    house.intake.follower.catch_up()
    with pytest.raises(NotPermittedError, match="for members that check or audit"):
        await connect(house.profile("bolt"))("prove", receipt.index)
