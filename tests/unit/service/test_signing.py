"""The signing guard: it signs what was appended, and once a stored bit is another, nothing more."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest
from builders import Identity, World, check_log, fingerprint
from leaves import leaf_after

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import Root
from hashpact.domain.messages import Submission
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.state import Head, KeptCheckpoint, Leaf
from hashpact.errors import CorruptError, DeadlineError, ProofError, UnavailableError
from hashpact.log import proofs, tree
from hashpact.member.author import Reason
from hashpact.service.sign import LogKey, SigningGuard
from hashpact.storage.sqlite import SqliteLedger

NCII = Reason(frozenset({"ncii"}))
FOUNDED = 4
LONG = 120.0

SWAP = """
UPDATE leaves SET idx = -1 WHERE idx = 5;
UPDATE leaves SET idx = 5 WHERE idx = 6;
UPDATE leaves SET idx = 6 WHERE idx = -1
"""
EXTRA = """
INSERT INTO leaves SELECT 8, 'x', request, time, hash, nodes, data FROM leaves WHERE idx = 7
"""


@pytest.fixture
def ledger(world: World, tmp_path: Path) -> Iterator[SqliteLedger]:
    """A log of four leaves, none of them signed."""
    with closing(SqliteLedger.create(tmp_path / "hashpact.db")) as made:
        world.found(made, "acme")
        yield made


@pytest.fixture
def meddle(tmp_path: Path) -> Callable[[str], None]:
    """Runs SQL on the database behind the ledger's back."""

    def run(sql: str) -> None:
        with closing(apsw.Connection(str(tmp_path / "hashpact.db"))) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON; " + sql)

    return run


def submit(world: World, ledger: SqliteLedger, count: int = 1) -> list[Leaf]:
    """So many more leaves."""
    author = world.author("acme")
    made = [author.submit([fingerprint(PDQ, f"{number}")], NCII) for number in range(count)]
    return world.appender(ledger).append_all("acme", made)


def rewrite(ledger: SqliteLedger, meddle: Callable[[str], None], index: int) -> None:
    """Change the bytes of a leaf, and everything that follows from them up to the head."""
    leaves = list(ledger.leaves(0, ledger.head().size))
    head = Head(index, ledger.tree.edge(index))
    for leaf in leaves[index:]:
        data = leaf.data if leaf.index != index else leaf.data.replace(b"time 18", b"time 17")
        new = leaf_after(head, data)
        head = head.after(new)
        values = {"data": new.data, "hash": new.hash, "nodes": b"".join(new.nodes)}
        changes = ", ".join(f"{column} = x'{value.hex()}'" for column, value in values.items())
        meddle(f"UPDATE leaves SET {changes} WHERE idx = {new.index}")  # noqa: S608  # of this test
    meddle(f"UPDATE head SET edge = x'{b''.join(head.edge).hex()}'")  # noqa: S608  # of this test


def refused(guard: SigningGuard) -> str:
    """The leaf that the guard names when it is to sign."""
    with pytest.raises(CorruptError) as caught:
        guard.sign()
    return caught.value.details["index"]


def test_each_size_is_signed_once_and_extends_the_one_before(world: World, ledger: SqliteLedger) -> None:
    guard = world.guard(ledger)
    kept = []
    for _ in range(40):
        kept.append(guard.sign())
        assert guard.sign() == kept[-1]
        submit(world, ledger)
    assert list(ledger.checkpoints.since(0)) == kept
    for old, new in itertools.pairwise(kept):
        before, after = (world.pinned.read(one.note) for one in (old, new))
        proof = proofs.consistency(before.size, after.size, ledger.tree.node)
        proofs.verify_consistency(before.size, before.root, after.size, after.root, proof)
    check_log(ledger)


def test_a_new_guard_goes_on_where_the_last_one_ended(world: World, ledger: SqliteLedger) -> None:
    first = world.guard(ledger).sign()
    submit(world, ledger)
    second = world.guard(ledger).sign()
    assert (first.size, second.size) == (FOUNDED, FOUNDED + 1)
    assert world.guard(ledger).sign() == second


