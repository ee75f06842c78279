"""The auditor: a log that is as it should be, and one thing after another that is not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, FakeClock, Identity, World, fingerprint
from memory import MemoryLedger
from sources import Altered, Endless, Growing

from hashpact.audit import auditor
from hashpact.audit.auditor import audit_whole
from hashpact.audit.findings import Report
from hashpact.audit.source import ReportedLeaf, ledger_source
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import KeyRevoke, Root
from hashpact.domain.messages import Submission
from hashpact.domain.state import Charter, Entry, Head, KeptCheckpoint, Key, Member, Opinion, Record, Stance
from hashpact.errors import CorruptError, MalformedError, UnavailableError
from hashpact.log import checkpoint, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.tiles import Tile
from hashpact.member.author import Reason

ENTRIES = 300
"""Enough for a full tile and a partial one above it."""


def sign_at(ledger: MemoryLedger, size: int, by: Identity | None = None) -> bytes:
    """A checkpoint of the tree of the first ``size`` leaves, signed by the log's key or another."""
    key = Identity.of("log") if by is None else by
    wanted = Checkpoint(World().origin, size, tree.root(ledger.tree.edge(size)))
    return checkpoint.sign(wanted, key.public, key.private.sign)


def silent(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""


@pytest.fixture(scope="module")
def ledger() -> MemoryLedger:
    """A log with entries, an opinion and a withdrawal, signed at three sizes."""
    world, ledger = World(), MemoryLedger()
    world.found(ledger, "acme", "bolt")
    appender, acme = world.appender(ledger), world.author("acme")
    for number in range(ENTRIES):
        appender.append("acme", acme.submit([fingerprint(PDQ, str(number))], Reason(frozenset({"ncii"}))))
    appender.append("bolt", world.author("bolt").opinion(10, Stance.DISPUTE))
    appender.append("acme", acme.withdraw(11, "mistake"))
    for size in (5, 256, ledger.head().size):
        ledger.checkpoints.keep(KeptCheckpoint(size, sign_at(ledger, size)))
    return ledger


@pytest.fixture
def source(ledger: MemoryLedger) -> Iterator[Altered]:
    """The source that a test alters."""
    with ledger_source(ledger) as honest:
        yield Altered(honest)


def report(source: Altered, **known: object) -> Report:
    """What an audit of it says."""
    return audit_whole(source, FakeClock(NOW + 50), silent, **known)  # type: ignore[arg-type]  # of each test


def only(source: Altered, **known: object) -> tuple[str, int | None, str]:
    """The one thing that is found."""
    (finding,) = report(source, **known).findings
    return finding.topic, finding.index, finding.message


def test_a_log_as_it_should_be(ledger: MemoryLedger) -> None:
    told: list[tuple[int, int]] = []
    genesis = next(ledger.leaves(0, 1)).data
    with ledger_source(ledger) as source:
        found = audit_whole(
            source,
            FakeClock(NOW + 50),
            lambda *seen: told.append(seen),
            genesis=hashlib.sha256(genesis).digest(),
            audited=sign_at(ledger, 100),
            max_age=50,
        )
    size = ledger.head().size
    assert found.findings == ()
    assert (found.origin, found.size, found.signed, found.audited) == (World().origin, size, size, 100)
    assert found.root == tree.root(ledger.head().edge)
    assert found.checkpoint == sign_at(ledger, size)
    assert found.newest == NOW
    assert found.counts == {
        "genesis": 1,
        "policy": 1,
        "member-enrol": 2,
        "key-enrol": 2,
        "submit": ENTRIES,
        "opinion": 1,
        "withdraw": 1,
    }
    assert [done for done, _ in told] == [5, 64, 128, 192, 256, size, *range(1, ENTRIES + 1)]
    assert told[-1] == (ENTRIES, ENTRIES)


def test_leaf_0_is_the_genesis_that_is_pinned(source: Altered) -> None:
    assert only(source, genesis=bytes(32)) == (
        "leaf",
        0,
        "leaf 0 is not the genesis statement that is pinned",
    )


@pytest.mark.parametrize(
    ("note", "index", "said"),
    [
        (lambda _: b"no checkpoint", None, "not a checkpoint: "),
        (
            lambda ledger: sign_at(ledger, 9, Identity.of("thief")),
            8,
            "no key of the log signed the checkpoint",
        ),
        (lambda ledger: sign_at(ledger, 9).replace(b"test.example", b"fake.example"), 8, "a checkpoint of"),
        (lambda _: _with_root(6, bytes(32)), 5, "leaf 5 is not the one that the signed checkpoint of"),
        (lambda _: _with_root(9, bytes(32)), 5, "one of the leaves 5 to 8 is not the one"),
    ],
)
def test_a_checkpoint_is_the_logs_and_of_its_tree(
    ledger: MemoryLedger,
    source: Altered,
    note: Callable[[MemoryLedger], bytes],
    index: int | None,
    said: str,
) -> None:
    source.notes.insert(1, note(ledger))
    topic, found, message = only(source)
    assert (topic, found) == ("checkpoint", index)
    assert said in message


def _with_root(size: int, root: bytes) -> bytes:
    """A checkpoint that the log signed of another tree."""
    log = Identity.of("log")
    return checkpoint.sign(Checkpoint(World().origin, size, root), log.public, log.private.sign)


def test_a_log_that_has_signed_nothing(source: Altered) -> None:
    source.notes = []
    assert report(source).findings == ()  # a home that was never served
    source.end, source.reports = None, frozenset()
    assert only(source) == ("checkpoint", None, "nothing of this log is signed")


def test_a_log_that_was_rolled_back(ledger: MemoryLedger, source: Altered) -> None:
    """It is shorter than when it was audited last."""
    audited = source.notes.pop()
    source.end, source.reports = None, frozenset()
    topic, index, message = only(source, audited=audited)
    assert (topic, index) == ("checkpoint", 256)
    assert "the log was rolled back" in message
    (finding,) = report(source, audited=audited).findings
    assert finding.evidence == {"audited": audited, "checkpoint": sign_at(ledger, 256)}


def test_a_log_with_another_history_than_the_audited_one(source: Altered) -> None:
    audited = _with_root(100, bytes(32))
    (finding,) = report(source, audited=audited).findings
    assert finding.message == "the first 100 leaves are not those that were audited: it is another history"
    assert finding.evidence["audited"] == audited


def test_a_leaf_that_breaks_a_rule_is_named_and_kept(source: Altered) -> None:
    told = next(source.honest.leaves(20, 21))
    forged = told.data.replace(b"label ncii", b"label hate")
    source.told[20] = ReportedLeaf(20, forged)
    findings = report(source).findings
    assert [(finding.topic, finding.index) for finding in findings[:1]] == [("leaf", 20)]
    assert "the signature does not verify" in findings[0].message
    assert findings[0].evidence == {"leaf-20": forged}
    topics = {(finding.topic, finding.index) for finding in findings}
    # What the tile and the next checkpoint say, and the entry that is none.
    assert {("tile", 20), ("checkpoint", 5), ("state", 20)} <= topics


def test_a_log_with_too_many_faults_is_not_read_to_its_end(
    source: Altered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "MAX_FINDINGS", 7)
    source.told = {index: ReportedLeaf(index, b"rubbish") for index in range(100, 200)}
    found = report(source)
    assert [finding.index for finding in found.findings] == list(range(100, 107))
    assert found.size == 107


def test_leaves_that_are_held_back_or_out_of_order(source: Altered) -> None:
    source.stop = 30
    assert only(source) == ("source", 30, "leaf 30 of 256 is held back")
    source.stop = None
    source.told[30] = next(source.honest.leaves(31, 32))
    assert only(source) == ("source", 30, "asked for leaf 30, it gave leaf 31")
    source.told[30] = MalformedError("tile/entries/000: want 256 leaves", field="tile")
    assert only(source) == ("source", 30, "tile/entries/000: want 256 leaves")


def test_leaves_without_end_are_not_read(ledger: MemoryLedger) -> None:
    with ledger_source(ledger) as honest:
        source = Endless(honest)
        source.notes, source.end = [sign_at(ledger, 9)], None
        assert only(source) == ("source", 9, "asked for leaf 9, it gave leaf 9")


def test_a_source_that_is_away_gives_no_verdict(source: Altered) -> None:
    source.told[30] = UnavailableError("no answer")
    with pytest.raises(UnavailableError, match="no answer"):
        report(source)


@pytest.mark.parametrize(
    "changed",
    [
        {"hash": bytes(32)},
        {"nodes": (bytes(32),)},
        {"member": "bolt"},
        {"request": b""},
        {"time": 1},
    ],
)
def test_what_is_stored_beside_a_leaf_follows_from_its_bytes(
    source: Altered, changed: dict[str, object]
) -> None:
    told = next(source.honest.leaves(20, 21))
    assert told.stored is not None
    stored = replace(told.stored, **changed)  # type: ignore[arg-type]  # each field's own type
    source.told[20] = replace(told, stored=stored)
    (name,) = changed
    assert only(source) == ("stored", 20, f"leaf 20: {name} stored with it is not that of its bytes")


def test_the_head_is_that_of_the_last_leaf(source: Altered) -> None:
    assert source.end is not None
    source.end = Head(source.end.size, (*source.end.edge[:-1], bytes(32)))
    assert only(source)[:2] == ("stored", source.end.size - 1)
    source.end = Head(source.end.size + 1, source.end.edge)
    assert only(source)[:2] == ("source", source.end.size - 1)


@pytest.mark.parametrize("private", [(), (b"other",), (b"one", b"more")])
def test_private_parts_are_those_that_the_statement_commits_to(
    source: Altered, private: tuple[bytes, ...]
) -> None:
    source.told[20] = replace(next(source.honest.leaves(20, 21)), private=private)
    assert only(source)[:2] == ("private", 20)
    source.told[20] = replace(source.told[20], private=None)  # type: ignore[type-var]  # it is a leaf
    assert report(source).findings == ()


def test_a_flipped_bit_of_a_tile_is_found_wherever_it_is(source: Altered) -> None:
    size = source.honest.head().size
    for tile in (Tile(0, 0), Tile(0, 1, size - 256), Tile(1, 0, 1)):
        data = bytearray(source.honest.tile(tile))
        data[-1] ^= 1
        source.tiles = {tile: bytes(data)}
        place = tile.width - 1
        index = 0 if tile.level else tile.number * 256 + place
        topic, found, message = only(source)
        assert (topic, found) == ("tile", index)
        assert f"{tile.path}: hash {place}" in message
        source.tiles = {tile: bytes(data[:-1])}
        assert only(source)[0] == "tile"
        source.tiles = {tile: CorruptError(f"{tile.path} is missing")}
        assert "is missing" in only(source)[2]


CHANGES: list[tuple[type[Record], dict[str, object], dict[str, object]]] = [
    (Charter, {"labels": ("ncii",)}, {"policy_version": 9}),
    (Member, {"roles": frozenset()}, {"id": "puppet"}),
    (Key, {"expires": 1}, {"id": bytes(32)}),
    (Entry, {"withdrawn_index": 30}, {"index": 3}),
    (Opinion, {"stance": Stance.ENDORSE}, {"member": "puppet"}),
]


@pytest.mark.parametrize(("kind", "changed", "renamed"), CHANGES)
def test_a_record_that_is_told_otherwise_than_the_leaves_say(
    source: Altered, kind: type[Record], changed: dict[str, object], renamed: dict[str, object]
) -> None:
    place = [isinstance(record, kind) for record in source.state].index(True)
    record: Any = source.state[place]
    index = getattr(record, "index", getattr(record, "enrolled_index", None))
    source.state[place] = replace(record, **changed)
    topic, found, message = only(source)
    assert (topic, found) == ("state", index)
    assert message.startswith(f"the record {kind.__name__.lower()} ")
    assert message.endswith(f" is reported with another {next(iter(changed))}")

    source.state[place] = record
    source.state.append(replace(record, **renamed))
    assert only(source)[2].endswith(" follows from no leaf")

    source.state = [each for each in source.state[:-1] if each is not record]
    assert only(source) == ("state", index, f"{message.partition(' is reported')[0]} is missing")


def test_a_source_that_goes_on_is_asked_again(ledger: MemoryLedger) -> None:
    """What it tells is of a longer log than the checkpoint that it gave before."""
    with ledger_source(ledger) as honest:
        source = Growing(honest)
        found = report(source)
    assert found.findings == ()
    assert found.size == ledger.head().size
    assert source.asked[1] == [10, 11, *range(256, ENTRIES + 6)]  # of which leaves after the 256th speak


def test_a_difference_that_a_longer_log_does_not_explain(ledger: MemoryLedger) -> None:
    with ledger_source(ledger) as honest:
        source = Growing(honest)
        source.state.append(Member("puppet", frozenset(), 3))
        assert only(source) == ("state", 3, "the record member puppet follows from no leaf")


def test_a_source_that_tells_no_state(source: Altered) -> None:
    source.reports, source.state = frozenset(), []
    assert report(source).findings == ()


def test_an_old_log_is_told(source: Altered) -> None:
    assert only(source, max_age=49)[::2] == ("freshness", "the newest statement is 50 s old, more than 49 s")


def test_leaves_beyond_the_head_are_found() -> None:
    world, ledger = World(), MemoryLedger()
    world.found(ledger)
    with ledger_source(ledger) as source:
        ledger.tree.extent = lambda: 9  # type: ignore[method-assign]  # a leaf that nobody appended
        findings = audit_whole(source, FakeClock(), silent).findings
    assert ("source", 2) in {(finding.topic, finding.index) for finding in findings}


def test_a_checkpoint_is_signed_by_a_key_that_was_in_force_at_its_size() -> None:
    """The log's key was stolen, and replaced; the thief goes on to sign with it."""
    world, ledger, newer = World(), MemoryLedger(), Identity.of("newer")
    world.found(ledger, "acme")
    ledger.checkpoints.keep(KeptCheckpoint(4, sign_at(ledger, 4)))
    root = Root(2, tuple(admin.key for admin in world.admins), 2, (newer.public,))
    world.appender(ledger).append(None, Submission(world.by_admins(root)))
    with ledger_source(ledger) as honest:
        source = Altered(honest)
        source.notes.append(sign_at(ledger, 5, newer))
        assert report(source).findings == ()
        source.notes[-1] = sign_at(ledger, 5)
        assert only(source) == (
            "checkpoint",
            4,
            "the checkpoint of size 5: no key of the log signed the checkpoint",
        )
        source.notes = [sign_at(ledger, 4, newer)]
        assert only(source)[:2] == ("checkpoint", 3)


def test_a_server_tells_only_the_opinions_that_stand() -> None:
    world, ledger, bolt = World(), MemoryLedger(), Identity.of("bolt")
    world.found(ledger, "acme", "bolt")
    appender, first = world.appender(ledger), ledger.head().size
    appender.append(
        "acme", world.author("acme").submit([fingerprint(PDQ, "one")], Reason(frozenset({"ncii"})))
    )
    appender.append("bolt", world.author("bolt").opinion(first, Stance.DISPUTE))
    revocation = KeyRevoke("bolt", bolt.id, first + 1, "stolen")
    appender.append(None, Submission(world.by_admins(revocation)))
    ledger.checkpoints.keep(KeptCheckpoint(first + 3, sign_at(ledger, first + 3)))
    with ledger_source(ledger) as honest:
        source = Altered(honest)
        assert report(source).findings == ()
        source.only_standing = True
        assert only(source) == (
            "state",
            first + 1,
            f"the record opinion {first} bolt follows from no leaf",
        )
        source.state = [each for each in source.state if not isinstance(each, Opinion)]
        assert report(source).findings == ()
