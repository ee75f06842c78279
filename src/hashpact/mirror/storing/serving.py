"""Serves the log to everybody, and takes it, for the length of a block: puts a depository together."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from structlog.typing import FilteringBoundLogger

from hashpact.clock import unix_time
from hashpact.errors import HashpactError
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.believing import Believer, Trust
from hashpact.mirror.home import MirrorHome
from hashpact.mirror.storing.accusing import Accuser
from hashpact.mirror.storing.depository import Depository
from hashpact.mirror.storing.filling import Filling
from hashpact.mirror.storing.held import MirroredLog
from hashpact.mirror.storing.pending import Pending
from hashpact.mirror.storing.signing import open_cosigner
from hashpact.settings import join_address, split_address
from hashpact.storage.cosigned import SqliteCosigned
from hashpact.storage.ledgers import create_ledger, open_ledger

REQUEST: Final = 60.0
"""Seconds in which a request must arrive: a log gives an upload as many."""


@contextlib.contextmanager
def open_depository(home: MirrorHome, on_alarm: Callable[[Alarm], object]) -> Iterator[Depository]:
    """What a mirror stores for everybody; made if it is not there. Raises ConfigError, CorruptError."""
    paths, copy = home.paths, home.served.ledger
    witness, signer = open_cosigner(paths, home.passphrases)
    following = home.config.next_keys()
    if not paths.held.exists():
        create_ledger(paths.held).close()
    if not paths.posted.exists():
        SqliteCosigned.create(paths.posted).close()
    believer = Believer(copy, Trust.of(home.profile()), paths.home, unix_time)
    accuser = Accuser(copy, paths.evidence, believer.roots, on_alarm, unix_time)

    def keys_of(signed: SignedCheckpoint) -> tuple[bytes, ...] | None:
        history, stated = believer.history(), signed.checkpoint
        if history is None or stated.origin != home.config.origin:
            return None
        known = history.at(stated.size).keys
        return known if stated.size <= copy.head().size else (*known, *following)

    with (
        contextlib.closing(open_ledger(paths.held)) as held,
        contextlib.closing(SqliteCosigned(paths.posted)) as posted,
    ):
        pending = Pending(posted, (copy.checkpoints, held.checkpoints), accuser.two_of_a_size)
        yield Depository(
            home.config.origin,
            witness,
            signer,
            keys_of,
            pending,
            MirroredLog(held),
            copy,
            unix_time,
            accuser.not_of_the_copy,
        )


@contextlib.asynccontextmanager
async def storing(
    home: MirrorHome,
    log: FilteringBoundLogger,
    on_alarm: Callable[[Alarm], object],
    on_end: Callable[[HashpactError, threading.Event], object],
) -> AsyncIterator[str | None]:
    """Take and show the log over HTTP, if mirror.toml says where; gives the HOST:PORT, or None.

    Raises ConfigError for a key or an address that cannot be used.
    """
    if home.config.http is None:
        yield None
        return
    from hashpact.http.door import Door, DoorLimits
    from hashpact.http.mirror import mirror_app

    host, port = split_address("http", home.config.http)
    with open_depository(home, on_alarm) as depository, Filling(depository, on_alarm, on_end).running():
        door = Door(mirror_app(depository, log), log, DoorLimits(request_time=REQUEST))
        address = join_address(host, await door.open(host, port))
        log.info("storing", address=address, cosigner=depository.witness.name)
        try:
            yield address
        finally:
            await door.close()
