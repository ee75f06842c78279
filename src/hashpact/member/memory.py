"""What a client remembers of the log: the newest checkpoint that it has verified, in its profile."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from functools import partial
from typing import Final

from hashpact.domain.ports import Clock
from hashpact.durable import read_bytes, write_public
from hashpact.errors import (
    ConfigError,
    ForkError,
    MalformedError,
)
from hashpact.log import checkpoint
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.member.checking.steps import Local, Steps
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import ProfileWarning
from hashpact.member.trusting import bundle
from hashpact.member.trusting.contradiction import Contradiction, contradicting
from hashpact.wire.client import forks

PERIOD: Final = 3600
"""Seconds after which a larger tree is proved to extend the remembered one, or at twice the size."""


class LogMemory:
    """The newest checkpoint that is known to extend all before it; None of a directory keeps it in memory.

    Any number of threads and processes may share a directory. ``seen`` are the largest trees that this
    process was shown since, which are held against what it is shown next, and are not kept.
    """

    def __init__(self, paths: ProfilePaths | None, clock: Clock) -> None:
        self._paths = paths
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: SignedCheckpoint | None = None
        self._known: SignedCheckpoint | None = None
        self._proved = 0
        forks.remember(self)

    def agrees(self, signed: SignedCheckpoint) -> Steps[None]:
        """The steps of holding a verified checkpoint against what is known. Raises ForkError.

        The log is asked for a proof only if one is due.
        """
        other: SignedCheckpoint | None = yield Local(partial(self.contradicted, signed))
        if other is not None:
            yield from self.extends(other, signed)
        known: SignedCheckpoint | None = yield Local(self.known)
        if known is None:
            yield Local(partial(self.remember, signed))
        elif (yield Local(partial(self.is_due, signed))):
            yield from self.extends(*sorted((known, signed), key=_size))
            yield Local(partial(self.remember, signed))
        with self._lock:
            self._seen = max(self._seen or signed, signed, key=_size)

    def extends(self, smaller: SignedCheckpoint, larger: SignedCheckpoint) -> Steps[None]:
        """The steps of proving that one tree begins with another. Raises ForkError with what shows it."""
        shown: Contradiction | None = yield from contradicting(smaller, larger)
        if shown is None:
            return
        old, new = _size(smaller), _size(larger)
        what = f"the log does not show that its tree of {new} leaves begins with that of {old}"
        if old == new:
            what = f"the log has signed two trees of {old} leaves"
        raise (yield Local(partial(self.accuse, shown, what)))

    def known(self) -> SignedCheckpoint | None:
        """The remembered checkpoint; None before the first. Raises ConfigError if its file is none."""
        if self._paths is None or not self._paths.remembered.exists():
            return self._known
        path = self._paths.remembered
        try:
            found = checkpoint.parse(read_bytes(path, checkpoint.MAX_SIZE))
        except MalformedError as error:
            msg = f"{path} is not a checkpoint: {error}; the log's audit tells whether it can be removed"
            raise ConfigError(msg) from error
        with self._lock:
            self._known, self._proved = found, int(path.stat().st_mtime)
        return found

    def newest(self) -> SignedCheckpoint | None:
        """The checkpoint of the largest tree that this process knows of."""
        known = self.known()
        with self._lock:
            if self._seen is None or (
                known is not None and known.checkpoint.size >= self._seen.checkpoint.size
            ):
                return known
            return self._seen

    def contradicted(self, signed: SignedCheckpoint) -> SignedCheckpoint | None:
        """Another checkpoint of the same size that is known, and has another root."""
        size, root = signed.checkpoint.size, signed.checkpoint.root
        there = (one for one in (self.known(), self._seen) if one is not None)
        return next((one for one in there if _size(one) == size and one.checkpoint.root != root), None)

    def is_due(self, signed: SignedCheckpoint) -> bool:
        """Whether that checkpoint is to be proved to extend the remembered one, or the other way round."""
        known = self.known()
        if known is None or _size(known) == _size(signed):
            return False
        grown = _size(signed).bit_length() > _size(known).bit_length()
        return grown or not 0 <= self._clock() - self._proved < PERIOD

    def remember(self, signed: SignedCheckpoint) -> None:
        """Keep a checkpoint that is proved to agree with the remembered one, and when that was.

        If the file cannot be written, that is a ProfileWarning.
        """
        known = self.known()
        larger = known is None or _size(signed) > _size(known)
        with self._lock:
            self._known, self._proved = signed if larger or known is None else known, self._clock()
        if self._paths is None:
            return
        try:
            if larger:
                write_public(self._paths.remembered, signed.data, replace=True)
            with contextlib.suppress(FileNotFoundError):  # another thread is about to write the first one
                os.utime(self._paths.remembered, (self._proved, self._proved))
        except (ConfigError, OSError) as error:
            warnings.warn(f"the checkpoint is not remembered: {error}", ProfileWarning, stacklevel=3)

    def accuse(self, evidence: Contradiction, what: str) -> ForkError:
        """The error for evidence, which is kept in the profile."""
        paths = self._paths
        if paths is None:
            return ForkError(what)
        try:
            roots = bundle.parse(read_bytes(paths.roots, bundle.MAX_SIZE)) if paths.roots.exists() else ()
            path = evidence.keep(paths.evidence, roots)
        except (ConfigError, OSError) as error:
            warnings.warn(f"the evidence is not kept: {error}", ProfileWarning, stacklevel=3)
            return ForkError(what)
        return ForkError(f"{what}; both are in {path}: hashpact evidence verify", evidence=str(path))

    def forked(self) -> None:
        """In a forked process: a thread that is gone may have held the lock."""
        self._lock = threading.Lock()


def _size(signed: SignedCheckpoint) -> int:
    """The number of leaves of its tree."""
    return signed.checkpoint.size
