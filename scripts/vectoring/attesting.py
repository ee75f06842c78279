"""Logs whose governing statements name keys that attest answers."""

from __future__ import annotations

from collections.abc import Iterator

from vectoring.signing import MIXED
from vectoring.witnessing import witness
from vectoring.worlds import enrolment, founded, key, member, office
from vectoring.writing import ADMINS, Group, Trial, group, public


def attestations() -> Group:
    """Attestation keys."""
    prelude = founded("", "")
    says = "Keys that attest answers to checks."
    return group("attestations", says, prelude, list(_all(prelude)))


def line(name: str) -> str:
    """The line of a key."""
    return f"attestation-key {public(name)}"


def _all(prelude: Trial) -> Iterator[Trial]:
    rest = office(2, "alice", "bob")

    one = prelude.fork("attestations", "A root names up to four; the next has its own or none.")
    five = [line(f"attest/{number}") for number in range(5)]
    one.no("five", "root", "version 2", *rest, *five)
    one.no("twice", "root", "version 2", *rest, five[0], five[0])
    one.no("before the witnesses", "root", "version 2", *rest, five[0], witness("w"), "witness-quorum 1")
    one.ok("root", "version 2", *rest, witness("w"), "witness-quorum 1", *five[:4])
    one.ok("root", "version 3", *rest, five[3], five[4])
    one.no("one that was replaced", "root", "version 4", *rest, five[0])
    one.ok("root", "version 4", *rest, why="no attestation key any more")
    yield one

    one = prelude.fork("attestations-keys", "None that governs, signs checkpoints, cosigns or is enrolled.")
    member(one, "acme", "check")
    key(one, "acme/1")
    for who in ("admin/alice", "log/one", "acme/1"):
        one.no(f"the key of {who}", "root", "version 2", *rest, line(who))
    both = [witness("w", bytes.fromhex(public("attest/0"))), "witness-quorum 1", line("attest/0")]
    one.no("a witness's", "root", "version 2", *rest, *both)
    one.no("mixed order", "root", "version 2", *rest, f"attestation-key {MIXED[2].hex()}")
    one.ok("root", "version 2", *rest, line("acme/2"))
    one.no("enrolled afterwards", "key-enrol", *enrolment(one, "acme/2"), by=(*ADMINS, "acme/2"))
    logs = office(2, "alice", "bob", logs=("acme/2",))
    one.no("the log's key afterwards", "root", "version 3", *logs)
    yield one
