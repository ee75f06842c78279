"""What implementations by others say of our files: `theirs.py DIRECTORY URL`; it runs in their environment.

The files are in the directory, and our HTTP door serves them at the URL.

Nothing of ours is imported here: `parts.py` takes bundles and receipts apart. Every verdict is printed.
"""

from __future__ import annotations

import base64
import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol

from interoperation.parts import bundle_parts, hashes, proof_parts
from interoperation.verdicts import Verdicts, absent

_TIME: Final = 11
"""The last byte of a cosignature's time, after 4 of the key's id."""


@dataclass
class Case:
    """The files that `case.py` wrote, and the URL where our door serves them, if it does."""

    directory: Path
    url: str = ""

    def read(self, path: str) -> bytes:
        """A file's bytes."""
        return (self.directory / path).read_bytes()

    def key(self, name: str) -> str:
        """The verifier key of the log or the witness."""
        return self.read(f"{name}.key").decode()

    def receipts(self) -> Iterator[tuple[int, list[bytes], bytes]]:
        """Index, proof and leaf of each receipt, in a file or in the bundle; all have the one checkpoint."""
        files = sorted((self.directory / "receipts").iterdir())
        receipts = [(path.read_bytes(), self.read(f"leaves/{path.stem}")) for path in files]
        leaf = b""
        for kind, _, part in bundle_parts(self.read("bundle")):
            if kind == "tlog-proof":
                receipts.append((part, leaf))
            leaf = part
        for receipt, leaf in receipts:
            index, proof, signed = proof_parts(receipt)
            if signed != self.read("checkpoint"):
                sys.exit(f"receipt {index} has another checkpoint")
            yield index, proof, leaf

    def evidence(self) -> tuple[bytes, bytes, bytes, list[bytes]]:
        """Two signed checkpoints, the root that the larger has at the size of the other, and the proof."""
        old, new, shown = (part for _, _, part in bundle_parts(self.read("evidence.bundle")))
        root, *proof = hashes(shown.splitlines())
        return old, new, root, proof

    def consistency(self) -> Iterator[tuple[int, bytes, int, bytes, list[bytes]]]:
        """Old size and root, new size and root, and the proof."""
        for path in sorted((self.directory / "consistency").iterdir()):
            old, new = map(int, path.name.split("-"))
            nodes = hashes(path.read_bytes().splitlines())
            yield old, self.read(f"roots/{old}"), new, self.read(f"roots/{new}"), nodes

    def tampered(self, *names: str) -> Iterator[tuple[str, bytes]]:
        """The checkpoint, changed after it was signed and cosigned by those ``names``."""
        origin, size, root, rest = self.read("checkpoint").split(b"\n", 3)
        other = base64.b64encode(flipped(base64.b64decode(root)))
        yield "another size", b"\n".join([origin, b"%d" % (int(size) + 1), root, rest])
        yield "another root", b"\n".join([origin, size, other, rest])
        yield "another origin", b"\n".join([origin + b"s", size, root, rest])
        for name in names:
            yield f"a bit of {name}'s signature changed", self._spoiled(name, -1)
        for name in names[1:]:
            yield f"another time of {name}", self._spoiled(name, _TIME)

    def without(self, name: str) -> bytes:
        """The checkpoint without the signature line of that key."""
        lines = self.read("checkpoint").splitlines(keepends=True)
        return b"".join(line for line in lines if not line.startswith(self._dash(name)))

    def _spoiled(self, name: str, place: int) -> bytes:
        """The checkpoint with a bit changed in that byte of what the signature line of that key holds."""
        lines = self.read("checkpoint").splitlines()
        for number, line in enumerate(lines):
            if line.startswith(self._dash(name)):
                head, _, value = line.rpartition(b" ")
                changed = flipped(base64.b64decode(value), place)
                lines[number] = head + b" " + base64.b64encode(changed)
        return b"\n".join([*lines, b""])

    def _dash(self, name: str) -> bytes:
        return f"\u2014 {self.key(name).partition('+')[0]} ".encode()


class Tiles(Protocol):
    """What aics-tlog reads tiles through."""

    def read_tile(self, level: int, index: int, width: int | None) -> bytes | None:
        """A hash tile."""
        ...

    def read_entry_bundle(self, index: int, width: int | None) -> bytes | None:
        """An entry tile."""
        ...


@dataclass
class Damaged:
    """Tiles of which one has a changed bit."""

    tiles: Tiles

    def read_tile(self, level: int, index: int, width: int | None) -> bytes | None:
        """The tile; number 17 of level 0 is changed."""
        data = self.tiles.read_tile(level, index, width)
        return flipped(data, 77) if data and (level, index) == (0, 17) else data

    def read_entry_bundle(self, index: int, width: int | None) -> bytes | None:
        """The leaves."""
        return self.tiles.read_entry_bundle(index, width)


