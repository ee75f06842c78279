"""A replicator in a thread of its own, over a real connection, whose alarms and commits a test waits for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Self

import pytest
from builders import FakeClock, fingerprint
from clearinghouse import Clearinghouse

from hashpact.domain.fingerprints import PDQ
from hashpact.log.policy import WitnessPolicy
from hashpact.member.author import Reason
from hashpact.member.trusting import bundle
from hashpact.member.trusting.contradiction import Contradiction, Meaning
from hashpact.member.trusting.roots import LogHistory
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.believing import Trust
from hashpact.mirror.replica import Replica, Taken
from hashpact.mirror.replicating import ReconnectPolicy, Replicator, connecting
from hashpact.storage.sqlite import SqliteLedger

IMPATIENT = ReconnectPolicy(first=0.01, ceiling=0.05, draw=lambda: 0.0, silence=20.0)
WAIT = 3 * IMPATIENT.silence
"""Seconds after which a test that waits has failed: a source that is silent is named as such before."""


def opened(path: Path) -> SqliteLedger:
    """The ledger of a copy, which is made if it is not there."""
    return SqliteLedger.open(path) if path.exists() else SqliteLedger.create(path)


@dataclass
class Copying:
    """A copy of a clearinghouse's log in a directory; use it as a context, in which it is kept level."""

    house: Clearinghouse
    directory: Path
    member: str = "acme"
    demands: WitnessPolicy | None = None
    max_age: int = 24 * 3600
    reconnect: ReconnectPolicy = IMPATIENT
    clock: FakeClock = field(default_factory=FakeClock)
    alarms: SimpleQueue[Alarm] = field(default_factory=SimpleQueue)
    taken: SimpleQueue[int] = field(default_factory=SimpleQueue)
    leaves: list[Taken] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the ledger."""
        self.ledger = opened(self.directory / "hashpact.db")
        profile = self.house.profile(self.member)
        trust = replace(Trust.of(profile, self.max_age), demands=self.demands)
        self.replica = Replica(self.ledger, trust, self.directory, self.clock)
        self.replicator = Replicator(
            self.replica, connecting(profile), self.clock, self.alarms.put, self._take, self.reconnect
        )
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.replicator.run(self._stop)
        except BaseException as error:  # noqa: BLE001  # the test shows it
            self._errors.append(error)

    def _take(self, leaves: Sequence[Taken]) -> None:
        self.leaves += leaves
        self.taken.put(leaves[-1][0].index + 1)

    def reach(self, size: int) -> None:
        """Wait until the copy has so many leaves."""
        while self.taken.get(timeout=WAIT) < size:
            pass

    def alarm(self, kind: str) -> Alarm:
        """Wait for an alarm of that kind. A silence that nobody waits for is a fault."""
        while (alarm := self._next()).kind != kind:
            assert alarm.kind != "silence", alarm
        return alarm

    def _next(self) -> Alarm:
        try:
            return self.alarms.get(timeout=WAIT)
        except Empty:
            pytest.fail(f"no alarm for {WAIT:g} s; {self.replicator.status}")

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.thread.join()
        self.ledger.close()
        for error in self._errors:
            raise error


def share(house: Clearinghouse, count: int, items: int = 1, *, at_once: bool = False) -> int:
    """Have acme share so many entries, each signed by itself or all ``at_once``; the log's size then."""
    author, at = house.world.author("acme"), house.ledger.head().size
    fresh = [
        author.submit(
            [fingerprint(PDQ, f"{at + one} {number}") for number in range(items)], Reason(frozenset({"ncii"}))
        )
        for one in range(count)
    ]
    if at_once:
        house.intake.appender.append_all("acme", fresh)
        house.intake.guard.sign()
    else:
        for submission in fresh:
            house.intake.append("acme", submission)
    return house.ledger.head().size


def verdict(alarm: Alarm, house: Clearinghouse) -> Meaning:
    """What the alarm's evidence shows to anybody who knows the genesis."""
    assert alarm.evidence is not None
    parts = bundle.parse(alarm.evidence.read_bytes())
    roots = [part for part in parts if part.kind == bundle.ROOT]
    return Contradiction.of(parts).verify(LogHistory.from_genesis(roots, house.genesis))
