"""Logs about Ed25519: the keys and signatures on which verifiers are known to disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vectoring import curve
from vectoring.curve import BASE, TORSION, L, encode, times
from vectoring.worlds import admins, founded, key_lines, office, rotation, submission, town
from vectoring.writing import (
    ADMINS,
    DAY,
    Group,
    Header,
    Trial,
    group,
    identify,
    key_id,
    public,
    signature_line,
)

SECRET = 20270115
"""The secret scalar of the keys with a part of small order."""
MIXED = [encode(curve.add(times(SECRET, BASE), TORSION[number])) for number in (4, 2, 1)]
"""Keys of order 2 L, 4 L and 8 L."""


def ed25519() -> Group:
    """Keys and signatures."""
    prelude = town()
    return group(
        "ed25519",
        "Keys that are refused, and the one equation by which signatures verify.",
        prelude,
        [*_keys(prelude), *_signatures(prelude)],
    )


def genesis() -> Iterator[Trial]:
    """Logs whose genesis names such a key."""
    for number, raw in enumerate(MIXED):
        one = Trial(f"genesis-mixed-order-{2 << number}", "A key of mixed order governs nothing.")
        lines = [*admins("alice"), f"admin bob {raw.hex()}", *office(2)]
        one.no(
            "an administrator's key of mixed order",
            "genesis",
            *lines,
            by="admin/alice",
            extra=_lucky("admin/bob", raw, SECRET),
        )
        yield one
    one = Trial("genesis-mixed-order-log", "Nor does it sign checkpoints.")
    one.no(
        "a log key of mixed order",
        "genesis",
        *office(2, "alice", "bob", logs=()),
        f"log-key {MIXED[2].hex()}",
    )
    yield one
    one = Trial("genesis-small-order", "The neutral point as administrator: one signature fits everything.")
    lines = [*admins("alice"), f"admin bob {encode(TORSION[0]).hex()}", *office(2)]
    one.no(
        "a key of small order",
        "genesis",
        *lines,
        by="admin/alice",
        extra=_lucky("admin/bob", encode(TORSION[0]), 0),
    )
    yield one


def _lucky(name: str, raw: bytes, secret: int) -> Callable[[bytes], bytes]:
    return lambda text: signature_line(name, raw, curve.lucky(text, raw, secret))


def _enrol(one: Trial, why: str, raw: bytes, secret: int) -> None:
    """A member's key that is refused although it signs."""
    name, _, expires = key_lines("acme/k2", one.now + DAY)
    one.no(
        why,
        "key-enrol",
        "id acme",
        name,
        f"public {raw.hex()}",
        "use sign",
        expires,
        extra=_lucky("acme/k2", raw, secret),
    )


