"""Rules 6, 9 and 14 to 16 of `hashpact.domain.rules`, each kept and broken: the life of a member's keys."""

from __future__ import annotations

import pytest
from builders import LABELS, NOW, YEAR, Identity, World, sign, submit
from folding import refuse, take

from hashpact.domain import statements
from hashpact.domain.kinds import (
    ADMIN,
    MAX_KEY_LIFE,
    MAX_OVERLAP,
    MAX_ROTATIONS,
    ROTATION_WINDOW,
    KeyEnrol,
    KeyResume,
    KeyRevoke,
    KeySuspend,
    MemberSuspend,
    Policy,
    moment,
)
from hashpact.domain.kinds.moment import SPAN
from hashpact.domain.rules.authors import GRACE
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Key, Use
from hashpact.errors import (
    ConflictError,
    InvalidInputError,
    MissingSignatureError,
    NotFoundError,
    NotPermittedError,
    UnknownKeyError,
)

ACME, BRAVO = Identity.of("acme"), Identity.of("bravo")
SECOND, THIRD = Identity.of("acme", "2"), Identity.of("acme", "3")
SPARE = Identity.of("acme", "spare")
ALICE, BOB = Identity.of(ADMIN, "alice"), Identity.of(ADMIN, "bob")
DAY = 24 * 3600


@pytest.fixture
def log(world: World) -> Replay:
    """A log of two members, each with a key (leaves 0 to 5), and a recovery key of the first (leaf 6)."""
    folded = replay([*world.founding("acme", "bravo"), world.key(SPARE, use=Use.RECOVERY)])
    assert folded.faults == []
    return folded


def key_of(log: Replay, who: Identity) -> Key:
    """That key's record."""
    key = log.state.key(who.id)
    assert key is not None
    return key


def test_rule_06_a_recovery_key_says_nothing(world: World, log: Replay) -> None:
    for body in (submit(), MemberSuspend("acme", "stolen"), KeySuspend("acme", ACME.id, "stolen")):
        refuse(log, world.leaf(body, SPARE), NotPermittedError, "a recovery key, which only replaces keys")


def test_rule_06_nothing_is_signed_by_an_expired_key(world: World, log: Replay) -> None:
    world.clock.now = NOW + YEAR - 1
    take(log, world.leaf(submit(), ACME))
    world.clock.now = NOW + YEAR
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "it has expired")
    refuse(log, world.rotate(SPARE, SECOND, ACME), NotPermittedError, "it has expired")


@pytest.mark.parametrize(("late", "taken"), [(0, True), (GRACE - 1, True), (GRACE, False)])
def test_rule_06_an_expired_key_replaces_itself_for_thirty_days(
    world: World, log: Replay, late: int, *, taken: bool
) -> None:
    world.clock.now = NOW + YEAR + late
    if taken:
        take(log, world.rotate(ACME, SECOND))
        take(log, world.leaf(submit(), SECOND))
    else:
        refuse(log, world.rotate(ACME, SECOND), NotPermittedError, "it has expired")


def test_rule_06_an_earlier_time_wins_nothing(world: World, log: Replay) -> None:
    """An expired key cannot write a time before its end, once two other signers have written a later one."""
    take(log, world.rotate(BRAVO, Identity.of("bravo", "2"), life=MAX_KEY_LIFE))
    world.clock.now = NOW + YEAR
    take(log, world.policy(2))
    take(log, world.leaf(submit(), Identity.of("bravo", "2")))
    world.clock.now = NOW
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "it has expired")
    assert moment.of_log(log.state.times()) == NOW + YEAR
    # Nor does a leaf that breaks a rule move it.
    world.clock.now = NOW + 9 * YEAR
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "it has expired")
    assert moment.of_log(log.state.times()) == NOW + YEAR


