"""Believing: which signed checkpoints a mirror takes as the log's, and what it holds them against.

A checkpoint is believed if a key signed it that the log has for trees of its size, the witnesses vouch for it
that the log names and those that the mirror's owner demands besides, and it extends all that was believed
before. The keys and witnesses are those that the mirror's own copy has. Only what the copy does not reach yet
is learned from the log's root statements, which are verified from the pinned genesis on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, TypeVar

from hashpact.domain.pinned import MAX_AGE, PinnedLog
from hashpact.domain.ports import Clock, Log
from hashpact.domain.state import Charter
from hashpact.durable import read_bytes, write_public
from hashpact.errors import (
    ConfigError,
    ForkError,
    HashpactError,
    LogKeyError,
    MalformedError,
    ProofError,
    QuorumError,
)
from hashpact.log import checkpoint, proofs, tree
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.log.policy import WitnessPolicy
from hashpact.member.checking.steps import Local, Steps
from hashpact.member.profile import Profile
from hashpact.member.trusting.bundle import ROOT, BundlePart
from hashpact.member.trusting.contradiction import Contradiction, contradicting
from hashpact.member.trusting.roots import LogHistory, RootChain
from hashpact.wire.client import calls
from hashpact.wire.client.calls import Call

Ask: TypeAlias = Callable[[Call[Any]], Any]
"""Makes a call to the source and returns its result, or raises its error."""
Outcome = TypeVar("Outcome")

EVIDENCE: Final = 64
"""Pieces of evidence that are kept of those that convict the log, and as many of the others.

One convicts, and a source must not fill the disk, nor take the place of what convicts by what does not.
"""


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known of a log beforehand: its keys, and the SHA-256 of its leaf 0.

    ``demands`` are witnesses that must have cosigned besides the log's own, and ``max_age`` the seconds
    within which witnesses must have vouched for the newest checkpoint.
    """

    log: PinnedLog
    genesis: bytes
    demands: WitnessPolicy | None = None
    max_age: int = MAX_AGE

    @classmethod
    def of(cls, profile: Profile, max_age: int = MAX_AGE) -> Self:
        """What a member's profile knows."""
        return cls(profile.log, profile.genesis, profile.demands, max_age)


@dataclass(frozen=True, slots=True)
class Announced:
    """A checkpoint that is believed; ``vouched`` is the time up to which witnesses do, None without any."""

    signed: SignedCheckpoint
    vouched: int | None

    @property
    def size(self) -> int:
        """The number of leaves of its tree."""
        return self.signed.checkpoint.size

    @property
    def root(self) -> bytes:
        """The root of its tree."""
        return self.signed.checkpoint.root


