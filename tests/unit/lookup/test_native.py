"""One index over every type: merged into one segment of each type without a change to any answer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from builders import winnowed
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from linear import LinearIndex

from hashpact.domain.fingerprints import MINHASH, PARTS, TYPES, WINNOW, Fingerprint, FingerprintType
from hashpact.lookup import NativeIndex
from hashpact.lookup.native import BENIGN

EVERY_TYPE = tuple(TYPES.values())
TEMPLATES = 6
"""Of each type: what is added is near one of these."""


def fingerprint(kind: FingerprintType, seed: int) -> Fingerprint:
    """A usable fingerprint near one of few of its type."""
    rng = np.random.default_rng((seed, kind.size))
    template = np.random.default_rng((seed % TEMPLATES, kind.size))
    if kind is WINNOW:
        hashes = template.integers(0, 2**32, 60)
        return winnowed({*hashes[rng.random(60) < 0.8].tolist(), *rng.integers(0, 2**32, 12).tolist()})
    if kind is PARTS:
        units = template.integers(0, 256, (24, 38), dtype=np.uint8)
        units[rng.random(24) < 0.2] ^= 0x55
        return Fingerprint(PARTS, units.tobytes())
    if kind is MINHASH:
        values = template.integers(0, 2**32, 128, dtype=np.uint32)
        values[rng.random(128) < 0.15] ^= 1
        return Fingerprint(MINHASH, values.astype(">u4").tobytes())
    bits = np.zeros(kind.size * 8, dtype=np.uint8)
    bits[template.permutation(len(bits))[: len(bits) // 2]] = 1
    bits[rng.integers(0, len(bits), seed % 5)] ^= 1
    return Fingerprint(kind, np.packbits(bits).tobytes())


def items(start: int, stop: int) -> list[tuple[int, Fingerprint]]:
    return [(item, fingerprint(EVERY_TYPE[item % len(EVERY_TYPE)], item)) for item in range(start, stop)]


def segments(index: NativeIndex) -> list[int]:
    """How many there are of each type that has items, deltas included."""
    return [part.layers() for name, part in index.freeze().items() if not name.startswith(BENIGN)]


class Compacted(RuleBasedStateMachine):
    """A NativeIndex that is merged now and then, and the linear one that it must agree with."""

    def __init__(self) -> None:
        super().__init__()
        self.native, self.linear = NativeIndex(), LinearIndex()
        self.next_id = 0
        self.steps: Iterator[None] = iter(())

    @rule(count=st.sampled_from([1, 7, 60, 400]))
    def add(self, count: int) -> None:
        """Add some of every type."""
        some = items(self.next_id, self.next_id + count)
        self.next_id += count
        self.native.add(some)
        self.linear.add(some)

    @rule(seed=st.integers(0, 1000), share=st.sampled_from([0.02, 0.5]))
    def remove(self, seed: int, share: float) -> None:
        """Remove some."""
        gone = np.flatnonzero(np.random.default_rng(seed).random(self.next_id) < share).tolist()
        self.native.remove(gone)
        self.linear.remove(gone)

    @rule()
    def freeze(self) -> None:
        """Make segments of what is new, as a save does."""
        self.native.freeze()

    @rule(beside=st.sampled_from([0, 30]))
    def begin(self, beside: int) -> None:
        """Begin to merge, and leave what was begun before."""
        self.steps = self.native.compaction(beside)

    @rule(steps=st.integers(1, 5))
    def go_on(self, steps: int) -> None:
        """Some steps, which may come before, during and after a merge in the background."""
        for _ in islice(self.steps, steps):
            pass

    @rule()
    def compact(self) -> None:
        """Merge everything, and wait for it."""
        for _ in self.native.compaction():
            pass
        assert all(count <= 1 for count in segments(self.native))

    @rule(seed=st.integers(0, 10_000), kind=st.sampled_from(EVERY_TYPE), limit=st.sampled_from([1, 5, 1000]))
    def search(self, seed: int, kind: FingerprintType, limit: int) -> None:
        """Ask both."""
        query = fingerprint(kind, seed)
        expected = list(self.linear.search(query, kind.default, limit))
        assert list(self.native.search(query, kind.default, limit)) == expected

    @invariant()
    def counts_agree(self) -> None:
        """Hold after each step."""
        assert len(self.native) == len(self.linear)


TestCompacted = Compacted.TestCase
TestCompacted.settings = settings(max_examples=40, stateful_step_count=25, derandomize=True, deadline=None)


@pytest.fixture
def several() -> NativeIndex:
    """An index with two segments of each type."""
    index = NativeIndex()
    for start, stop in ((0, 1000), (1000, 1100)):
        index.add(items(start, stop))
        index.freeze()
    assert segments(index) == [2] * len(EVERY_TYPE)
    return index


def test_little_beside_the_largest_segment_is_left_as_it_is(several: NativeIndex) -> None:
    assert list(several.compaction(10)) == []
    assert segments(several) == [2] * len(EVERY_TYPE)
    assert len(list(several.compaction(9))) >= len(EVERY_TYPE)
    assert segments(several) == [1] * len(EVERY_TYPE)


def test_no_more_bytes_are_merged_than_the_caller_allows(several: NativeIndex) -> None:
    assert list(several.compaction(0, 0)) == []
    assert segments(several) == [2] * len(EVERY_TYPE)
    for _ in several.compaction(0, 400_000):
        pass
    assert 0 < segments(several).count(1) < len(EVERY_TYPE)


def test_a_merge_that_nobody_waits_for_ends_by_itself_and_is_the_last(several: NativeIndex) -> None:
    steps = several.compaction()
    next(steps)
    del steps
    assert segments(several)[1:] == [2] * (len(EVERY_TYPE) - 1)
    for _ in several.compaction():
        pass
    assert segments(several) == [1] * len(EVERY_TYPE)
