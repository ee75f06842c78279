"""The kinds by which administrators govern: each judges a statement and returns what it changes."""

from __future__ import annotations

from collections.abc import Callable

from independent import curve
from independent.keyring import begins, is_new
from independent.reading import Said, need
from independent.signing import signers
from independent.spelling import DAY, verifier_key
from independent.state import ADMIN, Member, Office, Statement, World

Change = Callable[[], None]

CLOCKS = {
    "appeal": 7 * DAY,
    "authority": DAY,
    "code": DAY,
    "complaint": 2 * DAY,
    "reply": 15 * DAY,
    "urgent": DAY // 4,
    "vulnerable": DAY // 4,
}
ED25519 = 4
"""The type of a witness's key that signs with Ed25519."""
CEILINGS = {"pdq/1": 31, "phash/1": 10}
OPT_IN = {"folded/1": set[str](), "parts/1": {"csam", "minors", "ncii"}}


def office(said: Said, least: int) -> Office:
    """Who governs by a genesis or root; refused for keys or names twice, or an impossible threshold."""
    pairs = [line.split(" ") for line in said.all("admin")]
    admins = {name: bytes.fromhex(public) for name, public in pairs}
    log_keys = [bytes.fromhex(public) for public in said.all("log-key")]
    need(len(admins) == len(pairs) == len(set(admins.values())), "an administrator twice")
    need(set(admins.values()).isdisjoint(log_keys), "a log key is an administrator's")
    for public in (*admins.values(), *log_keys):
        need(curve.is_key(public), "not a public key")
    threshold = int(said.one("threshold"))
    need(least <= threshold <= len(admins), "the threshold")
    witnesses, quorum = said.all("witness"), int(said.some("witness-quorum") or 0)
    cosigning(witnesses, quorum, {*admins.values(), *log_keys})
    attesting = [bytes.fromhex(public) for public in said.all("attestation-key")]
    cosigners = {read[2] for read in map(verifier_key, witnesses) if read is not None}
    need({*admins.values(), *log_keys, *cosigners}.isdisjoint(attesting), "an attestation key is another's")
    need(all(map(curve.is_key, attesting)), "not a public key")
    mldsa = said.all("log-mldsa-key")
    for name, _, public in filter(None, map(verifier_key, mldsa)):
        need(name == said.one("log"), "the ML-DSA-44 key of another log")
        need(public not in cosigners, "the log's ML-DSA-44 key is a witness's")
    need(len(witnesses) < 15 or not mldsa, "a checkpoint has no room for the log's second line")
    version = int(said.some("version") or 1)
    return Office(version, admins, threshold, log_keys, witnesses, quorum, attesting, mldsa)


def cosigning(witnesses: list[str], quorum: int, others: set[bytes]) -> None:
    """Refuse a witness's key that is another's or none, and a quorum that there cannot be."""
    read = [each for each in map(verifier_key, witnesses) if each is not None]
    publics = {public for _, _, public in read}
    need(len(publics) == len(read) and publics.isdisjoint(others), "a witness's key is another's too")
    need(all(curve.is_key(public) for _, kind, public in read if kind == ED25519), "not a public key")
    names = len({name for name, _, _ in read})
    need((quorum > 0) == (names > 0) and quorum <= names, "the quorum of witnesses")


def genesis(world: World, one: Statement) -> Change:
    """The first office."""
    first = office(one.said, 1)
    return lambda: world.offices.append(first)


def root(world: World, one: Statement) -> Change:
    """The next office, which its own threshold has signed too."""
    before = world.offices[-1]
    after = office(one.said, 1 if world.offices[0].threshold == 1 else 2)
    need(after.version == before.version + 1, "the version")
    for public in set(after.admins.values()) - set(before.admins.values()):
        is_new(world, public)
    for public in set(after.log_keys) - set(before.log_keys):
        is_new(world, public)
    for public in set(after.attesting) - set(before.attesting):
        is_new(world, public)
    for key in set(after.log_mldsa_keys) - set(before.log_mldsa_keys):
        need(all(key not in office.log_mldsa_keys for office in world.offices), "replaced before")
    need(len(signers(one.said, after.admins)) >= after.threshold, "too few of the new administrators")
    return lambda: world.offices.append(after)


def policy(world: World, one: Statement) -> Change:
    """The next policy."""
    said = one.said
    need(int(said.one("version")) == len(world.policies) + 1, "the version")
    for name, words in (
        ("private-quota-of", 1),
        ("rate", 1),
        ("rate-of", 2),
        ("clock", 1),
        ("priority", 1),
        ("ceiling", 2),
    ):
        firsts = [tuple(value.split(" ")[:words]) for value in said.all(name)]
        need(len(set(firsts)) == len(firsts), f"{name}: twice")
    labels = said.all("label")
    for value in said.all("allow"):
        kind, label = value.split(" ")
        need(kind in OPT_IN and label in labels and label not in OPT_IN[kind], "allow")
    classes = {*CLOCKS, *(value.split(" ")[0] for value in said.all("clock"))}
    for value in said.all("priority"):
        label, longest = value.split(" ")
        need(label in labels and longest in classes, "priority")
    for value in said.all("ceiling"):
        label, kind, most = value.split(" ")
        need(label in labels and int(most) <= CEILINGS.get(kind, -1), "ceiling")
    panel, quorum = said.all("panel"), said.some("quorum")
    need(bool(panel) == (quorum is not None), "a quorum with a panel, and only then")
    need(quorum is None or int(quorum) <= len(panel), "the quorum")
    return lambda: world.policies.append(one)


def member_enrol(world: World, one: Statement) -> Change:
    """A new member."""
    name = one.said.one("id")
    need(name not in {ADMIN, "all"} and name not in world.members, "enrolled before, admin or all")
    return lambda: world.members.update({name: Member(set(one.said.all("role")))})


def named(world: World, one: Statement) -> Member:
    """The member that the line id names."""
    need(one.said.one("id") in world.members, "no such member")
    return world.members[one.said.one("id")]


def member_suspend(world: World, one: Statement) -> Change:
    """A member's suspension."""
    member = named(world, one)
    need(not member.suspended, "suspended already")
    return lambda: setattr(member, "suspended", True)


def member_resume(world: World, one: Statement) -> Change:
    """Its end."""
    member = named(world, one)
    need(member.suspended, "not suspended")
    return lambda: setattr(member, "suspended", False)


def member_roles(world: World, one: Statement) -> Change:
    """Other roles."""
    member, roles = named(world, one), set(one.said.all("role"))
    need(member.roles != roles, "the roles that it has")
    return lambda: setattr(member, "roles", roles)


def clock_mend(world: World, one: Statement) -> Change:
    """Keys that begin later than its moment begin no later than one that it would enrol."""
    late = [key for key in world.keys.values() if key.begins > one.moment]

    def change() -> None:
        for key in late:
            key.begins = min(key.begins, begins(world, one.moment, waits=key.born.member == ADMIN))

    return change


RULES: dict[str, Callable[[World, Statement], Change]] = {
    "genesis": genesis,
    "root": root,
    "policy": policy,
    "member-enrol": member_enrol,
    "member-suspend": member_suspend,
    "member-resume": member_resume,
    "member-roles": member_roles,
    "clock-mend": clock_mend,
}
