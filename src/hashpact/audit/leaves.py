"""The leaves of a log, from wherever one has them: a home, published tiles, or a server."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hashpact.audit.remote import ServerSource, is_url, tile_source
from hashpact.audit.source import Source, ledger_source
from hashpact.errors import ConfigError, InvalidInputError
from hashpact.home.opening import open_copy
from hashpact.home.paths import HomePaths
from hashpact.keys.passphrase import Passphrases
from hashpact.log import checkpoint
from hashpact.log.checkpoint import Checkpoint
from hashpact.member.profile import Profile
from hashpact.wire.client.attempts import Pace
from hashpact.wire.client.connection import Connection


@contextmanager
def signed_leaves(
    place: str, profile: Path | None, passphrases: Passphrases
) -> Iterator[tuple[Checkpoint, Callable[[int, int], Iterator[bytes]]]]:
    """The newest checkpoint of a log, and what gives its leaves from one index to another, for the block.

    ``place`` is a home, a directory of tiles, its URL, or the HOST:PORT of a server, for which a member's
    profile is needed. The signature is not verified here: an audit does that, and the caller compares the
    root. Raises ConfigError if there is no log, and InvalidInputError for more leaves than are signed.
    """
    with open_source(place, profile, passphrases) as source:
        *_, newest = (b"", *source.checkpoints())
        if not newest:
            msg = f"{place}: the log has no signed checkpoint yet"
            raise ConfigError(msg)
        signed = checkpoint.parse(newest).checkpoint

        def leaves(start: int, stop: int) -> Iterator[bytes]:
            if not 0 < stop <= signed.size:
                msg = f"size: want 1 to {signed.size}, the leaves that are signed"
                raise InvalidInputError(msg, field="size")
            return (leaf.data for leaf in source.leaves(start, stop))

        yield signed, leaves


@contextmanager
def open_source(place: str, profile: Path | None, passphrases: Passphrases) -> Iterator[Source]:
    """The log at a place, for the length of the block. Raises ConfigError if there is none."""
    directory = Path(place)
    if HomePaths(directory).db.exists():
        with open_copy(directory) as home, ledger_source(home.ledger) as source:
            yield source
    elif is_url(place) or directory.is_dir():
        with tile_source(place) as source:
            yield source
    else:
        if profile is None:
            msg = f"{place} is no directory, so it is a server: name a member's profile with --profile"
            raise ConfigError(msg)
        loaded = Profile.reading(profile, passphrases).at(place)
        pace = Pace(time.monotonic, random.random, retry_refused=False)  # somebody waits, or it looks again
        with closing(Connection(loaded.endpoint, pace)) as connection:
            yield ServerSource(connection, loaded.member)
