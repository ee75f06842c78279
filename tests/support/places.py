"""A clearinghouse with a member whose lists are imported, and lists to import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from commands import Done, here, process
from listed import expected
from running import BOTH, RunningServer, found

from hashpact.domain.fingerprints import Fingerprint
from hashpact.lists.local import PrivateLists
from hashpact.lists.table import listed

MAP = """
default = []
[labels]
A1 = "ncii"
A2 = "ncii"
B2 = "hate"
tvec = "hate"
ncii = "ncii"
hate = "hate"
islamist = "hate"
far-right = "hate"
1 = "ncii"
2 = "hate"
OUR_REMOVALS = "hate"
"""


class Place:
    """A clearinghouse, its server, and a member's profile."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = found(directory, {"acme-video": BOTH})
        self.profile = directory / "acme-video"
        self.server = RunningServer(self.home)
        self.map = directory / "map.toml"
        self.map.write_text(MAP)

    def run(self, *arguments: str | Path) -> Done:
        """A command of the member."""
        return here(*arguments, "--profile", self.profile, "--address", self.server.address)

    def imported(self, name: str, *arguments: str | Path) -> dict[str, Any]:
        """The report of an import that works."""
        done = self.run("import", name, *arguments, "--json")
        assert (done.status, done.err) == (0, ""), done
        (report,) = done.lines
        return dict(report)


def made(one: dict[str, str]) -> Fingerprint:
    """A fingerprint of expected.json."""
    return Fingerprint(one["type"], bytes.fromhex(one["value"]))


def puts(name: str) -> list[Fingerprint]:
    """All fingerprints that a fixture holds."""
    return [made(each) for one in expected(name) if one["op"] == "put" for each in one["fingerprints"]]


def other(code: Fingerprint) -> Fingerprint:
    """A code at a distance of two bits, with as many bits set."""
    bits = int.from_bytes(code.value)
    low = bits & -bits
    zero = ~bits & (bits + 1)
    return Fingerprint(code.type, (bits ^ low ^ zero).to_bytes(len(code.value)))


def csv(*rows: str) -> str:
    """A list of one's own removals."""
    return "\n".join(("key,md5/1,label,deleted", *rows, ""))


def vics(path: Path, rows: int, *, bad: int = -1) -> None:
    """A hash set of so many records, written as a stream, of which one has a hash that is none."""
    with path.open("w") as file:
        file.write('\ufeff{"@odata.context": "DataModels/2.0.xml/US/$metadata#Media", "value": [')
        for number in range(rows):
            digest = "not a hash" if number == bad else f"{number * 0x9E3779B97F4A7C15 + 1:032X}"[-32:]
            record = {"MediaID": number, "Category": 1, "MD5": digest, "Series": "x" * 20}
            file.write((",\n" if number else "") + json.dumps(record))
        file.write("]}")


def measured(place: Place, path: Path, *arguments: str) -> Done:
    """An import as a process of its own, whose memory is measured."""
    return process(
        "import", "vics", path, "--private", "large", *arguments, "--json", "--profile", place.profile
    )


def state(place: Place, name: str) -> set[tuple[object, ...]]:
    """The fingerprints of a list that stand, and those that were taken back."""
    with PrivateLists(place.profile / "lists", unencrypted=True).table(name) as table:
        return {
            (code.type.name, code.value, row.deleted) for row in listed(table) for code in row.fingerprints
        }