def test_guards_that_sign_at_once_keep_one_checkpoint_a_size(world: World, ledger: SqliteLedger) -> None:
    together = threading.Barrier(3)

    def sign(guard: SigningGuard) -> list[KeptCheckpoint]:
        kept = []
        for _ in range(20):
            together.wait(LONG)
            kept.append(guard.sign())
        return kept

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(sign, world.guard(ledger)) for _ in range(2)]
        for _ in range(20):
            submit(world, ledger, 2)
            together.wait(LONG)
        signed = {one for future in running for one in future.result(LONG)}
    assert signed <= set(ledger.checkpoints.since(0))
    check_log(ledger)


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        ("UPDATE leaves SET data = CAST(data || x'0a' AS BLOB) WHERE idx = 6", 6),
        ("UPDATE leaves SET data = x'' WHERE idx = 6", 6),
        ("UPDATE leaves SET hash = zeroblob(32) WHERE idx = 6", 6),
        ("UPDATE leaves SET nodes = zeroblob(96) WHERE idx = 7", 7),
        ("UPDATE leaves SET nodes = zeroblob(64) WHERE idx = 7", 7),
        ("UPDATE leaves SET nodes = zeroblob(32) WHERE idx = 6", 6),
        ("UPDATE leaves SET nodes = x'01' WHERE idx = 6", 6),
        ("DELETE FROM private WHERE leaf = 6; DELETE FROM leaves WHERE idx = 6", 6),
        ("DELETE FROM private WHERE leaf = 7; DELETE FROM leaves WHERE idx = 7", 7),
        (SWAP, 5),
        ("UPDATE head SET edge = zeroblob(32)", 7),
        (EXTRA, 8),
        ("UPDATE head SET size = 7, edge = zeroblob(96)", 7),
        ("UPDATE head SET size = 9", 8),
    ],
)
def test_34_what_is_changed_since_the_last_signature_is_named(
    world: World, ledger: SqliteLedger, meddle: Callable[[str], None], sql: str, index: int
) -> None:
    guard = world.guard(ledger)
    guard.sign()
    submit(world, ledger, 4)
    meddle(sql)
    assert refused(guard) == str(index)
    assert [one.size for one in ledger.checkpoints.since(0)] == [FOUNDED]


