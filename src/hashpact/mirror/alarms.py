"""Alarms: what is wrong with the source of a mirror, by kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from hashpact.domain.rules.replay import Fault
from hashpact.errors import (
    CertificateError,
    CorruptError,
    DeadlineError,
    ForkError,
    HashpactError,
    LogKeyError,
    NotPermittedError,
    OverloadedError,
    ProofError,
    QuorumError,
    UnavailableError,
)

AWAY: Final = "away"
"""The kind of a trouble that is no alarm: the source does not answer now."""
_KINDS: Final[tuple[tuple[type[HashpactError], str], ...]] = (
    (ForkError, "fork"),
    (QuorumError, "quorum"),
    (LogKeyError, "key"),
    (ProofError, "checkpoint"),
    (CorruptError, "malformed"),
    (DeadlineError, "silence"),
    (CertificateError, "refused"),
    (OverloadedError, "refused"),
    (NotPermittedError, "refused"),
    (UnavailableError, AWAY),
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that is wrong with a source. The mirror keeps its last good state, and goes on trying.

    ``kind`` is one of: fork, rollback, checkpoint (not the log's), key (of the checkpoint), quorum, stale,
    proof, order, leaf (one that breaks a rule), private, document, malformed, silence, refused, fault;
    or retro: uploads that are not kept, or cannot be looked through; flood: an entry is put into quarantine.
    ``message`` says it in a line, without content. ``evidence`` is the file that shows it to others, if one
    does. ``at`` is in Unix seconds.
    """

    kind: str
    message: str
    at: int
    evidence: Path | None = None

    @classmethod
    def of(cls, error: HashpactError, at: int) -> Self:
        """The alarm that an error is; `AWAY` is its kind if it is none."""
        evidence = error.details.get("evidence")
        return cls(kind_of(error), error.message, at, None if evidence is None else Path(evidence))

    @classmethod
    def of_leaf(cls, fault: Fault, at: int) -> Self:
        """The alarm about a leaf that breaks a rule: the leaf is kept, and has no effect."""
        return cls("leaf", f"leaf {fault.index} breaks a rule: {fault.error.message}", at)


def kind_of(error: HashpactError) -> str:
    """The kind of an alarm, as in `Alarm`."""
    if isinstance(error, OverloadedError) and not error.details:
        return "malformed"  # no server has sent it: a message is larger than any may be
    return error.details.get("topic") or next(
        (kind for error_type, kind in _KINDS if isinstance(error, error_type)), "fault"
    )
