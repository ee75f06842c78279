"""Logs whose governing statements name witnesses."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from hashlib import sha256

from vectoring import curve
from vectoring.signing import MIXED
from vectoring.worlds import founded, office, policy
from vectoring.writing import Group, Trial, digest, group, public

ED25519, MLDSA44 = b"\x04", b"\x06"


def witness(name: str, raw: bytes | None = None, kind: bytes = ED25519) -> str:
    """The line of a witness; its key follows from its name unless it is given."""
    key = bytes.fromhex(public(f"witness/{name}")) if raw is None else raw
    return f"witness {verifier_key(name, key, kind)}"


def verifier_key(name: str, raw: bytes, kind: bytes) -> str:
    """A public key as C2SP writes it."""
    data = kind + raw
    short = sha256(name.encode() + b"\n" + data).hexdigest()[:8]
    return f"{name}+{short}+{base64.b64encode(data).decode()}"


def quantum(name: str) -> bytes:
    """Bytes as long as an ML-DSA-44 public key."""
    return b"".join(bytes.fromhex(digest(f"{name} {number}")) for number in range(41))


def witnesses() -> Group:
    """Witnesses."""
    prelude = founded("", "")
    return group("witnesses", "A log's witnesses and how many must cosign.", prelude, list(_all(prelude)))


def _all(prelude: Trial) -> Iterator[Trial]:
    two = sorted([witness("a.example/w"), witness("b.example/w")])
    rest = office(2, "alice", "bob")

    def refuse(one: Trial, why: str, *lines: str) -> None:
        one.no(why, "root", "version 2", *rest, *lines)

    one = prelude.fork("witnesses", "A root names witnesses and a quorum; the next has its own or none.")
    refuse(one, "no quorum", *two)
    refuse(one, "a quorum of nobody", "witness-quorum 1")
    refuse(one, "a quorum of 0", *two, "witness-quorum 0")
    refuse(one, "more than there are", *two, "witness-quorum 3")
    refuse(one, "not sorted", *reversed(two), "witness-quorum 1")
    refuse(one, "twice", two[0], two[0], "witness-quorum 1")
    refuse(one, "two quorums", *two, "witness-quorum 1", "witness-quorum 2")
    refuse(one, "before the log's keys", *two, "witness-quorum 1", "log-key " + public("log/two"))
    one.ok("root", "version 2", *rest, *two, "witness-quorum 2")
    policy(one, 1)
    one.ok("root", "version 3", *rest, two[1], "witness-quorum 1")
    one.ok("root", "version 4", *rest, why="no witness any more")
    yield one

    one = prelude.fork("witnesses-15", "At most 15; keys of one name are one witness of the quorum.")
    many = sorted(witness(f"w{number:02}.example") for number in range(16))
    refuse(one, "16 witnesses", *many, "witness-quorum 1")
    refuse(one, "a quorum of 16", *many[:15], "witness-quorum 16")
    both = sorted([witness("w.example"), witness("w.example", quantum("w"), MLDSA44)])
    refuse(one, "two keys of one witness", *both, "witness-quorum 2")
    one.ok("root", "version 2", *rest, *both, "witness-quorum 1")
    one.ok("root", "version 3", *rest, *many[:15], "witness-quorum 15")
    yield one

    one = prelude.fork("witnesses-keys", "Each key once, none that governs, and each of Ed25519 a good one.")
    raw = bytes.fromhex(public("witness/w.example"))
    refuse(one, "one key of two names", *sorted([witness("a", raw), witness("b", raw)]), "witness-quorum 1")
    for who in ("admin/alice", "log/one"):
        refuse(one, f"the key of {who}", witness("w.example", bytes.fromhex(public(who))), "witness-quorum 1")
    for name, weak in (
        ("mixed order", MIXED[2]),
        ("small order", curve.encode(curve.TORSION[1])),
        ("the neutral point", curve.encode(curve.NEUTRAL)),
        ("no point", (2).to_bytes(32, "little")),
    ):
        refuse(one, name, witness("w.example", weak), "witness-quorum 1")
    one.ok(
        "root",
        "version 2",
        *rest,
        witness("w.example", bytes(1312), MLDSA44),
        "witness-quorum 1",
        why="of an ML-DSA-44 key the length is all that the log asks",
    )
    yield one

    one = prelude.fork("witnesses-spelling", "A verifier key of C2SP, of type 4 or 6, in its one spelling.")
    good = witness("w.example")
    name, short, data = good.removeprefix("witness ").split("+", 2)
    for line, why in (
        (f"{name}+{short[:-1]}{'0' if short[-1] != '0' else '1'}+{data}", "another key id"),
        (f"{name}++{data}", "an empty key id"),
        (f"{name}+{short}+{data}=", "too much padding"),
        (f"{name}+{short}+{data[:-4]}", "3 bytes too few"),
        (f"+{short}+{data}", "no name"),
        (f"w w+{short}+{data}", "a space in the name"),
        (f"{name}+{data}", "no key id"),
        (witness("w.example", kind=b"\x01").removeprefix("witness "), "type 1"),
        (witness("w.example", kind=b"\x05").removeprefix("witness "), "type 5"),
        (witness("w.example", raw[:-1]).removeprefix("witness "), "31 bytes"),
        (witness("w.example", raw + b"\0").removeprefix("witness "), "33 bytes"),
        (witness("w.example", raw, MLDSA44).removeprefix("witness "), "type 6 and 32 bytes"),
        (witness("w.example", bytes(1311), MLDSA44).removeprefix("witness "), "1311 bytes"),
        (witness("w.example", bytes(1312)).removeprefix("witness "), "type 4 and 1312 bytes"),
        (witness("w.example", b"").removeprefix("witness "), "no key"),
    ):
        refuse(one, why, f"witness {line}", "witness-quorum 1")
    one.ok("root", "version 2", *rest, good, "witness-quorum 1")
    yield one


def genesis() -> Iterator[Trial]:
    """Logs that begin with witnesses."""
    one = Trial("genesis-witnesses", "A genesis names witnesses as a root does.")
    one.ok("genesis", *office(2, "alice", "bob"), witness("w.example"), "witness-quorum 1")
    yield one
    for name, lines in (
        ("quorum", [witness("w.example"), "witness-quorum 2"]),
        ("mixed-order", [witness("w.example", MIXED[0]), "witness-quorum 1"]),
    ):
        one = Trial(f"genesis-witnesses-{name}", "Under the rules of a root.")
        one.no(name, "genesis", *office(2, "alice", "bob"), *lines)
        yield one
