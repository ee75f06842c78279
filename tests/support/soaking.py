"""Load of every kind on a running clearinghouse, every answer kept, and what the log says they should be."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from hashpact.domain import statements
from hashpact.domain.fingerprints import PDQ, Fingerprint, parse_private
from hashpact.domain.kinds import Withdraw
from hashpact.domain.ports import Log
from hashpact.domain.state import Receipt
from hashpact.errors import UnavailableError
from hashpact.keys.passphrase import Passphrases
from hashpact.log import tree
from hashpact.member.clients import Client
from hashpact.member.keys import Rotation
from hashpact.member.profile import Profile

BITS: Final = 5
"""By which a query differs from the code that it looks for: so the queries themselves are stored nowhere."""


def code(random_: random.Random) -> int:
    """A code with half of its bits set."""
    return sum(1 << bit for bit in random_.sample(range(256), 128))


def fingerprint(value: int) -> Fingerprint:
    """The fingerprint of a code."""
    return Fingerprint(PDQ, value.to_bytes(32), 100)


@dataclass(slots=True)
class Shared:
    """A code that somebody shares: since when it may be in the log, and may be withdrawn, by the clock."""

    code: int
    begun: float
    withdrawing: float | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A check's answer: its query, the code meant, when it was asked and answered, from which position."""

    query: bytes
    code: int
    received: float
    least: int
    position: int
    entries: frozenset[int]


