"""An operator who changes what it has shown: each client with a profile notices, and keeps what shows it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from builders import World
from clearinghouse import Caller, Clearinghouse, Connect
from histories import LABELS, another, evidence_of, history, kept_in, picture, submissions, tell

from hashpact.domain.messages import Submission
from hashpact.errors import ConfigError, ForkError, NotFoundError, ProofError
from hashpact.log.checkpoint import parse
from hashpact.member import memory
from hashpact.member.profile import ProfileWarning
from hashpact.member.trusting import contradiction
from hashpact.member.trusting.contradiction import Contradiction, Meaning
from hashpact.member.trusting.roots import LogHistory
from hashpact.service.prove import Prover


@pytest.fixture
def directory(house: Clearinghouse, tmp_path: Path) -> Path:
    """The directory of acme's profile, with its configuration."""
    return kept_in(house, tmp_path)


@pytest.fixture
def acme(house: Clearinghouse, connect: Connect, directory: Path) -> Caller:
    """A client of acme with a profile."""
    return connect(replace(house.profile("acme"), directory=directory), clock=house.world.clock)


Tail = Callable[[World, list[Submission]], list[Submission]]
"""What the operator makes of what was appended."""

TAILS: dict[str, tuple[Tail, Meaning | None, str]] = {
    "the last leaf is dropped": (
        lambda _, real: real[:-1],
        Meaning.UNPROVED,
        "had 8 leaves, and shows 7 now",
    ),
    "the last two are reordered": (
        lambda _, real: [*real[:-2], real[-1], real[-2]],
        Meaning.FORK,
        "two trees of 8 leaves",
    ),
    "one is replaced, and others follow": (
        lambda world, real: [*real[:-1], *(another(world, str(number)) for number in range(9))],
        Meaning.FORK,
        "does not show that its tree of 16 leaves begins with that of 8",
    ),
    "two are replaced by one": (
        lambda world, real: [*real[:-2], another(world, "one")],
        Meaning.UNPROVED,
        "had 8 leaves, and shows 7 now",
    ),
}


@pytest.mark.parametrize("tail", TAILS)
async def test_76_a_history_that_was_shown_once_cannot_be_taken_back(
    house: Clearinghouse, acme: Caller, directory: Path, tail: str
) -> None:
    make, meaning, message = TAILS[tail]
    await acme("submit", picture("one"), labels=LABELS)
    await acme("submit", picture("two"), labels=LABELS)
    known = await acme("checkpoint")
    assert (directory / "checkpoint").read_bytes()
    lie = history(house.world, make(house.world, submissions(house.ledger)))
    await tell(house, Prover(lie))
    with pytest.raises(ForkError, match=message) as caught:
        await acme("checkpoint")
    kept = evidence_of(caught.value)
    assert kept[0].kind == "root"
    contradiction = Contradiction.of(kept)
    assert known.data in {contradiction.smaller.data, contradiction.larger.data}
    # Whoever pins the genesis sees it too, without the profile and without the server.
    told = LogHistory.of([part for part in kept if part.kind == "root"], house.world.pinned, house.genesis)
    assert contradiction.verify(told) is meaning
    # And an honest log is not accused by the same file.
    await tell(house, Prover(house.ledger))
    assert (await acme("checkpoint")).data == known.data


async def test_a_receipt_of_another_history_is_no_receipt(
    house: Clearinghouse, acme: Caller, directory: Path
) -> None:
    await acme("submit", picture("one"), labels=LABELS)
    lie = history(house.world, [*submissions(house.ledger)[:-1], another(house.world, "instead")])
    house.alter(appender=house.world.appender(lie))
    await tell(house, Prover(lie), house.world.guard(lie))
    house.world.clock.now += memory.PERIOD
    with pytest.raises(ForkError, match="does not show that its tree of 8 leaves begins with that of 7"):
        await acme("submit", picture("two"), labels=LABELS)
    assert len(list((directory / "evidence").iterdir())) == 1


