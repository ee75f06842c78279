# The instruments of the benchmarks, over a kernel that counts what its searches read. Only a build with
# HASHPACT_INSTRUMENTS has this module; no wheel does.

from hashpact import _kernel
from hashpact._kernel import _Name

class HammingStore(_kernel.HammingStore):
    @staticmethod
    def open(files: list[_Name], tombstones: _Name | None) -> HammingStore: ...
    # What that search reads, by the names in src/kernel/instruments/touch_counter.hpp.
    def touches(self, record: bytes, radius: int, limit: int | None) -> dict[str, int]: ...

# Nanoseconds to read a line at a random place in `size` bytes, when `ahead` of the reads are asked for early;
# 0: each read's place depends on the last one.
def random_read(size: int, ahead: int) -> float: ...

# As in _kernel; the choice is this module's own.
def levels() -> list[str]: ...
def use_level(name: str) -> None: ...
