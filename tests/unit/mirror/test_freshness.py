"""How old a copy is: what is measured, what is kept, and when nothing is answered any more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from hashpact.domain.checks import Lag
from hashpact.errors import ConfigError, LaggingError
from hashpact.mirror.freshness import Freshness, SourceState
from hashpact.mirror.replicating import ReplicaStatus

NOW = 1_800_000_000


@dataclass
class Clock:
    """A clock that a test sets."""

    now: int = NOW

    def __call__(self) -> int:
        """The time."""
        return self.now


def freshness(directory: Path, clock: Clock, max_lag: int = 100) -> Freshness:
    """Of a mirror in a directory."""
    return Freshness(directory / "copied", clock, max_lag)


def heard(position: int, announced: int, at: int, **more: object) -> ReplicaStatus:
    """The copying, as of a time."""
    return ReplicaStatus(position, announced, at, **more)  # type: ignore[arg-type]  # of its fields


def test_a_copy_that_was_never_whole_is_not_answered_from(tmp_path: Path) -> None:
    for max_lag in (0, 100):
        fresh = freshness(tmp_path, Clock(), max_lag)
        assert fresh.age(0) is None
        with pytest.raises(LaggingError, match="0 of 0 leaves"):
            fresh.lag(0)
        fresh.note(heard(5, 9, NOW), 5)
        with pytest.raises(LaggingError, match="5 of 9 leaves") as refused:
            fresh.lag(5)
        assert refused.value.details == {"statements": "4"}


def test_the_seconds_count_from_when_the_copy_was_level(tmp_path: Path) -> None:
    clock = Clock()
    fresh = freshness(tmp_path, clock)
    fresh.note(heard(9, 9, NOW), 9)
    assert fresh.lag(9) == Lag(0, 0)
    clock.now += 30
    assert fresh.lag(9) == Lag(0, 30)
    fresh.note(heard(9, 12, NOW + 20), 9)  # the source is heard, and the copy is behind
    assert fresh.lag(9) == Lag(3, 30)
    fresh.note(heard(12, 12, NOW + 25), 10)  # copied, and not in the index yet
    assert fresh.lag(10) == Lag(2, 30)
    fresh.note(heard(12, 12, NOW + 25), 12)
    assert fresh.lag(12) == Lag(0, 5)


def test_a_source_that_is_not_believed_makes_no_copy_younger(tmp_path: Path) -> None:
    clock = Clock()
    fresh = freshness(tmp_path, clock)
    fresh.note(heard(9, 9, NOW), 9)
    clock.now += 101
    fresh.note(heard(9, 9, clock.now, trouble="fork: two histories"), 9)
    with pytest.raises(
        LaggingError, match=r"101 s ago, and may answer for 100 s: fork: two histories"
    ) as old:
        fresh.lag(9)
    assert old.value.details == {"seconds": "101", "statements": "0"}
    assert fresh.age(9) == Lag(0, 101)
    assert fresh.state.trouble == "fork: two histories"
    assert freshness(tmp_path, clock, 0).age(9) is None  # nothing was saved


def test_it_is_exactly_as_old_as_it_may_be(tmp_path: Path) -> None:
    clock = Clock()
    fresh, any_age = freshness(tmp_path, clock), freshness(tmp_path, clock, 0)
    for one in (fresh, any_age):
        one.note(heard(9, 9, NOW), 9)
    clock.now += 100
    assert fresh.lag(9) == Lag(0, 100)
    clock.now += 1
    with pytest.raises(LaggingError):
        fresh.lag(9)
    clock.now += 10**8
    assert any_age.lag(9) == Lag(0, 100 + 1 + 10**8)
    clock.now = NOW - 50  # it was set back
    assert fresh.lag(9) == Lag(0, 0)


def test_it_is_kept_and_read_by_others(tmp_path: Path) -> None:
    clock = Clock()
    one, other = freshness(tmp_path, clock), freshness(tmp_path, clock)
    one.note(heard(9, 9, NOW, fresh_at=NOW - 7), 9)
    one.save()
    other.load(9)
    assert other.state == one.state == SourceState(9, NOW, NOW, NOW - 7, "")
    before = (tmp_path / "copied").stat().st_mtime_ns
    one.save()  # nothing has changed
    assert (tmp_path / "copied").stat().st_mtime_ns == before
    one.note(ReplicaStatus(9), 9)  # a new process that has heard nobody yet
    assert one.state == other.state
    one.note(heard(9, 9, NOW + 3, trouble="away: gone"), 9)
    one.save()
    other.load(9)
    assert other.state == SourceState(9, NOW, NOW + 3, NOW - 7, "away: gone")


def test_an_index_that_is_behind_what_another_process_copies_grows_old(tmp_path: Path) -> None:
    clock = Clock()
    one, other = freshness(tmp_path, clock), freshness(tmp_path, clock)
    one.note(heard(9, 9, NOW), 9)
    one.save()
    other.load(9)
    clock.now += 60
    one.note(heard(12, 12, clock.now), 12)
    one.save()
    other.load(9)
    assert other.lag(9) == Lag(3, 60)
    clock.now += 60
    one.note(heard(12, 12, clock.now), 12)
    one.save()
    other.load(11)
    with pytest.raises(LaggingError, match="120 s ago"):
        other.lag(11)
    other.load(12)  # the file is as it was
    assert other.lag(12) == Lag(0, 0)


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    fresh = freshness(tmp_path / "gone", Clock())
    fresh.note(heard(9, 9, NOW), 9)
    with pytest.raises(ConfigError, match="cannot write"):
        fresh.save()
    fresh.load(9)  # there is no file, and nothing to forget
    assert fresh.lag(9) == Lag(0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 60_000,
        '{"announced": -1}',
        '{"strange": 1}',
        '{"level_at": "now"}',
        '{"trouble": 3}',
        "9" * 70000,
    ],
)
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "copied").write_text(text)
    assert freshness(tmp_path, Clock()).state == SourceState()
