"""How fast a mirror copies a log, and how soon it has what was appended.

    scripts/bench follow [--size 200000] [--appends 200] [--json] [--check]

Two logs, each served by `hashpact serve` with one worker over mutual TLS: *bulk* has that many items of pdq,
256 in a leaf; *single* a twentieth of it, one in a leaf. A mirror copies each from its first leaf: it
verifies every signature, proof and private part, folds the rules, and commits. Beside it stands the cost of
verifying the signatures of the same leaves alone, one thread, in the same run; below it, *from a snapshot*, a
second copy of the same log. That one begins with a file as `hashpact mirror snapshot` writes it, and asks the
server only for what proves it. Then one client appends one item after the other to the single log while the
mirror follows: the latency is from the answer to the append until the leaf is durable in the mirror.

With --check it exits with 1 unless 50,000 items of the bulk log are copied in a second of two cores and 99 in
100 appends are there within 1 s. The first is by the processor time of mirror and server, of which the one
that takes more bounds the rate: on a machine that does other work, the clock on the wall says nothing.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.processes import Server, running
from benchmarks.report import print_json, print_table
from benchmarks.stocking import AT_ONCE, command_of
from benchmarks.submissions import MEMBER, ORIGIN, REASON, author_of, fingerprints
from benchmarks.timing import percentile

from hashpact.clock import unix_time
from hashpact.config import HomeConfig
from hashpact.demo.stage import BOTH
from hashpact.domain import statements
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home
from hashpact.keys.verifying import BatchVerifier, KeySignature
from hashpact.log import note
from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.believing import Trust
from hashpact.mirror.replica import Replica, Taken
from hashpact.mirror.replicating import CALL, Replicator, connecting
from hashpact.mirror.snapshots.files import open_snapshot, write_snapshot
from hashpact.mirror.snapshots.starting import start_from
from hashpact.mirror.threads.beside import beside
from hashpact.service.append import Appender
from hashpact.storage.sqlite import SqliteLedger

BULK: Final = 256
"""Items of a leaf of the bulk log: as many as it may have."""
SHARE: Final = 20
"""Items of the bulk log for one of the single log."""
LEAST: Final = 50_000
"""Items a second that a bulk log is to be copied at."""
WITHIN: Final = 1.0
"""Seconds within which an append is to be in the mirror."""
WAIT: Final = 3600.0
CORES: Final = 2
NOTES: Final = (
    "items/s: by the clock on the wall; server and mirror share the machine.",
    "us: user and system time for an item, of the mirror's process, the server's, and the mirror's workers.",
    "two cores: items/s that these take on two cores, of which each of the first two has at most one.",
    "signatures: the same, of verifying the signatures of the same leaves and nothing else.",
)


@dataclass
class Copy:
    """A mirror of a server in a directory, in a thread of its own."""

    profile: Profile
    directory: Path
    ended: dict[int, float] = field(default_factory=dict)
    alarms: list[Alarm] = field(default_factory=list)
    size: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def taken(self, leaves: Sequence[Taken]) -> None:
        """Note when leaves were durable."""
        now = time.perf_counter()
        with self.changed:
            self.ended.update((leaf.index, now) for leaf, _, _ in leaves)
            self.size = leaves[-1][0].index + 1
            self.changed.notify_all()

    def reach(self, size: int) -> None:
        """Wait until so many leaves are there. Raises SystemExit at an alarm."""
        with self.changed:
            self.changed.wait_for(lambda: self.size >= size or self.alarms, WAIT)
        if self.alarms:
            sys.exit(f"the mirror refuses the log: {self.alarms[0].message}")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Copy for the length of the block."""
        with closing(SqliteLedger.create(self.directory / "copy.db")) as ledger:
            replica = Replica(ledger, Trust.of(self.profile), self.directory, unix_time)
            copying = Replicator(replica, connecting(self.profile), unix_time, self.alarms.append, self.taken)
            with beside(copying.run, "copying"):
                yield