def test_rule_06_a_new_key_waits_as_long_as_the_policy_says(world: World, log: Replay) -> None:
    take(log, world.by_admins(Policy(2, LABELS, key_delay=3600)))
    take(log, world.key(SECOND))
    assert key_of(log, SECOND).valid_from == NOW + 3600
    world.clock.now = NOW + 3599
    refuse(log, world.leaf(submit(), SECOND), NotPermittedError, "its time has not begun")
    take(log, world.rotate(ACME, THIRD))  # what a key replaces it with does not wait
    take(log, world.leaf(submit(), THIRD))
    world.clock.now = NOW + 3600
    take(log, world.leaf(submit(), SECOND))


def test_rule_06_a_suspended_member_says_nothing(world: World, log: Replay) -> None:
    take(log, world.leaf(MemberSuspend("acme", "flood"), BOB))
    for leaf in (world.leaf(submit(), ACME), world.rotate(ACME, SECOND), world.rotate(ACME, SECOND, SPARE)):
        refuse(log, leaf, NotPermittedError, "its member is suspended")
    take(log, world.leaf(submit(), BRAVO))


@pytest.mark.parametrize("expires", [0, NOW - 1, NOW, NOW + MAX_KEY_LIFE + 1, 2**63 - 1])
def test_rule_09_a_key_expires_within_a_year_and_not_before_now(
    world: World, log: Replay, expires: int
) -> None:
    error = refuse(log, world.key(SECOND, expires), InvalidInputError, "within 366 days")
    assert error.details == {"field": "expires"}
    refuse(log, world.rotate(ACME, SECOND, life=expires - NOW), InvalidInputError, "within 366 days")
    take(log, world.rotate(ACME, SECOND, life=MAX_KEY_LIFE))


def test_rule_09_a_name_is_never_used_again(world: World, log: Replay) -> None:
    namesake = Identity("acme", "1", SECOND.private)
    refuse(log, world.key(namesake), ConflictError, "a key named '1'")
    take(log, world.revoke(ACME, 3))
    refuse(log, world.key(namesake), ConflictError, "a key named '1'")
    refuse(
        log, world.rotate(ACME, Identity("acme", "spare", SECOND.private), SPARE), ConflictError, "'spare'"
    )
    take(log, world.key(Identity("bravo", "spare", SECOND.private)))


def test_rule_14_a_key_replaces_itself(world: World, log: Replay) -> None:
    at = take(log, world.rotate(ACME, SECOND, overlap=60))
    assert key_of(log, ACME).rotated_index == at
    assert key_of(log, ACME).retires == NOW + 60
    new = key_of(log, SECOND)
    assert new == Key(
        SECOND.id, "acme", "2", SECOND.public, NOW + YEAR, at, valid_from=NOW - SPAN, enrolled_by=ACME.id
    )
    take(log, world.leaf(submit(), SECOND))
    world.clock.now = NOW + 59
    take(log, world.leaf(submit(), ACME))
    world.clock.now = NOW + 60
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "it has been replaced")


def test_rule_14_a_key_is_replaced_once(world: World, log: Replay) -> None:
    take(log, world.rotate(ACME, SECOND, overlap=60))
    for by in (ACME, SPARE):
        overlap = 60 if by is ACME else 0
        refuse(log, world.rotate(ACME, THIRD, by, overlap=overlap), ConflictError, "replaced already")


def test_rule_14_both_keys_sign(world: World, log: Replay) -> None:
    whole = world.rotate(ACME, SECOND)
    statement = statements.parse(whole).statement
    refuse(log, sign(statement, ACME), MissingSignatureError, "has not signed its own enrolment")
    refuse(log, sign(statement, SECOND), MissingSignatureError, "has not signed it")
    refuse(log, sign(statement, ALICE, BOB, SECOND), MissingSignatureError, "has not signed it")
    take(log, whole)


