"""36: what ends a key, racing what the key signs: nothing is accepted past the index of the end."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from builders import Identity, World, check_log, fingerprint, private_part, seeded, sign, submit

from hashpact.domain.fingerprints import SHA256, commitment
from hashpact.domain.kinds import MemberSuspend
from hashpact.domain.messages import Submission
from hashpact.errors import NotPermittedError
from hashpact.service.append import Appender
from hashpact.storage.sqlite import SqliteLedger

ACME, SECOND = Identity.of("acme"), Identity.of("acme", "2")
WRITERS = 3
BEFORE = 10
"""How many of a writer's statements are in the log when the key's end is appended."""


@pytest.mark.parametrize("end", ["suspend", "revoke", "replace", "suspend the member"])
@pytest.mark.parametrize("processes", [1, 2], ids=["one ledger", "two ledgers of one file"])
def test_36_nothing_is_accepted_past_the_end_of_a_key(
    world: World, tmp_path: Path, end: str, processes: int
) -> None:
    path = tmp_path / "hashpact.db"
    ledger = SqliteLedger.create(path)
    other = SqliteLedger.open(path) if processes > 1 else ledger
    world.found(ledger, "acme", "bravo")
    leaves: dict[str, Callable[[], bytes]] = {
        "suspend": lambda: world.suspend(ACME, world.admins[0]),
        "revoke": lambda: world.revoke(ACME, 3),
        "replace": lambda: world.rotate(ACME, SECOND),
        "suspend the member": lambda: world.leaf(MemberSuspend("acme", "stolen"), world.admins[0]),
    }
    last = leaves[end]()
    under_way = threading.Semaphore(0)

    def write(number: int) -> list[int]:
        """Append until the key is refused; the indexes of what was accepted."""
        appender, accepted = Appender(ledger, world.clock), []
        for turn in itertools.count():
            private = private_part(fingerprint(SHA256, f"{number} {turn}"))
            request = seeded(f"{number} {turn}", 16)
            said = sign(world.statement(submit(commitment(private)), ACME, request=request), ACME)
            try:
                accepted.append(appender.append("acme", Submission(said, [private])).index)
            except NotPermittedError:
                return accepted
            under_way.release()
        raise AssertionError

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        writing = [pool.submit(write, number) for number in range(WRITERS)]
        for _ in range(WRITERS * BEFORE):
            assert under_way.acquire(timeout=120)
        at = Appender(other, world.clock).append(None, Submission(last)).index
        accepted = sorted(index for future in writing for index in future.result(120))
    assert len(accepted) >= WRITERS * BEFORE
    assert accepted[-1] < at
    assert ledger.head().size == at + 1
    check_log(ledger)
    if other is not ledger:
        other.close()
    ledger.close()