def filled(directory: Path, count: int, items: int) -> tuple[Path, Profile]:
    """A home whose log has so many items, so many in a leaf; and the profile of its member."""
    home = directory / "home"
    create_home(home, HomeConfig(ORIGIN), admins=2, threshold=2, passphrase=None)
    with open_home(home) as opened:
        enrol_member(opened, MEMBER, BOTH, directory / MEMBER, None)
        profile = Profile.load(directory / MEMBER)
        author, appender = author_of(profile), Appender(opened.ledger, unix_time)
        codes = iter(fingerprints(count))
        while leaves := [
            leaf for _ in range(AT_ONCE * BULK // items) if (leaf := list(itertools.islice(codes, items)))
        ]:
            appender.append_all(MEMBER, [author.submit(leaf, REASON) for leaf in leaves])
    return home, profile


def signatures_alone(home: Path, items: int) -> float:
    """Items a second of which only the signatures are verified."""
    verifier = BatchVerifier()
    with open_home(home) as opened:
        size = opened.ledger.head().size
        with opened.ledger.snapshot() as view:
            key = view.keys(MEMBER)[0]
        name = statements.key_name(MEMBER, key.name)
        notes = [note.parse(leaf.data, statements.MAX_LEAF) for leaf in opened.ledger.leaves(0, size)]
    claims = [
        KeySignature(key.public, values[0], one.text)
        for one in notes
        if (values := note.signatures(one, name, key.public))
    ]
    started = time.perf_counter()
    good = sum(sum(verifier.verify(claims[first : first + BULK])) for first in range(0, len(claims), BULK))
    return good * items / (time.perf_counter() - started)


def children() -> float:
    """User and system time of the processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def caught_up(copy: Copy, server: Server, size: int, count: int) -> dict[str, Any]:
    """The figures of copying a whole log."""
    before, spent, served = time.process_time(), time.perf_counter(), server.seconds()
    copy.reach(size)
    seconds = time.perf_counter() - spent
    own, other = time.process_time() - before, server.seconds() - served
    return {
        "seconds": seconds,
        "items/s": count / seconds,
        "cpu_us": own / count * 1e6,
        "server_us": other / count * 1e6,
    }


def with_workers(row: dict[str, Any], count: int, spent: float) -> dict[str, Any]:
    """The figures with those of the processes that have judged leaves, if there were any."""
    workers = spent / count * 1e6
    own, other = row["cpu_us"], row["server_us"]
    longest = max(own, other, (own + other + workers) / CORES)
    return {**row, "workers_us": workers, "two_cores/s": 1e6 / longest}


def begun_copy(home: Path, profile: Profile, server: Server, count: int) -> dict[str, Any]:
    """The figures of a copy of the same log that begins with a snapshot."""
    directory = home.parent
    path, begun = directory / "snapshot", directory / "begun"
    with open_home(home) as opened:
        written = write_snapshot(opened.ledger, path, lambda _done, _total: None)
    begun.mkdir()
    own, others, served, started = time.process_time(), children(), server.seconds(), time.perf_counter()
    with (
        closing(SqliteLedger.create(begun / "copy.db")) as ledger,
        open_snapshot(path) as snapshot,
        closing(connecting(profile)()) as log,
    ):
        replica = Replica(ledger, Trust.of(profile), begun, unix_time)
        for _ in start_from(snapshot, replica, partial(log.run, timeout=CALL)):
            pass
        seconds = time.perf_counter() - started
        if replica.position != written.position:
            sys.exit(f"the copy has {replica.position} leaves of {written.position}")
    row = {
        "seconds": seconds,
        "items/s": count / seconds,
        "cpu_us": (time.process_time() - own) / count * 1e6,
        "server_us": (server.seconds() - served) / count * 1e6,
    }
    return {"leaves": written.position, **with_workers(row, count, children() - others)}


def latencies(copy: Copy, profile: Profile, appends: int) -> list[float]:
    """The seconds from the answer to each append until it is in the mirror; 0 if it was there before."""
    answered: dict[int, float] = {}
    with Client(profile) as client:
        for code in fingerprints(appends):
            receipt = client.submit([code], labels={"other"})
            answered[receipt.index] = time.perf_counter()
    copy.reach(max(answered) + 1)
    return [max(0.0, copy.ended[index] - at) for index, at in answered.items()]


def of_log(name: str, count: int, items: int, appends: int) -> tuple[list[dict[str, Any]], list[float]]:
    """The lines of one log, and the latencies of appends to it."""
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as temporary:
        directory = Path(temporary)
        say(f"a log with {count:,} items, {items} in a leaf")
        home, profile = filled(directory, count, items)
        with open_home(home) as opened:
            size = opened.ledger.head().size
        alone = signatures_alone(home, items)
        with running(command_of(home), directory / "server.log") as server:
            reached = profile.at(server.address)
            copy = Copy(reached, directory)
            say("copying it")
            before = children()
            with copy.running():
                row = caught_up(copy, server, size, count)
                waited = latencies(copy, reached, appends) if appends else []
            row = with_workers(row, count, children() - before)
            say("copying it from a snapshot")
            begun = begun_copy(home, reached, server, count)
    by_stream = {"log": name, "items": count, "leaves": size, **row, "signatures/s": alone}
    return [by_stream, {**by_stream, "log": f"{name}, from a snapshot", **begun}], waited


def measure(size: int, appends: int) -> dict[str, Any]:
    """Everything."""
    described = machine.describe()
    bulk, _ = of_log("bulk", size, BULK, 0)
    single, waited = of_log("single", max(BULK, size // SHARE), 1, appends)
    latency = {
        "appends": len(waited),
        **{f"p{percent}_ms": percentile(waited, percent) * 1000 for percent in (50, 99)},
    }
    return {"machine": described, "rows": [*bulk, *single], "latency": [latency]}


def promises(report: dict[str, Any]) -> list[Promise]:
    """What is promised of a copy."""
    return [
        Promise("items/s of two cores, bulk", report["rows"][0]["two_cores/s"], least=LEAST),
        Promise("append to copy, p99 ms", report["latency"][0]["p99_ms"], most=WITHIN * 1000),
    ]


def main() -> int:
    """Measure, print, and compare with the promises."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench follow",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", type=lambda text: int(float(text)), default=200_000, help="items of bulk")
    parser.add_argument("--appends", type=int, default=200, help="appends whose latency is measured")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    options = parser.parse_args()
    report = measure(options.size, options.appends)
    held = promises(report)
    report["promises"] = [promise.row() for promise in held]
    if options.json:
        print_json(report)
    else:
        print_table(f"Copying, at a load of {report['machine']['load_average']}", report["rows"], NOTES)
        print_table("From an append's answer to the copy", report["latency"])
        print_table("Promises", report["promises"])
    return int(options.check and not all(promise.kept for promise in held))


if __name__ == "__main__":
    sys.exit(main())
