"""The fold on a file against the pure fold: any stream, saved, forgotten and opened again at any leaf."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from builders import World
from streams import EXAMPLES, Step, draw, ordinary, spoken

from hashpact.audit.deriving import fold as folding
from hashpact.audit.deriving import judging
from hashpact.audit.deriving.fold import Fold, scratch
from hashpact.audit.deriving.judging import judged, packed, unpacked
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Charter, Entry, Filing, Key, Member, Opinion, RecentTimes
from hashpact.errors import ConfigError, UnavailableError
from hashpact.keys.verifying import BatchVerifier
from hashpact.log import tree
from hashpact.storage.derived.file import DerivedFile

KINDS = (Charter, Member, Key, Entry, Opinion, Filing, RecentTimes)


def check(fold: Fold, wanted: Replay, leaves: Sequence[bytes]) -> None:
    """Fail unless the fold has exactly the state of the pure fold of these leaves, and their tree."""
    fold.file.flush()
    state, told = fold.file.state, [record for kind in KINDS for record in fold.file.records(kind)]
    assert sorted(map(repr, told)) == sorted(map(repr, wanted.state.records()))
    assert [fold.file.count(kind) for kind in KINDS] == [
        sum(type(one) is kind for one in told) for kind in KINDS
    ]
    assert (state.charters(), state.times()) == (wanted.state.charters(), wanted.state.times())
    assert state.waiting(0) == wanted.state.waiting(0)
    for member in wanted.state.members:
        assert state.keys(member) == wanted.state.keys(member)
    for index in range(len(leaves)):
        assert state.entry(index) == wanted.state.entry(index)
        assert state.opinions(index) == wanted.state.opinions(index)
        assert state.filing(index) == wanted.state.filing(index)
    for said, index in wanted.state.requests.items():
        assert state.request(*said) == index
    for kind, about in wanted.state.filed_about:
        assert state.filings(kind, about) == wanted.state.filings(kind, about)
    for kind, about, member in wanted.state.filed_last:
        assert state.newest(kind, about, member) == wanted.state.newest(kind, about, member)
    edge: tuple[bytes, ...] = ()
    for index, leaf in enumerate(leaves):
        edge = tree.extend(index, edge, tree.leaf_hash(leaf))
    assert (fold.size, fold.root) == (len(leaves), tree.root(edge))


def advance(fold: Fold, leaves: Sequence[bytes]) -> list[tuple[int, str]]:
    """Fold more leaves as an audit does; those that break a rule, and how."""
    faults = []
    found = judged(leaves, dict(fold.known), BatchVerifier())
    for leaf, one in zip(leaves, found, strict=True):
        folded = fold.add(leaf, unpacked(packed(one)))
        list(fold.rows.add((folded.hash, *folded.nodes)))
        if folded.error is not None:
            faults.append((folded.index, str(folded.error)))
    return faults


def interrupted(leaves: Sequence[bytes], draws: Random) -> None:
    """Fold in pieces, of which some are saved, some forgotten, and the file opened again between some."""
    wanted = [(fault.index, str(fault.error)) for fault in replay(leaves).faults]
    with TemporaryDirectory() as directory:
        path = Path(directory) / "state"
        file, faults, saved = DerivedFile.create(path), [], 0
        fold = Fold(file)
        while fold.size < len(leaves):
            stop = fold.size + draws.randrange(1, 40)
            faults += advance(fold, leaves[fold.size : stop])
            match draws.randrange(5):
                case 0:
                    fold.save()
                    saved = fold.size
                case 1:
                    fold.forget()
                case 2:  # as if the process had died
                    file.close()
                    file = DerivedFile.open(path)
                    fold = Fold(file)
                case 3:
                    file.flush()
                case _:
                    continue
            if fold.size == saved:
                faults = [fault for fault in faults if fault[0] < saved]
        check(fold, replay(leaves), leaves)
        assert faults == wanted
        fold.save()
        file.close()
        with closing(DerivedFile.open(path)) as again:
            check(Fold(again), replay(leaves), leaves)


def interrupted_stream(steps: list[Step]) -> None:
    _, leaves = spoken(steps)
    interrupted(leaves, Random(len(leaves)))  # where it is interrupted


@EXAMPLES
def test_a_fold_on_a_file_is_the_pure_fold_wherever_it_is_interrupted(examples: int) -> None:
    draw(examples, interrupted_stream)


def test_a_long_stream_of_every_kind() -> None:
    _, leaves = spoken(ordinary(3, turn) for turn in range(250))
    assert {fault.index for fault in replay(leaves).faults} != set()
    for seed in range(2):
        interrupted(leaves, Random(seed))  # as above


def test_records_are_staged_and_keys_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "STAGED", 16)
    monkeypatch.setattr(folding, "REQUESTS", 32)
    monkeypatch.setattr(judging, "KNOWN", 2)
    _, leaves = spoken(ordinary(4, turn) for turn in range(120))
    with scratch() as fold:
        for start in range(0, len(leaves), 10):
            advance(fold, leaves[start : start + 10])
            assert len(fold.file.state.filed) < 16
            assert len(fold.file.state.requests) < 32 + 16
            assert len(fold.known) <= 2
        check(fold, replay(leaves), leaves)


def test_a_signature_that_a_worker_has_not_verified_is_verified_by_the_rules() -> None:
    world = World()
    leaves = [*world.founding("acme"), world.policy(2)[:-8] + b"AAAAAA=="[:7] + b"\n"]
    with scratch() as fold:
        (fault,) = advance(fold, leaves)
    assert fault[0] == len(leaves) - 1


def test_what_was_kept_must_be_what_a_fold_keeps(tmp_path: Path) -> None:
    for name, value in (("counts", b"{"), ("rows", b"\x01"), ("rows", b"\x01" + bytes(32))):
        path = tmp_path / f"{name}{len(value)}"
        with closing(DerivedFile.create(path)) as file:
            file.keep(name, value)
            file.commit()
        with closing(DerivedFile.open(path)) as file, pytest.raises(ConfigError, match="an audit has kept"):
            Fold(file)


def test_a_place_for_temporary_files_that_is_full_is_named() -> None:
    def fill() -> None:
        with scratch() as fold:
            fold.file._run("PRAGMA max_page_count = 1")  # none but those that it has: a full disk
            for number in range(1000):
                fold.file.keep(f"more {number}", bytes(3000))

    with pytest.raises(UnavailableError, match="TMPDIR"):
        fill()
