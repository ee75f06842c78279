"""Histories that an operator tells, and profiles that remember: for tests of what clients believe."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from builders import YEAR, Identity, World, fingerprint
from clearinghouse import Clearinghouse
from memory import MemoryLedger

from hashpact.config import ProfileConfig
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.kinds import Root
from hashpact.domain.messages import Submission
from hashpact.durable import write_public
from hashpact.errors import ForkError
from hashpact.log import cosignature, note
from hashpact.log.cosignature import Witness
from hashpact.member.author import Reason
from hashpact.member.paths import ProfilePaths
from hashpact.member.trusting import bundle
from hashpact.service.prove import Prover
from hashpact.service.sign import SigningGuard

LABELS = {"ncii"}
NORTH, SOUTH = (Identity.of(f"witness.example/{name}") for name in ("north", "south"))


def picture(name: str) -> list[Fingerprint]:
    """The fingerprints of a picture."""
    return [fingerprint(PDQ, name)]


def kept_in(house: Clearinghouse, directory: Path) -> Path:
    """A directory with the configuration of acme's profile."""
    who, known = Identity.of("acme"), house.world.pinned
    expires, address = house.world.clock() + YEAR, f"127.0.0.1:{house.server.port}"
    config = ProfileConfig(known.origin, known.keys, house.genesis, "acme", who.name, expires, address)
    write_public(ProfilePaths(directory).config, config.to_toml().encode())
    return directory


def evidence_of(error: ForkError) -> tuple[bundle.BundlePart, ...]:
    """The parts of the file that it names."""
    return bundle.parse(Path(error.details["evidence"]).read_bytes())


def submissions(ledger: MemoryLedger) -> list[Submission]:
    """What was appended, in its order."""
    private = dict(ledger.private(0, ledger.head().size))
    leaves = ledger.leaves(0, ledger.head().size)
    return [Submission(leaf.data, private.get(leaf.index, ())) for leaf in leaves]


async def tell(house: Clearinghouse, prover: Prover, guard: SigningGuard | None = None) -> None:
    """Serve another history from now on, on the same port."""
    port = house.server.port
    await asyncio.to_thread(house.server.stop, 0)
    house.alter(prover=prover, **({} if guard is None else {"guard": guard}))
    await house.start(port)


def history(world: World, appended: Iterable[Submission]) -> MemoryLedger:
    """A log of these, signed as the real one is."""
    ledger = MemoryLedger()
    appender, guard = world.appender(ledger), world.guard(ledger)
    for one in appended:
        appender.append(None, one)
    guard.sign()
    return ledger


def another(world: World, name: str) -> Submission:
    """A submission of bolt."""
    return world.author("bolt").submit(picture(name), Reason(frozenset(LABELS)))


@dataclass
class Cosigning:
    """Witnesses of a log in this process: those that answer, with the time that they tell."""

    world: World
    who: tuple[Identity, ...] = (NORTH, SOUTH)
    age: int = 0

    def cosign(self, signed: bytes, size: int, consistency: object) -> bytes:
        """The checkpoint with their lines."""
        del size, consistency
        text, time = note.parse(signed, 1 << 16).text, self.world.clock() - self.age
        lines = [
            cosignature.sign(text, Witness(one.owner, one.public), time, one.private.sign) for one in self.who
        ]
        return signed + b"".join(lines)


def governed(house: Clearinghouse, quorum: int = 2) -> None:
    """Name the witnesses of the log, by a root statement."""
    world = house.world
    witnesses = tuple(sorted((Witness(one.owner, one.public) for one in (NORTH, SOUTH)), key=lambda w: w.key))
    admins = tuple(admin.key for admin in world.admins)
    body = Root(2, admins, 2, world.log_keys, witnesses, quorum)
    house.intake.appender.append(None, Submission(world.leaf(body, *world.admins)))


def cosigned(house: Clearinghouse, **how: object) -> SigningGuard:
    """What signs the log, with its witnesses."""
    return house.world.guard(house.ledger, Cosigning(house.world, **how))  # type: ignore[arg-type]  # of fields
