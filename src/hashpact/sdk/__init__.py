"""The member's side: a profile, and two clients that check, submit, withdraw and give opinions.

A composition root: it puts together what a member has (keys, certificates) with the wire's client and the
author of statements. `Client` blocks, `AsyncClient` awaits; both raise the errors of domain/errors.py.

    with hashpact.Client("~/.config/hashpact/example") as client:
        answer = client.check([imagehash.phash(image)])
"""

from hashpact.fingerprint.content import Fingerprinted, fingerprints_of, fingerprints_of_text
from hashpact.member.profile import Profile, ProfileWarning
from hashpact.sdk.clients import TIMEOUT, AsyncClient, Client
from hashpact.sdk.desk import Fingerprintable

__all__ = [
    "TIMEOUT",
    "AsyncClient",
    "Client",
    "Fingerprintable",
    "Fingerprinted",
    "Profile",
    "ProfileWarning",
    "fingerprints_of",
    "fingerprints_of_text",
]
