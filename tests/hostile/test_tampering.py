"""Number 34 of the hostile inputs, and what else someone can do who has the database and no key.

Each edit is made twice: plainly, and with everything rebuilt that takes no key. The audit and the signing
guard name the leaf both times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from builders import FakeClock, Identity, World, check_log, fingerprint
from tampering import Forger, Stored

from hashpact.audit.auditor import audit_whole
from hashpact.audit.findings import Finding
from hashpact.audit.source import ledger_source
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.state import Stance
from hashpact.errors import CorruptError
from hashpact.log import checkpoint, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.member.author import Reason
from hashpact.service.integrity import Integrity, LogKeys
from hashpact.storage.sqlite import SqliteLedger

ENTRIES = 12
FIRST = 6
"""The index of the first entry."""
SIZE = FIRST + ENTRIES + 2
AT = 11
"""The leaf that is attacked."""

Edit = Callable[[list[Stored]], None]


@pytest.fixture
def path(tmp_path: Path, world: World) -> Path:
    """A ledger of which every append was signed, and that nobody has open."""
    path = tmp_path / "hashpact.db"
    with closing(SqliteLedger.create(path)) as ledger:
        world.found(ledger, "acme", "bolt")
        guard, appender, acme = world.guard(ledger), world.appender(ledger), world.author("acme")
        work = [
            acme.submit(
                [fingerprint(PDQ, f"{number} {item}") for item in range(2)], Reason(frozenset({"ncii"}))
            )
            for number in range(ENTRIES)
        ]
        work += [world.author("bolt").opinion(FIRST + 2, Stance.DISPUTE), acme.withdraw(FIRST + 1, "mistake")]
        for submission in work:
            guard.receipt(appender.append(None, submission))
        assert ledger.head().size == SIZE
        check_log(ledger)
    return path


def findings(path: Path) -> list[Finding]:
    """What an audit of the ledger finds."""
    with closing(SqliteLedger.open(path, check_head=False)) as ledger, ledger_source(ledger) as source:
        return list(audit_whole(source, FakeClock(), lambda _done, _total: None).findings)


def checked(path: Path, world: World) -> int:
    """The leaf that a check of the whole log names, as a server makes it at its start if it is told to."""
    with closing(SqliteLedger.open(path, check_head=False)) as ledger, pytest.raises(CorruptError) as caught:
        Integrity(ledger, world.origin, LogKeys(ledger)).check()
    return int(caught.value.details["index"])


def guarded(path: Path, world: World) -> int:
    """The leaf that the signing guard names, and for which it signs nothing, now and later."""
    with closing(SqliteLedger.open(path, check_head=False)) as ledger:
        guard = world.guard(ledger)
        with pytest.raises(CorruptError) as caught:
            guard.sign()
        with pytest.raises(CorruptError, match=re.escape(caught.value.message)):
            guard.sign()
    return int(caught.value.details["index"])


def insert(leaves: list[Stored]) -> None:
    """A leaf of one's own making, which nobody has signed."""
    forged = leaves[AT].data.replace(b"label ncii", b"label hate")
    leaves.insert(AT, Stored(forged.replace(b"request ", b"request 0")[: len(forged)], leaves[AT].private))


def repeat(leaves: list[Stored]) -> None:
    """A statement that was signed, once more."""
    leaves.insert(AT, Stored(leaves[AT - 2].data, leaves[AT - 2].private))


def change(leaves: list[Stored]) -> None:
    """A statement that says something else."""
    leaves[AT].data = leaves[AT].data.replace(b"label ncii", b"label hate")


def flip(leaves: list[Stored]) -> None:
    """A bit of a signature."""
    leaves[AT].data = leaves[AT].data[:-20] + bytes([leaves[AT].data[-20] ^ 1]) + leaves[AT].data[-19:]


def delete(leaves: list[Stored]) -> None:
    """A statement less."""
    del leaves[AT]


def swap(leaves: list[Stored]) -> None:
    """Two statements in each other's place."""
    leaves[AT], leaves[AT + 1] = leaves[AT + 1], leaves[AT]


def cut(leaves: list[Stored]) -> None:
    """The newest statements less, as in a backup of yesterday."""
    del leaves[AT:]


@pytest.mark.parametrize("edit", [insert, change, flip, delete, swap, cut])
@pytest.mark.parametrize("rebuild", [False, True], ids=["plainly", "rebuilt"])
def test_34_an_edited_leaf_is_named_by_the_audit_and_by_the_signing_guard(
    path: Path, world: World, edit: Edit, *, rebuild: bool
) -> None:
    with Forger(path).leaves(rebuild=rebuild) as leaves:
        edit(leaves)
    assert AT in {finding.index for finding in findings(path)}
    assert checked(path, world) == AT
    if rebuild:
        assert guarded(path, world) == AT


@pytest.mark.parametrize("edit", [change, flip])
def test_34_the_signing_guard_refuses_a_leaf_that_was_edited_before_it_was_signed(
    path: Path, world: World, edit: Edit
) -> None:
    with closing(SqliteLedger.open(path)) as ledger:
        for number in range(3):
            shared = [fingerprint(PDQ, f"unsigned {number}")]
            submission = world.author("acme").submit(shared, Reason(frozenset({"ncii"})))
            world.appender(ledger).append(None, submission)
    place = SIZE + 1 - AT
    with Forger(path).leaves(rebuild=False) as leaves:
        unsigned = leaves[place:]
        edit(unsigned)
        leaves[place:] = unsigned
    assert guarded(path, world) == SIZE + 1