def test_rule_14_no_other_key_replaces_it(world: World, log: Replay) -> None:
    take(log, world.key(SECOND))
    refuse(log, world.rotate(ACME, THIRD, SECOND), NotPermittedError, "by itself or by a recovery key")
    refuse(log, world.rotate(BRAVO, THIRD, SPARE), NotFoundError, "'acme' has no such key")
    refuse(log, world.rotate(SPARE, THIRD, ACME), NotPermittedError, "by itself or by a recovery key")
    refuse(log, world.rotate(Identity.of("nobody"), THIRD, ACME), NotFoundError, "no such key")


@pytest.mark.parametrize("state", ["healthy", "suspended", "revoked", "expired"])
def test_rule_14_a_recovery_key_replaces_any_key(world: World, log: Replay, state: str) -> None:
    match state:
        case "suspended":
            take(log, world.suspend(ACME, BOB))
        case "revoked":
            take(log, world.revoke(ACME, 3))
        case "expired":
            take(log, world.rotate(SPARE, THIRD, life=MAX_KEY_LIFE))
            world.clock.now = NOW + YEAR + 1
        case _:
            pass
    spare = THIRD if state == "expired" else SPARE
    refuse(log, world.rotate(ACME, SECOND, spare, overlap=1), InvalidInputError, "has no overlap")
    take(log, world.rotate(ACME, SECOND, spare))
    take(log, world.leaf(submit(), SECOND))
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "signs no submit statement")


def test_rule_14_the_new_key_is_for_the_same_use(world: World, log: Replay) -> None:
    take(log, world.rotate(SPARE, SECOND, overlap=MAX_OVERLAP))
    assert key_of(log, SECOND).use is Use.RECOVERY
    refuse(log, world.leaf(submit(), SECOND), NotPermittedError, "a recovery key")
    take(log, world.rotate(ACME, THIRD, SECOND))
    assert key_of(log, THIRD).use is Use.SIGN


def test_rule_15_suspended_by_one_resumed_by_the_threshold(world: World, log: Replay) -> None:
    at = take(log, world.suspend(ACME, BOB))
    assert key_of(log, ACME).suspended_index == at
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "it is suspended")
    refuse(log, world.suspend(ACME, ALICE), ConflictError, "suspended already")
    lift = KeyResume("acme", ACME.id, "found")
    refuse(log, world.leaf(lift, ALICE), MissingSignatureError, "2 must sign")
    refuse(log, world.leaf(lift, ACME), NotPermittedError, "made by administrators")
    take(log, world.by_admins(lift))
    take(log, world.leaf(submit(), ACME))
    refuse(log, world.by_admins(lift), ConflictError, "is not suspended")


def test_rule_15_any_key_of_the_member_suspends_any(world: World, log: Replay) -> None:
    take(log, world.key(SECOND))
    take(log, world.suspend(ACME, SECOND))
    take(log, world.suspend(SPARE, SECOND))
    refuse(log, world.rotate(ACME, THIRD, SPARE), NotPermittedError, "it is suspended")
    take(log, world.suspend(SECOND, SECOND))
    refuse(log, world.suspend(BRAVO, SECOND), NotPermittedError, "makes no key-suspend statement about")
    refuse(log, world.leaf(KeySuspend("bravo", ACME.id, "x"), BRAVO), NotFoundError, "no such key")


@pytest.mark.parametrize("cutoff", [0, 2, 8, 2**63 - 1])
def test_rule_16_a_cutoff_is_from_the_enrolment_to_now(world: World, log: Replay, cutoff: int) -> None:
    refuse(log, world.revoke(ACME, cutoff), InvalidInputError, "from 3, the key's enrolment, to 7")


def test_rule_16_a_revoked_key_says_nothing_whatever_the_cutoff(world: World, log: Replay) -> None:
    at = take(log, world.revoke(ACME, log.size))
    key = key_of(log, ACME)
    assert (key.revoked_index, key.revoked_by, key.cutoff) == (at, None, at)
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "it is revoked")
    refuse(log, world.rotate(ACME, SECOND), NotPermittedError, "it is revoked")


