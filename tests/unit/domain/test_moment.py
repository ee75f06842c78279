"""Rule 18 and `hashpact.domain.kinds.moment`: who moves the time by which keys expire, and who does not."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import pytest
from builders import LABELS, NOW, YEAR, Identity, World, submit
from folding import refuse, take
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import EXAMPLES, draw, spoken

from hashpact.domain import statements
from hashpact.domain.kinds import ADMIN, ClockMend, KeyEnrol, MemberSuspend, Policy, moment
from hashpact.domain.kinds.moment import SPAN, after, mended, newest, of_log, of_statement
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Key, RecentTimes, SignerTime, Use
from hashpact.domain.statements import Statement
from hashpact.errors import NotPermittedError
from hashpact.service.append import MAX_SKEW

DAY = 24 * 3600
FAR = 800 * DAY
ACME, BRAVO, SECOND = Identity.of("acme"), Identity.of("bravo"), Identity.of("acme", "2")
ALICE = Identity.of(ADMIN, "alice")


def times(*some: int) -> RecentTimes:
    """Times of that many signers."""
    return RecentTimes(tuple(SignerTime(f"m{number}", time) for number, time in enumerate(some)))


@pytest.mark.parametrize(
    ("some", "expected"),
    [([], 0), ([9], 0), ([9, 4], 4), ([4, 9], 4), ([9, 4, 6], 6), ([9, 4, 6, 5], 5), ([*range(11)], 5)],
)
def test_the_logs_moment_is_the_lower_median_of_at_least_two(some: list[int], expected: int) -> None:
    assert of_log(times(*some)) == expected
    assert of_statement(times(*some), expected - 1) == expected
    assert of_statement(times(*some), expected + 1) == expected + 1


def test_a_signer_has_one_time_and_the_twelfth_is_dropped() -> None:
    kept = RecentTimes()
    assert newest(kept) == 0
    for number in range(12):
        kept = after(kept, f"m{number}", number)
    assert [each.signer for each in kept.signers] == [f"m{number}" for number in range(1, 12)]
    kept = after(kept, "m5", 50)
    assert [each.time for each in kept.signers] == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 50]
    assert newest(kept) == 50
    assert [each.time for each in mended(kept, 7).signers] == [1, 2, 3, 4, 6, 7, 7, 7, 7, 7, 7]


def test_honest_clocks_are_as_far_apart_as_a_server_allows() -> None:
    assert SPAN == 2 * MAX_SKEW


TURNS = st.lists(
    st.tuples(st.integers(0, 13), st.integers(0, 30 * DAY), st.integers(-MAX_SKEW, MAX_SKEW), st.booleans()),
    max_size=120,
)
LIES = st.lists(st.integers(-NOW, 10_000 * DAY), min_size=1, max_size=9)


@settings(max_examples=500, derandomize=True, database=None, deadline=None)
@given(TURNS, LIES)
def test_no_minority_of_signers_moves_the_moment_ahead(
    turns: list[tuple[int, int, int, bool]], lies: list[int]
) -> None:
    """At most half of the last 11 signers lie, in any direction and as far as they like.

    Then the moment is never ahead of the clocks of honest signers, so that no key of one expires early; and
    it never falls, however many lie.
    """
    now, latest, kept = NOW, NOW - MAX_SKEW, RecentTimes()
    liars: set[str] = set()
    for number, (who, pause, skew, lying) in enumerate(turns):
        now += pause
        signer, before = f"m{who}", of_log(kept)
        after_it = {each.signer for each in after(kept, signer, 0).signers}
        would = (liars | {signer}) & after_it
        lies_now = lying and 2 * len(would) <= len(after_it)
        stated = now + (lies[number % len(lies)] if lies_now else skew)
        if not lies_now:
            latest = max(latest, stated)
            assert of_statement(kept, stated) <= latest <= now + MAX_SKEW
        kept = after(kept, signer, of_statement(kept, stated))
        liars = would if lies_now else liars & after_it - {signer}
        assert 2 * len(liars) <= len(after_it)
        assert before <= of_log(kept) <= latest


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 13), st.integers(0, 10_000 * DAY)), max_size=80))
def test_the_moment_never_falls_whoever_lies(stated: list[tuple[int, int]]) -> None:
    kept = RecentTimes()
    for who, time in stated:
        before = of_log(kept)
        kept = after(kept, f"m{who}", of_statement(kept, time))
        assert of_log(kept) >= before
        assert len(kept.signers) <= moment.SIGNERS


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=2, max_size=11), st.integers(0, 1000))
def test_a_mend_sets_the_moment_back_and_never_ahead(some: list[int], time: int) -> None:
    assert of_log(mended(times(*some), time)) == min(of_log(times(*some)), time)


def by_definition(said: list[Statement]) -> Iterator[int]:
    """The moment of each statement, from all statements before it, as docs/decisions/time.md defines it."""
    moments: list[int] = []
    for index, one in enumerate(said):
        voices: dict[str, int] = {}
        for at in range(index - 1, -1, -1):
            if len(voices) < 11:
                later = [each.time for each in said[at + 1 : index + 1] if isinstance(each.body, ClockMend)]
                voices.setdefault(said[at].member, min([moments[at], *later]))
        known = statistics.median_low(voices.values()) if len(voices) > 1 else 0
        moments.append(max(one.time, known))
        yield moments[-1]


def compare(leaves: list[bytes]) -> None:
    """The fold, one leaf after another, has the moments of the definition."""
    folded, said, moments = Replay(), [], []
    for leaf in leaves:
        faults = len(folded.faults)
        statement = folded.apply(leaf)
        if statement is not None and len(folded.faults) == faults:
            said.append(statement)
            moments.append(newest(folded.state.times()))
    assert list(by_definition(said)) == moments


@EXAMPLES
def test_the_fold_has_the_moments_of_the_definition(examples: int) -> None:
    draw(examples, lambda steps: compare(spoken(steps)[1]))


MEMBERS = tuple(Identity.of(f"member-{number}") for number in range(10))


def version(log: Replay) -> int:
    """That of the next policy."""
    charter = log.state.charter()
    assert charter is not None
    return charter.policy_version + 1


STEPS = st.lists(
    st.tuples(st.integers(0, 10), st.integers(0, 15 * DAY), st.integers(-MAX_SKEW, MAX_SKEW)), max_size=60
)


@EXAMPLES
def test_no_key_of_an_honest_member_expires_early(examples: int) -> None:
    """Administrators and four of ten members date as they like: the statements of the others are taken."""

    @settings(max_examples=examples)
    @given(STEPS, LIES)
    def check(steps: list[tuple[int, int, int]], lies: list[int]) -> None:
        world, now = World(), NOW
        log = replay(
            [
                *world.founding(*(who.owner for who in MEMBERS)),
                *(world.leaf(submit(), who) for who in MEMBERS),
            ]
        )
        assert log.faults == []
        for number, (who, pause, skew) in enumerate(steps):
            now += pause
            if who < 5:
                dated(world, max(0, now + lies[number % len(lies)]))
                log.apply(world.leaf(submit(), MEMBERS[who]) if who < 4 else world.policy(version(log)))
            elif now + SPAN < NOW + YEAR:
                dated(world, now + skew)
                take(log, world.leaf(submit(), MEMBERS[who - 1]))
            assert of_log(log.state.times()) <= now + MAX_SKEW

    check()


@pytest.fixture
def log(world: World) -> Replay:
    """A log of two members, each of which has made a statement."""
    folded = replay([*world.founding("acme", "bravo"), *(world.leaf(submit(), who) for who in (ACME, BRAVO))])
    assert folded.faults == []
    return folded


def key_of(log: Replay, who: Identity) -> Key:
    """That key's record."""
    key = log.state.key(who.id)
    assert key is not None
    return key


