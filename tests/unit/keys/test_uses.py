"""The last uses of certificates: noted, kept over a restart, bounded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PosixPath

import pytest
from builders import FakeClock, seeded

from hashpact.errors import ConfigError
from hashpact.keys.uses import MAX_OF_ONE, LastUses

DAY = 24 * 3600
ONE, TWO = seeded("one", 20), seeded("two", 20)


@pytest.fixture
def clock() -> FakeClock:
    """A clock at the beginning of a day."""
    clock = FakeClock()
    clock.now -= clock.now % DAY
    return clock


def test_each_certificate_has_the_day_of_its_last_use(tmp_path: Path, clock: FakeClock) -> None:
    uses, today = LastUses(tmp_path / "uses", clock), clock.now // DAY
    uses.note("acme", ONE)
    uses.note("acme", TWO)
    clock.now += DAY
    uses.note("acme", TWO)
    uses.note("bolt", ONE)
    assert uses.of("acme") == ((TWO, today + 1), (ONE, today))
    assert uses.of("bolt") == ((ONE, today + 1),)
    assert uses.of("nobody") == ()


def test_what_was_saved_is_known_after_a_restart(tmp_path: Path, clock: FakeClock) -> None:
    uses = LastUses(tmp_path / "uses", clock)
    uses.save()
    assert not (tmp_path / "uses").exists()
    uses.note("acme", ONE)
    uses.save()
    assert (tmp_path / "uses").stat().st_mode & 0o077 == 0
    again = LastUses(tmp_path / "uses", clock)
    assert again.of("acme") == uses.of("acme") != ()


def test_two_processes_of_a_home_keep_what_both_have_seen(tmp_path: Path, clock: FakeClock) -> None:
    today = clock.now // DAY
    one, other = LastUses(tmp_path / "uses", clock), LastUses(tmp_path / "uses", clock)
    one.note("acme", ONE)
    other.note("acme", TWO)
    one.save()
    other.save()
    one.save()
    for uses in (one, other, LastUses(tmp_path / "uses", clock)):
        assert uses.of("acme") == ((ONE, today), (TWO, today))
    clock.now += DAY
    other.note("acme", ONE)
    other.save()
    one.save()
    assert one.of("acme") == ((ONE, today + 1), (TWO, today))


class SlowPath(PosixPath):
    """A file that is read only once something else is done."""

    before: Callable[[], object] = staticmethod(lambda: None)

    def exists(self) -> bool:
        """Whether it is there, after a while."""
        self.before()
        return super().exists()


def test_a_use_is_noted_while_the_file_is_read(tmp_path: Path, clock: FakeClock) -> None:
    """The thread that serves all calls notes uses; it must not wait for the disk."""
    path = SlowPath(tmp_path / "uses")
    uses = LastUses(path, clock)
    with ThreadPoolExecutor() as threads:
        path.before = lambda: threads.submit(uses.note, "acme", ONE).result(120)
        uses.save()
    assert LastUses(tmp_path / "uses", clock).of("acme") == uses.of("acme") != ()


def test_a_certificate_that_has_ended_is_forgotten(tmp_path: Path, clock: FakeClock) -> None:
    uses = LastUses(tmp_path / "uses", clock)
    uses.note("acme", ONE)
    clock.now += 31 * DAY
    assert len(uses.of("acme")) == 1
    clock.now += DAY
    uses.note("bolt", TWO)
    uses.save()
    assert uses.of("acme") == ()
    assert "acme" not in (tmp_path / "uses").read_text()


def test_of_a_member_so_many_are_kept_and_no_more(tmp_path: Path, clock: FakeClock) -> None:
    uses = LastUses(tmp_path / "uses", clock)
    for number in range(MAX_OF_ONE + 5):
        uses.note("acme", number.to_bytes(20))
    kept = {int.from_bytes(serial) for serial, _ in uses.of("acme")}
    assert kept == set(range(5, MAX_OF_ONE + 5))


@pytest.mark.parametrize(
    "damage", ["junk\n", "acme 00 1\n", f"acme {'0' * 40} -1\n", "\ufffd" * 9 + "\n", f"ACME {'0' * 40} 1\n"]
)
def test_a_damaged_line_is_passed_over(tmp_path: Path, clock: FakeClock, damage: str) -> None:
    good = f"bolt {ONE.hex()} {clock.now // DAY}\n"
    (tmp_path / "uses").write_text(damage + good)
    uses = LastUses(tmp_path / "uses", clock)
    assert uses.of("bolt") == ((ONE, clock.now // DAY),)
    assert uses.of("acme") == ()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, clock: FakeClock) -> None:
    uses = LastUses(tmp_path / "nowhere" / "uses", clock)
    uses.note("acme", ONE)
    with pytest.raises(ConfigError, match="nowhere"):
        uses.save()