def test_rule_16_only_administrators_revoke_again(world: World, log: Replay) -> None:
    take(log, world.key(SECOND))
    take(log, world.revoke(ACME, 3, SECOND))
    refuse(log, world.revoke(ACME, 4, SECOND), ConflictError, "administrators can revoke it again")
    take(log, world.revoke(ACME, 5))
    assert (key_of(log, ACME).cutoff, key_of(log, ACME).revoked_by) == (5, None)


def test_rule_16_a_member_revokes_its_own_keys(world: World, log: Replay) -> None:
    body = KeyRevoke("bravo", BRAVO.id, 5, "rival")
    refuse(log, world.leaf(body, ACME), NotPermittedError, "makes no key-revoke statement about 'bravo'")
    refuse(log, world.leaf(KeyRevoke("acme", BRAVO.id, 5, "x"), ACME), NotFoundError, "no such key")
    take(log, world.revoke(SPARE, 6, ACME))
    take(log, world.revoke(ACME, 3, ACME))
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "it is revoked")


def test_rule_16_no_revocation_undoes_what_it_hangs_on(world: World, log: Replay) -> None:
    at = take(log, world.rotate(ACME, SECOND))
    refuse(log, world.revoke(ACME, at, SECOND), ConflictError, "the revoking key depends on")
    take(log, world.revoke(ACME, at + 1, SECOND))
    take(log, world.leaf(submit(), SECOND))
    take(log, world.revoke(ACME, at))  # administrators can: the new key falls with the old one
    refuse(log, world.leaf(submit(), SECOND), NotPermittedError, "came by a rotation that is")


def test_rule_16_no_circle_of_revocations(world: World, log: Replay) -> None:
    for key in (SECOND, THIRD):
        take(log, world.key(key))
    start = log.size
    take(log, world.revoke(ACME, 3, SECOND))
    take(log, world.revoke(SECOND, start, THIRD))  # so the first key's revocation does not stand
    take(log, world.leaf(submit(), ACME))
    refuse(log, world.revoke(THIRD, start, ACME), ConflictError, "the revoking key depends on")
    take(log, world.revoke(THIRD, log.size, ACME))


def test_rule_09_the_key_of_nobody(world: World, log: Replay) -> None:
    nobody = Identity.of("nobody")
    body = KeyEnrol("nobody", "1", nobody.public, Use.SIGN, NOW + YEAR)
    refuse(log, world.by_admins(body, nobody), NotFoundError, "no member 'nobody'")
    refuse(log, world.rotate(nobody, Identity.of("nobody", "2")), UnknownKeyError, "not enrolled")


def test_42_the_keys_of_a_member_are_replaced_so_often_and_no_more(world: World, log: Replay) -> None:
    """The history of keys is bounded; recovery keys have a number of their own."""
    last = ACME
    for number in range(MAX_ROTATIONS):
        new = Identity.of("acme", f"r{number}")
        take(log, world.rotate(last, new))
        last = new
    one_more = Identity.of("acme", "more")
    refuse(log, world.rotate(last, one_more), ConflictError, "32 times in 30 days")
    saved = Identity.of("acme", "saved")
    take(log, world.rotate(last, saved, SPARE))
    refuse(log, world.rotate(saved, one_more), ConflictError, "32 times in 30 days")
    world.clock.now += ROTATION_WINDOW
    take(log, world.rotate(saved, one_more))


def test_42_replacements_that_are_undone_do_not_count(world: World, log: Replay) -> None:
    start, last = log.size, ACME
    for number in range(MAX_ROTATIONS):
        new = Identity.of("acme", f"r{number}")
        take(log, world.rotate(last, new))
        last = new
    take(log, world.revoke(ACME, start))
    take(log, world.key(SECOND))
    take(log, world.rotate(SECOND, THIRD))
