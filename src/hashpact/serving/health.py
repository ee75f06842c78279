"""The health port of a home that is served."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

from structlog.typing import FilteringBoundLogger

from hashpact.config import split_address


@contextlib.asynccontextmanager
async def health_port(
    address: str | None, serving: Callable[[], bool], log: FilteringBoundLogger
) -> AsyncIterator[None]:
    """The health port at HOST:PORT, if there is one, for the length of the block. Raises ConfigError."""
    if address is None:
        yield
        return
    from hashpact.http.door import Door  # noqa: PLC0415  # Starlette is loaded where it is used
    from hashpact.http.health import health_app  # noqa: PLC0415  # as above

    host, port = split_address("health", address)
    door = Door(health_app(serving), log)
    bound = await door.open(host, port)
    log.info("health", address=joined(host, bound))
    try:
        yield
    finally:
        await door.close()


def joined(host: str, port: int) -> str:
    """HOST:PORT, the host in brackets where its colons need them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
