"""What a check costs before and after others have filled the log with the history of their keys.

    scripts/bench check-under-history [--leaves 100000] [--entries 2000] [--json] [--check]

Two homes have the same entries. In the log of one, other members then replace and revoke their keys, suspend
them, and give opinions on these entries, so many leaves in all. *matching* checks have eight codes, each near
an entry; *passing* ones have eight that match nothing. The two take turns. With --check it exits with 1 if a
check takes more than 1.1 times as long with the history as without.
"""

from __future__ import annotations

import argparse
import itertools
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.machine import say
from benchmarks.report import print_json, print_table
from benchmarks.submissions import REASON, fingerprints
from benchmarks.timing import Side, interleave, ratio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.domain.checks import Answer, Check, Query
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import KeyRevoke, KeySuspend
from hashpact.domain.messages import Submission
from hashpact.domain.state import Role, Stance
from hashpact.governance.administer import Administrators
from hashpact.lookup import NativeIndex
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import Author
from hashpact.service.append import Appender
from hashpact.service.check import Checker
from hashpact.service.follow import Follower
from hashpact.storage.sqlite import SqliteLedger

ALLOWED: Final = 1.1
ORIGIN: Final = "bench.example/history"
FOUNDED: Final = 1_800_000_000
MEMBERS: Final = 2000
CODES: Final = 8
CHECKS: Final = 2000
AT_ONCE: Final = 500
BOTH: Final = frozenset({Role.CHECK, Role.CONTRIBUTE})
NOTES: Final = (
    "us: of processor time, p50 of one check of eight codes. ratio: with the history / without.",
    "leaves: of the whole log. What a check reads of the ledger the first time is not in it.",
)


@dataclass
class Busy:
    """A member that replaces its key again and again."""

    author: Author
    keys: Iterator[int] = field(default_factory=lambda: itertools.count(2))


class House:
    """A log on a disk, with an administrator and a member that shares entries."""

    def __init__(self, path: Path) -> None:
        self.now = FOUNDED
        self.ledger = SqliteLedger.create(path)
        self.appender = Appender(self.ledger, self.clock)
        admin = Ed25519PrivateKey.generate()
        self.admins = Administrators(
            ORIGIN,
            [(NamedKey("alice", public_of(admin)), admin)],
            partial(self.appender.append_all, None),
            self.clock,
            secrets.token_bytes,
        )
        self.admins.found(1, (public_of(Ed25519PrivateKey.generate()),))
        self.index = NativeIndex()
        self.follower = Follower(self.ledger, self.index, EntryCatalog(self.ledger))
        self.checker = Checker(self.ledger, self.index, self.follower)

    def clock(self) -> int:
        """Unix seconds; it stands still until it is moved."""
        return self.now

    def member(self, name: str) -> Author:
        """Enrol a member."""
        private = Ed25519PrivateKey.generate()
        key = NamedKey("1", public_of(private))
        self.admins.enrol(name, BOTH, key, private)
        return Author(ORIGIN, name, key, private, self.clock, secrets.token_bytes)

    def say(self, submissions: list[Submission]) -> list[int]:
        """Append what members say; the indexes."""
        return [leaf.index for leaf in self.appender.append_all(None, submissions)]


def public_of(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of a public key."""
    return key.public_key().public_bytes_raw()


def share(house: House, shared: list[Fingerprint]) -> list[int]:
    """An entry for each fingerprint."""
    author, entries = house.member("sharer"), []
    for first in range(0, len(shared), AT_ONCE):
        entries += house.say([author.submit([one], REASON) for one in shared[first : first + AT_ONCE]])
    return entries


def fill(house: House, entries: list[int], leaves: int) -> None:
    """So many leaves of other members' history: replaced, suspended and revoked keys, and opinions."""
    members = [Busy(house.member(f"busy-{number}")) for number in range(min(MEMBERS, leaves // 40 + 1))]
    end, turn, about = house.ledger.head().size + leaves, 0, itertools.cycle(entries)
    while (size := house.ledger.head().size) < end:
        if turn % len(members) == 0:
            house.now += 24 * 3600  # a key is replaced 32 times in 30 days at most
            say(f"{size:,} leaves")
        batch: list[Submission] = []
        for busy in members[turn % len(members) : turn % len(members) + AT_ONCE // 5]:
            batch += _statements(busy, next(about), turn, size + len(batch))
        turn += AT_ONCE // 5
        house.say(batch)


def _statements(busy: Busy, entry: int, turn: int, index: int) -> Iterator[Submission]:
    """What a busy member says from that index on: its key is replaced, then revoked or suspended."""
    old = busy.author
    private = Ed25519PrivateKey.generate()
    key = NamedKey(str(next(busy.keys)), public_of(private))
    yield old.rotate(old.key.id, key, private, 3600)
    busy.author = Author(ORIGIN, old.member, key, private, old.clock, secrets.token_bytes)
    yield busy.author.opinion(entry, Stance.DISPUTE if turn % 3 else Stance.ENDORSE)
    if turn % 2:
        yield busy.author.say(KeySuspend(old.member, old.key.id, "retired"))
    else:
        yield busy.author.say(KeyRevoke(old.member, old.key.id, index + 1, "retired"))


def near(code: Fingerprint) -> Fingerprint:
    """The code with two bits moved."""
    value = int.from_bytes(code.value)
    one, zero = (value & -value), (~value & (value + 1))
    return Fingerprint(PDQ, (value ^ one ^ zero).to_bytes(PDQ.size), code.quality)


def measure(leaves: int, count: int) -> dict[str, Any]:
    """Everything."""
    shared, strange = fingerprints(count), fingerprints(count)
    asked = {"matching": [near(one) for one in shared], "passing": strange}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name:
        houses = {side: House(Path(name) / f"{side}.db") for side in ("without", "with")}
        with closing(houses["without"].ledger), closing(houses["with"].ledger):
            for side, house in houses.items():
                entries = share(house, shared)
                if side == "with":
                    fill(house, entries, leaves)
                house.follower.catch_up()
                while house.follower.settle():
                    pass
            for kind, codes in asked.items():
                for house in houses.values():
                    for number in range(count // CODES + 1):
                        _check(house, codes, number)  # so that the catalog knows every entry
                sides = [Side(side, partial(_check, house, codes)) for side, house in houses.items()]
                for (side, house), timings in zip(houses.items(), interleave(sides, CHECKS), strict=True):
                    rows.append(
                        {
                            "checks": kind,
                            "history": side,
                            "leaves": house.ledger.head().size,
                            "p50_us": timings.p50,
                            "p99_us": timings.p99,
                        }
                    )
                rows[-1]["ratio"] = ratio(rows[-1]["p50_us"], rows[-2]["p50_us"])
    return {"machine": machine.describe(), "rows": rows}


def _check(house: House, codes: list[Fingerprint], number: int) -> Answer:
    some = [codes[(number * CODES + place) % len(codes)] for place in range(CODES)]
    return house.checker.check(Check(tuple(map(Query, some))))


def main() -> int:
    """Measure, print, and compare with the promise."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench check-under-history",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--leaves", type=int, default=100_000, help="leaves of others' history")
    parser.add_argument("--entries", type=int, default=2000, help="entries that checks may match")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promise holds")
    options = parser.parse_args()
    report = measure(options.leaves, options.entries)
    if options.json:
        print_json(report)
    else:
        print_table("Checks with and without others' history", report["rows"], NOTES)
    broken = [row for row in report["rows"] if row.get("ratio", 0) > ALLOWED]
    if options.check and broken:
        print(f"a check takes {broken[0]['ratio']:.2f} times as long with the history", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
