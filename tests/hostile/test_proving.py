"""An operator who makes entries up, against a member who has every entry proved before believing it.

The operator has the log's key and the ledger, and writes whatever bytes and rows it likes; it does not have
the keys of administrators and members.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, YEAR, Identity, World, fingerprint, near, private_part, sign
from clearinghouse import Clearinghouse, Connect

from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import MINHASH, PDQ, SHA256, commitment
from hashpact.domain.kinds import KeyEnrol, KeyRotate, Submit
from hashpact.domain.messages import EntryDetail, MemberDetail
from hashpact.domain.state import Basis, Entry, Key, Leaf, Record, Use
from hashpact.domain.statements import parse
from hashpact.errors import CorruptError, ProofError
from hashpact.log import tree
from hashpact.service.read import Reader

ACME, PUPPET, BOLT = Identity.of("acme"), Identity.of("acme", "9"), Identity.of("bolt")
SHARED = fingerprint(PDQ, "shared")
PRIVATE = private_part(SHARED)
BODY = Submit(("ncii",), Basis.GUIDELINE, None, None, (), NOW, (commitment(PRIVATE),))


@pytest.fixture
async def founded() -> AsyncIterator[Clearinghouse]:
    """A clearinghouse with a signed tree."""
    found = Clearinghouse()
    found.world.guard(found.ledger).sign()
    yield found
    await found.stop()


def forge(
    house: Clearinghouse, data: bytes, records: Sequence[Record] = (), private: Sequence[bytes] = ()
) -> int:
    """Write a leaf past every rule, with the rows that the operator wants, and sign the tree."""
    head, said = house.ledger.head(), parse(data).statement
    leaf_hash = tree.leaf_hash(data)
    nodes = tree.completed(head.size, head.edge, leaf_hash)
    leaf = Leaf(head.size, data, leaf_hash, nodes, said.member, said.request, said.time)
    with house.ledger.begin() as transaction:
        transaction.append(leaf, private, records)
    house.world.guard(house.ledger).sign()
    return head.size


def forge_entry(house: Clearinghouse, data: bytes, key: Identity) -> int:
    """Write a submission by that key."""
    index = house.ledger.head().size
    entry = Entry(index, "acme", ("ncii",), Basis.GUIDELINE, None, None, (), NOW, NOW, 1, key.id)
    return forge(house, data, (entry,), (PRIVATE,))


def puppet(index: int) -> Key:
    """The row of a key that the operator has made up."""
    return Key(PUPPET.id, "acme", "9", PUPPET.public, NOW + YEAR, index, Use.SIGN, 0)


def enrolled_by_nobody(world: World, _house: Clearinghouse) -> bytes:
    """An enrolment that only the new key has signed, in an administrator's name."""
    body = KeyEnrol("acme", "9", PUPPET.public, Use.SIGN, NOW + YEAR)
    return signed(world, body, world.admins[0], PUPPET)


def enrolled_by_one(world: World, _house: Clearinghouse) -> bytes:
    """An enrolment that one administrator of two has signed."""
    body = KeyEnrol("acme", "9", PUPPET.public, Use.SIGN, NOW + YEAR)
    return signed(world, body, world.admins[0], world.admins[0], PUPPET)


def rotated_by_nobody(world: World, _house: Clearinghouse) -> bytes:
    """A rotation that only the new key has signed, in the old one's name."""
    return signed(world, KeyRotate(ACME.id, "9", PUPPET.public, NOW + YEAR, 0), ACME, PUPPET)


def of_another_member(world: World, _house: Clearinghouse) -> bytes:
    """Another member's enrolment of the key."""
    body = KeyEnrol("bolt", "9", PUPPET.public, Use.SIGN, NOW + YEAR)
    return world.by_admins(body, PUPPET)


def signed(world: World, body: Any, author: Identity, *by: Identity) -> bytes:  # noqa: ANN401  # of any kind
    """A statement in one key's name, signed by others."""
    return sign(world.statement(body, author), *by)


