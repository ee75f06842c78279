"""Retroactive matching: every new entry is told of every upload it is near, at least once, and no other."""

from __future__ import annotations

import errno
import os
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import NoReturn

import pytest
from builders import fingerprint, near, seeded
from running import BOTH, found
from waits import wait_until

from hashpact.clock import unix_time
from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH, SHA256, TYPES, WINNOW, Fingerprint
from hashpact.errors import ConfigError
from hashpact.home.opening import Home, open_home
from hashpact.lookup.native import NativeIndex
from hashpact.member.author import Author, Reason
from hashpact.member.profile import Profile
from hashpact.mirror.retro import matching
from hashpact.mirror.retro.matching import Retro, RetroMatch, RetroRun
from hashpact.mirror.retro.segments import PACKED
from hashpact.mirror.retro.telling import telling
from hashpact.mirror.retro.window import DAY, Window, WindowSize, segments
from hashpact.service.append import Appender

KEY = bytes(range(32))
ALICE = "acme-video"
FRAUD = Reason(frozenset({"fraud"}))


class Log:
    """A real log, the window of a mirror of it, and what was told."""

    def __init__(self, home: Home, profile: Profile, directory: Path) -> None:
        self.ledger = home.ledger
        self.directory = directory
        self.author = Author(
            profile.origin, profile.member, profile.key, profile.signer, unix_time, secrets.token_bytes
        )
        self.appender = Appender(self.ledger, unix_time)
        self.window = Window(directory, KEY, WindowSize(DAY, 16 << 20), unix_time, print)
        self.retro = Retro(directory, KEY, self.ledger, NativeIndex())
        self.told: list[RetroMatch] = []
        self.last = RetroRun(0, 0, 0, ())

    @property
    def position(self) -> int:
        """The tree size."""
        return self.ledger.head().size

    def share(self, *codes: Fingerprint) -> int:
        """Append an entry; its log index."""
        self.appender.append_all(ALICE, [self.author.submit(codes, FRAUD)])
        return self.position - 1

    def withdraw(self, entry: int) -> None:
        """Withdraw an entry."""
        self.appender.append_all(ALICE, [self.author.withdraw(entry, "mistake")])

    def keep(self, name: str, *codes: Fingerprint, position: int | None = None) -> None:
        """Keep an upload, as if its answer had reflected that position."""
        self.window.keep([tuple(map(Query, codes))], self.position if position is None else position, name)

    def run(self, since: int | None = None) -> list[tuple[str, int]]:
        """Look through the window; the uploads and entries that are told."""
        found: list[RetroMatch] = []
        self.last = self.retro.run(found.append, since=since)
        self.told += found
        return sorted((match.reference, match.near.entry) for match in found)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    home = found(tmp_path, {ALICE: BOTH})
    with open_home(home) as opened:
        one = Log(opened, Profile.load(tmp_path / ALICE), tmp_path / "retro")
        yield one
        one.window.close()


CODES = [fingerprint(PDQ, str(number)) for number in range(8)]


def test_entries_are_told_of_uploads_from_before_them_only(log: Log) -> None:
    before = log.share(CODES[0])
    log.keep("a", CODES[0], CODES[1])
    log.keep("b", near(CODES[1], 8))
    log.keep("c", CODES[7])
    assert log.run() == []
    after = log.share(CODES[1])
    log.keep("late", CODES[1])  # its own check has found the entry
    assert log.run() == [("a", after), ("b", after)]
    assert log.last.position == log.position
    assert log.run() == []
    assert log.run(since=0) == [("a", after), ("b", after)]
    assert log.run(since=after + 1) == []
    assert before < after
    assert len({match.id for match in log.told}) == 2
    (first, *_) = log.told
    assert first.near.nearest.strength is not None
    assert abs(first.checked_at - unix_time()) < 600