@pytest.mark.parametrize("column", ["hash", "nodes"])
def test_34_a_flipped_bit_of_a_stored_hash_is_named(path: Path, world: World, column: str) -> None:
    flipped = f"CAST(substr({column}, 1, 31) || x'00' || substr({column}, 33) AS BLOB)"
    Forger(path).sql(f"UPDATE leaves SET {column} = {flipped} WHERE idx = ?", AT)  # noqa: S608  # of this test
    found = findings(path)
    assert {finding.index for finding in found if finding.topic == "stored"} == {AT}
    assert checked(path, world) == AT


ROWS = [
    ("UPDATE members SET roles = '' WHERE id = 'bolt'", 4),
    ("INSERT INTO members VALUES ('puppet', 'check', 3, NULL, x'')", 3),
    ("UPDATE members SET revoked = zeroblob(36) WHERE id = 'bolt'", 4),
    ("DELETE FROM members WHERE id = 'bolt'", 4),
    ("UPDATE keys SET expires = expires + 1 WHERE member = 'bolt'", 5),
    ("UPDATE keys SET public = zeroblob(32) WHERE member = 'acme'", 3),
    ("DELETE FROM keys WHERE member = 'acme'", 3),
    ("UPDATE entries SET withdrawn_index = NULL WHERE idx = 7", 7),
    ("UPDATE entries SET labels = 'fraud' WHERE idx = 11", 11),
    ("UPDATE entries SET labels = char(10) WHERE idx = 11", 11),
    ("DELETE FROM entries WHERE idx = 11", 11),
    ("UPDATE entries SET idx = 3 WHERE idx = 11", 3),
    ("UPDATE opinions SET stance = 'endorse'", FIRST + ENTRIES),
    ("DELETE FROM opinions", FIRST + ENTRIES),
    ("UPDATE charters SET threshold = 1 WHERE number = 2", None),
    ("UPDATE charters SET labels = 'other' WHERE number = 1", None),
    ("DELETE FROM charters WHERE number = 1", None),
    ("UPDATE times SET moments = '[1, 2, 3]'", None),
    ("UPDATE private SET data = x'00000000' WHERE leaf = 11", 11),
    ("UPDATE private SET data = substr(data, 1, length(data) - 1) WHERE leaf = 11", 11),
    ("UPDATE private SET data = (SELECT data FROM private WHERE leaf = 12) WHERE leaf = 11", 11),
    ("DELETE FROM private WHERE leaf = 11", 11),
    ("INSERT INTO private VALUES (3, x'')", 3),
    ("INSERT INTO confidential VALUES (3, x'')", 3),
    ("INSERT INTO confidential VALUES (11, x'')", 11),
    ("INSERT INTO confidential SELECT leaf, data FROM private WHERE leaf = 11", 11),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "index"), ROWS)
def test_an_edited_row_is_named_by_the_audit(path: Path, sql: str, index: int | None) -> None:
    Forger(path).sql(sql)
    finding, *more = findings(path)
    assert [each.index for each in more] == ([11] if "SET idx" in sql else [])
    unreadable = "char(10)" in sql
    beside = " private " in sql or " confidential " in sql
    assert finding.topic == ("source" if unreadable else "private" if beside else "state")
    assert finding.index == index


@pytest.mark.parametrize("table", ["private", "confidential"])
def test_private_parts_that_are_stored_beyond_the_head_are_named(
    path: Path, world: World, table: str
) -> None:
    Forger(path).sql(f"INSERT INTO {table} VALUES ({SIZE}, x'')")  # noqa: S608  # of this test
    (finding,) = findings(path)
    assert (finding.topic, finding.index) == ("source", SIZE)
    assert checked(path, world) == SIZE


def test_private_parts_that_are_stored_where_others_read_them_are_named(path: Path) -> None:
    Forger(path).sql("INSERT INTO confidential SELECT leaf, data FROM private WHERE leaf = 11")
    Forger(path).sql("DELETE FROM private WHERE leaf = 11")
    found = [finding.message for finding in findings(path)]
    assert any("in a wrong place" in message for message in found)


def test_a_checkpoint_that_another_key_has_signed(path: Path, world: World) -> None:
    """A log that was made anew, whose checkpoints the thief has signed with a key of his own."""
    thief = Identity.of("thief")
    with closing(SqliteLedger.open(path)) as ledger:
        sizes = [kept.size for kept in ledger.checkpoints.since(0)]
        trees = [Checkpoint(world.origin, size, tree.root(ledger.tree.edge(size))) for size in sizes]
    for forged in trees:
        note = checkpoint.sign(forged, thief.public, thief.private.sign)
        Forger(path).sql("UPDATE checkpoints SET note = ? WHERE size = ?", note, forged.size)
    assert [finding.index for finding in findings(path)] == [size - 1 for size in sizes]
    assert checked(path, world) == sizes[0] - 1
    assert guarded(path, world) == sizes[-1] - 1
