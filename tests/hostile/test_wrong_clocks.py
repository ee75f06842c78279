"""Number 46 of the hostile inputs: statements dated ahead, by one administrator or by a wrong clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from builders import BOTH, NOW, YEAR, Identity, World, check_log, fingerprint
from clearinghouse import Clearinghouse, Connect
from governing import admin, governed, here, refused, told
from memory import MemoryLedger

from hashpact.clock import unix_time
from hashpact.domain import standing
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import ADMIN, ClockMend, MemberSuspend, moment
from hashpact.domain.messages import Submission
from hashpact.domain.ports import Log
from hashpact.domain.state import Leaf
from hashpact.errors import NotPermittedError, UnavailableError
from hashpact.home.clock import CheckedClock
from hashpact.home.opening import open_home
from hashpact.log import checkpoint, cosignature, note
from hashpact.log.cosignature import Witness
from hashpact.member.author import Reason
from hashpact.service.append import Appender
from hashpact.service.sign import SigningGuard
from hashpact.storage.sqlite import SqliteLedger
from hashpact.wire import codec

APPEND = "/hashpact.wire.v1.LogService/Append"
HOUR, DAY = 3600, 24 * 3600
ALICE = Identity.of(ADMIN, "alice")
NCII = Reason(frozenset({"ncii"}))


@dataclass
class Town:
    """A log of members whose clocks are all the server's, and what it has accepted."""

    ledger: Log
    world: World = field(default_factory=World)
    members: dict[str, Identity] = field(default_factory=dict)
    accepted: list[Leaf] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Found it, an ordinary day before."""
        self.world.clock.now = NOW - DAY
        self.world.found(self.ledger, "acme", "bravo", "carol")
        self.members = {name: Identity.of(name) for name in ("acme", "bravo", "carol")}
        self.traffic(1)
        self.at(NOW)

    def at(self, now: int) -> None:
        """Set every clock."""
        self.world.clock.now = now

    def append(self, data: Submission | bytes, appender: Appender | None = None) -> Leaf:
        """One statement that the server accepts."""
        submission = Submission(data) if isinstance(data, bytes) else data
        leaf = (appender or self.world.appender(self.ledger)).append(None, submission)
        self.accepted.append(leaf)
        return leaf

    def submission(self, who: Identity) -> Submission:
        """An entry of a member, under the key that it has now."""
        author = self.world.author(who.owner)
        author = type(author)(
            author.origin, who.owner, who.key, who.private, self.world.clock, self.world.entropy
        )
        return author.submit([fingerprint(PDQ, f"{who.owner} {len(self.accepted)}")], NCII)

    def traffic(self, rounds: int) -> None:
        """Every member submits, so many times in the hour."""
        for _ in range(rounds):
            for who in self.members.values():
                self.append(self.submission(who))
            self.at(self.world.clock.now + HOUR // rounds)

    def enrol(self, name: str) -> None:
        """A new member, by both administrators."""
        who = Identity.of(name)
        self.accepted += self.world.administrators(self.ledger).enrol(name, BOTH, who.key, who.private)
        self.members[name] = who

    def mend(self) -> None:
        """One statement by the threshold of administrators."""
        self.append(self.world.by_admins(ClockMend("wrong-clock")))

    def rotate(self) -> None:
        """Every member replaces its key."""
        for name, who in self.members.items():
            new = Identity.of(name, f"{int(who.name) + 1}")
            self.append(self.world.rotate(who, new))
            self.members[name] = new

    def moment(self) -> int:
        """The log's."""
        with self.ledger.snapshot() as view:
            return moment.of_log(view.times())

    def check(self) -> None:
        """Members submit and replace keys, no accepted statement is lost, and an audit is clean."""
        self.traffic(1)
        self.rotate()
        self.traffic(1)
        state = check_log(self.ledger).state
        stored = list(self.ledger.leaves(0, self.ledger.head().size))
        assert [stored[leaf.index] for leaf in self.accepted] == self.accepted
        assert state.entries
        assert all(standing.entry_stands(state, entry) for entry in state.entries.values())