def dated(world: World, at: int) -> None:
    """Set the clock of all that sign."""
    world.clock.now = at


def test_rule_18_one_statement_dated_ahead_ends_no_key_but_its_own(world: World, log: Replay) -> None:
    dated(world, NOW + FAR)
    take(log, world.leaf(MemberSuspend("bravo", "rogue"), ALICE))
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "it has expired")
    dated(world, NOW + YEAR - 1)
    take(log, world.leaf(submit(), ACME))


def test_rule_18_administrators_are_one_signer_whoever_of_them_signs(world: World, log: Replay) -> None:
    dated(world, NOW + FAR)
    for version, admin in enumerate(world.admins, 2):
        others = [each for each in world.admins if each != admin]
        take(log, world.leaf(Policy(version, LABELS), admin, *others))
    assert of_log(log.state.times()) == NOW


def test_rule_18_a_member_is_one_signer_however_many_keys_it_has(world: World, log: Replay) -> None:
    last = ACME
    dated(world, NOW + 300 * DAY)
    for number in range(2, 14):
        new = Identity.of("acme", str(number))
        take(log, world.rotate(last, new))
        last = new
    assert of_log(log.state.times()) == NOW


def test_rule_18_administrators_alone_do_not_move_a_log_without_members(world: World) -> None:
    log = replay(world.founding())
    dated(world, NOW + FAR)
    take(log, world.by_admins(Policy(2, LABELS)))
    dated(world, NOW)
    for leaf in (world.member("acme"), world.key(ACME), world.leaf(submit(), ACME)):
        take(log, leaf)


