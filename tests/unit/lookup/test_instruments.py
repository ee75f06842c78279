"""The instruments of the benchmarks: a kernel that counts what a search reads. The shipped one has none."""

from __future__ import annotations

import numpy as np
import pytest
from planted import flipped, make_codes

from hashpact import _kernel

_instruments = pytest.importorskip(
    "hashpact._instruments", reason="only a build with HASHPACT_INSTRUMENTS has it"
)


def test_the_shipped_kernel_has_no_instruments() -> None:
    assert not {"random_read", "touches"} & {*dir(_kernel), *dir(_kernel.HammingStore)}


def test_a_random_read_takes_time() -> None:
    assert _instruments.random_read(1 << 20, 16) > 0
    assert _instruments.random_read(1 << 20, 0) > 0


def test_what_a_search_reads_can_be_counted() -> None:
    rng = np.random.default_rng(43)
    codes = make_codes("crowd", 30_000, 32, rng)
    store = _instruments.HammingStore(32, 31)
    store.add(np.arange(30_000, dtype=np.uint64), codes)
    stranger, member = codes[-1].tobytes(), codes[1].tobytes()
    for query in (stranger, member):
        counted = store.touches(query, 31, 100)
        assert set(counted) == {"probes", "buckets", "entries", "candidates", "lines"}
        assert counted["lines"] > 0
    # The stranger is found by the tables, the member by the slices of its group.
    alone = store.touches(stranger, 31, 100)
    assert alone["probes"] >= alone["buckets"] >= 1
    assert alone["entries"] >= alone["candidates"] >= 1
    assert alone["lines"] >= alone["buckets"]
    # One that needs as many lines as all codes have would be no better than a scan.
    assert alone["lines"] < len(codes) * 32 / 64 / 4
    with pytest.raises(ValueError, match="width"):
        store.touches(b"", 31, None)


@pytest.mark.parametrize("count", [3000, 10_000, 60_000])
def test_related_codes_are_never_read_more_often_than_a_scan_reads_them(count: int) -> None:
    """Where bits depend on one another tables find many strangers: a sample of the codes tells how many."""
    rng = np.random.default_rng(47)
    codes = make_codes("dependent bits", count, 32, rng)
    store = _instruments.HammingStore(32, 31)
    store.add(np.arange(count, dtype=np.uint64), codes)
    scan = count * 32 / 64
    lines = [
        store.touches(flipped(codes[row], 20, rng), 31, None)["lines"]
        for row in rng.integers(0, count, 50).tolist()
    ]
    assert max(lines) <= scan
    if count > 50_000:
        assert np.median(lines) < scan / 10
