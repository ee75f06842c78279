"""Appends during which one system call, any of them, is a kill or fails.

    python -m faults.campaign DIRECTORY KINDS STEP

Each fault strikes a process of its own on a fresh copy of one home: it opens the ledger, appends the same
three statements, one after another, each signed and published, and closes it. Then a second process does what
a restart does, and the three statements are sent again, twice. Prints one JSON object a fault, for every
STEP-th of those KINDS.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import socket
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from builders import World, check_log, fingerprint
from strace import KILL, Call, Fault, allow_tracing, calls, traced, was_killed

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.messages import Submission
from hashpact.domain.state import Receipt, Stance
from hashpact.errors import CommitFailedError, HashpactError
from hashpact.log import tiles
from hashpact.member.author import Reason
from hashpact.service.prove import tile_of
from hashpact.service.publishing.publish import Publisher
from hashpact.storage.published import Directory, PublishedLog, TileCopy
from hashpact.storage.sqlite import SqliteLedger

FOUNDED: Final = 10
"""Entries that the home has before."""


@dataclass(slots=True)
class Outcome:
    """The outcome of one fault: the calls that strace saw, and the reports of the two processes."""

    fault: Fault | None
    on: str | None
    fired: bool
    killed: bool
    answered: int
    lost: int
    again: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Clearinghouse:
    """A home that a small process writes to as the server does."""

    def __init__(self, world: World, home: Path) -> None:
        self.ledger = SqliteLedger.open(home / "hashpact.db")
        self._appender = world.appender(self.ledger)
        self._guard = world.guard(self.ledger)
        self._published = home / "log"
        self._publisher = Publisher(self.ledger, world.origin, PublishedLog(self._published))
        self._publisher.check()

    def append(self, submission: Submission) -> Receipt:
        """One statement, to its receipt."""
        return self._guard.receipt(self._appender.append(None, submission))

    def publish(self) -> None:
        """Publish what is signed."""
        self._publisher.publish()

    def unpublished(self) -> list[str]:
        """The files that should be published and are not, or not so."""
        latest = self.ledger.checkpoints.latest()
        if latest is None:
            return []
        found = TileCopy(Directory(self._published))
        wrong = [] if found.checkpoint() == latest.note else [tiles.CHECKPOINT]
        for tile in tiles.tiles(latest.size):
            wrong += [] if found.hashes(tile) == tile_of(self.ledger, tile) else [tile.path]
        leaves = [leaf.data for leaf in self.ledger.leaves(0, latest.size)]
        wrong += [] if leaves == [data for _, data in found.leaves(0, latest.size)] else ["tile/entries"]
        return wrong

    def close(self) -> None:
        """Give the files back."""
        self.ledger.close()


class Campaign:
    """The home before the faults, and the three statements that are appended to copies of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.world = World()
        self.template = directory / "template"
        self.template.mkdir()
        with closing(SqliteLedger.create(self.template / "hashpact.db")) as ledger:
            self.world.found(ledger, "acme", "bolt")
            for number in range(FOUNDED):
                self.world.appender(ledger).append("acme", self._entry(str(number), 3))
            self.size = ledger.head().size
        self.work = (
            self._entry("large", 60),
            self.world.author("bolt").opinion(self.size, Stance.DISPUTE),
            self.world.author("acme").withdraw(self.size, "mistake"),
        )

    def _entry(self, seed: str, items: int) -> Submission:
        shared = [fingerprint(PDQ, f"{seed} {number}") for number in range(items)]
        return self.world.author("acme").submit(shared, Reason(frozenset({"ncii"})))

    def trace(self) -> list[Call]:
        """The calls on the home's files when nothing fails."""
        outcome, seen = self.run(None)
        assert not outcome.wrong, outcome.wrong
        assert outcome.answered == len(self.work)
        return seen

    def faults(self, kinds: Sequence[str]) -> list[Fault]:
        """Every call that is made on the home's files, as each of these kinds of fault."""
        counted: Counter[str] = Counter()
        found = []
        for call in self.trace():
            counted[call.name] += 1
            found += [Fault(call.name, counted[call.name], kind) for kind in kinds]
        return found

    def run(self, fault: Fault | None) -> tuple[Outcome, list[Call]]:
        """Let one fault strike, restart, and send everything again."""
        home, log = self.directory / "home", self.directory / "trace"
        shutil.copytree(self.template, home)
        try:
            status, said = in_a_process(lambda say: self._append(home, say), log, fault)
            seen = calls(log)
            receipts = [what for event, what in said if event == "answered"]
            killed = os.WIFSIGNALED(status)
            fired = was_killed(log) if fault and fault.kind == KILL else any(call.injected for call in seen)
            struck = next((call for call in seen if call.injected), seen[-1])
            outcome = Outcome(fault, struck.on(home) if fault else None, fired, killed, len(receipts), 0)
            outcome.wrong = [str(what) for event, what in said if event == "wrong"]
            _, after = in_a_process(lambda say: self._restart(home, receipts, say), None, None)
            outcome.again = [event for event, _ in after]
            outcome.lost = sum(event == "lost" for event, _ in after)
            outcome.wrong += [str(what) for event, what in after if event == "wrong"]
            if "whole" not in outcome.again:
                outcome.wrong.append("the restart did not come to its end")
            assert all(call.on(home) for call in seen), "a call on another file was counted"
            return outcome, seen
        finally:
            shutil.rmtree(home)

    def _append(self, home: Path, say: Say) -> None:
        """The process that the fault strikes: after a failed commit, nothing more may be answered."""
        refused = False
        try:
            with closing(Clearinghouse(self.world, home)) as house:
                for submission in self.work:
                    try:
                        receipt = house.append(submission)
                    except CommitFailedError as error:
                        refused = True
                        say("refused", error.message)
                    else:
                        say("answered", plain(receipt))
                        if refused:
                            say("wrong", "an answer after a failed commit")
                        house.publish()
        except HashpactError as error:
            say("ended", error.message)

    def _restart(self, home: Path, receipts: list[Any], say: Say) -> None:
        """The process that comes after: all that was answered is there, and a retry is answered the same."""
        with closing(Clearinghouse(self.world, home)) as house:
            check_log(house.ledger)
            size = house.ledger.head().size
            if not self.size + len(receipts) <= size <= self.size + len(self.work):
                say("lost", f"{len(receipts)} answers, and the size is {size}")
            first = [plain(house.append(submission)) for submission in self.work]
            if first[: len(receipts)] != receipts:
                say("wrong", "a retry was answered otherwise than the first time")
            if first != [plain(house.append(submission)) for submission in self.work]:
                say("wrong", "a second retry was answered otherwise than the first")
            if [each["index"] for each in first] != [self.size + number for number in range(len(self.work))]:
                say("wrong", f"the three statements stand at {[each['index'] for each in first]}")
            check_log(house.ledger)
            house.publish()
            for name in house.unpublished():
                say("wrong", f"{name} is not published as it should be")
        say("whole", house.ledger is not None)


