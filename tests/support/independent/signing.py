"""Who may make a statement, and whose signatures it needs: the document's "Who signs"."""

from __future__ import annotations

from independent import curve
from independent.reading import Refused, Said, need
from independent.state import ADMIN, Key, Statement, World

THRESHOLD = {
    *("genesis", "root", "policy", "member-enrol", "member-resume", "member-roles"),
    *("key-enrol", "key-resume", "key-revoke", "void", "clock-mend"),
}
ONE_ADMINISTRATOR = {"member-suspend", "key-suspend", "cert-revoke", "methods"}
MEMBERS = {
    *("submit", "withdraw", "opinion", "key-rotate", "contact", "contact-confirm", "notice"),
    *("receipt-confirm", "decision", "appeal", "ruling", "question", "reply", "training", "practice"),
    *("tally", "review", "action-done"),
}
OF_ITSELF = {"member-suspend", "key-suspend", "key-revoke", "cert-revoke"}
GRACE = 30 * 86400


def signed(said: Said, name: str, public: bytes) -> bool:
    """Whether a known key has signed; refused if lines name it and none of them verifies."""
    short = curve.line_id(name, public)
    lines = [value for line, key_id, value in said.signatures if (line, key_id) == (name, short)]
    if not lines:
        return False
    need(any(curve.is_signature(public, value, said.text) for value in lines), f"{name}: a bad signature")
    return True


def signers(said: Said, admins: dict[str, bytes]) -> set[bytes]:
    """The raw public keys of these administrators that have signed."""
    return {public for name, public in admins.items() if signed(said, f"{ADMIN}/{name}", public)}


def by_administrators(one: Statement, admins: dict[str, bytes], threshold: int) -> None:
    """Refuse a statement of admin that administrators do not make, or that lacks signatures."""
    need(one.kind in THRESHOLD | ONE_ADMINISTRATOR, "administrators make no such statement")
    have = signers(one.said, admins)
    need(one.key in {curve.key_id(public) for public in have}, "the header's key has not signed")
    need(len(have) >= (threshold if one.kind in THRESHOLD else 1), "too few administrators")


def by_member(world: World, one: Statement) -> None:
    """Refuse a statement of a member that it may not make, or whose key is not in force."""
    need(one.kind in MEMBERS | OF_ITSELF, "members make no such statement")
    need(one.kind in MEMBERS or one.said.one("id") == one.member, "a member states this of itself only")
    member, key = world.members.get(one.member), world.keys.get(one.key)
    if member is None or key is None or key.member != one.member:
        why = "no key of a member"
        raise Refused(why)
    need(signed(one.said, f"{one.member}/{key.name}", key.public), "the header's key has not signed")
    need(not member.suspended and not key.suspended, "suspended")
    need(world.stands(one), "what the key signs here does not stand")
    need(key.begins <= one.moment, "the key has not begun")
    need(not ended(world, key, one.moment), "the key has been replaced")
    need(key.use == "sign" or one.kind == "key-rotate", "a recovery key")
    if one.moment >= key.expires:
        itself = one.kind == "key-rotate" and one.said.one("old") == one.key
        need(itself and one.moment < key.expires + GRACE, "the key has expired")


def ended(world: World, key: Key, moment: int) -> bool:
    """Whether a key was replaced by a rotation that stands, and its overlap is over."""
    rotation = key.replaced
    if rotation is None or not world.stands(rotation):
        return False
    overlap = int(rotation.said.one("overlap"))
    return overlap == 0 or moment >= rotation.moment + overlap
