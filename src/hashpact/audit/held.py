"""What a profile holds of a log, receipts and the remembered checkpoint, against the derived tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from hashpact.domain.pinned import PinnedLog, from_file
from hashpact.domain.statements import MAX_LEAF
from hashpact.durable import read_bytes
from hashpact.errors import ConfigError, MalformedError, ProofError
from hashpact.log import checkpoint
from hashpact.member.paths import ProfilePaths

_MAX_FILE: Final = 64 * 1024
"""Bytes of a receipt, or of a checkpoint."""


@dataclass(frozen=True, slots=True)
class HeldTree:
    """A tree that the log has signed, as a file says that has its checkpoint: its size and root."""

    file: Path
    size: int
    root: bytes

    def note(self) -> bytes:
        """The checkpoint in the file. Raises ConfigError and MalformedError."""
        data = read_bytes(self.file, _MAX_FILE)
        return from_file(data, b"").checkpoint if self.file.suffix == ".tlog-proof" else data


@dataclass(frozen=True, slots=True)
class HeldLog:
    """What a profile holds: trees by their sizes, and leaf hashes by their indexes, each with its file.

    ``broken`` are the files that cannot be read as what they are, with the reason.
    """

    trees: dict[int, list[HeldTree]] = field(default_factory=lambda: defaultdict(list))
    leaves: dict[int, tuple[Path, bytes]] = field(default_factory=dict)
    broken: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: ProfilePaths) -> Self:
        """What is in a profile's directory."""
        held = cls()
        files = sorted(paths.receipts.glob("*.tlog-proof")) if paths.receipts.is_dir() else []
        for file in files:
            held.take_receipt(file)
        if paths.remembered.exists():
            held.take_checkpoint(paths.remembered)
        return held

    def take_receipt(self, file: Path) -> None:
        """Take a receipt with its statement beside it."""
        try:
            receipt = from_file(
                read_bytes(file, _MAX_FILE), read_bytes(file.with_suffix(".statement"), MAX_LEAF)
            )
        except (ConfigError, MalformedError) as error:
            self.broken[file] = error.message
            return
        self.leaves[receipt.index] = file, receipt.leaf_hash
        self.trees[receipt.tree_size].append(HeldTree(file, receipt.tree_size, receipt.root))

    def take_checkpoint(self, file: Path) -> None:
        """Take a checkpoint."""
        try:
            stated = checkpoint.parse(read_bytes(file, _MAX_FILE)).checkpoint
        except (ConfigError, MalformedError) as error:
            self.broken[file] = error.message
            return
        self.trees[stated.size].append(HeldTree(file, stated.size, stated.root))

    def unlike_leaf(self, index: int, leaf_hash: bytes) -> str | None:
        """What is wrong if the receipt of that leaf is of another statement; None if nothing is."""
        file, held = self.leaves.get(index, (None, leaf_hash))
        if held == leaf_hash:
            return None
        return f"leaf {index} is not the statement of {file}, for which the log gave that receipt"

    def unlike_tree(self, size: int, root: bytes, log: PinnedLog) -> Iterator[tuple[str, bytes]]:
        """What is wrong with the trees of that size that are held, each with the checkpoint that says so."""
        for held in self.trees.get(size, ()):
            if held.root == root:
                continue
            note, signed = _signed(held, log)
            if signed:
                yield f"the first {size} leaves are not those that the log signed in {held.file}", note
            else:
                yield f"{held.file} was altered: its checkpoint is not one that the log has signed", note

    def beyond(self, size: int) -> Iterator[str]:
        """What is wrong with those of trees larger than the log: it was rolled back."""
        for larger in sorted(held for held in self.trees if held > size):
            for held in self.trees[larger]:
                yield f"{held.file} is of {larger} leaves, and the log has {size}: it was rolled back"


def _signed(held: HeldTree, log: PinnedLog) -> tuple[bytes, bool]:
    """The checkpoint of a file, and whether the log signed it."""
    note = b""
    try:
        note = held.note()
        log.open(note)
    except (ConfigError, MalformedError, ProofError):
        return note, False
    return note, True