class Believer:
    """Decides which checkpoints are the log's, by a mirror's copy of it.

    ``directory`` is where the largest checkpoint is kept that the copy does not reach yet, and evidence.
    """

    def __init__(self, ledger: Log, trust: Trust, directory: Path, clock: Clock) -> None:
        self._ledger = ledger
        self._trust = trust
        self._ahead = directory / "announced"
        self._evidence = directory / "evidence"
        self._clock = clock
        self._shown: SignedCheckpoint | None = None

    def open(self, note: bytes, ask: Ask) -> Announced:
        """The checkpoint in a signed note, if it is the log's and nothing contradicts it.

        Raises ProofError, LogKeyError and QuorumError as `PinnedLog.open`, QuorumError if it is too old, and
        ForkError, with the evidence, if it and what was believed before are not of one history.
        """
        found = self._believed(note, ask)
        self.check_fresh(found)
        return found

    def open_older(self, note: bytes, newest: bytes, ask: Ask) -> Announced:
        """The same of a checkpoint of any age, once the log's ``newest`` is proved to extend it."""
        found = self._believed(note, ask)
        self.open(newest, ask)
        return found

    def _believed(self, note: bytes, ask: Ask) -> Announced:
        """The checkpoint in a note, however old it is. Raises as `open`."""
        try:
            own = self.history()
            found = self._chained(note, ask) if own is None else _opened(own, note)
        except (LogKeyError, QuorumError):
            found = self._chained(note, ask)
        self._compare_shown(found, ask)
        self._compare(found, ask)
        self._shown = found.signed
        return found

    def check_fresh(self, announced: Announced) -> None:
        """Raise QuorumError if witnesses have not vouched for it within the age that is allowed."""
        age = None if announced.vouched is None else self._clock() - announced.vouched
        if age is not None and age > self._trust.max_age:
            msg = (
                f"witnesses vouched for the newest checkpoint {age} s ago, and {self._trust.max_age} s are "
                "allowed: the source holds newer ones back, or does not reach its witnesses"
            )
            raise QuorumError(msg, topic="stale", cosigned=str(announced.vouched))
        if age is not None and -age > self._trust.max_age:
            msg = (
                f"witnesses vouched for the newest checkpoint {-age} s ahead of this machine's clock: "
                "one of the clocks is wrong"
            )
            raise QuorumError(msg, topic="stale", cosigned=str(announced.vouched))

    def confirm(self, announced: Announced, charters: Sequence[Charter]) -> None:
        """Raise as `open` unless a checkpoint is the log's by the charters of the leaves that it has."""
        history = self._governed(charters)
        assert history is not None  # noqa: S101  # the first leaf is the genesis, or there are none
        history.signed(announced.signed.data)

    def confirm_later(self, announced: Announced, ask: Ask) -> None:
        """The same, by root statements that the source still has to send the leaves of."""
        self._chained(announced.signed.data, ask)

    def fresher(self, announced: Announced) -> bool:
        """Whether witnesses vouch for a checkpoint up to a later time than for the one that is kept."""
        history, kept = self.history(), self._kept()
        if announced.vouched is None or history is None or kept is None:
            return False
        try:
            before = history.at(kept.checkpoint.size).vouched(kept)
        except QuorumError:  # of witnesses that were not demanded then
            return True
        return before is None or announced.vouched > before

    def known(self) -> SignedCheckpoint | None:
        """The checkpoint of the largest tree that was believed."""
        ahead = self._reached_for()
        if ahead is not None and ahead.checkpoint.size > self._ledger.head().size:
            return ahead
        return self._kept()

    def reach_for(self, announced: Announced) -> None:
        """Remember a checkpoint that the copy does not reach yet. Raises ConfigError."""
        ahead = self._reached_for()
        if ahead is None or ahead.checkpoint.size < announced.size:
            write_public(self._ahead, announced.signed.data, replace=True)

    def history(self) -> LogHistory | None:
        """The log as the root statements of the copy have it; None of an empty one."""
        with self._ledger.snapshot() as view:
            return self._governed(view.charters())

    def forked(self, announced: Announced, ask: Ask) -> ForkError | None:
        """The error, with evidence, if the log does not prove that the checkpoint extends the copy's."""
        kept = self._kept()
        return None if kept is None else self._unproved(kept, announced, ask)

    def _compare_shown(self, found: Announced, ask: Ask) -> None:
        """Hold a checkpoint against the one before, of which no leaf has come yet. Raises ForkError, once.

        Nothing was built on that one, so the copy goes on afterwards with what extends it.
        """
        shown = self._shown
        if shown is None or shown.checkpoint.size <= self._ledger.head().size:
            return
        old, new = shown.checkpoint.size, found.size
        error: ForkError | None
        if new < old:
            what = f"the log had {old} leaves, and shows {new} now"
            error = self._accused(Contradiction(found.signed, shown), what, "rollback")
        elif new == old and found.root != shown.checkpoint.root:
            what = f"the log has signed two trees of {old} leaves"
            error = self._accused(Contradiction(shown, found.signed), what)
        else:
            error = self._unproved(shown, found, ask)
        if error is not None:
            self._shown = None
            raise error

    def _unproved(self, known: SignedCheckpoint, announced: Announced, ask: Ask) -> ForkError | None:
        shown: Contradiction | None = _through(contradicting(known, announced.signed), ask)
        if shown is None:
            return None
        old, new = known.checkpoint.size, announced.size
        return self._accused(
            shown, f"the log does not show that its {new} leaves begin with the {old} before"
        )

    def _kept(self) -> SignedCheckpoint | None:
        newest = self._ledger.checkpoints.newest()
        return None if newest is None else checkpoint.parse(newest.note)

    def _reached_for(self) -> SignedCheckpoint | None:
        try:
            return (
                checkpoint.parse(read_bytes(self._ahead, checkpoint.MAX_SIZE))
                if self._ahead.exists()
                else None
            )
        except MalformedError as error:
            msg = f"{self._ahead} is not a checkpoint: {error}; remove it"
            raise ConfigError(msg) from error

    def _governed(self, charters: Sequence[Charter]) -> LogHistory | None:
        first: dict[int, Charter] = {}
        for charter in charters:
            first.setdefault(charter.root_version, charter)
        if not first:
            return None
        logs = tuple(PinnedLog.governed(charter, charter.since) for charter in first.values())
        return self._demanding(LogHistory(logs))

    def _demanding(self, history: LogHistory) -> LogHistory:
        return history if self._trust.demands is None else history.demanding(self._trust.demands)

    def _chained(self, note: bytes, ask: Ask) -> Announced:
        """The checkpoint in a note, by the root statements that the source has."""
        chain, at = RootChain(self._trust.log, self._trust.genesis), 0
        while found := ask(calls.roots(at)):
            for leaf in found:
                chain.add(leaf)
            at = found[-1].index + 1
        if not chain.leaves:
            msg = "the source has no root statements, so the log's keys are not known"
            raise ProofError(msg)
        chain.pinned()
        own = self.history()
        given = {log.since for log in chain.history().logs}
        if own is not None and not given.issuperset(log.since for log in own.logs):
            msg = "the source holds back root statements that the copy has"
            raise ProofError(msg)
        return _opened(self._demanding(chain.history()), note)

    def _compare(self, found: Announced, ask: Ask) -> None:
        """Hold a checkpoint against what was believed before. Raises ForkError."""
        known, position = self.known(), self._ledger.head().size
        size = 0 if known is None else known.checkpoint.size
        if known is not None and found.size == size:
            if found.root != known.checkpoint.root:
                what = f"the log has signed two trees of {size} leaves"
                raise self._accused(Contradiction(known, found.signed), what)
        elif known is not None and found.size < size:
            raise self._taken_back(found, known)
        elif size > position:
            error = None if known is None else self._unproved(known, found, ask)
            if error is not None:
                raise error
        if found.size <= position and self._own_root(found.size) != found.root:
            msg = f"the checkpoint of {found.size} leaves is of another tree than the {position} copied"
            raise ProofError(msg, topic="fork")
        if found.size < position:
            msg = f"the log had {position} leaves, and shows {found.size} now"
            raise ForkError(msg, topic="rollback")

    def _taken_back(self, found: Announced, known: SignedCheckpoint) -> ForkError:
        """The error for a checkpoint of fewer leaves than were shown before."""
        size, reached = known.checkpoint.size, known.checkpoint.size <= self._ledger.head().size
        root = self._own_root(found.size) if reached else found.root
        if root == found.root:
            what = f"the log had {size} leaves, and shows {found.size} now"
            return self._accused(Contradiction(found.signed, known), what, "rollback")
        proof = proofs.consistency(found.size, size, self._ledger.tree.node)
        what = f"the log's {size} leaves do not begin with the {found.size} that it shows now"
        return self._accused(Contradiction(found.signed, known, root, proof), what)

    def _own_root(self, size: int) -> bytes:
        return tree.root(self._ledger.tree.edge(size))

    def _accused(self, shown: Contradiction, what: str, topic: str = "fork") -> ForkError:
        """The error for a contradiction, which is kept."""
        if len(list(self._evidence.glob(f"{shown.sort}-*"))) >= EVIDENCE:
            return ForkError(f"{what}; {EVIDENCE} pieces of evidence are kept already", topic=topic)
        try:
            path = shown.keep(self._evidence, self.roots())
        except (ConfigError, OSError) as error:
            return ForkError(f"{what}; the evidence is not kept: {error}", topic=topic)
        what = f"{what}; both are in {path}: hashpact evidence verify"
        return ForkError(what, topic=topic, evidence=str(path))

    def roots(self) -> list[BundlePart]:
        """The root statements of the copy, by which others verify evidence."""
        history = self.history()
        places = () if history is None else (log.since for log in history.logs)
        leaves = (leaf for place in places for leaf in self._ledger.leaves(place, place + 1))
        return [BundlePart(ROOT, leaf.index, leaf.data) for leaf in leaves]


def _opened(history: LogHistory, note: bytes) -> Announced:
    signed = history.signed(note)
    return Announced(signed, history.at(signed.checkpoint.size).vouched(signed))


def _through(steps: Steps[Outcome], ask: Ask) -> Outcome:
    """Run steps by calls to the source."""
    try:
        step = next(steps)
        while True:
            try:
                result = step.do() if isinstance(step, Local) else ask(step)
            except HashpactError as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