def test_every_type_that_may_be_shared_is_looked_for(log: Log) -> None:
    kinds = [kind for kind in TYPES.values() if not kind.opt_in]
    for kind in kinds:
        log.keep(kind.name, fingerprint(kind, "x"))
        log.keep("other", fingerprint(kind, "y"))
    assert WINNOW in kinds
    entries = {kind.name: log.share(fingerprint(kind, "x")) for kind in kinds}
    assert log.run() == sorted(entries.items())


def test_a_check_that_is_kept_late_misses_nothing(log: Log) -> None:
    answered = log.position
    first = log.share(CODES[0])
    log.keep("early", CODES[1])
    assert log.run() == []
    log.keep("late", CODES[0], position=answered)  # answered before the entry, kept after the run
    assert log.run() == [("late", first)]
    assert log.run() == []
    second = log.share(CODES[1])
    assert log.run() == [("early", second)]


def test_of_entries_near_an_upload_only_the_new_ones_are_told(log: Log) -> None:
    start = log.position
    log.share(CODES[0])
    log.keep("known", CODES[0])
    log.keep("older", CODES[1], position=start)  # so that both entries are looked through
    second = log.share(near(CODES[0], 2))
    assert log.run() == [("known", second)]
    assert log.run(since=0) == [("known", second)]


def test_a_segment_that_grows_and_is_packed_during_a_run_is_for_the_next_one(log: Log) -> None:
    log.keep("a", CODES[0])
    log.window.close()
    log.keep("b", CODES[0])
    entry = log.share(CODES[0])
    told: list[str] = []

    def tell(match: RetroMatch) -> None:
        told.append(match.reference)
        if len(told) == 1:
            log.keep("c", CODES[0], position=1)  # not planned: packed into one frame with b, which waits too
            log.window.close()

    log.retro.run(tell)
    assert told == ["a"]
    assert log.run() == [("b", entry), ("c", entry)]
    assert log.run() == []


def test_packing_changes_nothing_of_what_was_told(log: Log) -> None:
    log.keep("a", CODES[0])
    entry = log.share(CODES[0])
    assert log.run() == [("a", entry)]
    log.window.close()
    assert [segment.path.suffix for segment in segments(log.directory)] == [PACKED]
    assert log.run() == []
    log.keep("b", CODES[1])
    assert log.run(since=0) == [("a", entry)]
    assert {match.id for match in log.told} == {log.told[0].id}


def test_a_run_that_ends_tells_the_rest_the_next_time(log: Log) -> None:
    for number in range(4):  # a segment each
        log.keep(str(number), CODES[number])
        log.window.close()
    entries = [log.share(code) for code in CODES[:4]]
    told: list[str] = []

    def tell(match: RetroMatch) -> None:
        if len(told) == 2:
            raise KeyboardInterrupt
        told.append(match.reference)

    with pytest.raises(KeyboardInterrupt):
        log.retro.run(tell)
    assert log.run() == [(str(number), entries[number]) for number in (2, 3)]
    assert told == ["0", "1"]

    log.share(CODES[0])

    def refuse() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):  # the receiver has not taken it: it is not written down
        log.retro.run(lambda _: None, refuse)
    assert [name for name, _ in log.run()] == ["0"]
    going = iter([True, False])
    log.share(CODES[0])
    log.share(CODES[3])
    log.retro.run(lambda match: told.append(match.reference), going=lambda: next(going))
    assert told[2:] == ["0"]
    assert [name for name, _ in log.run()] == ["3"]


def test_what_does_not_stand_any_more_is_not_told(log: Log) -> None:
    log.keep("a", CODES[0])
    log.withdraw(log.share(CODES[0]))
    assert log.run() == []


def test_other_types_of_an_upload_speak_for_and_against(log: Log) -> None:
    code, other = fingerprint(PHASH, "p"), fingerprint(PDQ, "far")
    log.keep("agrees", code, CODES[0])
    log.keep("differs", code, other)
    entry = log.share(code, CODES[0])
    assert log.run() == [("agrees", entry), ("differs", entry)]
    by_name = {match.reference: match.near.matches for match in log.told}
    assert len(by_name["agrees"]) == 2
    (match,) = by_name["differs"]
    assert match.contradicted is not None
    assert match.contradicted.type == PDQ.name


