"""A log with an ML-DSA-44 key, and an attacker who has only its Ed25519 key: no reader believes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from builders import NOW, FakeClock, World
from clearinghouse import Caller, Clearinghouse, Connect
from grown import Grown
from histories import LABELS, another, kept_in, picture, submissions, tell
from listening import look, silent
from memory import MemoryLedger
from quantum import ALTERED, FORGED, MISSING, ONE, TWO, altered, naming, signing

from hashpact.audit.auditor import audit_whole
from hashpact.domain.messages import Submission
from hashpact.domain.state import KeptCheckpoint
from hashpact.errors import CorruptError, LogKeyError, ProofError
from hashpact.member.memory import PERIOD
from hashpact.member.trusting import bundle
from hashpact.member.trusting.roots import LogHistory
from hashpact.service.prove import Prover
from hashpact.service.sign import SigningGuard


@pytest.fixture
def directory(house: Clearinghouse, tmp_path: Path) -> Path:
    """The directory of acme's profile, with its configuration."""
    return kept_in(house, tmp_path)


@pytest.fixture
def acme(house: Clearinghouse, connect: Connect, directory: Path) -> Caller:
    """A client of acme with a profile."""
    return connect(replace(house.profile("acme"), directory=directory), clock=house.world.clock)


@dataclass(frozen=True, slots=True)
class Altering(Prover):
    """Shows the checkpoint with something done to its second line."""

    how: str = ""

    def checkpoint(self) -> bytes:
        """The newest."""
        return altered(Prover.checkpoint(self), self.how)


async def begin(house: Clearinghouse) -> SigningGuard:
    """Name an ML-DSA-44 key of the log, and serve with it."""
    house.world.appender(house.ledger).append(None, Submission(naming(house.world, 2, ONE)))
    guard = SigningGuard(house.ledger, signing(house.world))
    guard.sign()
    await tell(house, Prover(house.ledger), guard)
    return guard


@pytest.mark.parametrize("how", ALTERED)
async def test_86_a_checkpoint_without_the_second_line_is_not_believed(
    house: Clearinghouse, acme: Caller, how: str
) -> None:
    error, message = ALTERED[how]
    await begin(house)
    await acme("submit", picture("one"), labels=LABELS)
    assert acme.client.profile.log.mldsa_keys == (ONE[0],)
    await tell(house, Altering(house.ledger, how))
    with pytest.raises(error, match=message) as caught:
        await acme("checkpoint")
    assert type(caught.value) is error
    await tell(house, Prover(house.ledger))
    await acme("checkpoint")


async def test_a_key_that_is_named_later_is_demanded_of_old_profiles_too(
    house: Clearinghouse, acme: Caller
) -> None:
    await acme("submit", picture("one"), labels=LABELS)
    assert not acme.client.profile.log.mldsa_keys
    await begin(house)
    await tell(house, Altering(house.ledger, "stripped"))
    house.world.clock.now += PERIOD
    with pytest.raises(LogKeyError, match=MISSING):
        await acme("checkpoint")
    await tell(house, Prover(house.ledger))
    await acme("checkpoint")
    assert acme.client.profile.log.mldsa_keys == (ONE[0],)


async def test_86_a_receipt_wants_both_lines_of_the_log(
    house: Clearinghouse, acme: Caller, directory: Path
) -> None:
    await begin(house)
    receipt = await acme("submit", picture("one"), labels=LABELS)
    statement = (directory / "receipts" / f"{receipt.index}.statement").read_bytes()
    roots = bundle.parse((directory / "roots").read_bytes())
    anybody = LogHistory.from_genesis(roots, house.genesis)
    for known in (anybody, LogHistory.of(roots, house.world.pinned, house.genesis)):
        known.check_receipt(statement, receipt)
        for how, (error, message) in ALTERED.items():
            lie = replace(receipt, checkpoint=altered(receipt.checkpoint, how))
            with pytest.raises(error, match=message):
                known.check_receipt(statement, lie)


