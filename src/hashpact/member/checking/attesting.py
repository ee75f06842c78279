"""Attested checks: asked for with a nonce, verified by the keys that root statements name, and kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from hashpact.domain.attestation import NONCE_SIZE, AttestedAnswer
from hashpact.domain.checks import Answer, Check
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.ports import Clock, Entropy
from hashpact.errors import ConfigError
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.member.checking.steps import Local, Steps
from hashpact.wire.client import calls
from hashpact.wire.client.calls import Call


class Keeps(Protocol):
    """Where attested answers are kept."""

    def keep(self, attested: AttestedAnswer) -> object:
        """Keep one. Raises ConfigError or OSError if it cannot be written."""
        ...


class Believes(Protocol):
    """Runs a call, and makes it anew if root statements show that the log's keys are others."""

    def __call__(self, make: Callable[[], Call[Answer]], /) -> Steps[Answer]:
        """The steps of it."""
        ...


class UnkeptWarning(UserWarning):
    """An attested answer could not be kept."""


@dataclass(frozen=True, slots=True)
class Attesting:
    """Asks for attested answers of the log that ``log`` returns, as the client knows it.

    ``newest`` returns the checkpoint of the largest tree that the client knows of.
    """

    believed: Believes
    log: Callable[[], PinnedLog]
    newest: Callable[[], SignedCheckpoint | None]
    clock: Clock
    entropy: Entropy

    def ask(self, check: Check, keep: Keeps | None) -> Steps[Answer]:
        """The steps of a check with an attested answer, which is kept if it is said where.

        The answer must reflect the root statement that names the attestation keys, and the log as the client
        has seen it before. One that cannot be kept is an UnkeptWarning: it has been given, and is in the
        result.
        """
        seen: SignedCheckpoint | None = yield Local(self.newest)
        least = max(check.min_position, 0 if seen is None else seen.checkpoint.size)

        def make() -> Call[Answer]:
            log = self.log()
            asked = replace(check, min_position=max(least, log.since + 1))
            return calls.attested(asked, self.entropy(NONCE_SIZE), log, self.clock())

        answer = yield from self.believed(make)
        if keep is not None and answer.attestation is not None:
            yield Local(partial(_kept, keep, answer.attestation))
        return answer


def _kept(keep: Keeps, attested: AttestedAnswer) -> None:
    try:
        keep.keep(attested)
    except (ConfigError, OSError) as error:
        warnings.warn(f"an attested answer is not kept: {error}", UnkeptWarning, stacklevel=3)
