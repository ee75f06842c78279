"""Believing: whose checkpoints are taken, by the roots that the copy has and by those still to come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from builders import Identity, World, fingerprint, private_part, seeded, submit
from histories import NORTH, Cosigning, another, history, submissions
from leaves import leaf_after
from memory import MemoryLedger
from sourced import Copy, Source, seeded_genesis, stated

from hashpact.domain import rules, statements
from hashpact.domain.fingerprints import PDQ, commitment
from hashpact.domain.kinds import Methods, Root
from hashpact.domain.messages import Submission
from hashpact.errors import (
    ConfigError,
    CorruptError,
    ForkError,
    HashpactError,
    LogKeyError,
    ProofError,
    QuorumError,
)
from hashpact.log.cosignature import Witness
from hashpact.log.policy import WitnessPolicy
from hashpact.mirror import believing
from hashpact.mirror.alarms import kind_of
from hashpact.mirror.believing import Announced, Trust
from hashpact.mirror.replica import Replica
from hashpact.service import following
from hashpact.service.prove import Prover

NEW = Identity.of("log 2")


@pytest.fixture
def source(world: World) -> Source:
    """A log of two members."""
    ledger = MemoryLedger()
    world.found(ledger, "acme", "bolt")
    return Source(world, ledger)


@pytest.fixture
def copy(source: Source, tmp_path: Path) -> Copy:
    """A copy that is empty."""
    return Copy(source, tmp_path)


def root(world: World, *keys: Identity, version: int = 2, witnesses: tuple[Identity, ...] = ()) -> Submission:
    """A root statement that names these keys of the log."""
    named = tuple(sorted((Witness(one.owner, one.public) for one in witnesses), key=lambda one: one.key))
    admins = tuple(admin.key for admin in world.admins)
    body = Root(version, admins, 2, tuple(key.public for key in keys), named, len(named) or None)
    return Submission(world.leaf(body, *world.admins))


def refused(error: type[HashpactError], kind: str, work: Callable[[], object], match: str) -> HashpactError:
    """The error of that kind that the work ends with."""
    with pytest.raises(error, match=match) as caught:
        work()
    assert kind_of(caught.value) == kind
    return caught.value


def test_a_copy_asks_for_roots_only_when_its_own_do_not_do(source: Source, copy: Copy) -> None:
    copy.level(source.signed())
    assert source.asked == ["ListRoots", "ListRoots"]
    source.append(another(source.world, "one"))
    copy.level(source.signed())
    assert source.asked == ["ListRoots", "ListRoots"]


def test_a_stretch_with_new_keys_is_copied_in_any_batches(
    source: Source, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = source.world
    copy.level(source.signed())
    old = Identity.of("log")
    source.append(another(world, "one"), root(world, old, NEW), another(world, "two"))
    source.append(root(world, NEW, version=3), another(world, "three"))
    monkeypatch.setattr(following, "BATCH", 1)
    source.asked.clear()
    copy.level(source.signed(NEW))
    # As it is signed by a key that the copy does not know, and again for each batch with a root.
    assert source.asked.count("ListRoots") >= 3
    source.append(another(world, "four"))
    # What the replaced key signs of a tree that has the roots is not the log's.
    head = source.ledger.head()
    stolen = stated(world, head, old)
    refused(LogKeyError, "key", lambda: copy.replica.announce(stolen, source.ask), "not one that is pinned")
    copy.level(source.signed(NEW))


def test_witnesses_that_a_root_names_are_demanded_of_its_tree(
    source: Source, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, log = source.world, Identity.of("log")
    copy.level(source.signed())
    size = source.append(another(world, "one"))
    source.append(root(world, log, witnesses=(NORTH,)), another(world, "two"))
    bare = stated(world, source.ledger.head(), log)
    source.signed(log, NORTH)
    target = copy.replica.announce(bare, source.ask)
    monkeypatch.setattr(following, "BATCH", 1)
    first, second, *_ = copy.batches(target)
    copy.take(first, target)
    refused(QuorumError, "quorum", lambda: copy.take(second, target), "cosignatures of none")
    monkeypatch.undo()
    (whole,) = copy.batches(target)
    refused(QuorumError, "quorum", lambda: copy.take(whole, target), "cosignatures of none")
    assert copy.replica.position == size
    copy.level(source.signed(log, NORTH))


def test_roots_that_the_copy_has_are_not_held_back(source: Source, copy: Copy) -> None:
    world, later = source.world, Identity.of("log 3")
    source.append(root(world, NEW))
    copy.level(source.signed(NEW))
    source.append(root(world, later, version=3))
    note = source.signed(later)

    def announced() -> Announced:
        return copy.replica.announce(note, source.ask)

    source.roots = lambda start: Prover(source.ledger).roots(start)[:1] if start == 0 else ()
    refused(ProofError, "checkpoint", announced, "holds back root statements")
    source.roots = lambda _: ()
    refused(ProofError, "checkpoint", announced, "has no root statement")
    source.roots = None
    copy.level(note)


def test_a_checkpoint_that_was_announced_is_remembered_until_it_is_reached(
    source: Source, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = source.world
    copy.level(source.signed())
    source.append(*(another(world, str(number)) for number in range(3)))
    target = copy.replica.announce(source.signed(), source.ask)
    monkeypatch.setattr(following, "BATCH", 1)
    first, *_ = copy.batches(target)
    copy.take(first, target)
    # A log that begins with the copy, and not with what it was said to be.
    lie = Source(world, history(world, [*submissions(source.ledger)[: first.stop]]))
    refused(ForkError, "rollback", lambda: copy.replica.announce(lie.signed(), lie.ask), "shows 7 now")
    lie.append(another(world, "lie"), another(world, "another lie"))
    refused(ForkError, "fork", lambda: copy.replica.announce(lie.signed(), lie.ask), "two trees of 9")
    # One that is larger is held against it, too: its proof is asked for.
    source.append(another(world, "later"))
    source.asked.clear()
    assert copy.replica.announce(source.signed(), source.ask).size == target.size + 1
    assert source.asked == ["GetConsistencyProof"]
    lie.append(another(world, "a third lie"), another(world, "a fourth lie"))
    note = lie.signed()
    error = refused(ForkError, "fork", lambda: copy.replica.announce(note, lie.ask), "do not|does not show")
    assert Path(error.details["evidence"]).exists()
    copy.level(source.signed())


def test_a_remembered_checkpoint_that_is_none_is_named(source: Source, copy: Copy, tmp_path: Path) -> None:
    (tmp_path / "announced").write_bytes(b"none")
    with pytest.raises(ConfigError, match="announced is not a checkpoint"):
        copy.level(source.signed())


def test_only_so_much_evidence_is_kept(
    source: Source, copy: Copy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = source.world
    source.append(another(world, "one"))
    copy.level(source.signed())
    monkeypatch.setattr(believing, "EVIDENCE", 2)
    before = submissions(source.ledger)[:-1]
    lies = [Source(world, history(world, [*before, another(world, f"lie {one}")])) for one in range(3)]
    for number, lie in enumerate(lies):
        with pytest.raises(ForkError) as caught:
            copy.replica.announce(lie.signed(), lie.ask)
        assert ("evidence" in caught.value.details) is (number < 2)
    assert len(list((tmp_path / "evidence").iterdir())) == 2
    monkeypatch.undo()
    (tmp_path / "evidence").rename(tmp_path / "other")
    (tmp_path / "evidence").write_bytes(b"")
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(()))
    with pytest.raises(ForkError, match="the evidence is not kept"):
        copy.replica.announce(lies[0].signed(), lies[0].ask)


def test_a_smaller_tree_than_the_copy_is_refused_without_a_checkpoint_to_hold_against_it(
    source: Source, copy: Copy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = source.world
    early = source.signed()
    source.append(another(world, "one"), another(world, "two"))
    target = copy.replica.announce(source.signed(), source.ask)
    monkeypatch.setattr(following, "BATCH", 1)
    *most, last = copy.batches(target)
    for batch in most:
        copy.take(batch, target)
    (tmp_path / "announced").unlink()
    refused(ForkError, "rollback", lambda: copy.replica.announce(early, source.ask), "shows 6 now")
    lie = Source(world, history(world, [*submissions(source.ledger)[:6], another(world, "lie")]))
    refused(ProofError, "fork", lambda: copy.replica.announce(lie.signed(), lie.ask), "of another tree")
    assert last.stop == target.size
    # A checkpoint of just the leaves that are here is kept.
    short = Source(world, history(world, submissions(source.ledger)[: copy.replica.position]))
    copy.replica.announce(short.signed(), short.ask)
    kept = copy.ledger.checkpoints.latest()
    assert kept is not None
    assert kept.size == copy.replica.position
    copy.level(source.signed())


def test_the_genesis_is_the_pinned_one(source: Source, copy: Copy) -> None:
    other = World(origin=source.world.origin)
    other.entropy.seed = "other"
    ledger = MemoryLedger()
    other.found(ledger, "acme")
    lie = Source(other, ledger)
    with pytest.raises(ProofError, match="another log"):
        copy.replica.announce(lie.signed(), lie.ask)
    target = copy.replica.announce(source.signed(), source.ask)
    (batch,) = copy.batches(target)
    altered = replace(batch, leaves=(replace(batch.leaves[0], statement=b"other"), *batch.leaves[1:]))
    refused(ProofError, "leaf", lambda: copy.take(altered, target), "not the genesis that is pinned")


def inserted(source: Source, statement: bytes, *private: bytes) -> None:
    """Append a statement without what a server looks at besides the rules."""
    signed, head = statements.parse(statement), source.ledger.head()
    said = signed.statement
    with source.ledger.begin() as transaction:
        records = rules.decide(transaction, head.size, signed)
        leaf = leaf_after(head, statement, said.member, said.request, said.time)
        transaction.append(leaf, private, records)


def test_a_document_that_is_not_given_is_refused(source: Source, copy: Copy) -> None:
    copy.level(source.signed())
    inserted(source, source.world.by_admins(Methods(seeded("document"))))
    target = copy.replica.announce(source.signed(), source.ask)
    (batch,) = copy.batches(target)
    refused(CorruptError, "document", lambda: copy.take(batch, target), "names a document that the source")


def test_a_private_part_that_is_no_fingerprint_is_refused(source: Source, copy: Copy) -> None:
    copy.level(source.signed())
    part = private_part(fingerprint(PDQ, "one")) + b"more\n"
    inserted(source, source.world.leaf(submit(commitment(part)), Identity.of("acme")), part)
    target = copy.replica.announce(source.signed(), source.ask)
    (batch,) = copy.batches(target)
    refused(CorruptError, "private", lambda: copy.take(batch, target), "that is no fingerprint")


def test_only_the_leaves_that_are_due_are_taken(source: Source, copy: Copy) -> None:
    target = copy.replica.announce(source.signed(), source.ask)
    (batch,) = copy.batches(target)
    for wrong in (
        replace(batch, start=1),
        replace(batch, leaves=()),
        replace(batch, leaves=(*batch.leaves, batch.leaves[0])),
    ):
        refused(CorruptError, "order", partial(copy.take, wrong, target), "where 0 to 6 are due")
    copy.take(batch, target)
    refused(CorruptError, "order", lambda: copy.take(batch, target), "where 6 to 6 are due")


def test_witnesses_that_are_demanded_later_make_a_checkpoint_fresher(source: Source, copy: Copy) -> None:
    world = source.world
    note = source.signed()
    copy.level(note)
    wanted = WitnessPolicy.threshold([Witness(NORTH.owner, NORTH.public)], 1)
    trust = Trust(world.pinned, seeded_genesis(source.ledger), wanted)
    demanding = Replica(copy.ledger, trust, copy.directory, world.clock)
    refused(QuorumError, "quorum", lambda: demanding.announce(note, source.ask), "cosignatures of none")
    cosigned = Cosigning(world, (NORTH,)).cosign(note, 6, None)
    demanding.announce(cosigned, source.ask)
    newest = copy.ledger.checkpoints.newest()
    assert newest is not None
    assert newest.note == cosigned
