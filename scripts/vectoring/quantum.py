"""Logs whose governing statements name ML-DSA-44 keys of the log."""

from __future__ import annotations

from collections.abc import Iterator

from vectoring import witnessing
from vectoring.attesting import line as attesting
from vectoring.witnessing import ED25519, MLDSA44, verifier_key, witness
from vectoring.worlds import founded, office, policy
from vectoring.writing import ORIGIN, Group, Trial, group, public


def quantum() -> Group:
    """ML-DSA-44 keys of logs."""
    prelude = founded("", "")
    says = "The ML-DSA-44 keys that sign checkpoints beside the log's Ed25519 keys."
    return group("mldsa", says, prelude, list(_roots(prelude)))


def line(which: str, name: str = ORIGIN, raw: bytes | None = None, kind: bytes = MLDSA44) -> str:
    """The line of a key; its bytes follow from ``which`` unless they are given."""
    public_key = witnessing.quantum(f"log {which}") if raw is None else raw
    return f"log-mldsa-key {verifier_key(name, public_key, kind)}"


def _roots(prelude: Trial) -> Iterator[Trial]:
    rest = office(2, "alice", "bob")
    one_key, two_key, three_key = sorted(map(line, ("one", "two", "three")))

    one = prelude.fork("mldsa", "A root names up to two, sorted; the next has its own or none.")

    def refuse(why: str, *lines: str, version: int = 2) -> None:
        one.no(why, "root", f"version {version}", *rest, *lines)

    refuse("three", one_key, two_key, three_key)
    refuse("twice", one_key, one_key)
    refuse("not sorted", two_key, one_key)
    refuse("before the attestation keys", one_key, attesting("attest/0"))
    refuse("before the witnesses", one_key, witness("w"), "witness-quorum 1")
    one.ok("root", "version 2", *rest, witness("w"), "witness-quorum 1", attesting("attest/0"), one_key)
    policy(one, 1)
    one.ok("root", "version 3", *rest, one_key, two_key, why="the next one beside the old one")
    one.ok("root", "version 4", *rest, two_key, why="the old one is replaced")
    refuse("one that was replaced", one_key, two_key, version=5)
    one.ok("root", "version 5", *rest, why="no such key any more")
    refuse("one that the log gave up", two_key, version=6)
    one.ok("root", "version 6", *rest, three_key)
    yield one

    one = prelude.fork("mldsa-names", "Its name is the log's origin, and its key no witness's.")
    refuse("another log's", line("one", "other.example/log"))
    refuse("a witness's name", line("one", "w"))
    refuse("one of two is another log's", *sorted([one_key, line("two", "other.example/log")]))
    shared = witnessing.quantum("log one")
    refuse("a witness's key", witness("w", shared, MLDSA44), "witness-quorum 1", line("one"))
    one.ok("root", "version 2", *rest, witness("w", shared, MLDSA44), "witness-quorum 1")
    one.ok("root", "version 3", *rest, line("one"), why="a key that was a witness's until now")
    yield one

    one = prelude.fork(
        "mldsa-room", "A checkpoint has 16 signatures: two of the log, and of 14 witness keys."
    )
    many = sorted(witness(f"w{number:02}.example") for number in range(15))
    refuse("15 witnesses", *many, "witness-quorum 1", one_key)
    one.ok("root", "version 2", *rest, *many[:14], "witness-quorum 14", one_key)
    one.ok("root", "version 3", *rest, *many, "witness-quorum 15")
    yield one

    one = prelude.fork("mldsa-spelling", "A verifier key of C2SP, of type 6, in its one spelling.")
    name, short, data = one_key.removeprefix("log-mldsa-key ").split("+", 2)
    raw = bytes.fromhex(public("log/one"))
    for text, why in (
        (f"{name}+{short[:-1]}{'0' if short[-1] != '0' else '1'}+{data}", "another key id"),
        (f"{name}+{short}+{data}=", "too much padding"),
        (f"{name}+{data}", "no key id"),
        (verifier_key(ORIGIN, raw, ED25519), "type 4"),
        (verifier_key(ORIGIN, raw, b"\x01"), "type 1"),
        (verifier_key(ORIGIN, raw, MLDSA44), "32 bytes"),
        (verifier_key(ORIGIN, bytes(1311), MLDSA44), "1311 bytes"),
        (verifier_key(ORIGIN, bytes(1313), MLDSA44), "1313 bytes"),
        (raw.hex(), "in hex"),
    ):
        refuse(why, f"log-mldsa-key {text}")
    one.ok("root", "version 2", *rest, line("", raw=bytes(1312)), why="any 1312 bytes")
    yield one


def genesis() -> Iterator[Trial]:
    """Logs that begin with such keys."""
    one = Trial("genesis-mldsa", "A genesis names one as a root does.")
    one.ok("genesis", *office(2, "alice", "bob"), line("one"))
    yield one
    for name, lines in (
        ("another-log", [line("one", "other.example/log")]),
        ("witness", [witness("w", witnessing.quantum("log one"), MLDSA44), "witness-quorum 1", line("one")]),
    ):
        one = Trial(f"genesis-mldsa-{name}", "Under the rules of a root.")
        one.no(name, "genesis", *office(2, "alice", "bob"), *lines)
        yield one