@pytest.mark.parametrize("column", ["data", "hash", "nodes"])
@pytest.mark.parametrize("index", [0, 3, 6, 7])
def test_34_a_full_check_names_what_is_changed_long_after(
    world: World, ledger: SqliteLedger, meddle: Callable[[str], None], column: str, index: int
) -> None:
    guard = world.guard(ledger)
    submit(world, ledger, 4)
    guard.sign()
    assert world.integrity(ledger).check().size == FOUNDED + 4
    (leaf,) = ledger.leaves(index, index + 1)
    flipped = bytearray(b"".join(leaf.nodes) or bytes(33) if column == "nodes" else getattr(leaf, column))
    flipped[len(flipped) // 2] ^= 1
    meddle(f"UPDATE leaves SET {column} = x'{flipped.hex()}' WHERE idx = {index}")  # noqa: S608  # of this test
    with pytest.raises(CorruptError) as caught:
        world.integrity(ledger).check()
    assert caught.value.details["index"] == str(index)


@pytest.mark.parametrize("index", [0, 1, 5, 9])
def test_34_history_that_is_rewritten_whole_is_found_by_the_checkpoints(
    world: World, ledger: SqliteLedger, meddle: Callable[[str], None], index: int
) -> None:
    guard = world.guard(ledger)
    guard.sign()
    for _ in range(3):
        submit(world, ledger, 2)
        guard.sign()
    rewrite(ledger, meddle, index)
    # Of the leaves that one checkpoint added, the first is named.
    named = {0: 0, 1: 0, 5: FOUNDED, 9: FOUNDED + 4}[index]
    assert refused(world.guard(ledger)) == str(named)
    with pytest.raises(CorruptError) as caught:
        world.integrity(ledger).check()
    assert caught.value.details["index"] == str(named)


def test_34_a_guard_that_has_signed_sees_a_log_grow_from_other_leaves(
    world: World, ledger: SqliteLedger, meddle: Callable[[str], None]
) -> None:
    guard = world.guard(ledger)
    submit(world, ledger, 4)
    guard.sign()
    rewrite(ledger, meddle, 5)
    submit(world, ledger)
    # The leaves that are signed are not read again, but the new one stands on another tree.
    assert int(refused(guard)) >= FOUNDED


def test_34_an_old_hash_that_a_proof_needs_is_found(
    world: World, ledger: SqliteLedger, meddle: Callable[[str], None]
) -> None:
    guard = world.guard(ledger)
    submit(world, ledger, 3)
    leaf = next(ledger.leaves(6, 7))
    guard.sign()
    meddle("UPDATE leaves SET hash = zeroblob(32) WHERE idx = 2")
    before = list(ledger.checkpoints.since(0))
    with pytest.raises(CorruptError) as caught:
        guard.receipt(next(ledger.leaves(3, 4)))
    assert caught.value.details["index"] == "2"
    with pytest.raises(CorruptError):
        guard.check_sound()
    assert guard.receipt(leaf).index == 6  # its own proof stands
    submit(world, ledger)
    assert refused(guard) == "2"
    assert list(ledger.checkpoints.since(0)) == before


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE checkpoints SET note = x'00' WHERE size = 5",
        "UPDATE checkpoints SET note = CAST(replace(note, '5', '6') AS BLOB) WHERE size = 5",
        "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 4) WHERE size = 5",
        "DELETE FROM checkpoints WHERE size = 5",
        "UPDATE checkpoints SET size = 6 WHERE size = 5",
    ],
)
def test_a_changed_checkpoint_is_found(
    world: World, ledger: SqliteLedger, meddle: Callable[[str], None], sql: str
) -> None:
    guard = world.guard(ledger)
    guard.sign()
    submit(world, ledger)
    guard.sign()
    submit(world, ledger)
    meddle(sql)
    assert refused(guard) == "4" if "size = 6" not in sql else refused(guard)
    if "DELETE" not in sql:
        with pytest.raises(CorruptError):
            world.guard(ledger).sign()


def test_a_log_shorter_than_its_checkpoint_is_refused(
    world: World, ledger: SqliteLedger, meddle: Callable[[str], None]
) -> None:
    guard = world.guard(ledger)
    submit(world, ledger, 2)
    guard.sign()
    meddle(
        "DELETE FROM private; DELETE FROM leaves WHERE idx > 3; "
        "UPDATE head SET size = 4, edge = (SELECT substr(nodes, 33) FROM leaves WHERE idx = 3)"
    )
    assert refused(guard) == "4"
    assert refused(world.guard(ledger)) == "4"
    with pytest.raises(CorruptError):
        world.integrity(ledger).check()


def test_a_refusal_is_for_good(world: World, ledger: SqliteLedger, meddle: Callable[[str], None]) -> None:
    guard = world.guard(ledger)
    guard.check_sound()
    (node,) = next(ledger.leaves(1, 2)).nodes
    meddle("UPDATE leaves SET nodes = zeroblob(32) WHERE idx = 1")
    assert refused(guard) == "1"
    meddle(f"UPDATE leaves SET nodes = x'{node.hex()}' WHERE idx = 1")  # noqa: S608  # of this test
    assert refused(guard) == "1"
    with pytest.raises(CorruptError):
        guard.check_sound()
    world.guard(ledger).sign()


def test_a_key_that_the_log_does_not_name_signs_nothing(world: World, ledger: SqliteLedger) -> None:
    other = Identity.of("other")
    guard = SigningGuard(ledger, LogKey(world.origin, other.public, other.private))
    with pytest.raises(UnavailableError, match="not a key of the log"):
        guard.sign()
    assert ledger.checkpoints.latest() is None
    guard.check_sound()


