"""What is left of an append when the disk fails, the process dies, or another process writes as well.

A killed process is a crash of the process, not a power cut: what the kernel has, it keeps. That the sync
comes before the answer is asserted by name below.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from typing import IO

import pytest
from leaves import leaf_after

from hashpact.errors import CommitFailedError, UnavailableError
from hashpact.storage.sqlite import SqliteLedger

from .appender import APPENDER, ENVIRON, append, check

KILLS = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of an empty ledger that nobody has open."""
    file = tmp_path / "hashpact.db"
    SqliteLedger.create(file).close()
    return file


def appender(*arguments: str | Path) -> subprocess.Popen[str]:
    """The helper process, its events on ``stdout``."""
    command = [sys.executable, APPENDER, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRON)


def stream(process: subprocess.Popen[str]) -> IO[str]:
    """The events of the process."""
    assert process.stdout is not None
    return process.stdout


def release(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Let processes that append start together, once all are ready."""
    assert {stream(process).readline() for process in processes} == {"ready\n"}
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def events(*arguments: str | Path) -> list[str]:
    """All events of a helper process that ends well."""
    with appender(*arguments) as process:
        lines = stream(process).read().splitlines()
    assert process.returncode == 0, lines
    return lines


def attempts(path: Path, how: str, what: str = "one") -> list[list[str]]:
    """The events of each attempt of a sweep."""
    text = "\n".join(events("sweep", path, how, what))
    assert "bug" not in text
    return [part.splitlines()[1:] for part in text.split("try ")[1:]]


def faults(tried: list[list[str]], *, answered: bool) -> list[str]:
    """The faults that fired before, or after, the append was answered."""
    wanted = []
    for attempt in tried:
        fired = next((event for event in attempt if event.startswith("fault")), None)
        if fired is not None:
            was_answered = any(event.startswith("ack") for event in attempt[: attempt.index(fired)])
            wanted += [fired] if was_answered is answered else []
    return wanted


def test_29_a_kill_at_every_write_and_sync(path: Path) -> None:
    """Each fault is a SIGKILL in the middle of that write, or in place of that sync."""
    tried = attempts(path, "kill")
    size, synced_after_the_last_write = 0, 0
    for attempt in tried:
        *_, last = attempt
        now, how = re.fullmatch(r"size (\d+) (killed|ended)", last).groups()  # type: ignore[union-attr]  # fails if it is None
        answered = any(event.startswith("ack") for event in attempt)
        fired = any(event.startswith("fault") for event in attempt)
        assert (how == "killed") is fired
        assert int(now) - size in ({1} if answered else {0, 1})
        synced_after_the_last_write += attempt[0] == "fault sync" and int(now) > size
        size = int(now)
    before = faults(tried, answered=False)
    assert before.count("fault write") >= 15
    assert before.count("fault sync") >= 3
    # All was written, and yet nothing answered: the answer waits for the sync.
    assert synced_after_the_last_write >= 2
    assert "fault write" in faults(tried, answered=True)  # of the checkpoint at the close
    assert any(attempt[-1].endswith("ended") for attempt in tried)  # the sweep got to the end


def test_29_a_kill_at_every_write_and_sync_of_a_group(path: Path) -> None:
    """Whatever the moment, all of the group is there afterwards or nothing; and what was refused, never."""
    size, killed = 0, 0
    tried = attempts(path, "kill", "group")
    for attempt in tried:
        now, how = re.fullmatch(r"size (\d+) (killed|ended)", attempt[-1]).groups()  # type: ignore[union-attr]  # as above
        answered = any(event.startswith("ack") for event in attempt)
        assert int(now) - size in ({2} if answered else {0, 2})
        killed += how == "killed" and not answered
        size = int(now)
    assert killed >= 15
    before = faults(tried, answered=False)
    assert before.count("fault write") >= 15
    assert before.count("fault sync") >= 3
    assert any(event.startswith("ack") for attempt in tried for event in attempt)
    assert any(attempt[-1].endswith("ended") for attempt in tried)  # the sweep got to the end


@pytest.mark.parametrize(("leaves", "form"), [(1, ()), (2, ("group",))], ids=["one", "group"])
def test_30_an_error_at_every_write_and_sync(path: Path, leaves: int, form: tuple[str, ...]) -> None:
    """Each fault is an EIO in the middle of that write, or in place of that sync."""
    tried = attempts(path, "io", *form)
    size = 0
    for attempt in tried:
        answered = attempt[0].startswith("ack")
        if not answered:
            assert attempt[:3] in (
                ["fault write", "refused", "refused-again"],
                ["fault sync", "refused", "refused-again"],
            )
        size += leaves * answered
        assert attempt[-1] == f"size {size} ended"
    before = faults(tried, answered=False)
    assert before.count("fault write") >= 15
    assert before.count("fault sync") >= 3
    assert len(faults(tried, answered=True)) >= 5  # of the checkpoint at the close
    assert any(not any(event.startswith("fault") for event in attempt) for attempt in tried)


def test_30_a_full_disk(path: Path) -> None:
    """The kernel refuses to let the log file grow: the commit fails, and so does everything after it."""
    *acknowledged, refused, again, head = events("full", path)
    assert acknowledged
    assert acknowledged == [f"ack {index}" for index in range(len(acknowledged))]
    assert refused.startswith("refused a commit to ")
    assert str(path) in refused
    assert "nothing of it was answered ok" in refused
    assert "must stop and start again" in refused
    assert again.startswith("refused-again a commit to ")
    assert head == f"head {len(acknowledged)}"
    assert check(path) == len(acknowledged)
    with closing(SqliteLedger.open(path)) as ledger:
        assert append(ledger) == len(acknowledged)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_full_database_while_staging(path: Path, *, hidden: bool) -> None:
    """A failure before the commit, even one that the block hides, is refused and final."""
    with closing(SqliteLedger.open(path)) as ledger:
        append(ledger)
        ledger._writer.pragma("max_page_count", ledger._writer.pragma("page_count"))
        with pytest.raises(CommitFailedError, match="database or disk is full"):
            append_past_the_end(ledger, hidden=hidden)
        assert ledger.head().size == 1
        with pytest.raises(CommitFailedError, match="must stop"):
            append(ledger)
        assert len(list(ledger.leaves(0, 9))) == 1  # readers go on
    assert check(path) == 1


def append_past_the_end(ledger: SqliteLedger, *, hidden: bool) -> None:
    """Append more than there is room for, and go on to the end of the block if the error is to be hidden."""
    with ledger.begin() as transaction:
        leaf = leaf_after(ledger.head(), b"large")
        try:
            transaction.append(leaf, [b"x" * 8192] * 99, [])
        except CommitFailedError:
            if not hidden:
                raise
            with pytest.raises(UnavailableError, match="has ended"):
                transaction.append(leaf, [], [])


def test_29_kills_at_random_moments_under_load(path: Path) -> None:
    """Whatever was acknowledged is there, through one kill after another."""
    moments = random.Random(29)  # which moments does not matter, that they are the same does
    acknowledged = 0
    for kill in range(KILLS):
        with appender("append", path, f"member-{kill}", "0") as process:
            release([process])
            for _ in range(moments.randrange(1, 12)):
                acknowledged = int(stream(process).readline().removeprefix("ack ")) + 1
            process.send_signal(signal.SIGKILL)
            for line in stream(process):
                acknowledged = int(line.removeprefix("ack ")) + 1
        assert process.returncode == -signal.SIGKILL
        size = check(path)
        assert size in (acknowledged, acknowledged + 1)
        acknowledged = size


def test_33_processes_that_append_at_once(path: Path) -> None:
    """Positions are dense, each is given once, and nothing that was acknowledged is lost."""
    names, each = ["one", "two", "three"], 60
    with ExitStack() as stack:
        processes = [
            stack.enter_context(appender("append", path, f"member-{name}", str(each))) for name in names
        ]
        release(processes)
        given = {name: stream(p).read().splitlines() for name, p in zip(names, processes, strict=True)}
    assert [process.returncode for process in processes] == [0] * len(names)
    indices = [int(line.removeprefix("ack ")) for lines in given.values() for line in lines]
    assert sorted(indices) == list(range(len(names) * each))
    assert check(path) == len(names) * each
    with closing(SqliteLedger.open(path)) as ledger:
        members = [leaf.member for leaf in ledger.leaves(0, len(indices))]
    for name, lines in given.items():
        assert {members[int(line.removeprefix("ack "))] for line in lines} == {f"member-{name}"}
    turns = sum(one != next_ for one, next_ in pairwise(members)) + 1
    assert turns > len(names), "they ran one after the other"


def test_a_writer_in_another_process_is_waited_for_and_seen(path: Path) -> None:
    with closing(SqliteLedger.open(path, wait=0.05)) as one, closing(SqliteLedger.open(path)) as two:
        with one.snapshot() as view, two.begin():
            assert view.entry(0) is None
            with pytest.raises(UnavailableError, match="locked by another writer"):
                append(one)
        assert append(two) == 0
        assert one.head().size == 1
        assert append(one) == 1
