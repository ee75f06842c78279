"""28: ten mirrors are cut off and come back at random, while entries are added and withdrawn.

Every answer is what a plain search of the log at its position gives, except that it may show part of the
effect of leaves that came while it was made; and none is older than `max_lag`.
HASHPACT_CAMPAIGN_SECONDS is its length, 1200 by default.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias

import pytest
from builders import fingerprint
from cutting import Relay
from running import BOTH, RunningServer, found
from waits import wait_until

from hashpact import Mirror
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.matching.strength import Strength
from hashpact.errors import LaggingError
from hashpact.keys.passphrase import Passphrases
from hashpact.member.clients import Client
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import config_of
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.configured import MirrorConfig
from hashpact.mirror.home import make_mirror
from hashpact.mirror.threads.beside import beside

SECONDS = float(os.environ.get("HASHPACT_CAMPAIGN_SECONDS", "1200"))
MIRRORS = 10
SEED = 28
MAX_LAG = 4
"""Seconds that a copy may be old."""
MARGIN = 3.0
"""Seconds by which it may seem older from here: clocks have whole seconds, and bytes may be on their way."""
PICTURES = 24
STANDING = 150
"""Entries that stand at most."""
PAUSE = 0.05
"""Seconds between two statements, on average, and between two checks of a mirror."""
OFF = (0.2, 10.0)
"""Seconds for which a mirror is off, and then on: from, to."""

Work: TypeAlias = Callable[[threading.Event], None]


@dataclass
class Shared:
    """An entry of the log: its index, its code, and the index of its withdrawal."""

    index: int
    code: int
    gone: int | None = None


@dataclass
class Told:
    """An answer: its position, the codes that were looked for, and the distance of each entry.

    ``later`` is how many leaves the copy had when it came: the answer may show their effect, too.
    """

    position: int
    later: int
    codes: tuple[int, ...]
    found: dict[int, float]


@dataclass
class Oracle:
    """What the writer of the log knows to be in it: all of its first ``size`` leaves."""

    size: int = 0
    shared: list[Shared] = field(default_factory=list)

    def near(self, position: int, later: int, codes: Sequence[int]) -> tuple[dict[int, float], set[int]]:
        """The entries within 31 bits of a code that stand at some position up to a later one.

        Each has its least distance. Then those that stand at every one: an answer must have them.
        """
        found, always = {}, set()
        for one in self.shared:
            if one.index < later and (one.gone is None or one.gone >= position):
                least = min((code ^ one.code).bit_count() for code in codes)
                if least <= PDQ.default:
                    found[one.index] = float(least)
                    if one.index < position and (one.gone is None or one.gone >= later):
                        always.add(one.index)
        return found, always

    @property
    def standing(self) -> list[Shared]:
        """Those that stand now."""
        return [one for one in self.shared if one.gone is None]


def number(code: Fingerprint) -> int:
    """A code as a number."""
    return int.from_bytes(code.value)


def variant(base: int, draw: random.Random, most: int) -> Fingerprint:
    """A code in whose bits as many are set and cleared, at most so many of each."""
    ones = [bit for bit in range(256) if base >> bit & 1]
    zeros = [bit for bit in range(256) if not base >> bit & 1]
    pairs = draw.randint(0, most)
    for bit in (*draw.sample(ones, pairs), *draw.sample(zeros, pairs)):
        base ^= 1 << bit
    return Fingerprint(PDQ, base.to_bytes(32), 100)


@dataclass
class Campaign:
    """The writer of the log, and one mirror after another that is cut off, as threads."""

    bases: list[int]
    oracle: Oracle = field(default_factory=Oracle)
    told: SimpleQueue[Told] = field(default_factory=SimpleQueue)
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def doing(self, work: Work) -> Work:
        """That work, for a thread; what it raises is wrong."""

        def done(stop: threading.Event) -> None:
            try:
                work(stop)
            except Exception as error:  # noqa: BLE001  # the test shows it
                self.wrong.append(repr(error))

        return done

    def write(self, client: Client, stop: threading.Event) -> None:
        """Add and withdraw entries."""
        draw = random.Random(SEED)
        while not stop.wait(draw.expovariate(1 / PAUSE)):
            standing = self.oracle.standing
            if standing and draw.random() < len(standing) / STANDING:
                one = draw.choice(standing)
                receipt = client.withdraw(one.index, "mistake")
                one.gone = receipt.index
            else:
                taken = {one.code for one in standing}
                code = variant(draw.choice(self.bases), draw, 9)
                while number(code) in taken:
                    code = variant(draw.choice(self.bases), draw, 9)
                receipt = client.submit([code], labels=["fraud"])
                self.oracle.shared.append(Shared(receipt.index, number(code)))
            self.oracle.size = receipt.index + 1
            self.counts["statements"] += 1

    def strike(self, relays: Sequence[Relay], stop: threading.Event) -> None:
        """Cut mirrors off, and bring them back, each in its own time."""
        draw = random.Random(SEED + 1)
        due = [time.monotonic() + draw.uniform(*OFF) for _ in relays]
        while not stop.wait(max(0.0, min(due) - time.monotonic())):
            place = due.index(min(due))
            relay = relays[place]
            if relay.off_since is None:
                draw.choice((relay.cut, relay.stall))()
                self.counts["times off"] += 1
            else:
                relay.restore()
            due[place] += draw.uniform(*OFF)
        for relay in relays:
            relay.restore()

    def ask(self, place: int, mirror: Mirror, relay: Relay, stop: threading.Event) -> None:
        """Check at a mirror, again and again, and note its answers."""
        draw = random.Random(SEED + 2 + place)
        while not stop.wait(draw.expovariate(1 / PAUSE)):
            codes = [variant(draw.choice(self.bases), draw, 9) for _ in range(draw.randint(1, 4))]
            off, began = relay.off_since, time.monotonic()
            try:
                answer = mirror.check(codes, limit=1000, min_position=0, strength=Strength.WEAK)
            except LaggingError:
                self.counts["refused"] += 1
                continue
            assert answer.lag is not None
            if answer.lag.seconds > MAX_LAG:
                self.wrong.append(f"mirror {place} answered with a lag of {answer.lag.seconds} s")
            if off is not None and off == relay.off_since and began - off > MAX_LAG + MARGIN:
                self.wrong.append(f"mirror {place} answered {began - off:.1f} s after it was cut off")
            self.counts["behind"] += answer.lag.statements > 0
            self.counts["off"] += off is not None
            found = {match.entry: match.score for match in answer.matches}
            later = mirror._home.served.ledger.head().size
            self.told.put(Told(answer.position, later, tuple(map(number, codes)), found))

    def compare(self) -> None:
        """Hold what was answered against the log, as far as that is known here."""
        for _ in range(self.told.qsize()):
            told = self.told.get()
            if told.later > self.oracle.size:
                self.told.put(told)  # its statement is still on the way here
                continue
            expected, always = self.oracle.near(told.position, told.later, told.codes)
            self.counts["answers"] += 1
            self.counts["exact"] += len(always) == len(expected)
            self.counts["matches"] += len(always)
            if not always <= told.found.keys() or not told.found.items() <= expected.items():
                where = f"at position {told.position}, with {told.later} leaves"
                self.wrong.append(f"{where}: {told.found}, and not {expected}, of which always {always}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A clearinghouse with a member."""
    with RunningServer(found(tmp_path, {"acme-video": BOTH}), "--workers", "1") as running:
        yield running