async def test_within_the_hour_the_same_size_with_another_root_is_enough(
    house: Clearinghouse, acme: Caller
) -> None:
    for name in ("one", "two"):
        await acme("submit", picture(name), labels=LABELS)
    assert (await acme("checkpoint")).checkpoint.size == 8
    await acme("submit", picture("three"), labels=LABELS)  # seen, and not proved yet
    real = submissions(house.ledger)
    await tell(house, Prover(history(house.world, [*real[:-1], another(house.world, "instead")])))
    with pytest.raises(ForkError, match="two trees of 9 leaves"):
        await acme("checkpoint")
    await tell(house, Prover(history(house.world, real[:-1])))
    with pytest.raises(ForkError, match="had 9 leaves, and shows 8 now"):
        await acme("checkpoint")


@dataclass(frozen=True, slots=True)
class Counting(Prover):
    """Counts the proofs that it is asked for, and gives none if it is ``mute``."""

    asked: list[tuple[int, int]] = field(default_factory=list)
    mute: bool = False

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof."""
        self.asked.append((old, new))
        if self.mute:
            msg = "not today"
            raise NotFoundError(msg)
        return Prover.consistency(self, old, new)


async def test_a_proof_is_asked_for_once_an_hour_and_when_the_log_has_doubled(
    house: Clearinghouse, acme: Caller, directory: Path
) -> None:
    prover = Counting(house.ledger)
    await tell(house, prover)
    for name in "abc":
        await acme("submit", picture(name), labels=LABELS)
    assert prover.asked == [(7, 8)]  # from 7 to 8 the size has a bit more
    house.world.clock.now += memory.PERIOD - 1
    await acme("submit", picture("d"), labels=LABELS)
    house.world.clock.now += 1
    await acme("submit", picture("e"), labels=LABELS)
    await acme("submit", picture("f"), labels=LABELS)
    assert prover.asked == [(7, 8), (8, 11)]
    assert parse((directory / "checkpoint").read_bytes()).checkpoint.size == 11
    assert (directory / "checkpoint").stat().st_mtime == house.world.clock()


async def test_a_log_that_gives_no_proof_is_not_believed(house: Clearinghouse, acme: Caller) -> None:
    await acme("submit", picture("one"), labels=LABELS)
    await tell(house, Counting(house.ledger, mute=True))
    with pytest.raises(ForkError, match="does not show") as caught:
        await acme("submit", picture("two"), labels=LABELS)
    kept = evidence_of(caught.value)
    roots = [part for part in kept if part.kind == "root"]
    told = LogHistory.of(roots, house.world.pinned, house.genesis)
    assert Contradiction.of(kept).verify(told) is Meaning.UNPROVED
    # The proof that the log gives after all clears it.
    asked = Contradiction.of(kept)
    sizes = asked.smaller.checkpoint.size, asked.larger.checkpoint.size
    proof = Prover(house.ledger).consistency(*sizes)
    with pytest.raises(ProofError, match="they agree"):
        replace(asked, root=asked.smaller.checkpoint.root, proof=proof).verify(told)


async def test_without_a_directory_a_client_remembers_as_long_as_it_lives(
    house: Clearinghouse, connect: Connect
) -> None:
    caller = connect(house.profile("acme"))
    await caller("submit", picture("one"), labels=LABELS)
    await tell(house, Prover(history(house.world, submissions(house.ledger)[:-1])))
    with pytest.raises(ForkError) as caught:
        await caller("checkpoint")
    assert "evidence" not in caught.value.details


async def test_what_cannot_be_remembered_is_a_warning(
    house: Clearinghouse, acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    for module in (memory, contradiction):
        monkeypatch.setattr(module, "write_public", full)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await acme("submit", picture("one"), labels=LABELS)
    assert "not remembered" in " ".join(str(each.message) for each in caught)
    await tell(house, Prover(history(house.world, submissions(house.ledger)[:-1])))
    with pytest.warns(ProfileWarning, match="evidence is not kept"), pytest.raises(ForkError):
        await acme("checkpoint")


async def test_a_remembered_checkpoint_that_is_none_is_named(acme: Caller, directory: Path) -> None:
    (directory / "checkpoint").write_bytes(b"torn")
    with pytest.raises(ConfigError, match="checkpoint is not a checkpoint"):
        await acme("checkpoint")
