"""The kinds of the life of keys and certificates."""

from __future__ import annotations

from collections.abc import Callable

from independent import curve
from independent.reading import Refused, Said, need
from independent.signing import signed
from independent.spelling import DAY
from independent.state import ADMIN, Key, Statement, World

Change = Callable[[], None]

SPAN = 20 * 60
MOST_ROTATIONS = 32
MOST_CERTIFICATES = 256


def is_new(world: World, public: bytes) -> None:
    """Refuse what is no public key, and one that is in the log already."""
    need(curve.is_key(public), "not a public key")
    need(curve.key_id(public) not in world.keys, "the key is in the log already")
    for office in world.offices:
        need(public not in office.admins.values(), "the key was an administrator's")
        need(public not in office.log_keys, "the key was the log's")
        need(public not in office.attesting, "the key attested answers")


def begins(world: World, moment: int, *, waits: bool) -> int:
    """When a key begins that comes at that moment."""
    delay = int((world.policy_lines("key-delay") or ["0"])[0]) if waits else 0
    return moment + delay if delay else max(0, moment - SPAN)


def key_of(world: World, member: str, key_id: str) -> Key:
    """The member's key of that id."""
    found = world.keys.get(key_id)
    if found is None or found.member != member:
        why = "no such key of the member"
        raise Refused(why)
    return found


def bring(world: World, one: Statement, member: str, use: str, *, waits: bool) -> Change:
    """A new key, by the lines that key-enrol and key-rotate share."""
    said: Said = one.said
    name, public, expires = said.one("name"), bytes.fromhex(said.one("public")), int(said.one("expires"))
    is_new(world, public)
    need(all((key.member, key.name) != (member, name) for key in world.keys.values()), "the name was used")
    need(one.moment < expires <= one.moment + 366 * DAY, "expires")
    need(signed(said, f"{member}/{name}", public), "the new key has not signed")
    start = begins(world, one.moment, waits=waits)
    key = Key(member, name, public, use, expires, start, one)
    return lambda: world.keys.update({curve.key_id(public): key})


def key_enrol(world: World, one: Statement) -> Change:
    """A key by administrators."""
    need(one.said.one("id") in world.members, "no such member")
    return bring(world, one, one.said.one("id"), one.said.one("use"), waits=True)


def key_rotate(world: World, one: Statement) -> Change:
    """A key in the place of another."""
    old_id = one.said.one("old")
    old, signer = key_of(world, one.member, old_id), world.keys[one.key]
    if old_id != one.key:
        need(signer.use == "recovery", "replaced by itself or by a recovery key")
        need(one.said.one("overlap") == "0", "no overlap by another key")
    need(old.replaced is None or not world.stands(old.replaced), "replaced already")
    recent = [
        key
        for key in world.keys.values()
        if key.member == one.member
        and key.born.member != ADMIN
        and world.keys[key.born.key].use == signer.use
        and key.begins > one.moment - 30 * DAY - SPAN
        and world.stands(key.born)
    ]
    need(len(recent) < MOST_ROTATIONS, "too many replacements")
    add = bring(world, one, one.member, old.use, waits=False)

    def change() -> None:
        add()
        old.replaced = one

    return change


def key_suspend(world: World, one: Statement) -> Change:
    """A key's suspension."""
    key = key_of(world, one.said.one("id"), one.said.one("target"))
    need(not key.suspended, "suspended already")
    return lambda: setattr(key, "suspended", True)


def key_resume(world: World, one: Statement) -> Change:
    """Its end."""
    key = key_of(world, one.said.one("id"), one.said.one("target"))
    need(key.suspended, "not suspended")
    return lambda: setattr(key, "suspended", False)


def key_revoke(world: World, one: Statement) -> Change:
    """The end of a key."""
    target, cutoff = one.said.one("target"), int(one.said.one("cutoff"))
    key = key_of(world, one.said.one("id"), target)
    need(key.born.index <= cutoff <= one.index, "the cutoff")
    if one.member != ADMIN:
        need(key.revoked is None, "revoked before")
        undone = (signer == target and index >= cutoff for signer, index in world.hangs_on(one))
        need(one.key == target or not any(undone), "it hangs on what it would undo")
    return lambda: setattr(key, "revoked", one)


def cert_revoke(world: World, one: Statement) -> Change:
    """The end of a certificate."""
    member, serial = world.members.get(one.said.one("id")), one.said.one("serial")
    if member is None:
        why = "no such member"
        raise Refused(why)
    need(serial not in member.certificates, "revoked already")
    kept = {name: until for name, until in member.certificates.items() if until > world.log_moment()}
    need(len(kept) < MOST_CERTIFICATES, "too many revoked certificates")
    return lambda: setattr(member, "certificates", {**kept, serial: one.moment + 40 * DAY})


RULES: dict[str, Callable[[World, Statement], Change]] = {
    "key-enrol": key_enrol,
    "key-rotate": key_rotate,
    "key-suspend": key_suspend,
    "key-resume": key_resume,
    "key-revoke": key_revoke,
    "cert-revoke": cert_revoke,
}
