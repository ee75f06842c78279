"""Serves a witness over HTTP until it is stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from hashpact.events import event_log
from hashpact.http.door import Door
from hashpact.http.witness import witness_app
from hashpact.keys import pkcs8
from hashpact.keys.passphrase import Passphrases
from hashpact.settings import split_address
from hashpact.witness.cosigner import Cosigner
from hashpact.witness.directory import OpenWitness


def serve_witness(
    opened: OpenWitness,
    listen: str | None,
    ready: Callable[[str], None],
    passphrases: pkcs8.Passphrases | None = None,
) -> None:
    """Serve a witness until SIGTERM or SIGINT; ``listen`` replaces the configuration's HOST:PORT.

    ``passphrases`` open its key (None: from the environment). ``ready`` is called with the bound HOST:PORT.
    Raises ConfigError for a key or an address that cannot be used.
    """
    cosigner = opened.cosigner(passphrases or Passphrases())
    asyncio.run(_serve(cosigner, listen or opened.config.listen, ready))


async def _serve(cosigner: Cosigner, listen: str, ready: Callable[[str], None]) -> None:
    host, port = split_address("listen", listen)
    stop = asyncio.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.set)
    log = event_log()
    door = Door(witness_app(cosigner.add, log), log)
    bound = await door.open(host, port)
    address = f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"
    log.info("serving", witness=cosigner.witness.name, address=address, logs=len(cosigner.logs))
    ready(address)
    await stop.wait()
    log.info("stopping")
    await door.close()
