"""6 and 8 to 13: keys that prove nothing, are another's, count twice, or govern without the others."""

from __future__ import annotations

import pytest
from builders import LABELS, NOW, YEAR, Identity, World, sign, submit
from documented import EXAMPLES
from folding import genesis, refuse, take
from spoken import WHO, leaf
from vectoring import curve

from hashpact.domain import statements
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import ADMIN, KeyEnrol, Policy, Root
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Use
from hashpact.errors import (
    BadSignatureError,
    ConflictError,
    InvalidInputError,
    MalformedError,
    MissingSignatureError,
    NotPermittedError,
    UnknownKeyError,
)
from hashpact.log import note

ACME, BRAVO, SECOND = Identity.of("acme"), Identity.of("bravo"), Identity.of("acme", "2")
ALICE, BOB, CAROL, DAVE = (Identity.of(ADMIN, name) for name in ("alice", "bob", "carol", "dave"))
NEUTRAL = (1).to_bytes(32, "little")
MIXED = curve.encode(curve.add(curve.times(5, curve.BASE), curve.TORSION[1]))
"""A good key and a point of order 8."""


@pytest.fixture
def log(world: World) -> Replay:
    """A log of two members, each with a key: leaves 0 to 5."""
    folded = replay(world.founding("acme", "bravo"))
    assert folded.faults == []
    return folded


def root(version: int, *admins: Identity) -> Root:
    """A root of these administrators, two of whom must sign."""
    return Root(version, tuple(admin.key for admin in admins), 2, (Identity.of("log").public,))


@pytest.mark.parametrize("threshold", [1, 2])
def test_11_thresholds_up_to_the_number_of_keys(world: World, threshold: int) -> None:
    take(Replay(), genesis(world, (ALICE.key, BOB.key), threshold, world.log_keys))


def test_11_a_threshold_above_the_number_of_keys(world: World) -> None:
    leaf = genesis(world, (ALICE.key, BOB.key), 3, world.log_keys)
    error = refuse(Replay(), leaf, InvalidInputError, "from 1 to 2")
    assert error.details == {"field": "threshold"}


@pytest.mark.parametrize("threshold", [0, -1, 16])
def test_11_a_threshold_that_cannot_be_written(world: World, threshold: int) -> None:
    with pytest.raises(MalformedError, match="threshold: want a number from 1 to 15"):
        genesis(world, (ALICE.key, BOB.key), threshold, world.log_keys)


def test_10_one_key_under_two_names_is_no_two_administrators(world: World) -> None:
    twin = NamedKey("carol", ALICE.public)
    leaf = genesis(world, (ALICE.key, twin), 2, world.log_keys)
    refuse(Replay(), leaf, InvalidInputError, "listed twice")
    namesake = NamedKey("alice", BOB.public)
    refuse(Replay(), genesis(world, (ALICE.key, namesake), 1, world.log_keys), InvalidInputError, "twice")


@pytest.mark.parametrize(
    "weak",
    [NEUTRAL, bytes(32), b"\xff" * 32, b"\2" + bytes(31), MIXED],
    ids=["one", "zero", "high", "off", "mixed"],
)
def test_08_weak_keys_in_the_genesis(world: World, weak: bytes) -> None:
    admins = (ALICE.key, BOB.key, NamedKey("weak", weak))
    refuse(Replay(), genesis(world, admins, 2, world.log_keys), InvalidInputError, "the public key is")
    refuse(Replay(), genesis(world, admins[:2], 2, (weak,)), InvalidInputError, "the public key is")


@pytest.mark.parametrize("signers", [(ALICE, ALICE), (ALICE,) * 16])
def test_10_signatures_of_one_administrator_count_once(
    world: World, log: Replay, signers: tuple[Identity, ...]
) -> None:
    statement = world.statement(Policy(2, LABELS), ALICE)
    refuse(log, sign(statement, *signers), MissingSignatureError, "signed by 1 administrators")


def test_10_a_key_under_two_names_counts_once(world: World, log: Replay) -> None:
    as_bob = Identity(ADMIN, "bob", ALICE.private)
    statement = world.statement(Policy(2, LABELS), ALICE)
    refuse(log, sign(statement, ALICE, as_bob), MissingSignatureError, "signed by 1 administrators")


def test_06_the_key_names_another_enrolled_key(world: World, log: Replay) -> None:
    second = Identity.of("acme", "2")
    take(log, world.key(second))
    # Of the same member: the signature is by the wrong key; of another member: it is not the member's.
    refuse(log, sign(world.statement(submit(), second), ACME), MissingSignatureError, "has not signed it")
    stolen = world.statement(submit(), BRAVO, member="acme")
    refuse(log, sign(stolen, ACME, BRAVO), NotPermittedError, "a key of another member")
    take(log, sign(world.statement(submit(), second), second))


