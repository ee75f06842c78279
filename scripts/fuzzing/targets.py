"""What is fuzzed: each parser of bytes from outside, held to its two promises.

Whatever it is given, it raises no error but those it names; and what it accepts is what it would itself
write, so nothing has two spellings. A target takes any bytes and raises AssertionError if it is broken.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hashpact.domain import fingerprints, statements
from hashpact.errors import InvalidInputError
from hashpact.governance import drafts
from hashpact.log import checkpoint, note, receipt, tiles, witnessing
from hashpact.log.tiles import Tile

DOCUMENTS: Final = Path(__file__).resolve().parents[2] / "docs" / "formats"
MAX_INPUT: Final = 8192
"""Bytes of the longest input; what breaks beyond the limits of length has its own tests."""
MAX_WORD: Final = 64


def same(written: bytes | str, given: bytes | str) -> None:
    """Raise AssertionError if what was accepted is not what would be written."""
    if written != given:
        msg = f"accepted {given!r}, and would write {written!r}"
        raise AssertionError(msg)


def joined(text: bytes, opened: note.Note) -> bytes:
    """The bytes of a note, written anew."""
    return note.join(text, [line.line() for line in opened.signatures])


def written_checkpoint(signed: checkpoint.SignedCheckpoint) -> bytes:
    """The bytes of a signed checkpoint, written anew from what was read."""
    return joined(signed.checkpoint.text(), signed.note)


def fuzz_note(data: bytes) -> None:
    """Signed notes."""
    with contextlib.suppress(InvalidInputError):
        opened = note.parse(data, MAX_INPUT)
        same(joined(opened.text, opened), data)


def fuzz_statement(data: bytes) -> None:
    """Signed statements."""
    with contextlib.suppress(InvalidInputError):
        signed = statements.parse(data)
        same(joined(signed.statement.text(), signed.note), data)


def fuzz_draft(data: bytes) -> None:
    """Files of statements that are passed around to be signed."""
    with contextlib.suppress(InvalidInputError):
        same(drafts.write(drafts.parse(data)), data)


def fuzz_private(data: bytes) -> None:
    """Private parts."""
    with contextlib.suppress(InvalidInputError):
        same(fingerprints.parse_private(data).text(), data)


def fuzz_checkpoint(data: bytes) -> None:
    """Signed checkpoints."""
    with contextlib.suppress(InvalidInputError):
        same(written_checkpoint(checkpoint.parse(data)), data)


def fuzz_receipt(data: bytes) -> None:
    """Receipts: an index, an inclusion proof, a checkpoint."""
    with contextlib.suppress(InvalidInputError):
        read = receipt.parse(data)
        same(receipt.encode(read.index, read.proof, written_checkpoint(read.signed)), data)


def fuzz_witnessing(data: bytes) -> None:
    """What a witness is asked: an old size, a consistency proof, a checkpoint; and a size that it answers."""
    with contextlib.suppress(InvalidInputError):
        read = witnessing.parse(data)
        same(witnessing.encode(read.old, read.proof, written_checkpoint(read.signed)), data)
    with contextlib.suppress(InvalidInputError):
        same(witnessing.size_body(witnessing.parse_size(data)), data)


def fuzz_tile(data: bytes) -> None:
    """Paths of tiles, hash tiles and entry tiles; the first byte is the width."""
    with contextlib.suppress(InvalidInputError, UnicodeDecodeError):
        path = data.decode()
        same(tiles.parse_path(path).path, path)
    tile = Tile(None, 0, data[0] + 1) if data else Tile(None, 0)
    with contextlib.suppress(InvalidInputError):
        same(tiles.encode_entries(tiles.parse_entries(tile, data[1:])), data[1:])
    with contextlib.suppress(InvalidInputError):
        same(b"".join(tiles.parse_hashes(tile, data[1:])), data[1:])


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "note": fuzz_note,
    "statement": fuzz_statement,
    "draft": fuzz_draft,
    "private": fuzz_private,
    "checkpoint": fuzz_checkpoint,
    "receipt": fuzz_receipt,
    "witnessing": fuzz_witnessing,
    "tile": fuzz_tile,
}


def examples(*languages: str) -> list[bytes]:
    """The examples of docs/formats of these kinds."""
    texts = [(DOCUMENTS / name).read_text(encoding="utf-8") for name in ("statement.md", "log.md")]
    return [
        found[2].encode()
        for text in texts
        for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        if found[1] in languages
    ]


def seeds(target: str) -> list[bytes]:
    """Inputs to start from, all of them accepted."""
    signed, signed_by_all = examples("checkpoint"), examples("statement")
    return {
        "note": lambda: examples("statement", "checkpoint"),
        "statement": lambda: examples("statement"),
        "draft": lambda: [statement.partition(b"\n\n")[0] + b"\n" + statement for statement in signed_by_all],
        "private": lambda: examples("private"),
        "checkpoint": lambda: signed,
        "receipt": lambda: examples("receipt"),
        "witnessing": lambda: [witnessing.encode(3, (bytes(32), b"\xff" * 32), signed[0]), b"20852163\n"],
        "tile": lambda: [
            b"tile/0/x001/x234/067.p/12",
            b"tile/entries/007",
            b"\x01" + tiles.encode_entries([b"leaf", b""]),
            b"\x01" + bytes(64),
        ],
    }[target]()


def words(target: str) -> list[bytes]:
    """What the fuzzer may put in: the words of the seeds, and values that lenient readers take."""
    found = {word for seed in seeds(target) for word in re.findall(rb"[ -~]{1,63}(?![ -~])", seed)}
    found |= {word for seed in seeds(target) for word in seed.split() if len(word) <= MAX_WORD}
    odd = ["015", "+15", "1_5", "-15", "\uff11\uff15", str(2**63 - 1), str(2**63), str(2**64), "\r\n", "\n\n"]
    odd += ["\u2028", "\u00a0", "\ufeff", "\0", "\x0b", "\u2014 ", "AA==", "AB==", "====", "-_", "\x7f"]
    return sorted(found | {one.encode() for one in odd})
