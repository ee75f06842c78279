"""The leaves of a log, from wherever one has them: a home, a directory of tiles, or a server."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hashpact.audit.remote import ServerSource, TileSource
from hashpact.audit.source import Source, ledger_source
from hashpact.errors import ConfigError, InvalidInputError
from hashpact.home.opening import open_home
from hashpact.home.paths import HomePaths
from hashpact.keys.passphrase import Passphrases
from hashpact.log import checkpoint
from hashpact.log.checkpoint import Checkpoint
from hashpact.member.profile import Profile
from hashpact.storage.published import CHECKPOINT, Mirror
from hashpact.wire.client.attempts import Pace
from hashpact.wire.client.connection import Connection


@contextmanager
def signed_leaves(
    place: str, profile: Path | None, passphrases: Passphrases
) -> Iterator[tuple[Checkpoint, Callable[[int], Iterator[bytes]]]]:
    """The newest checkpoint of a log, and what gives its first so many leaves, for the length of the block.

    ``place`` is a home, a directory of tiles, or the HOST:PORT of a server, for which a member's profile is
    needed. The signature is not verified here: an audit does that, and the caller compares the root. Raises
    ConfigError if there is no log, and InvalidInputError for more leaves than are signed.
    """
    with _source(place, profile, passphrases) as source:
        *_, newest = (b"", *source.checkpoints())
        if not newest:
            msg = f"{place}: the log has no signed checkpoint yet"
            raise ConfigError(msg)
        signed = checkpoint.parse(newest).checkpoint

        def leaves(size: int) -> Iterator[bytes]:
            if not 0 < size <= signed.size:
                msg = f"size: want 1 to {signed.size}, the leaves that are signed"
                raise InvalidInputError(msg, field="size")
            return (leaf.data for leaf in source.leaves(0, size))

        yield signed, leaves


@contextmanager
def _source(place: str, profile: Path | None, passphrases: Passphrases) -> Iterator[Source]:
    directory = Path(place)
    if HomePaths(directory).db.exists():
        with open_home(directory) as home, ledger_source(home.ledger) as source:
            yield source
    elif directory.is_dir():
        if not (directory / CHECKPOINT).exists():
            msg = f"{directory} is neither a home nor a directory of tiles"
            raise ConfigError(msg)
        yield TileSource(Mirror(directory))
    else:
        if profile is None:
            msg = f"{place} is no directory, so it is a server: name a member's profile with --profile"
            raise ConfigError(msg)
        loaded = Profile.load(profile, passphrases).at(place)
        with closing(Connection(loaded.endpoint, Pace(time.monotonic, random.random))) as connection:
            yield ServerSource(connection, loaded.member)