def _keys(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork("keys-small-order", "No encoding of a point of small order is a key.")
    for raw in curve.small():
        _enrol(one, f"{raw.hex()[:8]}...{raw.hex()[-4:]}", raw, 0)
    yield one

    one = prelude.fork("keys-mixed-order", "A key has no part of small order.")
    for number, raw in enumerate(MIXED):
        _enrol(one, f"of order {2 << number} L", raw, SECRET)
        lines = rotation(one, "acme/k1", "acme/k2")
        lines[2] = f"public {raw.hex()}"
        one.no("as a replacement", "key-rotate", *lines, by="acme/k1", extra=_lucky("acme/k2", raw, SECRET))
    good = encode(times(SECRET, BASE))
    name, _, expires = key_lines("acme/k2", one.now + DAY)
    one.ok(
        "key-enrol",
        "id acme",
        name,
        f"public {good.hex()}",
        "use sign",
        expires,
        extra=lambda text: signature_line("acme/k2", good, curve.made(text, good, SECRET, 7)),
        why="the same without that part",
    )
    one.ok(
        "submit",
        *submission(),
        by=(),
        member="acme",
        key=identify(good),
        extra=lambda text: signature_line("acme/k2", good, curve.made(text, good, SECRET, 8)),
    )
    yield one

    one = prelude.fork("keys-encoding", "A key is the canonical encoding of a point of the curve.")
    for y in (2, 7, curve.P + 3, curve.P + 4, 2**255 - 1):
        point = curve.lift(y)
        why = "not canonical" if y >= curve.P else "not on the curve"
        assert y >= curve.P or point is None  # noqa: S101 - the cases are as they are named
        _enrol(one, why, y.to_bytes(32, "little"), 0)
    yield one

    one = prelude.fork("keys-root", "A root brings no such key either.")
    lines = ["version 2", *admins("alice"), f"admin carol {MIXED[2].hex()}", *office(2)]
    one.no("an administrator", "root", *lines, extra=_lucky("admin/carol", MIXED[2], SECRET))
    one.no("a log key", "root", "version 2", *office(2, "alice", "bob"), f"log-key {MIXED[0].hex()}")
    one.no(
        "a log key of small order",
        "root",
        "version 2",
        *office(2, "alice", "bob"),
        f"log-key {encode(TORSION[1]).hex()}",
    )
    yield one


def _signatures(prelude: Trial) -> Iterator[Trial]:
    raw, secret = bytes.fromhex(public("acme/k1")), curve.scalar("acme/k1")
    neutral, odd = encode(TORSION[0]), (1 | 1 << 255).to_bytes(32, "little")
    beyond = (curve.P + 1).to_bytes(32, "little")

    def honest(text: bytes) -> bytes:
        return curve.made(text, raw, secret, 99)

    def more(text: bytes, multiple: int) -> bytes:
        whole = honest(text)
        return whole[:32] + (int.from_bytes(whole[32:], "little") + multiple * L).to_bytes(32, "little")

    def torsion(text: bytes, number: int) -> bytes:
        return curve.made(text, raw, secret, 99, encode(curve.add(times(99, BASE), TORSION[number])))

    cases: list[tuple[str, bool, Callable[[bytes], bytes]]] = [
        ("any nonce", True, honest),
        ("S + L", False, lambda text: more(text, 1)),
        ("S + 8 L", False, lambda text: more(text, 8)),
        ("R with a part of order 2", False, lambda text: torsion(text, 4)),
        ("R with a part of order 4", False, lambda text: torsion(text, 2)),
        ("R with a part of order 8", False, lambda text: torsion(text, 1)),
        ("R the neutral point", True, lambda text: curve.made(text, raw, secret, 0, neutral)),
        (
            "R the neutral point, with the sign of x set",
            False,
            lambda text: curve.made(text, raw, secret, 0, odd),
        ),
        ("R the neutral point, not canonical", False, lambda text: curve.made(text, raw, secret, 0, beyond)),
        ("R no point", False, lambda text: curve.made(text, raw, secret, 0, (2).to_bytes(32, "little"))),
        ("another R", False, lambda text: encode(times(98, BASE)) + honest(text)[32:]),
        ("63 bytes", False, lambda text: honest(text)[:63]),
        ("65 bytes", False, lambda text: honest(text) + b"\0"),
        ("no bytes but one", False, lambda _: b"\0"),
        ("zeros", False, lambda _: bytes(64)),
        ("of another text", False, lambda text: honest(text + b"\n")),
    ]
    one = prelude.fork("signatures", "S is below L, and R is byte for byte the encoding of [S]B - [k]A.")
    for number, (why, good, sign) in enumerate(cases):
        header: Header = {"member": "acme", "key": key_id("acme/k1")}
        lines = submission("other", str(number))

        def extra(text: bytes, sign: Callable[[bytes], bytes] = sign) -> bytes:
            return signature_line("acme/k1", raw, sign(text))

        if good:
            one.ok("submit", *lines, by=(), extra=extra, why=why, **header)
        else:
            one.no(why, "submit", *lines, by=(), extra=extra, **header)
    yield one

    one = founded(
        "signatures-key-id", "The 4 bytes of a line are a hint: who signs is named by name and key."
    )
    one.written = list(prelude.written)
    one.at = prelude.at
    other = signature_line("acme/k1", bytes.fromhex(public("beta/k1")), bytes(64))
    one.ok("submit", *submission(), by="acme/k1", extra=lambda _: other, why="the name with another key id")
    one.no(
        "the type byte of another algorithm",
        "submit",
        *submission("other", "two"),
        by=ADMINS[:0],
        member="acme",
        key=key_id("acme/k1"),
        extra=_wrong_type,
    )
    yield one


def _wrong_type(text: bytes) -> bytes:
    """A good signature under the key id of a cosignature."""
    raw = bytes.fromhex(public("acme/k1"))
    return signature_line("acme/k1", raw, curve.made(text, raw, curve.scalar("acme/k1"), 5), kind=b"\x04")
