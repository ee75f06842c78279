"""What implementations by others say of our files: `theirs.py DIRECTORY URL`; it runs in their environment.

The files are in the directory, and our HTTP door serves them at the URL.

Nothing of ours is imported here. A receipt is taken apart by hand, because neither package reads C2SP
tlog-proof, which is a draft. Every verdict is printed; the exit status is 1 if one is not the wanted one.
"""

from __future__ import annotations

import base64
import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol


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
        """Index, proof and leaf of each receipt; all have the one checkpoint."""
        for path in sorted((self.directory / "receipts").iterdir()):
            head, _, signed = path.read_bytes().partition(b"\n\n")
            first, index, *nodes = head.split(b"\n")
            if (first, index) != (b"c2sp.org/tlog-proof@v1", b"index " + path.stem.encode()):
                sys.exit(f"{path} is not a tlog-proof")
            if signed != self.read("checkpoint"):
                sys.exit(f"{path} has another checkpoint")
            leaf = self.read(f"leaves/{path.stem}")
            yield int(path.stem), [base64.b64decode(node, validate=True) for node in nodes], leaf

    def consistency(self) -> Iterator[tuple[int, bytes, int, bytes, list[bytes]]]:
        """Old size and root, new size and root, and the proof."""
        for path in sorted((self.directory / "consistency").iterdir()):
            old, new = map(int, path.name.split("-"))
            nodes = [base64.b64decode(line, validate=True) for line in path.read_bytes().splitlines()]
            yield old, self.read(f"roots/{old}"), new, self.read(f"roots/{new}"), nodes

    def tampered(self) -> Iterator[tuple[str, bytes]]:
        """The checkpoint, changed after it was signed."""
        origin, size, root, rest = self.read("checkpoint").split(b"\n", 3)
        other = base64.b64encode(flipped(base64.b64decode(root)))
        yield "another size", b"\n".join([origin, b"%d" % (int(size) + 1), root, rest])
        yield "another root", b"\n".join([origin, size, other, rest])
        yield "another origin", b"\n".join([origin + b"s", size, root, rest])


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


@dataclass
class Verdicts:
    """Asks one package, prints what it says, and counts what was not to be expected."""

    package: str
    surprises: int = 0

    def accepts(self, what: str, call: Callable[..., object], *args: object) -> None:
        """The call must neither raise nor return False."""
        self._ask(what, call, args, wanted=True)

    def refuses(self, what: str, call: Callable[..., object], *args: object) -> None:
        """The call must raise or return False."""
        self._ask(what, call, args, wanted=False)

    def _ask(self, what: str, call: Callable[..., object], args: tuple[object, ...], *, wanted: bool) -> None:
        said = "refused"
        try:
            said = "refused" if call(*args) is False else "accepted"
        except Exception as error:  # noqa: BLE001 - however they refuse, it is a refusal
            said += f" ({type(error).__name__})"
        surprise = said.startswith("accepted") != wanted
        self.surprises += surprise
        print(f"{self.package}: {what}: {said}{'   <- SURPRISE' if surprise else ''}")


def flipped(data: bytes, place: int = 0) -> bytes:
    """The bytes with one bit changed."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def ask_aics(theirs: ModuleType, case: Case, verdicts: Verdicts) -> None:
    """What aics-tlog says."""
    log, witness = theirs.parse_vkey(case.key("log")), theirs.parse_vkey(case.key("witness"))

    def verify(signed: bytes) -> bool:
        result = theirs.verify_checkpoint(theirs.parse_note(signed), log, [witness], 1)
        return bool(result.ok)

    signed = case.read("checkpoint")
    verdicts.accepts("checkpoint, signed and cosigned", verify, signed)
    for what, changed in case.tampered():
        verdicts.refuses(f"checkpoint with {what}", verify, changed)
    alone = b"".join(signed.splitlines(keepends=True)[:-1])
    verdicts.refuses("checkpoint without the cosignature that is asked for", verify, alone)

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
    keys = [theirs.signing.Vkey.from_string(case.key(name)) for name in ("log", "witness")]

    def verify(signed: bytes) -> None:
        stated = theirs.tlog.Checkpoint.from_text(signed.decode())
        for key in keys:
            stated.verify(key)

    verdicts.accepts("checkpoint, signed and cosigned", verify, case.read("checkpoint"))
    for what, changed in case.tampered():
        verdicts.refuses(f"checkpoint with {what}", verify, changed)

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


def main() -> int:
    """Ask each package that is there."""
    case = Case(Path(sys.argv[1]), sys.argv[2])
    surprises = 0
    for package, rooms, ask in (
        ("aics_tlog", (), ask_aics),
        ("tlog_scales", ("backend", "reader", "signing", "tiles", "tlog"), ask_scales),
    ):
        try:
            theirs = importlib.import_module(package)
            for room in rooms:
                importlib.import_module(f"{package}.{room}")
        except ModuleNotFoundError:
            print(f"{package}: not installed, not asked")
            continue
        verdicts = Verdicts(package)
        ask(theirs, case, verdicts)
        surprises += verdicts.surprises
    print(f"{surprises} surprises")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
