"""A process that appends to a ledger, for tests that need one to run beside it, to fail or to be killed.

    appender.py append DB MEMBER COUNT   say ``ready``, wait for a line, then append COUNT leaves (0: for
                                         ever), one a transaction
    appender.py full DB                  append until the file size limit stops a commit
    appender.py sweep DB kill|io         append once for every write and sync that an append makes, each time
                                         in a process that is killed, or whose call fails, at the next of them
    appender.py open DB                  open the ledger as a user that may not write

Each line on standard output is one event: ``ack INDEX`` once a commit has returned, others as below.
"""

from __future__ import annotations

import errno
import itertools
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apsw
from leaves import leaf_after

from hashpact.domain.state import Basis, Entry, Head, Leaf
from hashpact.errors import CommitFailedError, ConfigError, UnavailableError
from hashpact.storage.sqlite import SqliteLedger

APPENDER = Path(__file__)
ENVIRON = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(APPENDER.parents[2] / "support"), os.environ.get("PYTHONPATH", "")]),
}
"""What a process of it needs to import the modules of tests/, and hashpact as this process does."""

PARTS = 3
NOBODY = 65534

BREATH = 0.001
"""Seconds between two appends, in which another process gets its turn."""


def entry_of(leaf: Leaf) -> Entry:
    """An entry at the leaf."""
    return Entry(
        leaf.index, leaf.member, ("ncii",), Basis.GUIDELINE, None, None, ("VN",), 1, 2, PARTS, bytes(32)
    )


def append(ledger: SqliteLedger, member: str = "acme-video") -> int:
    """Append one leaf with all that may belong to one; its index."""
    with ledger.begin() as transaction:
        head = ledger.head()
        leaf = leaf_after(head, b"%d " % head.size * 500, member)
        entry = entry_of(leaf)
        transaction.append(leaf, [b"%d" % number * 900 for number in range(PARTS)], [entry])
    return leaf.index


def append_group(ledger: SqliteLedger) -> int:
    """Append two leaves with a refused one between them, each in a savepoint; the last one's index."""
    with ledger.begin() as transaction:
        head = ledger.head()
        for refused in (False, True, False):
            leaf = leaf_after(head, b"%d " % head.size * 500)
            entry = entry_of(leaf)
            with suppress(ZeroDivisionError), transaction.savepoint():
                transaction.append(leaf, [b"%d" % number * 900 for number in range(PARTS)], [entry])
                if refused:
                    raise ZeroDivisionError
                head = head.after(leaf)
    return head.size - 1


APPENDS = {"one": append, "group": append_group}


def check(path: Path) -> int:
    """Open the ledger and re-derive all that `append` put there; the log's size."""
    ledger = SqliteLedger.open(path)
    try:
        head, private = Head(0, ()), dict(ledger.private(0, 2**40))
        with ledger.snapshot() as view:
            for leaf in ledger.leaves(0, 2**40):
                assert leaf == leaf_after(head, leaf.data, leaf.member), f"leaf {leaf.index}"
                assert len(private[leaf.index]) == PARTS, f"private parts of {leaf.index}"
                entry = view.entry(leaf.index)
                assert entry is not None, f"entry {leaf.index}"
                assert entry.member == leaf.member, f"entry {leaf.index}"
                assert view.request(leaf.member, leaf.request) == leaf.index, f"request of {leaf.index}"
                head = head.after(leaf)
            assert head == ledger.head()
            assert view.entry(head.size) is None
        assert len(private) == head.size
        return head.size
    finally:
        ledger.close()


def say(event: str) -> None:
    """One event, in one write, so that a kill cannot tear or hold it back."""
    os.write(1, event.encode() + b"\n")


class FaultyFile(apsw.VFSFile):
    """A file whose every write and sync asks ``fault`` first."""

    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], fault: Fault) -> None:
        super().__init__("unix", name, flags)
        self._fault = fault

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  # SQLite's name
        """Write, or half of it before the fault."""
        self._fault("write", lambda: super(FaultyFile, self).xWrite(data[: len(data) // 2], offset))
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802  # SQLite's name
        """Sync, unless it is the turn of the fault."""
        self._fault("sync", lambda: None)
        super().xSync(flags)


class Fault(apsw.VFS):
    """The file system, with one fault at the ``at``-th write or sync after it is armed."""

    def __init__(self, how: str) -> None:
        super().__init__("faulty", "unix", makedefault=True)
        self._how = how
        self._left = 0

    def arm(self, at: int) -> None:
        """Let ``at`` - 1 calls pass."""
        self._left = at

    def xOpen(  # noqa: N802  # SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> FaultyFile:
        """Open the file with faults."""
        return FaultyFile(name, flags, self)

    def __call__(self, call: str, half: Callable[[], None]) -> None:
        """Count one call, and fail at the one that is meant."""
        self._left -= 1
        if self._left == 0:
            half()
            say(f"fault {call}")
            if self._how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise apsw.IOError(errno.EIO, os.strerror(errno.EIO))


def try_once(path: Path, how: str, at: int, what: str) -> None:
    """Append once with a fault at the ``at``-th write or sync, and say what came of it."""
    fault = Fault(how)
    ledger = SqliteLedger.open(path)
    size = ledger.head().size
    fault.arm(at)
    try:
        say(f"ack {APPENDS[what](ledger)}")
    except CommitFailedError:
        say("refused")
        assert ledger.head().size == size, "a failed commit is visible"
        try:
            append(ledger)
        except CommitFailedError:
            say("refused-again")
    try:
        ledger.close()
    except UnavailableError:
        say("not-closed")


def sweep(path: Path, how: str, what: str = "one") -> None:
    """`try_once` in a process of its own for each place of the fault, and some places too late to matter."""
    for at in range(1, 41):
        say(f"try {at}")
        child = os.fork()
        if child == 0:
            try:
                try_once(path, how, at, what)
            except BaseException as exc:
                say(f"bug {exc!r}")
                raise
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        say(f"size {check(path)} {'killed' if os.WIFSIGNALED(status) else 'ended'}")


def full(path: Path) -> None:
    """Append until the kernel refuses to let a file grow."""
    ledger = SqliteLedger.open(path)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        while True:
            say(f"ack {append(ledger)}")
    except CommitFailedError as exc:
        say(f"refused {exc}")
    try:
        append(ledger)
    except CommitFailedError as exc:
        say(f"refused-again {exc}")
    say(f"head {ledger.head().size}")
    ledger.close()


def open_unwritable(path: Path) -> None:
    """Open as a user that is not root, to whom permissions apply."""
    if os.getuid() == 0:
        os.setuid(NOBODY)
    try:
        SqliteLedger.open(path)
    except ConfigError as exc:
        say(f"refused {exc}")


def main(mode: str, db: str, *more: str) -> None:
    """Do what the module says of ``mode``."""
    path = Path(db)
    match mode:
        case "append":
            member, count = more
            ledger = SqliteLedger.open(path, wait=30)
            say("ready")
            sys.stdin.readline()
            for _ in range(int(count)) if int(count) else itertools.repeat(0):
                say(f"ack {append(ledger, member)}")
                time.sleep(BREATH)
            ledger.close()
        case "full":
            full(path)
        case "sweep":
            sweep(path, *more)
        case "open":
            open_unwritable(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
