"""Attested answers are of one position exactly, whatever other threads and processes append meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from attesting import KEY, OTHER, AttestedWorld
from builders import Identity, fingerprint
from linear import LinearIndex
from memory import MemoryLedger

from hashpact.domain.attestation import AttestedAnswer
from hashpact.domain.checks import Answer, Check, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import Root
from hashpact.errors import ConflictError, UnavailableError
from hashpact.log import tree
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import reason_of
from hashpact.service.attest.attester import AttestationKey, Attester
from hashpact.service.check import Checker
from hashpact.service.follow import Follower

SHARED = fingerprint(PDQ, "shared")
REASON = reason_of(["ncii"], "guideline", None, None, ())
CHECK = Check((Query(SHARED),))


class Checked:
    """A log in memory, with a process that answers and one that writes without telling it."""

    def __init__(self, who: Identity | None = KEY) -> None:
        self.world = AttestedWorld()
        self.ledger = MemoryLedger()
        self.world.found(self.ledger, "acme")
        self.index = LinearIndex()
        self.follower = Follower(self.ledger, self.index, EntryCatalog(self.ledger))
        self.checker = Checker(self.ledger, self.index, self.follower)
        key = None if who is None else AttestationKey(self.world.origin, who.public, who.private)
        self.attester = Attester(self.checker, self.ledger, key, self.world.clock, EntryCatalog)

    def share(self) -> int:
        """Another process shares the fingerprint; this one follows later."""
        submission = self.world.author("acme").submit([SHARED], REASON)
        (leaf,) = self.world.appender(self.ledger).append_all("acme", [submission])
        return leaf.index

    def withdraw(self, entry: int) -> None:
        """Another process withdraws an entry."""
        submission = self.world.author("acme").withdraw(entry, "mistake")
        self.world.appender(self.ledger).append_all("acme", [submission])


def entries(answer: Answer) -> list[int]:
    """The entries of an answer."""
    return [match.entry for match in answer.matches]


def test_an_entry_that_another_process_has_withdrawn_is_missing_at_its_position_only() -> None:
    checked = Checked()
    entry = checked.share()
    checked.follower.catch_up()
    checked.withdraw(entry)  # the catalog would read it as withdrawn, and the index is as of before
    assert checked.checker.check(CHECK).position == entry + 1
    answer = checked.attester.check(CHECK)
    assert (entries(answer), answer.position) == ([], entry + 2)


def test_what_comes_while_an_answer_is_made_is_in_it_or_behind_its_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = Checked()
    first = checked.share()
    checked.follower.catch_up()
    plain, times = Checker.check, []

    def growing(self: Checker, check: Check, *rest: Any) -> Answer:  # noqa: ANN401  # as the honest one's
        answer = plain(self, check, *rest)
        if self is checked.checker:
            times.append(checked.share())
            checked.follower.catch_up()
        return answer

    monkeypatch.setattr(Checker, "check", growing)
    answer = checked.attester.check(CHECK)
    assert len(times) == 3  # then it was made while the index was held
    assert entries(answer) == [first, *times]
    assert answer.position == times[-1] + 1


def test_nothing_pauses_while_the_index_is_kept_from_changing(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Checked()
    held: list[bool] = []

    def between(wanted: Callable[[], bool]) -> Callable[[], bool]:
        def asked() -> bool:
            held.append(checked.follower._lock.locked())
            return wanted()

        return asked

    def wanted() -> bool:
        asked.append(checked.follower._lock.locked())
        return True

    asked: list[bool] = []
    monkeypatch.setattr(Follower, "still", property(lambda _: None))
    assert checked.attester.check(CHECK, wanted, between=between).position == checked.follower.position
    assert (held, asked) == ([False] * 3, [False, False, False, True])


def test_no_answer_is_attested_while_the_log_outgrows_every_try(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Checked()
    paused = Follower.paused

    @contextmanager
    def outgrown(self: Follower) -> Iterator[int]:
        with paused(self) as position:
            checked.share()
            yield position

    monkeypatch.setattr(Follower, "still", property(lambda _: None))
    monkeypatch.setattr(Follower, "paused", outgrown)
    with pytest.raises(UnavailableError, match="grows too fast"):
        checked.attester.check(CHECK)


def test_a_position_is_still_only_while_nobody_changes_the_index() -> None:
    checked = Checked()
    checked.follower.catch_up()
    position = checked.follower.position
    seen = [checked.follower.still]
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with checked.follower.paused():
            inside.set()
            go_on.wait(120)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(120)
    seen.append(checked.follower.still)
    go_on.set()
    thread.join()
    assert [*seen, checked.follower.still] == [position, None, position]


def test_a_note_has_the_root_of_its_position() -> None:
    checked = Checked()
    for _ in range(3):
        checked.share()
        checked.follower.catch_up()
        answer = checked.attester.check(CHECK)
        note = checked.attester.attest(b"asked", b"answered", answer.position)
        assert note == checked.attester.attest(b"asked", b"answered", answer.position)
        _, stated = AttestedAnswer(b"asked", b"answered", note).opened()
        assert stated.position == answer.position == checked.ledger.head().size
        assert stated.root == tree.root(checked.ledger.head().edge)
        assert stated.time == checked.world.clock()


def test_without_a_named_key_an_attested_check_is_refused() -> None:
    with pytest.raises(ConflictError, match="has no attestation key"):
        Checked(None).attester.check(CHECK)
    with pytest.raises(ConflictError, match="is not a key that the last root statement names"):
        Checked(OTHER).attester.check(CHECK)
    checked = Checked()
    checked.attester.check(CHECK)
    admins = tuple(admin.key for admin in checked.world.admins)
    checked.world.administrators(checked.ledger).say(Root(2, admins, 2, checked.world.log_keys))
    checked.follower.catch_up()
    with pytest.raises(ConflictError, match="is not a key that the last root statement names"):
        checked.attester.check(CHECK)