def spoil(world: World, log: Replay) -> None:
    """Have most signers state a far time, so that every key seems to have expired."""
    dated(world, NOW + 300 * DAY)
    for leaf in (world.rotate(ACME, SECOND), world.rotate(BRAVO, Identity.of("bravo", "2"))):
        take(log, leaf)
    dated(world, NOW + FAR)
    take(log, world.policy(2))
    dated(world, NOW)
    assert of_log(log.state.times()) == NOW + 300 * DAY


def test_rule_18_a_mend_brings_keys_back(world: World, log: Replay) -> None:
    spoil(world, log)
    third = Identity.of("acme", "3")
    dated(world, NOW + DAY)
    assert key_of(log, SECOND).valid_from == NOW + 300 * DAY - SPAN
    take(log, world.by_admins(ClockMend("wrong-clock")))
    assert of_log(log.state.times()) == NOW + DAY
    assert key_of(log, SECOND).valid_from == NOW + DAY - SPAN
    take(log, world.leaf(submit(), SECOND))
    take(log, world.rotate(SECOND, third))
    take(log, world.leaf(submit(), third))


def test_rule_18_a_mend_leaves_what_expires_as_it_is(world: World, log: Replay) -> None:
    before = {key.id: (key.expires, key.retires) for key in log.state.registry.values()}
    for at in (NOW - FAR, NOW + FAR, NOW):
        dated(world, at)
        take(log, world.by_admins(ClockMend("wrong-clock")))
        assert of_log(log.state.times()) <= NOW
        assert {key.id: (key.expires, key.retires) for key in log.state.registry.values()} == before
    take(log, world.leaf(submit(), ACME))


def test_rule_18_after_a_mend_a_key_waits_as_long_as_one_enrolled_by_it(world: World, log: Replay) -> None:
    take(log, world.by_admins(Policy(2, LABELS, key_delay=DAY)))
    dated(world, NOW + FAR)
    take(log, world.by_admins(KeyEnrol("acme", "2", SECOND.public, Use.SIGN, NOW + FAR + YEAR), SECOND))
    assert key_of(log, SECOND).valid_from == NOW + FAR + DAY
    dated(world, NOW + 60)
    refuse(log, world.leaf(submit(), SECOND), NotPermittedError, "its time has not begun")
    take(log, world.by_admins(ClockMend("wrong-clock")))
    refuse(log, world.leaf(submit(), SECOND), NotPermittedError, "its time has not begun")
    dated(world, NOW + 60 + DAY)
    take(log, world.leaf(submit(), SECOND))


def test_rule_06_a_new_key_signs_on_a_machine_whose_clock_is_behind(world: World, log: Replay) -> None:
    dated(world, NOW + MAX_SKEW)
    take(log, world.rotate(ACME, SECOND))
    dated(world, NOW - MAX_SKEW)
    take(log, world.leaf(submit(), SECOND))
    refuse(log, world.leaf(submit(), ACME), NotPermittedError, "it has been replaced")


def test_the_newest_statement_is_the_last_one(world: World, log: Replay) -> None:
    dated(world, NOW + DAY)
    leaf = world.leaf(submit(), BRAVO)
    take(log, leaf)
    assert newest(log.state.times()) == statements.parse(leaf).statement.time == NOW + DAY
