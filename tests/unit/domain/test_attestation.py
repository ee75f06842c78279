"""Attestations: their bytes, and which keys a charter may name for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import NOW, Identity, World
from hypothesis import given
from hypothesis import strategies as st
from spoken import HASHES, NUMBERS

from hashpact.domain.attestation import Attestation, AttestedAnswer
from hashpact.domain.kinds import ADMIN, Genesis, KeyEnrol, Root
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Use
from hashpact.errors import ConflictError, HashpactError, InvalidInputError, MalformedError, ProofError
from hashpact.log.cosignature import ED25519, Witness

KEY, NEW = Identity.of("attest"), Identity.of("attest", "2")
ALICE, BOB = (Identity.of(ADMIN, name) for name in ("alice", "bob"))


@given(
    st.builds(
        Attestation, st.just("test.example/log"), HASHES, HASHES, st.integers(1, 2**62), HASHES, NUMBERS
    )
)
def test_a_text_has_one_spelling(attested: Attestation) -> None:
    text = attested.text()
    assert Attestation.read(text) == attested
    for wrong in (
        text[:-1],
        text + b"\n",
        text.upper(),
        text.replace(b" ", b"  ", 1),
        text.replace(b"log ", b"lag "),
    ):
        with pytest.raises(MalformedError):
            Attestation.read(wrong)


def test_a_note_is_believed_by_the_named_key_alone() -> None:
    attested = AttestedAnswer(b"", b"", b"")
    for wrong in (b"", b"no note", b"x" * 4096):
        with pytest.raises(ProofError, match="not an attestation"):
            replace(attested, note=wrong).opened()
    log = PinnedLog("test.example/log", (), attestation_keys=(KEY.public,), since=7)
    empty = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    stated = Attestation(log.origin, empty, empty, 8, bytes(32), NOW)
    assert replace(attested, note=stated.sign(KEY.public, KEY.private)).verify(log) == stated
    for key, change, says in (
        (NEW, {}, "no attestation key"),
        (KEY, {"position": 7}, "by a key for those of more than 7"),
        (KEY, {"origin": "other.example/log"}, "an attestation of 'other"),
    ):
        note = replace(stated, **change).sign(key.public, key.private)
        with pytest.raises(ProofError, match=says):
            replace(attested, note=note).verify(log)


def genesis(world: World, *keys: bytes, **terms: object) -> list[bytes]:
    """The first leaves of a log with these attestation keys."""
    admins = tuple(admin.key for admin in world.admins)
    body = Genesis(admins, 2, world.log_keys, attestation_keys=keys, **terms)  # type: ignore[arg-type]  # as Genesis
    return [world.by_admins(body), world.policy(), world.member("acme"), world.key(Identity.of("acme"))]


def test_a_charter_names_the_keys_until_a_root_names_others(world: World) -> None:
    folded = replay(genesis(world, KEY.public))
    admins = tuple(admin.key for admin in world.admins)
    changes = (
        Root(2, admins, 2, world.log_keys, attestation_keys=(KEY.public, NEW.public)),
        Root(3, admins, 2, world.log_keys, attestation_keys=(NEW.public,)),
        Root(4, admins, 2, world.log_keys),
    )
    for body in changes:
        folded.apply(world.by_admins(body))
    assert folded.faults == []
    named = [charter.attestation_keys for charter in folded.state.charters()]
    assert named == [(KEY.public,)] * 2 + [(KEY.public, NEW.public), (NEW.public,), ()]
    assert any(NEW.public.hex() in line for line in changes[1].describe())
    again = world.by_admins(Root(5, admins, 2, world.log_keys, attestation_keys=(KEY.public,)))
    assert refusal(folded, again, ConflictError).message == "this key is in the log already; make a new one"


def refusal(folded: Replay, leaf: bytes, kind: type[HashpactError]) -> HashpactError:
    """The error by which a leaf is refused."""
    folded.apply(leaf)
    error = folded.faults.pop().error
    assert type(error) is kind
    return error


@pytest.mark.parametrize("other", ["admin", "log", "witness", "weak"])
def test_a_key_of_another_office_attests_nothing(world: World, other: str) -> None:
    witness = Identity.of("witness")
    keys = {
        "admin": (ALICE.public,),
        "log": world.log_keys,
        "witness": (witness.public,),
        "weak": (bytes([1]) + bytes(31),),
    }[other]
    witnesses = (Witness("north", witness.public, ED25519),)
    (error,) = [
        fault.error
        for fault in replay(genesis(world, *keys, witnesses=witnesses, witness_quorum=1)[:1]).faults
    ]
    assert type(error) is InvalidInputError
    assert error.details["field"] == ("public" if other == "weak" else "attestation-key")


@pytest.mark.parametrize("taken", ["member", "admin-before", "log-before"])
def test_a_key_that_is_in_the_log_becomes_none(world: World, taken: str) -> None:
    folded = replay(genesis(world, KEY.public))
    carol = Identity.of(ADMIN, "carol")
    admins = (ALICE.key, carol.key)
    other = Identity.of("log", "2")
    leaf = {"member": Identity.of("acme").public, "admin-before": BOB.public, "log-before": world.log_keys[0]}
    change = Root(2, admins, 2, (other.public,), attestation_keys=(leaf[taken],))
    signed = world.by_admins(change, carol)
    assert "in the log already" in refusal(folded, signed, ConflictError).message
    enrol = KeyEnrol("acme", "2", KEY.public, Use.SIGN, NOW + 1000)
    assert "in the log already" in refusal(folded, world.by_admins(enrol, KEY), ConflictError).message