def test_a_root_statement_gives_the_log_another_key(world: World, ledger: SqliteLedger) -> None:
    old_guard, newer = world.guard(ledger), Identity.of("newer")
    (leaf,) = submit(world, ledger)
    receipt = old_guard.receipt(leaf)
    root = Root(2, tuple(admin.key for admin in world.admins), 2, (newer.public,))
    world.appender(ledger).append(None, Submission(world.by_admins(root)))
    with pytest.raises(UnavailableError, match="not a key of the log"):
        old_guard.sign()
    guard = SigningGuard(ledger, LogKey(world.origin, newer.public, newer.private))
    kept = guard.sign()
    # What the old key signed stands, and stays the receipt of what it signed.
    assert guard.receipt(leaf) == receipt
    assert world.guard(ledger).receipt(leaf) == receipt
    with pytest.raises(ProofError):
        world.pinned.read(kept.note)
    both = PinnedLog(world.origin, (*world.log_keys, newer.public))
    assert both.read(kept.note).size == FOUNDED + 2
    check_log(ledger)


def test_no_key_signs_a_tree_from_before_it_was_in_force(
    world: World, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root statement that brings the key is committed after the guard has read the head."""
    newer, head = Identity.of("newer"), ledger.head
    root = Root(2, tuple(admin.key for admin in world.admins), 2, (newer.public,))

    def hasty() -> Head:
        monkeypatch.setattr(ledger, "head", head)
        before = head()
        world.appender(ledger).append(None, Submission(world.by_admins(root)))
        return before

    monkeypatch.setattr(ledger, "head", hasty)
    kept = SigningGuard(ledger, LogKey(world.origin, newer.public, newer.private)).sign()
    assert kept.size == FOUNDED + 1
    check_log(ledger)


def test_the_checkpoint_of_a_log_has_three_lines_whoever_governs_it(tmp_path: Path) -> None:
    alone = World(admins=(Identity.of("admin", "alice"),))
    with closing(SqliteLedger.create(tmp_path / "alone.db")) as ledger:
        alone.administrators(ledger).found(1, alone.log_keys, ("ncii",))
        assert alone.pinned.read(alone.guard(ledger).sign().note).extensions == ()


@dataclass
class Witnesses:
    """A quorum that can be away, and says what it was asked."""

    away: bool = False
    asked: list[tuple[int, tuple[bytes, ...]]] = field(default_factory=list)

    def cosign(self, note: bytes, size: int, consistency: Callable[[int], tuple[bytes, ...]]) -> bytes:
        """The note with one more line, unless they are away."""
        self.asked.append((size, consistency(1)))
        if self.away:
            msg = "too few witnesses answered"
            raise DeadlineError(msg)
        _, _, line = note.rpartition(b"\n\n")
        return note + line.replace(b"test.example/log", b"witness")


def test_without_a_quorum_nothing_is_kept_and_the_next_try_covers_it(
    world: World, ledger: SqliteLedger
) -> None:
    witnesses = Witnesses(away=True)
    guard = world.guard(ledger, witnesses)
    (leaf,) = submit(world, ledger)
    with pytest.raises(DeadlineError):
        guard.receipt(leaf)
    assert ledger.checkpoints.latest() is None
    guard.check_sound()
    witnesses.away = False
    submit(world, ledger)
    receipt = guard.receipt(leaf)
    assert receipt.tree_size == FOUNDED + 2
    assert b"\xe2\x80\x94 witness " in receipt.checkpoint
    assert [size for size, _ in witnesses.asked] == [FOUNDED + 1, FOUNDED + 2]
    for size, proof in witnesses.asked:
        roots = [tree.root(ledger.tree.edge(one)) for one in range(1, size + 1)]
        proofs.verify_consistency(1, roots[0], size, roots[-1], proof)
