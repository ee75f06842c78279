"""What domain/ports.py promises of Cosigned, asked of each implementation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import pytest
from witnesses import MemoryCosigned

from hashpact.domain.state import Evidence, KeptCheckpoint
from hashpact.errors import ConflictError
from hashpact.storage.cosigned import MAX_EVIDENCE, SqliteCosigned

AnyCosigned: TypeAlias = MemoryCosigned | SqliteCosigned
A, B = "a.example/log", "b.example/log"


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], AnyCosigned]]:
    """Opens the same record again and again, as the processes of a machine may."""
    memory = MemoryCosigned()
    path = tmp_path / "witness.db"
    made: list[SqliteCosigned] = []

    def open_again() -> AnyCosigned:
        if request.param == "memory":
            return memory
        made.append(SqliteCosigned(path) if path.exists() else SqliteCosigned.create(path))
        return made[-1]

    yield open_again
    for one in made:
        one.close()


def kept(size: int, name: str = "") -> KeptCheckpoint:
    return KeptCheckpoint(size, f"note {size} {name}\n".encode())


def piece(number: int, *, certain: bool) -> Evidence:
    return Evidence(b"text %d" % number, b"cosigned", b"offered %d" % number, certain)


def test_nothing_is_cosigned_at_first(opened: Callable[[], AnyCosigned]) -> None:
    cosigned = opened()
    assert cosigned.latest(A) is None
    assert cosigned.evidence(A) == []


def test_each_log_advances_by_itself(opened: Callable[[], AnyCosigned]) -> None:
    cosigned = opened()
    cosigned.advance(A, None, kept(0))
    cosigned.advance(A, kept(0), kept(5))
    cosigned.advance(B, None, kept(3))
    assert (cosigned.latest(A), cosigned.latest(B)) == (kept(5), kept(3))
    assert opened().latest(A) == kept(5)


@pytest.mark.parametrize("last", [None, kept(4), kept(5, "other"), kept(6)])
def test_what_was_overtaken_changes_nothing(
    opened: Callable[[], AnyCosigned], last: KeptCheckpoint | None
) -> None:
    cosigned = opened()
    cosigned.advance(A, None, kept(5))
    with pytest.raises(ConflictError) as caught:
        cosigned.advance(A, last, kept(9))
    assert caught.value.details == {"size": "5"}
    assert cosigned.latest(A) == kept(5)


@pytest.mark.parametrize("size", [0, 4, 5])
def test_it_never_goes_back_or_stays(opened: Callable[[], AnyCosigned], size: int) -> None:
    cosigned = opened()
    cosigned.advance(A, None, kept(5))
    with pytest.raises(ValueError, match="never goes back"):
        cosigned.advance(A, kept(5), kept(size, "new"))
    assert cosigned.latest(A) == kept(5)


def test_of_many_at_once_one_advances(opened: Callable[[], AnyCosigned]) -> None:
    both = (opened(), opened())
    start = threading.Barrier(8)

    def advance(number: int) -> int:
        cosigned = both[number % 2]
        start.wait(120)
        won = 0
        for size in range(1, 40):
            try:
                cosigned.advance(A, None if size == 1 else kept(size - 1), kept(size))
            except ConflictError:
                continue
            won += 1
        return won

    with ThreadPoolExecutor(8) as pool:
        won = sum(pool.map(advance, range(8)))
    newest = both[0].latest(A)
    assert newest is not None
    assert (newest, won) == (both[1].latest(A), newest.size)


def test_evidence_is_kept_once_in_its_order(opened: Callable[[], AnyCosigned]) -> None:
    cosigned = opened()
    for number, certain in ((2, True), (1, False), (2, False), (2, True)):
        cosigned.keep_evidence(A, piece(number, certain=certain))
    cosigned.keep_evidence(A, Evidence(b"text 1", b"later", b"later", certain=False))
    assert opened().evidence(A) == [
        piece(2, certain=True),
        piece(1, certain=False),
        piece(2, certain=False),
    ]
    assert cosigned.evidence(B) == []


def test_evidence_is_bounded_and_doubts_do_not_push_out_what_is_certain(
    opened: Callable[[], AnyCosigned],
) -> None:
    cosigned = opened()
    for number in range(MAX_EVIDENCE + 3):
        for certain in (True, False):
            cosigned.keep_evidence(A, piece(number, certain=certain))
    cosigned.keep_evidence(A, piece(50, certain=False))
    cosigned.keep_evidence(B, piece(0, certain=False))
    found = cosigned.evidence(A)
    assert [one for one in found if one.certain] == [
        piece(number, certain=True) for number in range(MAX_EVIDENCE)
    ]
    assert [one for one in found if not one.certain] == [
        piece(number, certain=False) for number in range(3, MAX_EVIDENCE + 3)
    ]
    assert len(cosigned.evidence(B)) == 1