@pytest.fixture(params=["memory", "sqlite"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    """A town with an ordinary past."""
    made: Log = MemoryLedger() if request.param == "memory" else SqliteLedger.create(tmp_path / "log.db")
    with closing(made):
        yield Town(made)


def test_46_one_administrator_with_a_date_800_days_ahead_ends_no_key(town: Town) -> None:
    town.at(NOW + 800 * DAY)
    town.append(town.world.leaf(MemberSuspend("carol", "rogue"), ALICE))
    del town.members["carol"]
    town.at(NOW)
    assert town.moment() <= NOW
    town.check()
    # Keys end when they say, and no earlier.
    for who in town.members.values():
        with town.ledger.snapshot() as view:
            key = view.key(who.id)
        assert key is not None
        assert key.expires > NOW + YEAR - DAY
        town.at(key.expires - 1)
        town.append(town.submission(who))
        town.at(key.expires)
        with pytest.raises(NotPermittedError, match="expired"):
            town.append(town.submission(who))
    check_log(town.ledger)


def test_46_an_enrolment_by_a_clock_800_days_ahead_ends_no_key_and_is_mended(town: Town) -> None:
    town.at(NOW + 800 * DAY)
    town.enrol("late")
    town.at(NOW)
    late = town.members.pop("late")
    town.check()
    with pytest.raises(NotPermittedError, match="its time has not begun"):
        town.append(town.submission(late))
    town.mend()
    town.members["late"] = late
    town.check()


def test_46_an_hour_of_traffic_by_a_clock_that_is_ahead_is_mended_by_one_statement(town: Town) -> None:
    """All clocks are 300 days ahead: keys are replaced, members enrolled, entries shared."""
    keys = dict(town.members)
    town.at(NOW + 300 * DAY)
    town.traffic(4)
    town.enrol("late")
    town.rotate()
    town.traffic(4)
    town.at(NOW + HOUR)
    assert town.moment() > NOW + 299 * DAY
    with pytest.raises(UnavailableError, match="behind what most of the log's last signers") as caught:
        town.append(town.submission(keys["acme"]))
    assert "clock-mend" in caught.value.message
    town.mend()
    assert town.moment() == NOW + HOUR
    town.check()


def test_46_a_majority_800_days_ahead_is_mended_though_every_key_seems_to_have_expired(town: Town) -> None:
    old = dict(town.members)
    town.at(NOW + 800 * DAY)
    for name in ("late", "later", "latest"):
        town.enrol(name)
    town.members = {name: who for name, who in town.members.items() if name not in old}
    town.traffic(3)
    assert town.moment() >= NOW + 800 * DAY
    for who in old.values():
        with pytest.raises(NotPermittedError, match="expired"):
            town.append(town.submission(who))
    town.at(NOW)
    town.mend()
    town.members |= old
    town.check()


def test_46_a_day_behind_nothing_is_appended_and_nothing_is_lost(town: Town) -> None:
    town.traffic(2)
    size, last = town.ledger.head().size, town.accepted[-1]
    town.at(NOW - DAY)
    for who in town.members.values():
        with pytest.raises(UnavailableError, match="behind"):
            town.append(town.submission(who))
    retried = town.world.appender(town.ledger).append(None, Submission(last.data, _parts(town, last)))
    assert retried == last
    assert town.ledger.head().size == size
    town.at(NOW + HOUR)
    town.check()


def test_46_statements_that_are_a_day_behind_change_no_time(town: Town) -> None:
    """In a log that is quiet for long, a clock that is a day behind is not seen, and does no harm."""
    town.at(NOW + 30 * DAY)
    before = town.moment()
    town.traffic(3)
    assert before < town.moment() <= NOW + 30 * DAY + HOUR
    town.at(NOW + 31 * DAY)
    town.check()


@pytest.mark.parametrize("jumps", [(DAY, -DAY, 40 * DAY, -3 * DAY), (800 * DAY, -800 * DAY)])
def test_46_a_server_whose_clock_jumps_refuses_to_append_and_goes_on(
    town: Town, jumps: tuple[int, ...]
) -> None:
    started = town.world.clock.now
    steady = [5.0]
    appender = Appender(town.ledger, CheckedClock(town.world.clock, lambda: steady[0]))
    for number, jump in enumerate(jumps, 1):
        now, steady[0] = started + number * HOUR, 5.0 + number * HOUR
        town.at(now + jump)
        size = town.ledger.head().size
        for who in town.members.values():
            with pytest.raises(UnavailableError, match="the server's clock is"):
                appender.append(None, town.submission(who))
        assert town.ledger.head().size == size
        town.at(now)
        for who in town.members.values():
            town.append(town.submission(who), appender)
    assert town.moment() <= town.world.clock.now
    town.check()


def test_46_clocks_that_jump_unseen_end_no_key(town: Town) -> None:
    """A server that starts anew after each jump, with one member whose clock jumps along."""
    acme = town.members["acme"]
    for number in range(12):
        for jump in (0, 200 * DAY, 0, -DAY, 300 * DAY):
            town.at(NOW + number * HOUR + jump)
            who = acme if jump else town.members["bravo"]
            try:
                town.append(town.submission(who))
            except UnavailableError:
                assert jump < 0
        assert town.moment() <= NOW + number * HOUR
    town.at(NOW + 12 * HOUR)
    town.check()


async def test_46_members_are_answered_why_nothing_is_appended_and_go_on_checking(
    founded: Clearinghouse, connect: Connect
) -> None:
    steady = [0.0]
    clock = CheckedClock(founded.world.clock, lambda: steady[0])
    founded.alter(appender=Appender(founded.ledger, clock))
    await founded.start()
    acme = connect(founded.profile("acme"))
    picture = fingerprint(PDQ, "one")
    await acme("submit", [picture], labels=["ncii"])
    steady[0] -= DAY  # the clock has jumped by a day
    size = founded.ledger.head().size
    statement = codec.submission_to_wire(founded.world.author("acme").submit([fingerprint(PDQ, "two")], NCII))
    async with founded.channel(founded.tls(founded.member("acme"))) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(APPEND)
        with pytest.raises(grpc.aio.AioRpcError, match="86400 s ahead of what it was at the start") as why:
            await call(statement.SerializeToString(), timeout=120)  # a client would try again
    assert why.value.code() is grpc.StatusCode.UNAVAILABLE
    assert [type(fault) for fault in founded.faults] == [UnavailableError]
    assert founded.ledger.head().size == size
    bolt = connect(founded.profile("bolt"))
    assert (await bolt("check", [picture])).matches
    steady[0] += DAY
    await acme("submit", [fingerprint(PDQ, "two")], labels=["ncii"])
    assert founded.ledger.head().size == size + 1


def test_46_the_mend_is_a_statement_that_administrators_draft_and_sign(tmp_path: Path) -> None:
    home, mend = governed(tmp_path), tmp_path / "mend.note"
    here("statement", "draft", home, "clock-mend", "reason=wrong-clock", "--out", mend)
    assert "Set the log's moment back" in told("statement", "show", mend)
    here("statement", "sign", mend, "--key", admin(home, "1"), "--yes")
    assert "2 must sign" in refused("statement", "submit", mend, "--home", home)
    here("statement", "sign", mend, "--key", admin(home, "2"), "--yes")
    (leaf,) = here("statement", "submit", mend, "--home", home)
    assert leaf["kind"] == "clock-mend"
    assert "clock-mend" in told("log", "show", home)
    assert here("log", "verify", home)


def draft(home: Path, note: Path, *fields: str) -> None:
    """Draft a statement and have both administrators sign it."""
    here("statement", "draft", home, *fields, "--out", note)
    for name in ("1", "2"):
        here("statement", "sign", note, "--key", admin(home, name), "--yes")


def test_46_a_mend_is_taken_although_the_witnesses_clocks_were_wrong_too(tmp_path: Path) -> None:
    home, mend, policy = governed(tmp_path), tmp_path / "mend.note", tmp_path / "policy.note"
    witness = Identity.of("witness.example/north")
    key = note.verifier_key(witness.owner, witness.public, cosignature.ED25519)
    with (home / "hashpact.toml").open("a") as config:
        config.write(f'quorum = 0\n[[witness]]\nkey = "{key}"\nurl = "http://127.0.0.1:1"\n')

    @dataclass
    class Ahead:
        """A witness whose clock is 800 days ahead."""

        def cosign(self, signed: bytes, size: int, consistency: object) -> bytes:
            """The checkpoint with its cosignature."""
            del size, consistency
            text = checkpoint.parse(signed).note.text
            named = Witness(witness.owner, witness.public)
            return signed + cosignature.sign(text, named, unix_time() + 800 * DAY, witness.private.sign)

    with open_home(home) as opened:
        SigningGuard(opened.ledger, opened.open_log_key(), Ahead()).sign()
    draft(home, policy, "policy", "label=ncii")
    draft(home, mend, "clock-mend", "reason=wrong-clock")
    line = refused("statement", "submit", policy, "--home", home)
    assert "behind the log's newest cosignatures" in line
    assert here("statement", "submit", mend, "--home", home)[0]["kind"] == "clock-mend"


def _parts(town: Town, leaf: Leaf) -> list[bytes]:
    """The private parts of a leaf."""
    return [part for _, parts in town.ledger.private(leaf.index, leaf.index + 1) for part in parts]