def flipped(data: bytes, place: int = 0) -> bytes:
    """The bytes with one bit changed; a negative place counts from the end."""
    place %= len(data)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def ask_aics(theirs: ModuleType, case: Case, verdicts: Verdicts) -> None:
    """What aics-tlog says."""
    log, witness = theirs.parse_vkey(case.key("log")), theirs.parse_vkey(case.key("witness"))

    def verify(signed: bytes) -> bool:
        result = theirs.verify_checkpoint(theirs.parse_note(signed), log, [witness], 1)
        return bool(result.ok)

    signed = case.read("checkpoint")
    verdicts.accepts("checkpoint, signed and cosigned", verify, signed)
    for what, changed in case.tampered("log", "witness"):
        verdicts.refuses(f"checkpoint with {what}", verify, changed)
    alone = case.without("witness")
    verdicts.refuses("checkpoint without the cosignature that is asked for", verify, alone)

    one, two, root, nodes = case.evidence()
    for which, part in (("smaller", one), ("larger", two)):
        verdicts.accepts(f"evidence: the {which} checkpoint", verify, part)
    smaller, larger = (theirs.parse_checkpoint(theirs.parse_note(part).text) for part in (one, two))
    shown, sizes = theirs.verify_consistency, (smaller.size, larger.size)
    verdicts.accepts("evidence: the larger tree", shown, *sizes, root, larger.root, nodes)
    verdicts.refuses("evidence: a fork as consistent", shown, *sizes, smaller.root, larger.root, nodes)

    stated = theirs.parse_checkpoint(theirs.parse_note(signed).text)
    for index, proof, leaf in case.receipts():
        verify_leaf, end = theirs.verify_leaf_inclusion, (stated.size, proof, stated.root)
        spoiled = (stated.size, [flipped(proof[0]), *proof[1:]], stated.root)
        verdicts.accepts(f"receipt {index}", verify_leaf, leaf, index, *end)
        verdicts.refuses(f"receipt {index} for another leaf", verify_leaf, leaf + b"x", index, *end)
        verdicts.refuses(f"receipt {index} for another place", verify_leaf, leaf, index ^ 1, *end)
        verdicts.refuses(f"receipt {index} with a bit changed", verify_leaf, leaf, index, *spoiled)
    for old, first, new, second, proof in case.consistency():
        name, check = f"consistency of {old} and {new}", theirs.verify_consistency
        verdicts.accepts(name, check, old, new, first, second, proof)
        verdicts.refuses(f"{name}, another root", check, old, new, flipped(first), second, proof)

    remote = importlib.import_module(f"{theirs.__name__}.remote").HttpTileReader(case.url, proxies={})
    for where, tiles in (("", theirs.FileSystemTileReader(case.directory)), (" over HTTP", remote)):
        tree = (stated.size, stated.root)
        verdicts.accepts(f"every tile{where}", theirs.audit_tiles, tiles, *tree)
        verdicts.refuses(f"tiles with a bit changed{where}", theirs.audit_tiles, Damaged(tiles), *tree)
    verdicts.accepts("checkpoint over HTTP", signed.__eq__, remote.read_checkpoint())


def ask_scales(theirs: ModuleType, case: Case, verdicts: Verdicts) -> None:
    """What tlog-scales says."""
    names = ("log", "witness", "lattice")
    keys = [theirs.signing.Vkey.from_string(case.key(name)) for name in names]

    def verify(signed: bytes) -> None:
        stated = theirs.tlog.Checkpoint.from_text(signed.decode())
        for key in keys:
            stated.verify(key)

    verdicts.accepts("checkpoint, signed and cosigned", verify, case.read("checkpoint"))
    for what, changed in case.tampered(*names):
        verdicts.refuses(f"checkpoint with {what}", verify, changed)
    for name in names:
        verdicts.refuses(f"checkpoint without the signature of {name}", verify, case.without(name))

    one, two, root, nodes = case.evidence()
    for what, part in (("smaller", one), ("larger", two)):
        verdicts.accepts(f"evidence: the {what} checkpoint", verify, part)
    smaller, larger = (theirs.tlog.Checkpoint.from_text(part.decode()) for part in (one, two))
    shown = theirs.tlog.ConsistencyProof(smaller.size, larger.size, nodes).check
    verdicts.accepts("evidence: the larger tree", shown, root, larger.root_hash)
    verdicts.refuses("evidence: a fork as consistent", shown, smaller.root_hash, larger.root_hash)

    here, there = theirs.backend.LocalBackend(case.directory), theirs.backend.HttpBackend(case.url)
    stated = theirs.reader.TilesReader(here).get_checkpoint()
    for where, backend in (("", here), (" over HTTP", there)):
        served = theirs.reader.TilesReader(backend)
        verdicts.accepts(f"checkpoint{where}", stated.__eq__, served.get_checkpoint())
        root = served.calculate_root_hash()
        verdicts.accepts(f"root of the tiles{where}", root.__eq__, stated.root_hash)
        for index, proof, leaf in case.receipts():
            same = (served.get_entry(index), served.get_inclusion_proof(index, stated.size).node_hashes)
            verdicts.accepts(f"leaf and proof {index} as in the tiles{where}", (leaf, proof).__eq__, same)
    for index, proof, leaf in case.receipts():
        hashed = theirs.tiles.leaf_hash(leaf)
        check = theirs.tlog.InclusionProof(index, stated.size, proof).check
        verdicts.accepts(f"receipt {index}", check, hashed, stated.root_hash)
        verdicts.refuses(f"receipt {index} for another leaf", check, flipped(hashed), stated.root_hash)
    for old, first, new, second, proof in case.consistency():
        check = theirs.tlog.ConsistencyProof(old, new, proof).check
        verdicts.accepts(f"consistency of {old} and {new}", check, first, second)
        verdicts.refuses(f"consistency of {old} and {new}, another root", check, flipped(first), second)


def main() -> None:
    """Ask each package that is there."""
    case = Case(Path(sys.argv[1]), sys.argv[2])
    for package, rooms, ask in (
        ("aics_tlog", (), ask_aics),
        ("tlog_scales", ("backend", "reader", "signing", "tiles", "tlog"), ask_scales),
    ):
        try:
            theirs = importlib.import_module(package)
            for room in rooms:
                importlib.import_module(f"{package}.{room}")
        except ModuleNotFoundError:
            absent(package)
            continue
        ask(theirs, case, Verdicts(package))


if __name__ == "__main__":
    main()