@pytest.mark.parametrize(
    ("brings", "says"),
    [
        (enrolled_by_nobody, "has 0 of 2 signatures"),
        (enrolled_by_one, "has 1 of 2 signatures"),
        (rotated_by_nobody, "is not signed by acme/1"),
        (of_another_member, "does not bring the key of 'acme'"),
    ],
)
async def test_an_entry_under_a_key_that_the_operator_made_is_refused(
    founded: Clearinghouse, connect: Connect, brings: Callable[[World, Clearinghouse], bytes], says: str
) -> None:
    at = founded.ledger.head().size
    forge(founded, brings(founded.world, founded), (puppet(at),))
    entry = forge_entry(founded, signed(founded.world, BODY, PUPPET, PUPPET), PUPPET)
    await founded.start()
    with pytest.raises(ProofError, match=says):
        await connect(founded.profile("bolt"))("prove", entry)


async def test_an_entry_in_a_members_name_without_its_signature_is_refused(
    founded: Clearinghouse, connect: Connect
) -> None:
    entry = forge_entry(founded, signed(founded.world, BODY, ACME, BOLT), ACME)
    await founded.start()
    with pytest.raises(ProofError, match=f"leaf {entry} is not signed by acme/1"):
        await connect(founded.profile("bolt"))("prove", entry)


async def share(house: Clearinghouse, connect: Connect) -> int:
    """An honest entry."""
    receipt = await connect(house.profile("acme"))(
        "submit", [SHARED, fingerprint(MINHASH, "a")], labels=["ncii"]
    )
    return int(receipt.index)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            lambda one: replace(one, private=(private_part(near(SHARED, 2)), *one.private[1:])),
            "the private parts are not those",
        ),
        (lambda one: replace(one, private=one.private[:1]), "the private parts are not those"),
        (lambda one: replace(one, statement=one.statement.replace(b"label ncii", b"label hate")), "proof"),
    ],
)
async def test_altered_parts_of_an_entry_are_refused(
    house: Clearinghouse,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    changed: Callable[[EntryDetail], EntryDetail],
    says: str,
) -> None:
    entry = await share(house, connect)
    honest = Reader.entry
    monkeypatch.setattr(Reader, "entry", lambda self, index: changed(honest(self, index)))
    with pytest.raises(CorruptError, match=says):
        await connect(house.profile("bolt"))("prove", entry)


@pytest.mark.parametrize(("at", "says"), [(0, "does not bring"), (4, "does not bring"), (99, "the tree has")])
async def test_a_server_that_names_another_enrolment_is_refused(
    house: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch, at: int, says: str
) -> None:
    entry = await share(house, connect)
    honest = Reader.members

    def moved(self: Reader, after: str, limit: int) -> list[MemberDetail]:
        found = honest(self, after, limit)
        return [
            replace(one, keys=tuple(replace(key, enrolled_index=at) for key in one.keys)) for one in found
        ]

    monkeypatch.setattr(Reader, "members", moved)
    with pytest.raises(ProofError, match=says):
        await connect(house.profile("bolt"))("prove", entry)
    monkeypatch.setattr(Reader, "members", lambda *_: [])
    with pytest.raises(ProofError, match="does not say by which leaf"):
        await connect(house.profile("bolt"))("prove", entry)


async def test_a_match_says_no_more_than_its_entry(house: Clearinghouse, connect: Connect) -> None:
    entry = await share(house, connect)
    call = connect(house.profile("bolt"))
    queries = [Query(near(SHARED, 4)), Query(near(fingerprint(MINHASH, "a"), 8))]
    answer = await call("check", queries)
    assert {match.entry for match in answer.matches} == {entry}
    proved = await call("prove", entry)
    for match in answer.matches:
        query = queries[match.query]
        proved.check(match, query)
        for wrong in (
            replace(match, score=match.score + 1),
            replace(match, labels=("hate",)),
            replace(match, member="bolt"),
            replace(match, basis="law"),
            replace(match, shared_at=match.shared_at + 1),
        ):
            with pytest.raises(ProofError, match=f"the match with entry {entry} is not proved"):
                proved.check(wrong, query)
    with pytest.raises(ProofError, match="it has no sha256/1 fingerprint"):
        proved.check(replace(answer.matches[0], type="sha256/1"), Query(fingerprint(SHA256, "a")))