async def test_86_a_replaced_key_is_believed_for_trees_up_to_its_successor(
    house: Clearinghouse, acme: Caller, directory: Path
) -> None:
    world = house.world
    await begin(house)
    receipt = await acme("submit", picture("one"), labels=LABELS)
    statement = (directory / "receipts" / f"{receipt.index}.statement").read_bytes()
    root = naming(world, 3, TWO)
    after = [*submissions(house.ledger), *(another(world, str(number)) for number in range(3))]
    (first,) = bundle.parse((directory / "roots").read_bytes())[1:]
    place = len(after) - 3
    roots = [
        bundle.BundlePart("root", 0, after[0].statement),
        first,
        bundle.BundlePart("root", place, root),
    ]
    told = LogHistory.of(roots, world.pinned, house.genesis)
    told.check_receipt(statement, receipt)
    assert [log.mldsa_keys for log in told.logs] == [(), (ONE[0],), (TWO[0],)]
    # The thief of the old key, who has the Ed25519 key too, signs a larger tree without the new root.
    lie = MemoryLedger()
    appender = world.appender(lie)
    for one in after:
        appender.append(None, one)
    late = SigningGuard(lie, signing(world)).receipt(next(lie.leaves(receipt.index, receipt.index + 1)))
    assert late.tree_size > place
    with pytest.raises(LogKeyError, match=MISSING):
        told.check_receipt(statement, late)
    told.logs[1].check_receipt(statement, late)  # what would be believed otherwise
    # Nor is the new key one of the trees before.
    with pytest.raises(LogKeyError, match=MISSING):
        told.now.read(receipt.checkpoint)


@dataclass
class TwiceSigned:
    """A log that names an ML-DSA-44 key, in memory, with its newest checkpoint."""

    world: World
    ledger: MemoryLedger
    kept: KeptCheckpoint


@pytest.fixture
def log(world: World) -> TwiceSigned:
    """One with a member and an entry."""
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    world.appender(ledger).append(None, Submission(naming(world, 2, ONE)))
    return TwiceSigned(world, ledger, SigningGuard(ledger, signing(world)).sign())


@pytest.mark.parametrize("how", ALTERED)
def test_86_an_audit_and_a_monitor_want_both_lines(log: TwiceSigned, tmp_path: Path, how: str) -> None:
    leaves = [leaf.data for leaf in log.ledger.leaves(0, log.kept.size)]
    source, path, message = Grown(log.world, leaves), tmp_path / "state", ALTERED[how][1]
    source.note = log.kept.note
    assert audit_whole(source, FakeClock(NOW), silent).findings == ()
    look(path, source)
    source.note = altered(log.kept.note, how)
    (finding,) = audit_whole(source, FakeClock(NOW), silent).findings
    assert (finding.topic, finding.index) == ("checkpoint", log.kept.size - 1)
    assert message in finding.message
    result, told = look(path, source)
    assert result.alerts == {"log.faulty"}
    assert [(one["type"], one["topic"]) for one in told] == [("log.faulty", "checkpoint")]


@pytest.mark.parametrize("how", ALTERED)
def test_86_a_home_whose_kept_checkpoint_lost_its_second_line_is_corrupt(log: TwiceSigned, how: str) -> None:
    integrity = log.world.integrity(log.ledger)
    assert integrity.read(log.kept).size == log.kept.size
    with pytest.raises(CorruptError, match=FORGED if ALTERED[how][0] is ProofError else MISSING):
        integrity.read(KeptCheckpoint(log.kept.size, altered(log.kept.note, how)))


def test_a_log_that_named_the_key_later_has_one_line_before_it(world: World) -> None:
    ledger = MemoryLedger()
    world.found(ledger, "acme", "bolt")
    plain = world.guard(ledger).sign()
    appender = world.appender(ledger)
    appender.append(None, Submission(naming(world, 2, ONE)))
    guard = SigningGuard(ledger, signing(world))
    twice = guard.sign()
    appender.append(None, Submission(naming(world, 3)))
    appender.append(None, another(world, "one"))
    once = guard.sign()
    assert [one.note.count("\u2014 ".encode()) for one in (plain, twice, once)] == [1, 2, 1]
    integrity = world.integrity(ledger)
    assert integrity.check().size == once.size
    with pytest.raises(CorruptError, match=MISSING):
        integrity.read(KeptCheckpoint(twice.size, altered(twice.note, "stripped")))