def test_texts_are_compared_as_closely_as_a_check_would(log: Log) -> None:
    rows = struct.unpack(">128I", seeded("a long text", MINHASH.size))
    hashes = [row % 2**23 for row in rows]  # of a set with about a thousand elements

    def changed(count: int) -> Fingerprint:
        return Fingerprint(
            MINHASH, struct.pack(">128I", *(row ^ (at < count) for at, row in enumerate(hashes)))
        )

    log.keep("near", changed(20))
    log.keep("far", changed(70))  # within the ceiling, not within the default
    entry = log.share(changed(0))
    assert log.run() == [("near", entry)]


def test_a_damaged_segment_is_named_and_the_others_are_looked_through(log: Log) -> None:
    for name in ("a", "b", "c"):
        log.keep(name, CODES[0])
        log.window.close()
    entry = log.share(CODES[0])
    _, middle, _ = segments(log.directory)
    data = bytearray(middle.path.read_bytes())
    data[-1] ^= 1
    middle.path.write_bytes(data)
    assert log.run() == [("a", entry), ("c", entry)]
    (said,) = log.last.damaged
    assert said.startswith(f"{middle.path}: frame 0 was altered")
    middle.path.write_bytes(b"")
    log.run()
    assert log.last.damaged == (f"{middle.path}: it does not begin as a segment",)
    data[-1] ^= 1
    middle.path.write_bytes(data)  # it is whole again: nothing of it was taken for told
    assert log.run() == [("b", entry)]


def test_a_damaged_state_and_a_second_process_are_errors(log: Log) -> None:
    log.keep("a", CODES[0])
    log.share(CODES[0])

    def nested(_match: RetroMatch) -> None:
        with pytest.raises(ConfigError, match="another process looks through"):
            log.run()

    log.retro.run(nested)
    values = (b"1", b"[Infinity, 0]", b"[0, -1]", b"[0, 9223372036854775808]")
    for wrong in (b"[]", b"\xff", b"[" * 100_000, *(b'{"a": %b}' % value for value in values)):
        (log.directory / "told").write_bytes(wrong)
        with pytest.raises(ConfigError, match="is damaged; remove it"):
            log.run()
    (log.directory / "told").unlink()
    assert [name for name, _ in log.run()] == ["a"]


def test_many_entries_near_one_upload_are_cut_and_said_to_be(log: Log) -> None:
    log.keep("a", CODES[0])
    for number in range(70):
        log.share(near(CODES[0], number % 8 + 1), fingerprint(SHA256, str(number)))
    assert len(log.run()) == 64
    assert all(match.truncated for match in log.told)


def test_a_thread_tells_and_says_once_what_is_wrong(log: Log) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    wrong: SimpleQueue[str] = SimpleQueue()
    log.keep("a", CODES[0])
    with telling(log.retro, lambda match: told.put(match.reference), wrong.put):
        log.share(CODES[0])
        assert told.get(timeout=120) == "a"

        def spoilt() -> bool:  # the thread may write after us
            (log.directory / "told").write_bytes(b"[]")
            return not wrong.empty()

        wait_until(spoilt)
        assert "is damaged" in wrong.get(timeout=120)
        (log.directory / "told").unlink()
        assert told.get(timeout=120) == "a"
    assert (told.empty(), wrong.empty()) == (True, True)


def test_a_thread_goes_on_once_the_window_can_be_read_again(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    wrong: SimpleQueue[str] = SimpleQueue()
    log.keep("a", CODES[0])
    log.share(CODES[0])

    def none_left(_: Path) -> NoReturn:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patched:
        patched.setattr(matching, "segments", none_left)
        with telling(log.retro, lambda match: told.put(match.reference), wrong.put):
            assert "Too many open files" in wrong.get(timeout=120)
            patched.undo()
            assert told.get(timeout=120) == "a"


def test_an_empty_window(log: Log) -> None:
    assert log.run() == []
    assert (log.last.uploads, log.last.matches, log.last.damaged) == (0, 0, ())
