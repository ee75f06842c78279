"""Any history of adding, removing, merging, saving, opening and searching, against a dictionary."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hashpact.lookup import HammingIndex

WIDTH = 8


class HammingHistory(RuleBasedStateMachine):
    """A HammingIndex and the dictionary that it must agree with.

    Codes come from a small alphabet, so that many are near one another, and additions in bulk, so that
    deltas fill, segments merge (some in the background) and hollow ones are rebuilt.
    """

    def __init__(self) -> None:
        super().__init__()
        self.index = HammingIndex(WIDTH)
        self.codes: dict[int, int] = {}
        self.next_id = 0
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "index.segment"

    def teardown(self) -> None:
        """Remove the file; the index still has it mapped."""
        self.directory.cleanup()
        self.counts_agree()

    @rule(count=st.sampled_from([1, 2, 30, 700, 1500, 6000]), seed=st.integers(0, 1000))
    def add(self, count: int, seed: int) -> None:
        """Add so many under new ids."""
        ids = list(range(self.next_id, self.next_id + count))
        self.next_id += count
        self._add(ids, seed)

    @rule(seed=st.integers(0, 1000), share=st.sampled_from([0.01, 0.5, 0.9]))
    def remove_some(self, seed: int, share: float) -> None:
        """Remove that share, and an id that is not there."""
        rng = np.random.default_rng(seed)
        ids = [item for item in self.codes if rng.random() < share]
        assert self.index.remove([*ids, self.next_id + 1]) == len(ids)
        for item in ids:
            del self.codes[item]

    @rule()
    def settle(self) -> None:
        """Let every merge end."""
        self.index.settle()

    @rule()
    def compact(self) -> None:
        """Ask for one segment, and go on while it is made."""
        self.index.compact()

    @rule()
    def compact_and_settle(self) -> None:
        """Wait for one segment."""
        self.index.settle()  # to ask while an earlier one is under way changes nothing
        self.index.compact()
        self.index.settle()
        assert len(self.index.stats()["segments"]) <= 1
        assert (self.index.stats()["tombstones"], self.index.stats()["delta"]) == (0, 0)

    @rule()
    def save(self) -> None:
        """Save, and go on with what is in memory."""
        self.index.save(self.path)
        assert len(HammingIndex.open(self.path)) == len(self.codes)

    @rule()
    def save_and_open(self) -> None:
        """Save, and go on with what is in the file."""
        self.index.save(self.path)
        self.index = HammingIndex.open(self.path)
        self.index.verify()

    @rule(seed=st.integers(0, 1000))
    def add_removed_ids_again(self, seed: int) -> None:
        """Use some free ids again, for other codes."""
        self._add([item for item in range(0, self.next_id, 7) if item not in self.codes], seed)

    @rule(seed=st.integers(0, 1000))
    def refuse_a_known_id(self, seed: int) -> None:
        """Try a batch of which one id is taken."""
        if self.codes:
            known = sorted(self.codes)[seed % len(self.codes)]
            with pytest.raises(ValueError, match=f"id {known} is in the index already"):
                self.index.add(np.zeros((2, WIDTH), dtype=np.uint8), [self.next_id, known])

    @rule(seed=st.integers(0, 1000), distance=st.integers(0, 12), limit=st.sampled_from([None, 1, 10]))
    def search(self, seed: int, distance: int, limit: int | None) -> None:
        """Ask for what the dictionary knows."""
        query = self._codes(1, seed)[0].tobytes()
        number = int.from_bytes(query)
        distances = ((item, (code ^ number).bit_count()) for item, code in self.codes.items())
        expected = sorted((d, item) for item, d in distances if d <= distance)[:limit]
        assert self.index.search(query, distance, limit) == [(item, d) for d, item in expected]

    @invariant()
    def counts_agree(self) -> None:
        """Hold after each step."""
        assert len(self.index) == self.index.stats()["rows"] == len(self.codes)

    @staticmethod
    def _codes(count: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        rng = np.random.default_rng(seed)
        words = np.random.default_rng(0).integers(0, 256, (20, WIDTH), dtype=np.uint8)
        noise = np.packbits(rng.random((count, WIDTH * 8)) < 0.06, axis=1)
        return words[rng.integers(0, 20, count)] ^ noise

    def _add(self, ids: list[int], seed: int) -> None:
        codes = self._codes(len(ids), seed)
        self.index.add(codes, ids)
        self.codes.update(zip(ids, (int.from_bytes(code.tobytes()) for code in codes), strict=True))


TestHammingHistory = HammingHistory.TestCase
TestHammingHistory.settings = settings(
    max_examples=60, stateful_step_count=40, derandomize=True, deadline=None
)