Say = Callable[[str, Any], None]


def plain(receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON has it."""
    again: dict[str, Any] = json.loads(json.dumps(asdict(receipt), default=lambda value: value.hex()))
    return again


def in_a_process(
    work: Callable[[Say], None], log: Path | None, fault: Fault | None
) -> tuple[int, list[tuple[str, Any]]]:
    """Do some work in a forked process, traced into ``log``; its wait status, and its reports.

    It speaks through a socket, because a write is what may fail.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        pid = os.fork()
        if pid == 0:
            gc.freeze()  # collecting a channel of grpc.aio would hang: its thread is not in a fork
            ours.close()
            try:
                _child(work, theirs)
            finally:
                os._exit(0)
        theirs.close()
        assert ours.recv(1)
        if log is None:
            ours.send(b"!")
            _, status = os.waitpid(pid, 0)
        else:
            with traced(pid, log, [] if fault is None else [fault]):
                ours.send(b"!")
                _, status = os.waitpid(pid, 0)
        said = []
        while data := ours.recv(1 << 20):
            event, what = json.loads(data)
            said.append((event, what))
        return status, said


def _child(work: Callable[[Say], None], theirs: socket.socket) -> None:
    def say(event: str, what: Any) -> None:  # noqa: ANN401  # whatever JSON has
        theirs.send(json.dumps([event, what]).encode())

    allow_tracing()
    theirs.send(b"?")
    theirs.recv(1)
    try:
        work(say)
    except BaseException:  # noqa: BLE001  # of a forked process, whose parent would not see it
        say("wrong", traceback.format_exc())


def main(directory: str, kinds: str, step: str) -> None:
    """Run the first of every ``step`` faults of those kinds, whose names are separated by commas."""
    campaign = Campaign(Path(directory))
    for fault in campaign.faults(kinds.split(","))[:: int(step)]:
        print(json.dumps(asdict(campaign.run(fault)[0])), flush=True)  # noqa: T201  # how its caller hears of it


if __name__ == "__main__":
    main(*sys.argv[1:])