def mirror_through(relay: Relay, profile: Path, home: Path, alarms: list[Alarm]) -> Mirror:
    """A mirror that copies through a relay."""
    pinned = config_of(ProfilePaths(profile))
    config = MirrorConfig(pinned.origin, pinned.genesis, relay.address, profile, max_lag=MAX_LAG)
    make_mirror(home, config, Passphrases({}))
    return Mirror(home, on_alarm=alarms.append)


def has_all(mirror: Mirror, size: int) -> bool:
    """Whether a copy has so many leaves, and may be answered from."""
    return mirror.position >= size and mirror.lag is not None and mirror.lag.seconds <= MAX_LAG


@pytest.mark.slow
def test_28_mirrors_that_are_cut_off_answer_rightly_or_not_at_all(
    server: RunningServer, tmp_path: Path
) -> None:
    campaign = Campaign([number(fingerprint(PDQ, f"picture {each}")) for each in range(PICTURES)])
    alarms: list[Alarm] = []
    with ExitStack() as stack:
        client = stack.enter_context(Client(server.profile("acme-video")))
        relays = [stack.enter_context(Relay(server.address)) for _ in range(MIRRORS)]
        mirrors = [
            stack.enter_context(mirror_through(relay, tmp_path / "acme-video", tmp_path / f"{place}", alarms))
            for place, relay in enumerate(relays)
        ]
        with ExitStack() as work:
            jobs = [partial(campaign.write, client), partial(campaign.strike, relays)]
            jobs += [
                partial(campaign.ask, place, mirror, relay)
                for place, (mirror, relay) in enumerate(zip(mirrors, relays, strict=True))
            ]
            for job in jobs:
                work.enter_context(beside(campaign.doing(job), job.func.__name__))
            end = time.monotonic() + SECONDS
            while time.monotonic() < end and not campaign.wrong:
                time.sleep(0.5)  # the campaign's own length, and not a wait for anything
                campaign.compare()
        campaign.compare()
        assert campaign.wrong == []
        codes = [Fingerprint(PDQ, base.to_bytes(32), 100) for base in campaign.bases]
        size = campaign.oracle.size
        expected, _ = campaign.oracle.near(size, size, campaign.bases)
        for mirror in mirrors:  # all of them come back, and have all
            wait_until(partial(has_all, mirror, size))
            last = mirror.check(codes, limit=1000, min_position=size, strength=Strength.WEAK)
            assert {match.entry: match.score for match in last.matches} == expected
    fired = sum((relay.fired for relay in relays), Counter[str]())
    print(dict(campaign.counts), dict(fired), Counter(alarm.kind for alarm in alarms))  # noqa: T201 - how it went
    assert campaign.wrong == []
    assert campaign.told.empty()
    assert {alarm.kind for alarm in alarms} <= {"silence"}  # an honest source is never disbelieved
    assert min(fired[each] for each in ("cut", "refused", "held back")) >= MIRRORS
    assert all(relay.fired for relay in relays)
    for each in ("statements", "times off", "answers", "matches", "refused", "behind", "off"):
        assert campaign.counts[each] >= MIRRORS, each
