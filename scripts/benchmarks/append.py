"""Appends: at the home beside a bare SQLite insert of the same rows, and through a server process.

    scripts/bench append [--batches 100] [--items 256] [--rounds 5] [--beside CHECKOUT] [--json] [--check]

*service*: the appender and the signing guard on a home's database, from the signed bytes to the receipt:
signature, rules, log, state, signed checkpoint; two durable commits. *insert*: SQLite alone, the rows that
this left, one durable commit for a submission. The two take turns.

Through a server, over mutual TLS: submissions of one item, signed beforehand, 16 in flight; batches through
the SDK, which makes, keeps and signs each submission and verifies and keeps each receipt; the disk that they
take; and checks, one after another, alone and beside batches of another process, which goes behind the server
and the checks where the system allows it. With --beside, the server of another checkout (whose CHECKOUT/.venv
has it installed) is measured alternately in the same run; the first promise is about the two. With --check it
exits with 1 if a promise does not hold.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import apsw
from benchmarks import appending, machine
from benchmarks.machine import say
from benchmarks.report import figure, print_json, print_table
from benchmarks.submissions import MEMBER, REASON, author_of, fingerprints
from benchmarks.timing import blocks_of

from hashpact.clock import unix_time
from hashpact.config import HomeConfig
from hashpact.demo.stage import ORIGIN
from hashpact.domain.messages import Submission
from hashpact.domain.state import Role
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import Home, open_home
from hashpact.member.profile import Profile
from hashpact.service.append import Appender
from hashpact.service.sign import SigningGuard
from hashpact.storage import connection, schema

ROUNDS: Final = 10

Given = TypeVar("Given")
Tables: TypeAlias = dict[str, list[tuple[Any, ...]]]

_ROWS: Final = {
    "leaves": "SELECT * FROM leaves WHERE idx = ?",
    "private": "SELECT * FROM private WHERE leaf = ?",
    "entries": "SELECT * FROM entries WHERE idx = ?",
    "checkpoints": "SELECT * FROM checkpoints WHERE size = ? + 1",
}
NOTES: Final = (
    "items/s: by the clock on the wall, over all batches. p50: of one batch.",
    "ratio: items/s of insert / of this. What else the machine does slows all three: read the ratios.",
)


class Insert:
    """SQLite alone: a database with the same tables and the same durability, and nothing around it."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._connection = connection.connect(path, 1)
        schema.create(self._connection)

    def __call__(self, tables: Tables) -> None:
        """One durable transaction with all rows of a submission."""
        self._connection.execute("BEGIN IMMEDIATE")
        for table, rows in tables.items():
            marks = ", ".join("?" * len(rows[0]))
            self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - of this module
        self._connection.execute("UPDATE head SET size = size + 1; COMMIT")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def rows_of(home: Home, index: int) -> Tables:
    """What an append has left in the tables."""
    with closing(apsw.Connection(str(home.paths.db), flags=apsw.SQLITE_OPEN_READONLY)) as reader:
        found = {table: list(reader.execute(sql, (index,))) for table, sql in _ROWS.items()}
    return {table: rows for table, rows in found.items() if rows}


def timed(work: Callable[[Given], object], given: Given) -> float:
    """Seconds on the wall."""
    start = time.perf_counter()
    work(given)
    return time.perf_counter() - start


def at_the_home(directory: Path, batches: int, items: int) -> Iterator[tuple[str, float]]:
    """Seconds of each batch, alternating between the service and bare inserts."""
    path = directory / "home"
    create_home(path, HomeConfig(ORIGIN), admins=2, threshold=2, passphrase=None)
    with open_home(path) as home, closing(Insert(directory / "bare.db")) as insert:
        enrol_member(home, MEMBER, frozenset({Role.CONTRIBUTE}), directory / MEMBER, None)
        author = author_of(Profile.load(directory / MEMBER))
        appender, guard = Appender(home.ledger, unix_time), SigningGuard(home.ledger, home.open_log_key())
        guard.sign()
        indexes: list[int] = []

        def append(submission: Submission) -> None:
            indexes.append(guard.receipt(appender.append(MEMBER, submission)).index)

        for block in blocks_of(batches, ROUNDS):
            for submission in [author.submit(fingerprints(items), REASON) for _ in block]:
                yield "service", timed(append, submission)
            for tables in [rows_of(home, index) for index in indexes[-len(block) :]]:
                yield "insert", timed(insert, tables)


def row(side: str, seconds: Sequence[float], items: int, insert: float) -> dict[str, Any]:
    """A line of the table."""
    rate = items * len(seconds) / sum(seconds)
    return {
        "side": side,
        "items_per_s": rate,
        "batches": len(seconds),
        "p50_ms": sorted(seconds)[len(seconds) // 2] * 1000,
        "ratio": insert / rate,
    }


def measure(batches: int, items: int, rounds: int, beside: Path | None) -> dict[str, Any]:
    """Everything."""
    taken: dict[str, list[float]] = {}
    described = machine.describe()
    interpreters = {appending.OURS: sys.executable}
    if beside is not None:
        interpreters[appending.BESIDE] = str(beside / ".venv" / "bin" / "python")
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name:
        directory = Path(name)
        say(f"{batches} submissions of {items} items at the home, and as bare inserts")
        for side, seconds in at_the_home(directory, batches, items):
            taken.setdefault(side, []).append(seconds)
        served = appending.measure(directory, interpreters, rounds, batches, items)
    insert = items * len(taken["insert"]) / sum(taken["insert"])
    rows = [row(side, seconds, items, insert) for side, seconds in taken.items()]
    kept = [promise.row() for promise in appending.promises(served)]
    return {"machine": described, "items": items, "rows": rows, "served": served, "promises": kept}


def main() -> int:
    """Measure, print, and compare with the promises."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench append",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--batches", type=int, default=100, help="submissions of a turn")
    parser.add_argument("--items", type=int, default=256, help="items of each, 1 to 256")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each server")
    parser.add_argument("--beside", type=Path, help="another checkout, with its .venv")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    options = parser.parse_args()
    report = measure(options.batches, options.items, options.rounds, options.beside)
    if options.json:
        print_json(report)
    else:
        print_table(f"Submissions of {options.items} items at the home", report["rows"], NOTES)
        for case, rows in report["served"].items():
            print_table(case, rows, appending.NOTES if "items/s" in rows[0] else ())
        print_table("Promises", report["promises"])
    missed = [promise for promise in report["promises"] if promise["verdict"] != "pass"]
    if options.check and missed:
        for promise in missed:
            what = f"{promise['promise']} is {figure(promise['measured'])}, {promise['bound']} is promised"
            print(f"missed: {what}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
