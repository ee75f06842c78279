"""What a profile keeps of the log: the root statements that it followed, and witnesses that it demands."""

from __future__ import annotations

from hashpact.config import ProfileConfig
from hashpact.domain.pinned import PinnedLog
from hashpact.durable import read_bytes
from hashpact.errors import MalformedError
from hashpact.log import policy
from hashpact.log.policy import WitnessPolicy
from hashpact.member.paths import ProfilePaths
from hashpact.member.trusting import bundle
from hashpact.member.trusting.bundle import MAX_SIZE, ROOT
from hashpact.member.trusting.roots import LogHistory


def history(paths: ProfilePaths, config: ProfileConfig) -> LogHistory:
    """The log as the profile knows it: by its root statements if it keeps them, else by its keys alone.

    Raises ConfigError if a file cannot be read; MalformedError and ProofError if the root statements were
    altered or the witness policy is none.
    """
    log = PinnedLog(config.origin, config.log_key)
    found = LogHistory((log,))
    if paths.roots.exists():
        parts = bundle.parse(read_bytes(paths.roots, MAX_SIZE))
        if any(part.kind != ROOT for part in parts):
            msg = f"{paths.roots}: want root statements only"
            raise MalformedError(msg, field="roots")
        found = LogHistory.of(parts, log, config.genesis)
    demanded = demands(paths)
    return found if demanded is None else found.demanding(demanded)


def demands(paths: ProfilePaths) -> WitnessPolicy | None:
    """The witness policy that the member demands besides; None for none.

    Raises ConfigError if the file cannot be read, and MalformedError.
    """
    if not paths.witnesses.exists():
        return None
    return policy.parse(read_bytes(paths.witnesses, policy.MAX_SIZE))