@dataclass
class Soak:
    """What all threads have done so far; a writer replaces its key every ``between`` seconds.

    A member may replace it 32 times in 30 days.
    """

    profiles: Path
    address: str
    between: float = 1.0
    over: threading.Event = field(default_factory=threading.Event)
    shared: list[Shared] = field(default_factory=list)
    receipts: list[tuple[int, Receipt]] = field(default_factory=list)
    withdrawn: list[Receipt] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    rotations: int = 0
    unavailable: int = 0
    failures: list[BaseException] = field(default_factory=list)

    def threads(self, writers: list[str], checker: str) -> list[threading.Thread]:
        """A thread for each writer, and three that check."""
        work: list[Callable[[], None]] = [
            *(partial(self._write, member, seed) for seed, member in enumerate(writers)),
            *(partial(self._check, checker, 100 + seed) for seed in range(3)),
        ]
        return [threading.Thread(target=self._kept, args=(each,)) for each in work]

    def profile(self, member: str) -> Profile:
        """A member's profile as its files are now."""
        return Profile.load(self.profiles / member).at(self.address)

    def _kept(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.failures.append(error)
            self.over.set()
            raise

    def _write(self, member: str, seed: int) -> None:
        """Submit and withdraw, and replace the key now and then, as one member."""
        random_ = random.Random(seed)
        mine: list[tuple[list[Shared], Receipt]] = []
        while not self.over.is_set():
            with Client(self.profile(member), timeout=30) as client:
                next_one = time.monotonic() + self.between
                while time.monotonic() < next_one:
                    if self.over.wait(random_.random() * 0.05):
                        return
                    if mine and random_.random() < 0.2:
                        self._withdraw(client, *mine.pop(random_.randrange(len(mine))))
                    else:
                        many = random_.choice((1, 1, 1, 8))
                        mine += self._submit(client, [code(random_) for _ in range(many)])
            self._rotate(member)

    def _submit(self, client: Client, codes: list[int]) -> list[tuple[list[Shared], Receipt]]:
        some = [Shared(each, time.monotonic()) for each in codes]
        try:
            receipt = client.submit([fingerprint(each) for each in codes], labels={"other"})
        except UnavailableError:
            self.unavailable += 1
            self.shared += some  # it may be in the log or not
            return []
        self.shared += some
        self.receipts += [(each, receipt) for each in codes]
        return [(some, receipt)]

    def _withdraw(self, client: Client, some: list[Shared], receipt: Receipt) -> None:
        for each in some:
            each.withdrawing = time.monotonic()
        try:
            self.withdrawn.append(client.withdraw(receipt.index, "mistake"))
        except UnavailableError:
            self.unavailable += 1

    def _rotate(self, member: str) -> None:
        try:
            Rotation(self.profiles / member, Passphrases({}), 0, unencrypted=True, timeout=30).run()
        except UnavailableError:
            self.unavailable += 1
        else:
            self.rotations += 1

    def _check(self, member: str, seed: int) -> None:
        """Look for what was shared, and for what nobody shares, within some bits."""
        random_ = random.Random(seed)
        with Client(self.profile(member), timeout=30) as client:
            while not self.over.wait(random_.random() * 0.02):
                known = len(self.shared)
                wanted = self.shared[random_.randrange(known)].code if known else code(random_)
                if random_.random() < 0.1:
                    wanted = code(random_)
                query = wanted
                for bit in random_.sample(range(256), BITS):
                    query ^= 1 << bit
                least = self.receipts[-1][1].tree_size if self.receipts and random_.random() < 0.3 else 0
                try:
                    answer = client.check([fingerprint(query)], min_position=least)
                except UnavailableError:
                    self.unavailable += 1
                    continue
                self.answers.append(
                    Answered(
                        query.to_bytes(32),
                        wanted,
                        time.monotonic(),
                        least,
                        answer.position,
                        frozenset(match.entry for match in answer.matches),
                    )
                )


@dataclass(frozen=True, slots=True)
class History:
    """What a log has: the entry of each code, when it was withdrawn, and the hash of each leaf."""

    entries: dict[int, int]
    withdrawn: dict[int, int]
    leaves: list[bytes]

    @classmethod
    def of(cls, ledger: Log) -> Self:
        """All of a log."""
        size = ledger.head().size
        entries = {
            int.from_bytes(parse_private(part).fingerprint.value): entry
            for entry, private in ledger.private(0, size)
            for part in private
        }
        withdrawn, hashes = {}, []
        for leaf in ledger.leaves(0, size):
            hashes.append(tree.leaf_hash(leaf.data))
            body = statements.parse(leaf.data).statement.body
            if isinstance(body, Withdraw):
                withdrawn[body.entry] = leaf.index
        return cls(entries, withdrawn, hashes)

    def faults(self, soak: Soak) -> Iterator[str]:
        """What of a soak's answers this log contradicts.

        An answer holds at its position, and may know of what was under way when it was given.
        """
        for value, receipt in soak.receipts:
            if self.entries.get(value) != receipt.index or self.leaves[receipt.index] != receipt.leaf_hash:
                yield f"the submission answered as {receipt.index} is lost"
        for receipt in soak.withdrawn:
            if self.leaves[receipt.index] != receipt.leaf_hash:
                yield f"the withdrawal answered as {receipt.index} is lost"
        begun = {each.code: each for each in soak.shared}
        for answer in soak.answers:
            if answer.position < answer.least:
                yield f"position {answer.position} for one of at least {answer.least}"
            expected = self._expected(answer, begun.get(answer.code))
            if answer.entries not in expected:
                said, right = sorted(answer.entries), sorted(map(sorted, expected))
                yield f"{said} at {answer.position}, not one of {right}"

    def _expected(self, answer: Answered, one: Shared | None) -> set[frozenset[int]]:
        """The answers that are right: two while a submission or a withdrawal is under way."""
        entry = self.entries.get(answer.code)
        if entry is None or one is None:
            return {frozenset()}
        right, end = set(), self.withdrawn.get(entry)
        ended = end is not None and end < answer.position
        ending = end is not None and one.withdrawing is not None and one.withdrawing <= answer.received
        if entry >= answer.position or ended or ending:
            right.add(frozenset[int]())
        if one.begun <= answer.received and not ended:
            right.add(frozenset({entry}))
        return right


@dataclass(frozen=True, slots=True)
class Needles:
    """Values of one size that are looked for in many files, by the first eight bytes of each."""

    size: int
    values: frozenset[bytes]
    starts: NDArray[np.uint64]
    marks: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: NDArray[np.uint8]) -> Self:
        """Those of an array of shape (n, size)."""
        starts = rows[:, :8].copy().view(np.uint64).ravel()
        marks = np.zeros(1 << 20, np.bool_)
        marks[cls._mark(starts)] = True
        return cls(rows.shape[1], frozenset(map(bytes, rows)), starts, marks)

    def count(self, data: bytes) -> int:
        """How many of them occur in the data: few words have the mark of a start, and fewer are one."""
        found = 0
        for shift in range(8 if len(data) >= self.size else 0):
            words = np.frombuffer(data, np.uint64, (len(data) - shift) // 8, shift)
            marked = np.flatnonzero(self.marks[self._mark(words)])
            places = marked[np.isin(words[marked], self.starts)] * 8 + shift
            found += sum(data[place : place + self.size] in self.values for place in places.tolist())
        return found

    @staticmethod
    def _mark(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Twenty bits that depend on all of a word."""
        return words * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(44)


class Queries:
    """Values of 32 bytes, an array of shape (n, 32), that are to be nowhere."""

    def __init__(self, values: NDArray[np.uint8]) -> None:
        spelt = b"".join(bytes(each).hex().encode() for each in values)
        self._raw, self._hex = Needles.of(values), Needles.of(np.frombuffer(spelt, np.uint8).reshape(-1, 64))

    def occurrences(self, data: bytes) -> int:
        """How many of them occur in the data, raw or in hex."""
        return self._raw.count(data) + self._hex.count(data.lower())
