"""Accusing: keeps what shows that a checkpoint that the log has posted contradicts another one of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hashpact.domain.ports import Clock, Log
from hashpact.domain.state import Evidence
from hashpact.errors import ConfigError
from hashpact.log import checkpoint, proofs, tree, witnessing
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.member.trusting.bundle import BundlePart
from hashpact.member.trusting.contradiction import Contradiction
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.believing import EVIDENCE


@dataclass(slots=True)
class Accuser:
    """Keeps each contradiction once, in a directory, as evidence for others, and raises an alarm.

    ``roots`` gives the root statements by which it is verified.
    """

    copy: Log
    directory: Path
    roots: Callable[[], list[BundlePart]]
    on_alarm: Callable[[Alarm], object]
    clock: Clock
    _said: set[bytes] = field(default_factory=set, init=False)

    def two_of_a_size(self, evidence: Evidence) -> None:
        """Two checkpoints of one size, as a witness keeps them."""
        offered = witnessing.parse(evidence.offered).signed
        self._accuse(Contradiction(checkpoint.parse(evidence.cosigned), offered), offered)

    def not_of_the_copy(self, posted: SignedCheckpoint) -> None:
        """A checkpoint whose tree is not that with which the copy begins."""
        newest = self.copy.checkpoints.newest()
        assert newest is not None  # noqa: S101  # the copy has leaves, which came with one
        size, known = posted.checkpoint.size, checkpoint.parse(newest.note)
        if size >= newest.size:
            shown = Contradiction(known, posted)
        else:
            root = tree.root(self.copy.tree.edge(size))
            proof = proofs.consistency(size, newest.size, self.copy.tree.node)
            shown = Contradiction(posted, known, root, proof)
        self._accuse(shown, posted)

    def _accuse(self, shown: Contradiction, posted: SignedCheckpoint) -> None:
        if posted.note.text in self._said or len(self._said) >= EVIDENCE:
            return
        self._said.add(posted.note.text)
        what = f"the log has posted a checkpoint of {posted.checkpoint.size} leaves of another tree"
        path = None
        try:
            if len(list(self.directory.glob(f"{shown.sort}-*"))) < EVIDENCE:
                path = shown.keep(self.directory, self.roots())
        except (ConfigError, OSError) as error:
            what = f"{what}; the evidence is not kept: {error}"
        self.on_alarm(Alarm("fork", what, self.clock(), path))
