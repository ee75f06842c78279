"""Append: once, in order, all or nothing, and safe to repeat for ever."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from appending import refuse
from builders import (
    LABELS,
    NOW,
    YEAR,
    Identity,
    World,
    check_log,
    fingerprint,
    private_part,
    seeded,
    sign,
    submit,
)
from memory import MemoryLedger
from trees import merkle_root

from hashpact.domain.fingerprints import FOLDED, PDQ, SHA256, Fingerprint, commitment
from hashpact.domain.kinds import MAX_KEY_LIFE, Policy
from hashpact.domain.messages import Submission
from hashpact.domain.state import Leaf
from hashpact.errors import (
    BadSignatureError,
    ClockSkewError,
    ConflictError,
    CorruptError,
    HashpactError,
    InvalidInputError,
    MalformedError,
    NotPermittedError,
    RequestReusedError,
    UnknownKeyError,
    UnusableFingerprintError,
)
from hashpact.log import tree
from hashpact.member.author import Reason
from hashpact.service.append import MAX_SKEW, Appender

NCII = Reason(frozenset({"ncii"}))
SHARED = fingerprint(PDQ, "a")
ACME, BRAVO = Identity.of("acme"), Identity.of("bravo")


@pytest.fixture
def ledger(world: World) -> Iterator[MemoryLedger]:
    """A founded log with two members, checked when the test is over."""
    ledger = MemoryLedger()
    world.found(ledger, "acme", "bravo")
    yield ledger
    check_log(ledger)


@pytest.fixture
def appender(world: World, ledger: MemoryLedger) -> Appender:
    """Its writer."""
    return world.appender(ledger)


def test_a_leaf_stands_where_the_statement_does(appender: Appender, world: World) -> None:
    submission = world.author("acme").submit([SHARED], NCII)
    leaf = appender.append("acme", submission)
    leaves = [leaf.data for leaf in appender.ledger.leaves(0, 7)]
    assert leaves[6] == submission.statement
    assert leaf.index == 6
    assert leaf.hash == tree.leaf_hash(submission.statement)
    assert tree.root(appender.ledger.head().edge) == merkle_root([tree.leaf_hash(leaf) for leaf in leaves])
    assert dict(appender.ledger.private(0, 7)) == {6: tuple(submission.private)}


def test_a_reused_request_is_told_before_a_skewed_clock(appender: Appender, world: World) -> None:
    first = world.statement(submit(commitment(private_part(SHARED))), ACME, request=seeded("r", 16))
    appender.append("acme", Submission(sign(first, ACME), [private_part(SHARED)]))
    late = dataclasses.replace(first, time=NOW - YEAR)
    refuse(
        appender, "acme", Submission(sign(late, ACME), [private_part(SHARED)]), RequestReusedError, "request"
    )


@pytest.mark.parametrize("off", [MAX_SKEW + 1, -MAX_SKEW - 1, YEAR, -NOW])
def test_a_skewed_clock_is_told_the_servers_time(appender: Appender, world: World, off: int) -> None:
    submission = world.author("acme").submit([SHARED], NCII)
    world.clock.now = NOW + off
    error = refuse(
        appender,
        "acme",
        submission,
        ClockSkewError,
        "off the server's clock: at most 600 s ahead and 600 s behind",
    )
    assert error.details == {"server_time": str(NOW + off)}


@pytest.mark.parametrize("off", [MAX_SKEW, -MAX_SKEW, 0])
def test_ten_minutes_are_not_too_much(appender: Appender, world: World, off: int) -> None:
    submission = world.author("acme").submit([SHARED], NCII)
    world.clock.now = NOW + off
    assert appender.append("acme", submission).index == 6


def test_a_caller_that_is_no_member_writes_nothing(appender: Appender, world: World) -> None:
    refuse(appender, "ghost", world.author("ghost").submit([SHARED], NCII), UnknownKeyError, "not enrolled")


def test_an_expired_key_signs_nothing_new(appender: Appender, world: World) -> None:
    world.clock.now = NOW + YEAR - 1
    submission = world.author("acme").submit([SHARED], NCII)
    assert appender.append("acme", submission).index == 6
    world.clock.now = NOW + YEAR
    refuse(
        appender,
        "acme",
        world.author("acme").submit([SHARED], NCII),
        NotPermittedError,
        "acme/1 signs no submit statement: it has expired",
    )
    assert appender.append("acme", submission).index == 6


def test_bytes_that_are_no_statement(appender: Appender) -> None:
    refuse(appender, "acme", Submission(b"not a note"), MalformedError, "no empty line")


def privates(world: World, count: int = 2) -> Submission:
    """A submission with that many private parts."""
    return world.author("acme").submit([fingerprint(SHA256, str(n)) for n in range(count)], NCII)


def test_private_parts_are_neither_missing_nor_extra(appender: Appender, world: World) -> None:
    good = privates(world)
    for private in ([], good.private[:1], [*good.private, good.private[0]]):
        error = refuse(
            appender,
            "acme",
            Submission(good.statement, private),
            InvalidInputError,
            f"{len(private)} private parts for 2 commitments",
        )
        assert error.details == {"field": "private"}
    opinion = world.author("acme").withdraw(6, "mistake")
    refuse(
        appender,
        "acme",
        Submission(opinion.statement, good.private),
        InvalidInputError,
        "2 .* for 0 commitments",
    )
    assert appender.append("acme", good).index == 6


def test_an_opt_in_type_is_shared_under_the_labels_that_the_policy_allows(
    appender: Appender, world: World
) -> None:
    phrase = fingerprint(FOLDED, "phrase")
    under_both = Reason(frozenset({"hate", "ncii"}))
    not_allowed = "does not allow folded/1 under the label"
    shared = world.author("acme").submit([phrase, SHARED], NCII)
    refuse(appender, "acme", shared, NotPermittedError, f"{not_allowed} 'ncii'")
    policy = world.by_admins(Policy(2, LABELS, allowed=(("folded/1", "hate"),)))
    appender.append(None, Submission(policy, ()))
    refuse(appender, "acme", shared, NotPermittedError, f"{not_allowed} 'ncii'")
    both = world.author("acme").submit([phrase], under_both)
    refuse(appender, "acme", both, NotPermittedError, f"{not_allowed} 'ncii'")
    hate = world.author("acme").submit([phrase, SHARED], Reason(frozenset({"hate"})))
    assert appender.append("acme", hate).index == 7


def test_private_parts_are_what_the_items_commit_to(appender: Appender, world: World) -> None:
    good = privates(world)
    first, second = good.private
    for private, number in (([second, first], 0), ([first, first], 1), ([first, second + b"\n"], 1)):
        refuse(
            appender, "acme", Submission(good.statement, private), MalformedError, f"not what item {number}"
        )


@pytest.mark.parametrize(
    ("private", "error", "message"),
    [
        (b"x" * 12289, MalformedError, "12289 bytes; the limit is 12288"),
        (b"junk\n", MalformedError, "first line"),
        (private_part(SHARED).replace(b"pdq/1", b"pdq/9"), InvalidInputError, "unknown fingerprint type"),
        (
            private_part(SHARED).replace(SHARED.value.hex().encode(), b"00" * 32),
            UnusableFingerprintError,
            "0 of 256 bits",
        ),
        (
            private_part(Fingerprint(PDQ, SHARED.value, 50)).replace(b"quality 50", b"quality 49"),
            UnusableFingerprintError,
            "quality 49",
        ),
    ],
    ids=["large", "junk", "type", "flat", "quality"],
)
def test_private_parts_that_are_refused(
    appender: Appender, world: World, private: bytes, error: type[HashpactError], message: str
) -> None:
    data = world.leaf(submit(commitment(private)), ACME)
    refuse(appender, "acme", Submission(data, [private]), error, message)


def test_checks_come_in_their_documented_order(appender: Appender, world: World) -> None:
    """Each statement has every fault from its own on: the first is the one that is told."""
    private = private_part(SHARED)
    stranger = Identity.of("ghost")
    good = world.author("acme").submit([SHARED], NCII)
    appender.append("acme", good)
    world.clock.now = NOW + YEAR
    statement = world.statement(submit(commitment(private)), stranger, request=seeded("r", 16))
    world.clock.now = NOW
    data = sign(statement, stranger)
    refuse(appender, "acme", Submission(data[:-1], ()), MalformedError, "newline")
    refuse(appender, "acme", Submission(data, ()), NotPermittedError, "channel")
    refuse(appender, "ghost", Submission(data, ()), InvalidInputError, "private parts")
    refuse(appender, "ghost", Submission(data, [private]), ClockSkewError, "clock")
    world.clock.now = NOW + YEAR
    refuse(appender, "ghost", Submission(data, [private]), UnknownKeyError, "not enrolled")


def test_several_statements_are_appended_together(appender: Appender, world: World) -> None:
    submissions = [privates(world, count) for count in (1, 2, 3)]
    receipts = appender.append_all("acme", submissions)
    assert [receipt.index for receipt in receipts] == [6, 7, 8]
    assert appender.append_all("acme", submissions[::-1]) == receipts[::-1]
    assert [len(parts) for _, parts in appender.ledger.private(0, 9)] == [1, 2, 3]


def test_nothing_appended_is_nothing_changed(appender: Appender) -> None:
    assert appender.append_all("acme", []) == []
    assert appender.ledger.head().size == 6


def test_all_are_appended_or_none(appender: Appender, world: World) -> None:
    good, late = privates(world, 1), privates(world, 1)
    unsigned = Submission(sign(world.statement(submit(seeded("x")), ACME), BRAVO), [])
    withdrawal = world.author("acme").withdraw(6, "mistake")
    again = world.author("acme").withdraw(6, "again")
    for batch, error in (
        ([good, late, unsigned], InvalidInputError),
        ([good, withdrawal, again], ConflictError),
        ([good, Submission(world.leaf(submit(), BRAVO), [])], NotPermittedError),
    ):
        with pytest.raises(error):
            appender.append_all("acme", batch)
        assert appender.ledger.head().size == 6
    bad_signature = bytearray(late.statement)
    bad_signature[-10] ^= 1
    with pytest.raises(BadSignatureError):
        appender.append_all("acme", [good, Submission(bytes(bad_signature), late.private)])
    assert appender.ledger.head().size == 6
    # A request id that a rolled-back batch carried is as good as new.
    assert [receipt.index for receipt in appender.append_all("acme", [good, withdrawal])] == [6, 7]


def test_a_statement_twice_in_one_batch_is_appended_once(appender: Appender, world: World) -> None:
    one, other = privates(world, 1), privates(world, 1)
    receipts = appender.append_all("acme", [one, one, other, one])
    assert [receipt.index for receipt in receipts] == [6, 6, 7, 6]
    assert receipts[0] == receipts[1] == receipts[3]
    assert appender.ledger.head().size == 8


def test_a_request_id_twice_in_one_batch_is_refused_whole(appender: Appender, world: World) -> None:
    private = private_part(SHARED)
    first = world.statement(submit(commitment(private)), ACME, request=seeded("r", 16))
    second = dataclasses.replace(first, time=NOW + 1)
    batch = [Submission(sign(statement, ACME), [private]) for statement in (first, second)]
    with pytest.raises(RequestReusedError):
        appender.append_all("acme", batch)
    assert appender.ledger.head().size == 6


class Forgetful(MemoryLedger):
    """A ledger that has lost its leaves."""

    def leaves(self, start: int, stop: int) -> Iterator[Leaf]:
        """None at all."""
        assert start < stop
        return iter(())


def test_a_replay_whose_leaf_is_gone_is_corruption(world: World) -> None:
    ledger = Forgetful()
    world.found(ledger, "acme")
    submission = privates(world, 1)
    world.appender(ledger).append("acme", submission)
    with pytest.raises(CorruptError, match="no leaf 4"):
        world.appender(ledger).append("acme", submission)


@pytest.mark.parametrize("expires", [0, NOW - 1, NOW, NOW + MAX_KEY_LIFE + 1, 2**63 - 1])
def test_a_key_that_would_live_too_long_or_not_at_all_is_not_enrolled(
    world: World, appender: Appender, expires: int
) -> None:
    enrolment = Submission(world.key(Identity.of("acme", "2"), expires))
    refuse(appender, None, enrolment, InvalidInputError, "must expire within 366 days")
