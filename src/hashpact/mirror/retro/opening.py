"""Opening the window of a mirror: its key, and whether there is one at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from hashpact.clock import unix_time
from hashpact.domain.ports import Index
from hashpact.errors import ConfigError, HashpactError
from hashpact.keys.master import master_key
from hashpact.mirror.home import MirrorHome, encrypts
from hashpact.mirror.retro.matching import Retro
from hashpact.mirror.retro.window import Window, forget, pruning


@contextlib.contextmanager
def open_window(home: MirrorHome, failed: Callable[[HashpactError], object]) -> Iterator[Window | None]:
    """The window of a mirror, None if mirror.toml has none: then what was kept before is removed.

    ``failed`` is as in `Window`. Raises ConfigError.
    """
    size = home.config.retro
    if size is None:
        forget(home.paths.retro)
        home.paths.retro_key.unlink(missing_ok=True)
        yield None
        return
    with Window(home.paths.retro, _master(home), size, unix_time, failed) as window, pruning(window):
        yield window


def open_retro(home: MirrorHome, benign: Index) -> Retro:
    """What looks through the window of a mirror. Raises ConfigError if there is none."""
    if home.config.retro is None:
        msg = f"{home.paths.config} has no [retro] table, so nothing is kept of what was checked"
        raise ConfigError(msg, field="retro")
    return Retro(home.paths.retro, _master(home), home.served.ledger, benign)


def _master(home: MirrorHome) -> bytes:
    return master_key(home.paths.retro_key, home.passphrases, unencrypted=not encrypts(home.paths.ca_key))
