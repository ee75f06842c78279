"""What a server shows everybody and whom it asks to cosign: the log's port, its witnesses and mirrors."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from structlog.typing import FilteringBoundLogger

from hashpact.home.clock import CheckedClock
from hashpact.home.opening import Home
from hashpact.http.client import UploadClient, WitnessClient
from hashpact.service.cosign import Quorum, WitnessLink
from hashpact.service.publishing.mirroring import Contents, MirrorLink
from hashpact.settings import join_address, split_address


@contextlib.asynccontextmanager
async def open_log(home: Home, log: FilteringBoundLogger) -> AsyncIterator[None]:
    """Serve the published log over plain HTTP for the length of the block, if hashpact.toml says where.

    Raises ConfigError if the address cannot be used.
    """
    if home.config.tiles is None:
        yield
        return
    from hashpact.http.door import Door
    from hashpact.http.published import published_app

    door = Door(published_app(home.paths.log), log)
    host, port = split_address("tiles", home.config.tiles)
    bound = await door.open(host, port)
    log.info("tiles", address=join_address(host, bound))
    try:
        yield
    finally:
        await door.close()


def quorum_of(home: Home, clock: CheckedClock) -> Quorum | None:
    """Who cosigns the log's checkpoints, if anybody is to; the clock learns of their times."""
    links = [
        WitnessLink(one.witness, WitnessClient(one.url), heard=clock.heard, also=one.also)
        for one in home.config.witnesses
    ]
    links += [
        MirrorLink(
            one.witness,
            WitnessClient(one.url),
            heard=clock.heard,
            also=one.also,
            upload=UploadClient(one.url),
            contents=Contents.of(home.ledger),
        )
        for one in home.config.mirrors
    ]
    return Quorum(links, home.config.quorum, lambda: home.ledger.head().size) if links else None
