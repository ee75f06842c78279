"""The check behind the function, which needs no Osprey."""

from __future__ import annotations

import os
from functools import lru_cache

from hashpact import Client, ConfigError, Fingerprint, InvalidInputError, Profile, UnusableFingerprintError

TIMEOUT = 1.0
"""Seconds that a rule waits for an answer."""


@lru_cache(maxsize=1)
def shared_client() -> Client:
    """The process's client, with the profile in HASHPACT_PROFILE and the address in HASHPACT_ADDRESS, if set.

    Raises ConfigError if HASHPACT_PROFILE is not set.
    """
    directory, address = os.environ.get("HASHPACT_PROFILE"), os.environ.get("HASHPACT_ADDRESS")
    if not directory:
        msg = "HASHPACT_PROFILE is not set; set it to the path of a member's profile directory"
        raise ConfigError(msg)
    profile = Profile.load(directory)
    return Client(profile.at(address) if address else profile, timeout=TIMEOUT)


def labels_near(client: Client, kind: str, value: str) -> list[str]:
    """The labels of the entries near a fingerprint, sorted; ``value`` in hex.

    Matches that something benign is as near to are left out. An empty list for a value that is not a valid
    fingerprint of that type. Raises the errors of `hashpact.Client`.
    """
    try:
        code = Fingerprint(kind, bytes.fromhex(value))
    except (ValueError, InvalidInputError, UnusableFingerprintError):
        return []
    answer = client.check([code])
    return sorted({label for match in answer.matches if match.benign is None for label in match.labels})
