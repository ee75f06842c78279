"""Whether witnesses vouch for the newest checkpoint of a log that an audit has read."""

from __future__ import annotations

from dataclasses import replace

from hashpact.audit.findings import Finding
from hashpact.domain.pinned import MAX_AGE, PinnedLog
from hashpact.domain.state import Charter
from hashpact.errors import QuorumError
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.log.policy import WitnessPolicy


def unvouched(
    charter: Charter, newest: SignedCheckpoint, demands: WitnessPolicy | None, now: int, limit: int | None
) -> Finding | None:
    """What is wrong with the cosignatures of a checkpoint: too few, or none in the last ``limit`` seconds.

    Those count that the charter demands, and ``demands`` besides. ``limit`` is 24 hours if it is None.
    """
    named = PinnedLog.governed(charter, charter.since)
    log = replace(named, policies=(*named.policies, *(() if demands is None else (demands,))))
    kept = {f"checkpoint-{newest.checkpoint.size}": newest.data}
    last = newest.checkpoint.size - 1
    try:
        log.vouched(newest)
    except QuorumError as error:
        return Finding("quorum", last, error.message, kept)
    try:
        log.check_fresh(newest, now, MAX_AGE if limit is None else limit)
    except QuorumError as error:
        return Finding("freshness", last, error.message, kept)
    return None