def test_09_a_key_that_stands_in_the_log_already(world: World, log: Replay) -> None:
    for owner, name in (("acme", "2"), ("bravo", "1"), ("bravo", "2")):
        again = Identity(owner, name, ACME.private)
        refuse(log, world.key(again), ConflictError, "is in the log already")
    for private in (ALICE.private, Identity.of("log").private):
        refuse(log, world.key(Identity("acme", "2", private)), ConflictError, "is in the log already")


@pytest.mark.parametrize(
    "weak", [NEUTRAL, bytes(32), b"\xee" + b"\xff" * 31, MIXED], ids=["one", "zero", "p+1", "mixed"]
)
def test_08_a_weak_key_is_not_enrolled(world: World, log: Replay, weak: bytes) -> None:
    body = KeyEnrol("acme", "2", weak, Use.SIGN, NOW + YEAR)
    refuse(log, world.by_admins(body), InvalidInputError, "the public key is")


@pytest.mark.parametrize("version", [1, 3, 4])
def test_12_a_root_of_another_version(world: World, log: Replay, version: int) -> None:
    leaf = world.leaf(root(version, ALICE, BOB, CAROL), ALICE, BOB, CAROL)
    refuse(log, leaf, ConflictError, "the root's version must be 2")


def test_12_a_root_signed_by_only_old_or_only_new(world: World, log: Replay) -> None:
    body = root(2, CAROL, DAVE)
    refuse(log, world.leaf(body, ALICE, BOB), MissingSignatureError, "signed by 0 administrators")
    refuse(log, world.leaf(body, ALICE, BOB, CAROL), MissingSignatureError, "signed by 1 administrators")
    refuse(log, world.leaf(body, ALICE, CAROL, DAVE), MissingSignatureError, "signed by 1 administrators")
    refuse(log, sign(world.statement(body, CAROL), CAROL, DAVE), UnknownKeyError, "no administrator's")
    take(log, world.leaf(body, ALICE, BOB, CAROL, DAVE))


def test_09_a_key_that_governed_once_is_not_enrolled(world: World, log: Replay) -> None:
    for private in (ALICE.private, Identity.of("log").private, BRAVO.private, ACME.private):
        again = Identity("acme", "2", private)
        refuse(log, world.rotate(ACME, again), ConflictError, "is in the log already")


# Two seeds whose keys have the same 4-byte id under the name acme/1, found by a birthday search.
COLLIDING = ("76919", "94730")


def test_13_colliding_key_ids() -> None:
    first, second = (Identity("acme", "1", Identity.of("collision", seed).private) for seed in COLLIDING)
    assert first.public != second.public
    assert note.short_id("acme/1", first.public) == note.short_id("acme/1", second.public)
    statement = World().statement(EXAMPLES["opinion"], first)
    for signers in ([first, second], [second, first]):
        signed = statements.parse(sign(statement, *signers))
        assert statements.verify(signed, "acme/1", first.public)
        assert statements.verify(signed, "acme/1", second.public)
    with pytest.raises(BadSignatureError):
        statements.verify(statements.parse(sign(statement, second)), "acme/1", first.public)


def test_13_the_same_key_id_under_another_name_is_passed_over() -> None:
    text = World().statement(EXAMPLES["opinion"], WHO).text()
    good = note.signature_line("acme/1", WHO.public, WHO.private.sign(text))
    other = good.replace(b"acme/1", b"evil/1")
    signed = statements.parse(note.join(text, [other, good]))
    assert statements.verify(signed, "acme/1", WHO.public)
    assert not statements.verify(statements.parse(note.join(text, [other])), "acme/1", WHO.public)


@pytest.mark.parametrize(
    "threshold", [b"threshold 0", b"threshold -1", b"threshold 16", b"threshold 02", b"threshold"]
)
def test_11_thresholds_that_are_no_number_of_keys(threshold: bytes) -> None:
    original = leaf(EXAMPLES["genesis"])
    for changed, missing in ((threshold + b"\n", {}), (b"", {"missing": "threshold"})):
        with pytest.raises(MalformedError) as caught:
            statements.parse(original.replace(b"threshold 2\n", changed))
        assert caught.value.details == {"field": "threshold", "line": "10"} | missing


@pytest.mark.parametrize("revoked", ["by itself", "by its member", "by administrators"])
def test_09_a_revoked_key_signs_nothing(world: World, log: Replay, revoked: str) -> None:
    take(log, world.key(SECOND))
    by = {"by itself": (ACME,), "by its member": (SECOND,), "by administrators": (ALICE, BOB)}[revoked]
    take(log, world.revoke(ACME, log.size, *by))
    third = Identity.of("acme", "3")
    for refused in (world.leaf(submit(), ACME), world.rotate(ACME, third), world.suspend(SECOND, ACME)):
        refuse(log, refused, NotPermittedError, "it is revoked")
    again = Identity("acme", "4", ACME.private)
    refuse(log, world.key(again), ConflictError, "is in the log already")
