"""A batch: many fingerprints, each of which is looked for by itself, as for a queue of uploads.

Their values are packed by type. Sets of hashes or keypoints are no part of it: each of those is work for a
check.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

from hashpact.domain.checks import Answer, Filter, Lag, Match, Query, check_bounds
from hashpact.domain.fingerprints import TYPES, Fingerprint, FingerprintType
from hashpact.errors import InvalidInputError

MAX_BATCH: Final = 4096
"""Fingerprints of one batch."""
MAX_EACH: Final = 64
"""Matches of each fingerprint, at most."""
DEFAULT_EACH: Final = 4
_BITS: Final = bytes(byte.bit_count() for byte in range(256))
"""How many bits of each byte are set, for `bytes.translate`."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Values of one type, one after the other, to be looked for within ``threshold`` (None: the default).

    The constructor raises InvalidInputError for a type of sets or a wrong size, and UnusableFingerprintError,
    which names the value by its number, for one that must not be compared. ``repr`` hides the bytes.
    """

    type: FingerprintType
    values: bytes = field(repr=False)
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Refuse values that are no fingerprints of the type."""
        if self.type.is_set:
            msg = f"{self.type.name} cannot be packed: ask with a check"
            raise InvalidInputError(msg, field="type")
        if not self.values or len(self.values) % self.type.size:
            msg = f"the values of {self.type.name} have {self.type.size} bytes each, not {len(self.values)}"
            raise InvalidInputError(msg, field="values")
        self.type.threshold(self.threshold)
        if self.type.popcount is not None:
            self._check_bits(*self.type.popcount)

    def __len__(self) -> int:
        """How many values."""
        return len(self.values) // self.type.size

    @property
    def within(self) -> float:
        """The threshold that applies."""
        return self.type.threshold(self.threshold)

    def some(self, start: int, count: int) -> bytes:
        """So many of the values, or those that there are, from that one on."""
        return self.values[start * self.type.size : (start + count) * self.type.size]

    def _check_bits(self, low: int, high: int) -> None:
        size, bits = self.type.size, self.values.translate(_BITS)
        # Half the time of a loop: the nth bytes of all values are the digits, base 256, of one large number,
        # and the sum of these numbers has a digit for each value. If 256 bits of a value are set, the last
        # such digit is 0, and the loop finds the value.
        total = sum(int.from_bytes(bits[place::size]) for place in range(size))
        counts = total.to_bytes(len(self) + 1)[1:]
        if low <= min(counts) and max(counts) <= high:
            return
        for number in range(len(self)):
            try:
                Fingerprint(self.type, self.some(number, 1))
            except InvalidInputError as error:
                error.details["field"] = f"values[{number}]"
                raise


@dataclass(frozen=True, slots=True)
class Batch:
    """1 to 4096 fingerprints, the filter of all their matches, and how many of each, from 1 to 64.

    Each is looked for by itself, so that no match says by which other type it is contradicted.
    """

    packed: tuple[Packed, ...]
    filter: Filter = field(default_factory=Filter)
    limit: int = DEFAULT_EACH
    min_position: int = 0

    def __post_init__(self) -> None:
        """Refuse a batch past its bounds, with InvalidInputError."""
        if not 1 <= len(self) <= MAX_BATCH:
            msg = f"a batch has 1 to {MAX_BATCH} fingerprints, not {len(self)}"
            raise InvalidInputError(msg, field="packed")
        check_bounds(self.limit, MAX_EACH, self.min_position)
        if self.filter.agreeing:
            msg = "a batch does not know what is of one upload; ask with a check for matches that agree"
            raise InvalidInputError(msg, field="filter.agreeing")

    def __len__(self) -> int:
        """How many fingerprints."""
        return sum(len(packed) for packed in self.packed)

    def strides(self, count: int) -> Iterator[tuple[int, Packed, bytes]]:
        """The values, at most ``count`` of one type at a time: the first one's number, of which, and they."""
        before = 0
        for packed in self.packed:
            for start in range(0, len(packed), count):
                yield before + start, packed, packed.some(start, count)
            before += len(packed)

    def queries(self) -> Iterator[tuple[Query]]:
        """Each fingerprint, in order, as the one query of an upload."""
        for packed in self.packed:
            for number in range(len(packed)):
                yield (Query(Fingerprint(packed.type, packed.some(number, 1)), packed.threshold),)

    def type_of(self, number: int) -> FingerprintType | None:
        """The type of a fingerprint of the batch, by its number; None if there is no such number."""
        for packed in self.packed:
            if number < len(packed):
                return packed.type
            number -= len(packed)
        return None


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The matches of a batch, each with the number of its fingerprint as its ``query``.

    Those of one fingerprint follow each other, the nearest first. ``truncated`` has the numbers of the
    fingerprints that may have further matches. ``texts`` and ``lag`` are as in `Answer`.
    """

    matches: tuple[Match, ...]
    position: int
    truncated: tuple[int, ...] = ()
    texts: bytes | None = None
    lag: Lag | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Packing:
    """Queries in a caller's order, and which numbers they have in a batch, packed by type and threshold."""

    queries: tuple[Query, ...]
    packed: tuple[Packed, ...]
    numbers: tuple[int, ...]

    @classmethod
    def of(cls, queries: Sequence[Query]) -> Self:
        """Pack queries by type and threshold. Raises InvalidInputError as `Packed`."""
        groups: dict[tuple[FingerprintType, float], list[int]] = {}
        for number, query in enumerate(queries):
            groups.setdefault((query.fingerprint.type, query.within()), []).append(number)
        packed = tuple(
            Packed(kind, b"".join(queries[number].fingerprint.value for number in some), threshold)
            for (kind, threshold), some in groups.items()
        )
        places = [0] * len(queries)
        for place, number in enumerate(number for some in groups.values() for number in some):
            places[number] = place
        return cls(tuple(queries), packed, tuple(places))

    def answers(self, answer: BatchAnswer) -> list[Answer]:
        """What each of the queries found, in the caller's order, as if it had been asked alone."""
        found: list[list[Match]] = [[] for _ in self.queries]
        for match in answer.matches:
            found[match.query].append(match)
        truncated = set(answer.truncated)
        return [
            Answer(
                tuple(replace(match, query=0) for match in found[place]),
                answer.position,
                place in truncated,
                answer.texts if found[place] else None,
                lag=answer.lag,
            )
            for place in self.numbers
        ]


def together(answers: Sequence[Answer], limit: int) -> Answer:
    """The answer to one check of several queries, from the answers to each of them, in their order.

    As in a check, an entry has one match of each type, that of its nearest query, and the nearest ones come
    first. ``answers`` are of one batch, and have as many matches as ``limit`` says, or are truncated.
    """
    found = [replace(match, query=query) for query, one in enumerate(answers) for match in one.matches]
    nearest: dict[tuple[int, str], Match] = {}
    for match in sorted(found, key=lambda each: (_remote(each), each.entry, each.type, each.query)):
        nearest.setdefault((match.entry, match.type), match)
    return Answer(
        tuple(nearest.values())[:limit],
        answers[0].position,
        any(one.truncated for one in answers),
        next((one.texts for one in answers if one.matches), None),
        lag=answers[0].lag,
    )


def _remote(found: Match) -> float:
    """How far away a match is, as a server orders them."""
    return TYPES[found.type].remoteness(found.score)
