"""The fold of a log on a file: leaf by leaf, with the tree beside it.

The rules are those of `hashpact.domain.rules`, on a state that is in the file but for what was put last. What
a leaf puts is in memory for a while, then staged in the file, and durable from the next `save` on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashpact.audit.deriving.judging import Judge, JudgedLeaf
from hashpact.audit.deriving.rows import TileRows
from hashpact.domain.state import Head, Record
from hashpact.errors import ConfigError, HashpactError, UnavailableError
from hashpact.log import tree
from hashpact.storage.derived.file import DerivedFile
from hashpact.storage.derived.guarded import StateFileError

STAGED: Final = 16_384
"""Leaves whose records are in memory before they are staged in the file: some 20 MB."""
REQUESTS: Final = 500_000
"""Request ids that are in memory before they are staged: some 100 MB."""


@dataclass(frozen=True, slots=True)
class Folded:
    """One leaf in its place: its hash, the subtrees that it ends, the records that it puts.

    ``error`` is the rule that it breaks, or that it is malformed; then it puts nothing.
    """

    index: int
    data: bytes
    judged: JudgedLeaf
    hash: bytes
    nodes: tuple[bytes, ...]
    records: tuple[Record, ...]
    error: HashpactError | None


class Fold:
    """A log as far as it was folded, in a file. ``counts`` are its statements by kind."""

    def __init__(self, file: DerivedFile) -> None:
        """Go on from what the file has. Raises ConfigError if that is not what a fold keeps."""
        self.file = file
        self._judge = Judge()
        self.known = self._judge.known
        self._load()

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self.file.head.size

    @property
    def root(self) -> bytes:
        """The root of the tree of them."""
        return tree.root(self.file.head.edge)

    @property
    def genesis(self) -> bytes:
        """The SHA-256 of leaf 0; of nothing before that."""
        return self._genesis

    def add(self, data: bytes, found: JudgedLeaf) -> Folded:
        """Fold one more leaf."""
        head = self.file.head
        index = head.size
        if index == 0:
            self._genesis = hashlib.sha256(data).digest()
        leaf_hash = tree.leaf_hash(data)
        nodes = tree.completed(index, head.edge, leaf_hash)
        records, error = self._judge.records(self.file.state, index, data, found)
        folded = Folded(index, data, found, leaf_hash, nodes, records, error)
        if found.statement is not None and error is None:
            self.file.state.take(index, (found.statement.member, found.statement.request), records)
        edge = (*head.edge[: len(head.edge) - len(nodes)], (leaf_hash, *nodes)[-1])
        self.file.head = Head(index + 1, edge)
        self.counts["malformed" if found.statement is None else found.statement.body.kind] += 1
        if (index + 1) % STAGED == 0:
            self.file.flush(requests=len(self.file.state.requests) >= REQUESTS)
        return folded

    def save(self) -> None:
        """Make everything durable, with what else was staged in the file."""
        counted = json.dumps(self.counts, sort_keys=True).encode("ascii")
        self.file.keep("counts", counted)
        self.file.keep("genesis", self._genesis)
        self.file.keep("rows", self.rows.saved())
        self.file.commit()

    def forget(self) -> None:
        """Go back to what was saved last."""
        self.file.rollback()
        self._load()

    def _load(self) -> None:
        counted, rows = self.file.kept("counts"), self.file.kept("rows")
        self._genesis = self.file.kept("genesis") or hashlib.sha256().digest()
        try:
            self.counts: Counter[str] = Counter(json.loads(counted or b"{}"))
            self.rows = TileRows.of(self.size, rows or b"")
        except (ValueError, TypeError) as exc:
            msg = f"the state is not one that an audit has kept: {exc}"
            raise ConfigError(msg) from exc


@contextlib.contextmanager
def scratch() -> Iterator[Fold]:
    """A fold from the beginning, in a temporary file that lasts for the block.

    Raises UnavailableError if the file cannot be written: it takes some 400 bytes for each leaf.
    """
    with tempfile.TemporaryDirectory(prefix="hashpact-audit-") as directory:
        try:
            with contextlib.closing(DerivedFile.create(Path(directory) / "state", scratch=True)) as file:
                yield Fold(file)
        except StateFileError as error:
            msg = f"{error}; the variable TMPDIR names another place for temporary files"
            raise UnavailableError(msg) from error
