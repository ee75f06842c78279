"""How a match is named and what it says: an entry of the log, or a row of a private list."""

from __future__ import annotations

from hashpact.cli.output import rfc3339
from hashpact.domain.checks import Match


def named(match: Match) -> str:
    """What is near, for people: the entry's number, or the list and the key of its row."""
    return f"{match.source}:{match.key}" if match.source else str(match.entry)


def by_whom(match: Match) -> str:
    """Who says so, for people: a member, or a private list."""
    if match.source:
        return f"private list {match.source}"
    return f"{match.member}, believed" if match.believed else match.member


def name_fields(match: Match) -> dict[str, object]:
    """What is near, for JSON."""
    return {"list": match.source, "key": match.key} if match.source else {"entry": match.entry}


def said_fields(match: Match) -> dict[str, object]:
    """What is said of it, for JSON; a private list has labels only."""
    if match.source:
        return {"labels": list(match.labels)}
    return {
        "labels": list(match.labels),
        "basis": match.basis,
        "member": match.member,
        "endorsed_by": match.endorsed_by,
        "disputed_by": match.disputed_by,
        "shared_at": rfc3339(match.shared_at),
        **({"disowned": True} if match.disowned else {}),
        **({"believed": True} if match.believed else {}),
    }
