"""Canaries: asks a server for what the member itself has shared, which a check must find.

The server sees a check like any other: of some of the fingerprints of an entry, pictures' codes changed in a
few bits as a copy's would be. It can know that the caller has shared them, so this finds a server that loses
entries or withholds them from everybody, and not one that answers their contributor better than others.

An entry that does not stand need not be found. Whether it stands the server says, so an audit holds that
against the log, which it reads afterwards: `Canaries.standing`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from hashpact.audit.findings import Finding, Progress
from hashpact.domain import standing
from hashpact.domain.checks import MAX_LIMIT, MAX_SETS, Query
from hashpact.domain.fingerprints import Fingerprint, Measure, parse_private
from hashpact.domain.matching.strength import Strength
from hashpact.domain.state import View
from hashpact.member.clients import Client

TOPIC: Final = "canary"
_TOGETHER: Final = 16
"""Fingerprints of an entry that are asked for."""


@dataclass(slots=True)
class Canaries:
    """What canaries have ``found``, and the entries that were passed over: by the server they ended."""

    found: list[Finding] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    def standing(self, state: View) -> list[Finding]:
        """Those of the ``ended`` that stand in a state of the log that is read later."""
        message = "the server says that one's own entry {} does not stand, and by the log it stands"
        entries = ((entry, state.entry(entry)) for entry in self.ended)
        return [
            Finding(TOPIC, entry, message.format(entry))
            for entry, record in entries
            if record is not None and standing.entry_stands(state, record)
        ]


def canaries(client: Client, number: int, seed: int, progress: Progress) -> Canaries:
    """What is wrong with the answers to checks for the profile's own entries that stand.

    So many of them are drawn by the ``seed``. Raises what a check raises if the server does not answer.
    """
    result = Canaries()
    outbox, draw = client.profile.outbox, random.Random(seed)  # noqa: S311 - repeatable, and no secret
    own = () if outbox is None else outbox.entries()
    sample = sorted(draw.sample(own, min(number, len(own))))
    for done, entry in enumerate(sample, 1):
        missing = _missing(client, entry, draw)
        if missing is None:
            result.ended.append(entry)
        elif missing:
            message = f"a check does not find one's own entry {entry}, which stands, by {', '.join(missing)}"
            result.found.append(Finding(TOPIC, entry, message))
        progress(done, len(sample))
    return result


def _missing(client: Client, entry: int, draw: random.Random) -> list[str] | None:
    """The types by which an entry is not found; None if it does not stand before and after the check."""
    detail = client.entry(entry)
    shared = [parse_private(part).fingerprint for part in detail.private]
    asked = _asked(shared, draw)
    if not detail.stands:
        return None
    if not asked:
        return []
    queries = [Query(_changed(one, draw)) for one in asked]
    answer = client.check(queries, limit=MAX_LIMIT, strength=Strength.WEAK)
    found = {match.type for match in answer.matches if match.entry == entry}
    missing = sorted({one.type.name for one in asked} - found)
    full = answer.truncated or len(answer.matches) >= MAX_LIMIT
    if not missing or full:
        return []
    return missing if client.entry(entry).stands else None


def _asked(shared: list[Fingerprint], draw: random.Random) -> list[Fingerprint]:
    """Some of an entry's fingerprints, those that are certainly found: keypoints may agree on nothing."""
    sure = [one for one in shared if one.type.measure is not Measure.POINTS]
    some = draw.sample(sure, min(_TOGETHER, len(sure)))
    sets = [one for one in some if one.type.is_set]
    return [one for one in some if not one.type.is_set] + sets[:MAX_SETS]


def _changed(shared: Fingerprint, draw: random.Random) -> Fingerprint:
    """A code of a picture with one bit set and one cleared, as a copy's may have; any other as it is."""
    if shared.type.measure is not Measure.HAMMING:
        return shared
    code, bits = int.from_bytes(shared.value), range(8 * shared.type.size)
    ones = [bit for bit in bits if code >> bit & 1]
    zeros = [bit for bit in bits if not code >> bit & 1]
    code ^= 1 << draw.choice(ones) | 1 << draw.choice(zeros)
    return Fingerprint(shared.type, code.to_bytes(shared.type.size), shared.quality)
