"""What the first check of a process costs that has to open a private list.

    scripts/bench lists [--rows 1e6] [--json] [--check]

A list of so many rows with a pdq code each is written as an import writes it. Then processes open it by a
first check: *anew* without a saved index, which it then saves, *saved* with that index, and *updated* with it
after 1000 rows were replaced. *open* is the time of that check, *peak* the most memory that it took, with all
that was decrypted.
With --check it exits with 1 unless opening with the saved index takes less than 2 s and less than 300 MB.
Each process must find a row of the list.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from benchmarks import machine
from benchmarks.machine import say
from benchmarks.planting import random_codes
from benchmarks.report import print_json, print_table

from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.lists.blocks import Kept
from hashpact.lists.indexed import index_path
from hashpact.lists.local import PrivateLists

SECONDS: Final = 2.0
MEGABYTES: Final = 300
"""What opening may take with a saved index."""
NAME: Final = "bench"
UPDATED: Final = 1000

OPENER: Final = """
import json, sys, time
from pathlib import Path
from hashpact.domain.checks import Filter, Query
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.lists.local import PrivateLists
query = Query(Fingerprint(PDQ, bytes.fromhex(sys.argv[2])))
start = time.perf_counter()
lists = PrivateLists(Path(sys.argv[1]), unencrypted=True)
found = lists.search([query], Filter(), 1)
open_s = time.perf_counter() - start
lines = Path("/proc/self/status").read_text().splitlines()
kib = {line.partition(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
# What was decrypted is in memory, whether this process has mapped it yet or not.
decrypted = sum(sizes[2] for one in lists._opened.values() for sizes in one.index.sizes().values())
unmapped = max(0, decrypted - kib["RssShmem"] * 1024) if sys.argv[3] == "decrypted" else 0
peak = (kib["VmHWM"] * 1024 + unmapped) / 1e6
print(json.dumps({"open_s": open_s, "peak_MB": peak, "keys": [match.key for match in found]}))
"""


def measure(rows: int) -> dict[str, Any]:
    """A row for each state of the saved index."""
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name:
        lists = PrivateLists(Path(name), unencrypted=True)
        codes = _codes(rows + UPDATED)
        say(f"writing a list of {rows} rows")
        _write(lists, codes[:rows], 0)
        probe = codes[rows // 2].hex(), f"key-{rows // 2}"
        say("opening it")
        found = [{"index": name, **_open(lists, *probe, name)} for name in ("anew", "saved")]
        _write(lists, codes[rows:], rows, dead=range(UPDATED))
        found.append({"index": "updated", **_open(lists, codes[rows].hex(), f"key-{rows}", "updated")})
        for each in found:
            each |= {"rows": rows, "saved_MB": index_path(lists.file(NAME)).stat().st_size / 1e6}
    return {"machine": machine.describe(), "rows": found}


def _codes(count: int) -> list[bytes]:
    """Codes that pdq/1 takes, from a fixed seed."""
    low, high = PDQ.popcount or (0, 256)
    drawn = random_codes(2 * count, np.random.default_rng(7))
    bits = np.bitwise_count(drawn).sum(axis=1)
    return [row.tobytes() for row in drawn[(bits >= low) & (bits <= high)][:count]]


def _write(lists: PrivateLists, codes: list[bytes], first: int, dead: range = range(0)) -> None:
    """Add rows with these codes to the list, and take the first ones of it back."""
    with lists.table(NAME, make=True) as table, table.writing():
        for number, code in enumerate(codes, first):
            table.append(Kept(f"key-{number}", (Fingerprint(PDQ, code),), ("known",), 1))
        table.flush()
        places = [table.numbers()[0] * 4096 + number for number in dead]
        table.sql.executemany("INSERT INTO dead VALUES (?)", [(place,) for place in places])


def _open(lists: PrivateLists, code: str, key: str, index: str) -> dict[str, Any]:
    """What a process says that opens the list and looks for a code. Raises SystemExit if it is not found."""
    memory = "own" if index == "anew" else "decrypted"
    command = [sys.executable, "-c", OPENER, str(lists.directory), code, memory]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own code
    answer: dict[str, Any] = json.loads(done.stdout)
    if answer.pop("keys") != [key]:
        msg = f"the list has {key}, which was not found"
        raise SystemExit(msg)
    return answer


def main() -> int:
    """Measure, print, and compare with what opening may take."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench lists", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="1e6", help="rows of the list")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless it opens in time and memory")
    options = parser.parse_args()
    report = measure(int(float(options.rows)))
    if options.json:
        print_json(report)
    else:
        print_table("Opening a private list", report["rows"])
    _, saved, _ = report["rows"]
    if options.check and not (saved["open_s"] < SECONDS and saved["peak_MB"] < MEGABYTES):
        print(f"opens in {saved['open_s']:.2f} s with {saved['peak_MB']:.0f} MB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
